"""Who may open a shared app, as the configuration says it."""

import pytest

from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.config import default_config_path, load_config
from ensemble_cam.settings.login import LOGIN_KEYS, Login, login_of, reader_name

BY_PROXY = {"by": "proxy", "proxy": ["127.0.0.1"]}
BY_OIDC = {"by": "oidc", "readers": ["anna@hospital.example"]}


def test_without_the_table_nobody_is_asked():
    assert load_config().login is None


def test_the_table_stands_in_the_configuration(tmp_path):
    path = tmp_path / "shared.toml"
    path.write_text(default_config_path().read_text() + '\n[login]\nby = "proxy"\nproxy = ["10.0.0.0/24", "::1"]\n')
    login = load_config(path).login
    assert login.by == "proxy"
    assert login.admits("anybody")
    assert [peer for peer in ("10.0.0.7", "10.0.1.7", "::1", "::ffff:10.0.0.7") if login.is_proxy(peer)] == [
        "10.0.0.7",
        "::1",
        "::ffff:10.0.0.7",
    ]
    path.write_text(path.read_text() + 'heeder = "X-User"\n')
    with pytest.raises(ConfigError, match=r'shared\.toml, \[login\]: got the unknown key "heeder".+header'):
        load_config(path)


@pytest.mark.parametrize("peer", [None, "", "unix", "127.0.0.2", "::ffff:127.0.0.2", "127.0.0.1 ", "localhost"])
def test_no_other_peer_is_the_proxy(peer):
    assert not login_of(BY_PROXY).is_proxy(peer)


def test_readers_and_teachers_are_admitted_by_name_alone():
    login = login_of(BY_OIDC | {"teachers": ["Tea Cher"]})
    admitted = [
        name for name in ("anna@hospital.example", "Anna@hospital.example", "Tea Cher", "*", "") if login.admits(name)
    ]
    assert admitted == ["anna@hospital.example", "Tea Cher"]


@pytest.mark.parametrize(
    ("table", "refused"),
    [
        ({}, r"\[login\] by: the key is missing; allowed: one of proxy, oidc\."),
        ({"by": "password"}, r'\[login\] by: got "password"; allowed: one of proxy, oidc\.'),
        ({"by": "proxy"}, r"\[login\] proxy: the key is missing; allowed: a list of one address"),
        ({"by": "oidc"}, r"\[login\] readers: the key is missing"),
        (
            BY_OIDC | {"header": "X-User"},
            r"\[login\] header: got it for a login by oidc, which has none; take it out\.",
        ),
        (BY_PROXY | {"claim": "email"}, r"\[login\] claim: got it for a login by proxy"),
        (BY_PROXY | {"proxy": ["0.0.0.0/0"]}, r"\[login\] proxy: got .+ none that is everybody's"),
        (BY_PROXY | {"proxy": ["::/0"]}, r"\[login\] proxy: "),
        (BY_PROXY | {"proxy": ["proxy.example"]}, r"\[login\] proxy: "),
        (BY_PROXY | {"proxy": []}, r"\[login\] proxy: "),
        (BY_PROXY | {"proxy": "127.0.0.1"}, r"\[login\] proxy: "),
        (BY_PROXY | {"header": "Host"}, r"\[login\] header: got \"Host\""),
        (BY_PROXY | {"header": "X User"}, r"\[login\] header: "),
        (BY_PROXY | {"teachers": ["*"]}, r"\[login\] teachers: "),
        (BY_PROXY | {"readers": ["a" * 65]}, r"\[login\] readers: "),
        (BY_PROXY | {"readers": [" anna"]}, r"\[login\] readers: "),
        (BY_PROXY | {"audit_days": -1}, r"\[login\] audit_days: got -1"),
        (BY_PROXY | {"audit_days": True}, r"\[login\] audit_days: got true"),
    ],
)
def test_what_is_not_allowed_is_named(table, refused):
    with pytest.raises(ConfigError, match=refused):
        login_of(table)


def test_every_key_is_one_of_the_login():
    assert set(LOGIN_KEYS) == set(Login.__dataclass_fields__)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Anna", "Anna"),
        ("  Anna  B ", "Anna B"),
        ("Jürgen", "Jürgen"),
        ("", None),
        ("*", None),
        ("a\nb", None),
        ("a\x00", None),
        ("x" * 65, None),
        (7, None),
        (None, None),
    ],
)
def test_a_name_is_printable_and_short(given, name):
    assert reader_name(given) == name
