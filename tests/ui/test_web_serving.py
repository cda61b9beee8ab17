"""What `app.py` hands to Streamlit beside the pages: the browser that is opened, and the answer to a fault."""

import asyncio

import pytest
from streamlit import config

from ensemble_cam.ui.web import serving
from ensemble_cam.ui.web.headers import security_headers


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The addresses that a browser was opened at."""
    addresses = []
    monkeypatch.setattr(serving.cli_util, "open_browser", addresses.append)
    return addresses


ADDRESS = {
    **dict.fromkeys(("server_sslCertFile", "server_baseUrlPath", "global_developmentMode"), ""),
    "browser_serverAddress": "127.0.0.1",
    "browser_serverPort": 8502,
}


def start(monkeypatch, **options) -> None:
    options = ADDRESS | options
    monkeypatch.setattr(config, "get_option", lambda name: options[name.replace(".", "_")])

    async def serve():
        async with serving.browser_opened(None):
            pass

    asyncio.run(serve())


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_a_browser_is_opened_once_the_app_answers_and_the_terminal_says_where(opened, monkeypatch, capsys, address):
    start(monkeypatch, server_headless=False, browser_serverAddress=address)
    assert opened == [f"http://{address}:8502"]
    assert f"Open     http://{address}:8502\n" in capsys.readouterr().out


def test_no_browser_is_opened_where_none_is_wanted(opened, monkeypatch, capsys):
    start(monkeypatch, server_headless=True)
    assert opened == []
    assert "Open     http://127.0.0.1:8502\n" in capsys.readouterr().out


def test_a_fault_is_answered_with_the_headers_and_without_its_words():
    answer = asyncio.run(serving.say_fault(None, ValueError("/home/reader/film.dcm of DOE^JANE")))
    assert answer.status_code == 500
    assert set(security_headers()) <= set(answer.raw_headers)
    assert answer.body.decode() == "The app could not answer this. Its log on the machine that serves it says why.\n"
