"""Which names the app answers to, and which pages it trusts."""

import pytest

from ensemble_cam.errors import ConfigError
from ensemble_cam.ui.launch import ALLOW_VARIABLE
from ensemble_cam.ui.web.hosts import checked_name, is_loopback, name_of, served_names


def served(address: str | None = "127.0.0.1", allowed: str = ""):
    return served_names(address, {ALLOW_VARIABLE: allowed})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8501", "LOCALHOST", "localhost.", "[::1]:8501", "[0:0::1]"])
def test_this_machine_is_answered_by_each_of_its_names_and_any_port(host):
    assert served().answers(host)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8501", "", ":8501"),
        *("user@localhost", "localhost/evil", "localhost:evil", "localhost, evil.example", "evil.example#localhost"),
        *("[::1", "::1", "[::2]", "0.0.0.0", "*", "127.0.0.1:8501:1", "localhost\\evil", "lo calhost"),
    ],
)
def test_no_other_name_is_answered(host):
    assert not served().answers(host)


def test_the_address_that_the_app_listens_on_is_a_name_of_it_unless_it_stands_for_all():
    assert served("192.0.2.7").answers("192.0.2.7:8501")
    assert served("2001:DB8:0::7").answers("[2001:db8::7]:8501")
    assert not served("0.0.0.0").answers("0.0.0.0")
    assert not served("::").answers("[::]")
    assert served(None).own == served("localhost").own == {"127.0.0.1", "localhost", "::1"}


def test_allowed_names_are_answered_too():
    names = served(allowed="films.example, Röntgen.example,[2001:db8::1],")
    assert all(map(names.answers, ["films.example", "FILMS.example:443", "xn--rntgen-wxa.example", "[2001:db8::1]:80"]))
    assert not names.answers("other.films.example")


@pytest.mark.parametrize("port", ["8501", "443"])
def test_a_page_is_trusted_only_under_the_name_and_port_that_it_asks_for(port):
    host = f"localhost:{port}"
    assert served().trusts(f"http://localhost:{port}", host)
    assert served().trusts(f"HTTPS://LOCALHOST:{port}", host)
    for origin in (
        f"http://127.0.0.1:{port}",
        "http://localhost:3000",
        "http://localhost",
        "null",
        "",
        "file://",
        host,
    ):
        assert not served().trusts(origin, host)
    assert not served().trusts(f"http://localhost:{port}/page", host)


def test_a_page_behind_an_allowed_name_is_trusted_whichever_host_its_proxy_hands_on():
    names = served(allowed="films.example")
    for origin in ("https://films.example", "http://films.example:8080"):
        assert names.trusts(origin, "127.0.0.1:8501")
    assert not names.trusts("https://films.example.evil.example", "127.0.0.1:8501")
    assert not names.trusts("https://evil.example", "films.example")


@pytest.mark.parametrize(
    "text", ["http://films.example", "films.example:80", "a/b", "*", "*.example", "a b", "[::1]:80"]
)
def test_what_is_no_name_alone_is_refused_by_name(text):
    with pytest.raises(ConfigError, match=rf"^{ALLOW_VARIABLE}: got .+; allowed: a name or an address alone"):
        served(allowed=text)


def test_names_are_compared_as_browsers_send_them():
    assert checked_name("Films.Example.", of="--allow-host") == "films.example"
    assert checked_name("::1", of="--allow-host") == checked_name("[0:0:0:0:0:0:0:1]", of="--allow-host") == "::1"
    assert name_of("[::1]:8501") == "::1"


def test_only_this_machine_reaches_a_loopback_address():
    assert all(map(is_loopback, ["127.0.0.1", "127.8.8.8", "::1", "localhost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.0.2.7", "films.example"]))
