"""The app's real server, asked by a client that says what it likes."""

import os
import subprocess
import sys

import pytest

from ensemble_cam.ui.web.guard import NOTHING_HERE, OTHER_NAME, OTHER_SITE
from ensemble_cam.ui.web.headers import security_headers
from support import recording
from support.apps import serving_app
from support.asking import Answer, ask, knock

pytestmark = pytest.mark.slow

EVIL = "evil.example"


@pytest.fixture(scope="module", params=["streamlit", "command"])
def folder_and_server(request, tmp_path_factory):
    """The app as `streamlit run app.py` and as `ensemble-cam app` serve it, with its sockets recorded."""
    folder = tmp_path_factory.mktemp(request.param)
    with serving_app(
        folder, by=request.param, ENSEMBLE_CAM_ALLOW_HOST="films.example", **recording.recorded(folder)
    ) as it:
        yield folder, it


@pytest.fixture
def server(folder_and_server) -> str:
    return folder_and_server[1]


def heads(answer: Answer) -> bool:
    """Whether an answer carries all of the headers."""
    return all(answer.headers.get(name.decode()) == value.decode() for name, value in security_headers())


def test_every_kind_of_answer_carries_the_headers(server):
    page = ask(server)
    script = page.body.split('src="./', 1)[1].split('"', 1)[0]
    upload = "/_stcore/upload_file/session/film"
    answers = {
        "page": (page, 200),
        "page of the lab": (ask(server, "/phantom-lab"), 200),
        "no such page": (ask(server, "/no/such/_stcore/health"), 404),
        "static": (ask(server, f"/{script}"), 200),
        "static, unchanged": (ask(server, f"/{script}", method="HEAD"), 200),
        "health": (ask(server, "/_stcore/health"), 200),
        "host config": (ask(server, "/_stcore/host-config"), 200),
        "media": (ask(server, "/media/0123.png"), 404),
        "component": (ask(server, "/component/none/index.html"), 404),
        "upload": (ask(server, upload, method="PUT"), 403),
        "upload, asked beforehand": (ask(server, upload, method="OPTIONS"), 204),
        "not allowed": (ask(server, "/_stcore/health", method="DELETE"), 405),
        "a path that leads elsewhere": (ask(server, "/..%5C..%5Csecret"), 400),
        "other name": (ask(server, Host=EVIL), 421),
        "other site": (ask(server, Origin=f"http://{EVIL}"), 403),
        "agent": (ask(server, "/_stcore/agent/openapi.json"), 404),
        "handshake, other name": (knock(server, Host=EVIL), 421),
        "handshake, other site": (knock(server, Origin=f"http://{EVIL}"), 403),
        "handshake elsewhere": (knock(server, "/media"), 404),
    }
    assert {name: answer.status for name, (answer, _) in answers.items()} == {
        name: status for name, (_, status) in answers.items()
    }
    assert [name for name, (answer, _) in answers.items() if not heads(answer)] == []


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/upload_file/session/film", "/media/0123.png"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_no_other_name_and_no_other_site_is_answered(server, path, method):
    for host in (EVIL, f"{EVIL}:8501", f"127.0.0.1.{EVIL}"):
        assert ask(server, path, method=method, Host=host).body == f"{OTHER_NAME.sentence}\n"
    for origin in (f"http://{EVIL}", "http://127.0.0.1:9", "null"):
        assert ask(server, path, method=method, Origin=origin).body == f"{OTHER_SITE.sentence}\n"


def test_a_websocket_opens_for_the_apps_own_page_alone(server):
    assert knock(server).status == 101
    assert knock(server, Origin=server).status == 101
    assert knock(server, Host=EVIL).body == f"{OTHER_NAME.sentence}\n"
    assert knock(server, Host=EVIL, Origin=f"http://{EVIL}").body == f"{OTHER_NAME.sentence}\n"  # a name led here
    for origin in (f"http://{EVIL}", "http://localhost:9", "null", "file://"):
        assert knock(server, Origin=origin).body == f"{OTHER_SITE.sentence}\n"


def test_a_proxy_that_was_named_is_answered_whichever_host_it_hands_on(server):
    assert ask(server, Host="films.example").status == 200
    assert knock(server, Host="films.example", Origin="https://films.example").status == 101
    assert knock(server, Origin="https://films.example").status == 101


@pytest.mark.parametrize("route", ["agent/openapi.json", "agent/interact", "agent/mcp", "metrics"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_agents_and_metrics_find_nothing(server, route, method):
    answer = ask(server, f"/_stcore/{route}", method=method)
    assert (answer.status, answer.body) == (404, f"{NOTHING_HERE.sentence}\n")


def test_nothing_outside_was_asked(folder_and_server):
    """Last in this file: all that came before was asked with other Hosts and Origins."""
    folder, server = folder_and_server
    knock(server, Origin=f"http://{EVIL}")
    assert recording.outside(recording.asked(folder)) == []


def test_the_recorder_sees_what_a_process_asks(tmp_path):
    script = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    environment = {**os.environ, **recording.recorded(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert recording.outside(recording.asked(tmp_path)) == ["192.0.2.1"]


def test_on_every_address_the_start_asks_nobody_what_this_machine_is_called(tmp_path):
    options = ["--server.address", "0.0.0.0"]
    told = {"ENSEMBLE_CAM_EVERYBODY_CAN_READ": "1"}
    with serving_app(tmp_path, by="streamlit", options=options, **told, **recording.recorded(tmp_path)) as address:
        assert knock(address, Origin=f"http://{EVIL}").status == 403
    assert recording.outside([name for name in recording.asked(tmp_path) if name != "0.0.0.0"]) == []
