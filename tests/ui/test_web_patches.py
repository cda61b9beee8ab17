"""What is replaced inside Streamlit: that it is still there to be replaced, and that the replacement holds."""

import asyncio
import inspect
import io
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit import config, net_util
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest
from streamlit.runtime import backend_operation_handler
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.web.server import server_util
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ensemble_cam.ui.launch import app_script
from ensemble_cam.ui.web.hosts import ServedNames
from ensemble_cam.ui.web.patches import OFFER_GONE, hold_options, patch_streamlit
from support import recording
from support.installed import replaced_for_a_while


@pytest.fixture
def unpatched():
    """Streamlit as it is installed, and so again afterwards."""
    with replaced_for_a_while():
        yield


def test_streamlit_still_asks_by_the_functions_that_are_replaced(unpatched):
    # Where this fails, Streamlit has changed: see how it finds out this machine's addresses now, and end that.
    assert "checkip.amazonaws.com" in net_util._AWS_CHECK_IP
    assert "_make_blocking_http_get(_AWS_CHECK_IP" in inspect.getsource(net_util.get_external_ip)
    assert '"8.8.8.8"' in inspect.getsource(net_util.get_internal_ip)
    source = inspect.getsource(server_util.is_url_from_allowed_origins)
    assert "net_util.get_internal_ip" in source
    assert "net_util.get_external_ip" in source


def test_streamlit_still_tells_the_scripts_path_where_it_is_shortened(unpatched, monkeypatch):
    def create(self, page_script_hash, run_descriptor, pages=None):
        session = SimpleNamespace(main_script_path=str(Path("/home/reader/ensemble_cam/ui/script.py")))
        return SimpleNamespace(new_session=session)

    signature = inspect.signature(AppSession._create_new_session_message)
    assert "main_script_path" in inspect.getsource(AppSession._create_new_session_message)
    assert list(signature.parameters) == list(inspect.signature(create).parameters)
    monkeypatch.setattr(AppSession, "_create_new_session_message", create)
    patch_streamlit()
    message = AppSession._create_new_session_message(None, "hash", None)
    assert message.new_session.main_script_path == "script.py"


def test_what_a_header_says_of_addresses_is_not_put_in_the_place_of_the_sockets_peer(unpatched):
    seen = []

    async def behind(scope, receive, send):
        seen.append(scope["client"])

    def ask():
        headers = [(b"x-forwarded-for", b"192.0.2.1")]
        scope = {"type": "http", "client": ("127.0.0.1", 7), "scheme": "http", "headers": headers}
        asyncio.run(ProxyHeadersMiddleware(behind)(scope, None, None))
        return seen.pop()[0]

    assert ask() == "192.0.2.1"  # or else uvicorn has ended that by itself, and nothing need be replaced
    patch_streamlit()
    assert ask() == "127.0.0.1"


def test_a_download_that_its_page_no_longer_offers_is_a_line_and_one_that_fails_a_traceback(unpatched, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(backend_operation_handler._LOGGER, "handlers", [logging.StreamHandler(stream)])
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))

    def ask(file_id: str) -> str:
        request = BackendOperationRequest(request_id="1")
        request.deferred_file.file_id = file_id
        stream.truncate(0)
        stream.seek(0)
        answer = asyncio.run(backend_operation_handler.DeferredFileHandler(lambda: manager).handle(request, "session"))
        assert answer.error_msg  # the reader is told
        return stream.getvalue()

    assert "Traceback" in ask("gone")  # or else Streamlit says it better by itself, and nothing need be replaced
    patch_streamlit()
    assert ask("gone") == f"{OFFER_GONE}\n"
    assert "ZeroDivisionError" in ask(manager.add_deferred(lambda: str(1 / 0), "text/plain", "1.2"))


def test_a_foreign_origin_is_judged_without_asking_anybody(tmp_path):
    script = (
        "import sys; from streamlit.web.server.server_util import is_url_from_allowed_origins as allowed\n"
        "from ensemble_cam.ui.web.patches import patch_streamlit\n"
        "if sys.argv[1:]: patch_streamlit()\n"
        "print(allowed('http://evil.example'))"
    )
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://192.0.2.1:9")
    for patched in (False, True):
        folder = tmp_path / str(patched)
        folder.mkdir()
        environment = {**os.environ, **recording.recorded(folder), **proxies}
        command = [sys.executable, "-c", script, *(["patched"] if patched else [])]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "False"
        assert bool(recording.outside(recording.asked(folder))) is not patched


def test_the_served_names_outlive_a_configuration_that_is_read_anew():
    names = ServedNames(frozenset({"localhost", "::1"}), frozenset({"films.example"}))
    given = {"server.allowedHosts": ["*"], "server.trustedUserHeaders": '{"X-User": "name"}'}
    let_go = hold_options(names)
    try:
        config.get_config_options(force_reparse=True, options_from_flags=given)
        assert config.get_option("server.allowedHosts") == ["::1", "films.example", "localhost"]
        assert config.get_option("server.corsAllowedOrigins") == ["http://films.example", "https://films.example"]
        assert config.get_option("server.trustedUserHeaders") == {}
    finally:
        let_go()
        config.get_config_options(force_reparse=True)
    assert config.get_option("server.allowedHosts") == []


def test_another_server_than_streamlits_reads_the_same_settings(tmp_path):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import app; from streamlit import config\n"
        "print(*map(config.get_option, ('client.showErrorDetails', 'server.maxUploadSize', 'runner.postScriptGC')))"
    )
    command = [sys.executable, "-c", script, str(app_script().parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["none", "50", "False"]


def test_a_name_that_is_none_ends_the_program_with_its_sentence(tmp_path):
    script = "import sys; sys.path.insert(0, sys.argv[1]); import app"
    command = [sys.executable, "-c", script, str(app_script().parent)]
    environment = {**os.environ, "ENSEMBLE_CAM_ALLOW_HOST": "http://films.example"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("ensemble-cam: ENSEMBLE_CAM_ALLOW_HOST: got 'http://films.example'; allowed: ")
    assert "Traceback" not in done.stderr
