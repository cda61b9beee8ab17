"""Fetching one file, over HTTP or from a folder, whole or not at all.

Beside the file that is being fetched, say `w.pt`, there may lie:

    w.pt.part       what has come so far; the next fetch goes on from there
    w.pt.part.json  which address the part came from, and which version of the file that was (ETag or Last-Modified)
    w.pt.lock       held by the process that is fetching; the operating system lets go of it when the process ends

`w.pt` itself appears by one rename, after the caller's check. A part is continued only with a version to name in
`If-Range`: a server then sends the rest of the same file, or all of a new one (RFC 9110, 13.1.5).
"""

import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from ensemble_cam import __version__
from ensemble_cam.errors import Cancelled, DownloadError, WeightsError
from ensemble_cam.machine.files import open_file, read_file, why_unreadable
from ensemble_cam.machine.locks import lock
from ensemble_cam.machine.names import escaped

TIMEOUT = 30.0
"""Seconds that a server may stay silent."""

_CHUNK = 1 << 18
_MOST_NOTE_BYTES = 2**16
_LOCK_POLL = 0.1  # seconds

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes there will be, if the server said so."""


def fetch_file(
    source: str,
    target: Path,
    *,
    check: Callable[[Path], None],
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> None:
    """Fetch `source` to `target`; if another process is at it, wait for that one and take its file.

    Proxies are taken from the environment, as `urllib` does.

    Args:
        source: an http or https address, or a file's path.
        target: the file to be; its folder is made if need be. An existing one is left alone.
        check: called with the complete part before it gets its name; raises `WeightsError` if it is the wrong file.
        progress: see `Progress`. The count grows, but starts again where a resumed file turns out to be another one.
        cancelled: asked between pieces; true stops.

    Raises:
        DownloadError: if the file cannot be reached, did not come whole, or cannot be written.
        WeightsError: whatever `check` raises; nothing is kept then.
        Cancelled: if `cancelled` returned true. What has come is kept.
    """
    progress = progress or (lambda done, total: None)
    cancelled = cancelled or (lambda: False)
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(f"{target.name}.lock"), cancelled):
            if target.exists():
                return
            while True:
                if is_web_address(source):
                    resumed = _download(source, part, progress, cancelled)
                else:
                    resumed = False
                    _copy(Path(source), part, progress, cancelled)
                try:
                    check(part)
                    break
                except WeightsError:
                    _discard(part)
                    if not resumed:
                        raise
            os.replace(part, target)
            _discard(part)
    except OSError as error:
        raise DownloadError(
            f"{target.name}: cannot be written to {escaped(str(target.parent))} ({error.strerror or error}). "
            "Make room, or choose another folder with --weights-dir."
        ) from error


def is_web_address(source: str) -> bool:
    """Tell an http or https address from a path.

    Raises:
        DownloadError: if `source` is an address of another kind.
    """
    if "://" not in source:
        return False
    scheme = urlsplit(source).scheme.lower()
    if scheme not in ("http", "https"):
        raise DownloadError(f"{source}: got {scheme}; allowed: http, https, or a folder's path.")
    return True


def join(base: str, file_name: str) -> str:
    """Return where a file lies under a mirror's address or in a folder."""
    return f"{base.rstrip('/')}/{quote(file_name)}" if is_web_address(base) else str(Path(base) / file_name)


def _download(url: str, part: Path, progress: Progress, cancelled: Callable[[], bool]) -> bool:
    """Bring `part` to its full length and tell whether an earlier part was continued."""
    offset, version = _resume_point(url, part)
    headers = {"User-Agent": f"ensemble-cam/{__version__}", "Accept-Encoding": "identity"}
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": version}
    try:
        response = _open(url, headers)
    except urllib.error.HTTPError as error:
        with error:
            if offset and error.code == 416:  # range not satisfiable: the file there is shorter than our part
                _discard(part)
                return _download(url, part, progress, cancelled)
            raise DownloadError(f"{url}: the server answered {error.code} {error.reason}.") from None

    with response:
        resumed = offset > 0 and response.status == 206
        if resumed and not _continues(response, offset, version):  # a server that does not know If-Range
            _discard(part)
            return _download(url, part, progress, cancelled)
        if response.status != 200 and not resumed:
            raise DownloadError(f"{url}: the server answered {response.status} {response.reason}.")
        done = offset if resumed else 0
        total = None if response.length is None else done + response.length
        _check_space(part.parent, response.length or 0)
        if not resumed:
            _discard(part)
            _note_version(url, part, _version(response))
        progress(done, total)
        fault = ""
        with part.open("ab") as file:
            try:
                for piece in _pieces(response):
                    file.write(piece)
                    done += len(piece)
                    progress(done, total)
                    if cancelled():
                        raise Cancelled("The download was stopped.")
            except _BrokenOff as error:
                fault = f" ({error})"
            file.flush()
            os.fsync(file.fileno())
    if fault or (total is not None and done != total):
        of_total = "" if total is None else f" of {total:,}"
        remedy = "Fetch again to go on from there." if _note_of(part).exists() else "Fetch again."
        raise DownloadError(f"{url}: the connection broke off{fault}; {done:,}{of_total} bytes are there. {remedy}")
    return resumed


class _BrokenOff(Exception):
    """The network failed while the body came."""


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read1(_CHUNK):
            yield piece
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOff(str(error) or type(error).__name__) from error


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but never from https to something weaker."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request that follows the redirection."""
        if urlsplit(newurl).scheme not in ("https", urlsplit(req.full_url).scheme):
            raise DownloadError(f"{req.full_url}: the server redirects to {newurl}, which is not secure.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    try:
        request = urllib.request.Request(url, headers=headers)
        opener = urllib.request.build_opener(_SafeRedirects)
        response: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT)
        return response
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        reason = getattr(reason, "strerror", None) or str(reason) or type(error).__name__
        raise DownloadError(
            f"{url}: cannot be reached ({reason}). Check the connection, or fetch from a mirror with --from."
        ) from error


def _version(response: http.client.HTTPResponse) -> str | None:
    """Return what `If-Range` may name: a strong ETag, else the date of the last change."""
    tag = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _continues(response: http.client.HTTPResponse, offset: int, version: str | None) -> bool:
    starts_there = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
    return starts_there and _version(response) in (version, None)


def _note_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _note_version(url: str, part: Path, version: str | None) -> None:
    if version:
        _note_of(part).write_text(json.dumps({"url": url, "version": version}), encoding="utf-8")


def _resume_point(url: str, part: Path) -> tuple[int, str]:
    """Return how many bytes of `url` are there, and of which version; (0, "") to start from nothing."""
    try:
        note = json.loads(read_file(_note_of(part), most=_MOST_NOTE_BYTES))
        if note["url"] == url:
            return part.stat().st_size, str(note["version"])
    except (OSError, ValueError, KeyError, TypeError):  # no part, or one whose note is not ours
        pass
    return 0, ""


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_of(part).unlink(missing_ok=True)


def _copy(source: Path, part: Path, progress: Progress, cancelled: Callable[[], bool]) -> None:
    try:
        file_in = open_file(source)
    except OSError as error:
        raise DownloadError(
            f"{escaped(str(source))}: {why_unreadable(error)}. Check the folder that --from names."
        ) from None
    _discard(part)
    with file_in, part.open("wb") as file_out:
        total = os.fstat(file_in.fileno()).st_size
        _check_space(part.parent, total)
        progress(0, total)
        while piece := file_in.read(_CHUNK):
            file_out.write(piece)
            progress(file_out.tell(), total)
            if cancelled():
                raise Cancelled("The copy was stopped.")
        file_out.flush()
        os.fsync(file_out.fileno())


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            f"{escaped(str(folder))}: {needed:,} bytes are needed and {free:,} are free. "
            "Make room, or choose another folder with --weights-dir."
        )


@contextmanager
def _locked(path: Path, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Hold `path` against other processes and threads, as soon as none of them does; the file is gone afterwards."""
    while True:
        with lock(path) as is_held:
            if is_held:
                yield
                return
        if cancelled():
            raise Cancelled("The download was stopped.")
        time.sleep(_LOCK_POLL)
