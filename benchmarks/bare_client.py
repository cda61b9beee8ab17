"""The app as a browser speaks to it, without a browser: Streamlit's own messages over a bare WebSocket.

A session of this kind opens the page, uploads a film by the endpoint that the browser uses, runs fragments again when
the server has asked for that at intervals, and keeps what the viewer was sent. It draws nothing, so that twenty of them
cost next to nothing beside the server that they are to measure.
"""

import http.client
import json
import math
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

_VIEWER = "ensemble_cam_viewer"
_COOKIE = "_streamlit_xsrf"
_LOOK = 0.5  # seconds at most between two looks at what is waited for

Scores = Mapping[str, Mapping[str, float]]
"""Finding → classifier → score, as the viewer was sent them."""


class BareSession:
    """One open page.

    Attributes:
        id: the session's, which the server gives it.
        runs: how many runs of the whole page, and how many of parts of it, have ended.
        running: whether a run is under way.
        said: what its progress bars have said, in order, without repetitions.
        alerts: what its boxes of errors and remarks have said, in order.
    """

    def __init__(self, address: str, *, resumes: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Open the page at `address`, "http://HOST:PORT", as a browser at that address does.

        Args:
            address: the server's.
            resumes: the id of the session that it asks to go on with; empty for a new one.
            headers: that a proxy would add to all that is asked.

        Raises:
            OSError: if nothing answers there.
        """
        self.id = ""
        self.runs = {"page": 0, "parts": 0}
        self.running = True
        self.said: list[str] = []
        self.alerts: list[str] = []
        self._host, self._headers = urlsplit(address).netloc, dict(headers or {})
        self._token = self._cookie()
        self._page = self._uploader = ""
        self._urls: list[FileURLs] = []
        self._header: Mapping[str, object] = {}
        self._timers: dict[str, tuple[float, float]] = {}  # fragment → (interval, when it is due), in seconds
        self._closing = ExitStack()
        self._socket = self._closing.enter_context(
            connect(
                f"ws://{self._host}/_stcore/stream",
                origin=address,
                subprotocols=["streamlit", self._token, *([resumes] if resumes else [])],
                additional_headers={**self._headers, "Cookie": f"{_COOKIE}={self._token}"},
                max_size=None,
                max_queue=None,  # a page that is closed reads no more, and would wait for the server in vain
            )
        )
        self._run()

    def __enter__(self) -> "BareSession":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the page, as a tab is closed."""
        self._closing.close()

    @property
    def asks(self) -> list[float]:
        """The intervals, in seconds, at which parts of the page ask whether there is anything new."""
        return [interval for interval, _ in self._timers.values()]

    @property
    def film(self) -> str | None:
        """The SHA-256 of the film in the viewer, None before there is one."""
        film = self._header.get("film")
        return str(film["sha256"]) if isinstance(film, Mapping) else None

    @property
    def scores(self) -> Scores | None:
        """The scores beside the film in the viewer, None while it is shown alone."""
        findings = self._header.get("findings")
        if not isinstance(findings, list) or self._header.get("maps_of") != self.film:
            return None
        return {each["label"]: each["scores"] for each in findings} or None

    def upload(self, name: str, data: bytes) -> None:
        """Hand a film to the page's uploader, as a browser does: to the address that the server names for it.

        Raises:
            TimeoutError: if the page offers no uploader, or the server names no address, within a minute.
            OSError: if the server does not take the film.
        """
        self.wait(lambda: bool(self._uploader), 60)
        urls = self.place_for(name)
        self.put(urls.upload_url, name, data)
        self.running = True
        state = WidgetState(id=self._uploader)
        info = UploadedFileInfo(name=name, size=len(data), file_id=urls.file_id, file_urls=urls)
        state.file_uploader_state_value.uploaded_file_info.append(info)
        self._run(state)

    def place_for(self, name: str) -> FileURLs:
        """Return the addresses that the server names for a file."""
        self._urls.clear()
        asked = BackMsg()
        asked.file_urls_request.request_id = uuid.uuid4().hex
        asked.file_urls_request.session_id = self.id
        asked.file_urls_request.file_names.append(name)
        self._socket.send(asked.SerializeToString())
        self.wait(lambda: bool(self._urls), 60)
        return self._urls.pop()

    def wait(self, reached: Callable[[], bool], seconds: float) -> None:
        """Take the server's messages until something is reached.

        Raises:
            TimeoutError: if it is not reached within so many seconds.
        """
        until = time.monotonic() + seconds
        while not reached():
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"not within {seconds:g} seconds; the page said last: {self.said[-1:]}")
            self._take(min(left, self._run_due_parts(), _LOOK))

    def listen(self, seconds: float) -> None:
        """Take the server's messages for so long, whatever they are."""
        until = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= until, seconds + 60)

    def wait_for_scores(self, sha256: str, seconds: float) -> Scores:
        """Wait until the viewer has the scores of a film, and return them.

        Raises:
            TimeoutError: if it has not within so many seconds.
        """
        self.wait(lambda: self.film == sha256 and self.scores is not None, seconds)
        assert self.scores is not None
        return self.scores

    def _run_due_parts(self) -> float:
        """Let parts of the page run whose time has come; return how long it is until the next."""
        now = time.monotonic()
        for fragment, (interval, due) in self._timers.items():
            if due <= now:
                self._timers[fragment] = interval, now + interval
                self._run(fragment=fragment)
        return max(0.0, min((due for _, due in self._timers.values()), default=math.inf) - now)

    def _take(self, seconds: float) -> None:
        """Take one message, if one comes within so many seconds."""
        try:
            received = self._socket.recv(timeout=seconds)
        except TimeoutError:
            return
        assert isinstance(received, bytes)
        message = ForwardMsg.FromString(received)
        match message.WhichOneof("type"):
            case "new_session":
                self.id = message.new_session.initialize.session_id or self.id
                self._page = message.new_session.page_script_hash
                if not message.metadata.run.fragment_ids:
                    self._timers.clear()  # the parts that are still there ask anew
            case "delta":
                self._take_delta(message.delta)
            case "auto_rerun":
                interval = message.auto_rerun.interval
                self._timers[message.auto_rerun.fragment_id] = interval, time.monotonic() + interval
            case "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self._timers.pop(fragment, None)
            case "session_status_changed":
                self.running = message.session_status_changed.script_is_running
            case "file_urls_response":
                self._urls.extend(message.file_urls_response.file_urls)
            case "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    self.runs["page"] += 1
                elif message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
                    self.runs["parts"] += 1

    def _take_delta(self, delta: Delta) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "file_uploader":
            self._uploader = element.file_uploader.id
        elif kind == "progress" and self.said[-1:] != [element.progress.text]:
            self.said.append(element.progress.text)
        elif kind == "alert":
            self.alerts.append(element.alert.body)
        elif kind == "bidi_component" and element.bidi_component.component_name == _VIEWER:
            self._header = json.loads(element.bidi_component.mixed.json)["header"]

    def _run(self, *states: WidgetState, fragment: str = "") -> None:
        """Ask for a run of the page, or of a part of it, with these values of its widgets."""
        message = BackMsg()
        state: ClientState = message.rerun_script
        state.page_script_hash = self._page
        state.widget_states.widgets.extend(states)
        if fragment:
            state.fragment_id, state.is_auto_rerun = fragment, True
        self._socket.send(message.SerializeToString())

    def _cookie(self) -> str:
        """Return the token against forged requests that the server gives to a browser."""
        connection = http.client.HTTPConnection(self._host, timeout=60)
        connection.request("GET", "/_stcore/health", headers=self._headers)
        answer = connection.getresponse()
        cookies = answer.headers.get_all("Set-Cookie") or []
        connection.close()
        pairs = [each.partition(";")[0].partition("=") for each in cookies]
        return next((value for name, _, value in pairs if name == _COOKIE), "")

    def put(self, path: str, name: str, data: bytes) -> None:
        """Hand a file to one of the server's addresses.

        Raises:
            OSError: if it is not taken.
        """
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        headers = self._headers | {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Cookie": f"{_COOKIE}={self._token}",
            "X-Xsrftoken": self._token,
            "Origin": f"http://{self._host}",
        }
        connection = http.client.HTTPConnection(self._host, timeout=60)
        connection.request("PUT", path, head.encode() + data + f"\r\n--{boundary}--\r\n".encode(), headers)
        status = connection.getresponse().status
        connection.close()
        if status != http.client.NO_CONTENT:
            raise OSError(f"the server answered {status} to an upload")
