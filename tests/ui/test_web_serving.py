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


def start(monkeypatch, **options) -> None:
    monkeypatch.setattr(config, "get_option", lambda name: options[name.replace(".", "_")])

    async def serve():
        async with serving.browser_opened(None):
            pass

    asyncio.run(serve())


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_a_browser_is_opened_once_the_app_answers(opened, monkeypatch, address):
    names = ("server_sslCertFile", "server_baseUrlPath", "global_developmentMode")
    rest = dict.fromkeys(names, "") | {"browser_serverPort": 8502}
    start(monkeypatch, server_headless=False, browser_serverAddress=address, **rest)
    assert opened == [f"http://{address}:8502"]


def test_no_browser_is_opened_where_none_is_wanted(opened, monkeypatch):
    start(monkeypatch, server_headless=True)
    assert opened == []


def test_a_fault_is_answered_with_the_headers_and_without_its_words():
    answer = asyncio.run(serving.say_fault(None, ValueError("/home/reader/film.dcm of DOE^JANE")))
    assert answer.status_code == 500
    assert set(security_headers()) <= set(answer.raw_headers)
    assert answer.body.decode() == "The app could not answer this. Its log on the machine that serves it says why.\n"
