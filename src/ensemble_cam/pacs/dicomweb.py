"""An archive by DICOMweb: studies and instances are found (QIDO-RS), fetched as bytes (WADO-RS), and stored (STOW-RS).

dicomweb-client asks what lies there. Files go and come over the same connection as the bytes that they are: what an
archive sends is written down and never parsed here, and what it says of a failure is kept. Its loggers, and those of
the connection, are silent, as the addresses that they log hold patients' numbers.

Source: DICOM PS3.18 10.4 (retrieve), 10.5 (store), 10.6 (search).
"""

import logging
import re
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import requests
from dicomweb_client.web import DICOMwebClient
from urllib3.exceptions import ReadTimeoutError

from ensemble_cam.errors import PacsError
from ensemble_cam.film.intake import MAX_FILE_BYTES
from ensemble_cam.pacs.access import Access
from ensemble_cam.pacs.archive import MOST_STUDIES, Instance, Patient, Study
from ensemble_cam.pacs.query import Query

CONNECT, READ = 10.0, 60.0
"""Seconds until a connection stands, and between two pieces of an answer."""

_STILL = f"The archive sent nothing for {READ:.0f} s, and was given up. Ask again."
_NONE = "The archive's answer is none of DICOMweb. Check the address of its service."
_CHUNK = 2**20
_LEAST_PAGE = 10  # records: an archive that gives less at once has no more
_NO_MORE = (400, 404, 416, 501)  # of an archive that knows no offset, or nothing beyond it
_LATER = (408, 429)
_SILENT = ("dicomweb_client", "dicomweb_client.web", "urllib3", "urllib3.connectionpool", "requests")
_FIELDS = ("StudyDescription", "ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
_SERIES_FIELDS = ("BodyPartExamined", "SeriesDescription")


class _Session(requests.Session):
    """A session that names the archive with its port, follows it to no other machine and waits for it within limits."""

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        headers = options.get("headers") or {}
        headers.pop("Host", None)  # dicomweb-client's has no port
        options |= {"allow_redirects": False, "timeout": (CONNECT, READ)}
        response = super().request(method, url, *args, **options)
        if 300 <= response.status_code < 400:
            raise requests.HTTPError(response=response)
        return response


class DicomWeb:
    """A DICOMweb service.

    Args:
        access: its address, and what it is asked with.
    """

    def __init__(self, access: Access):
        self._url = access.url
        self._session = _Session()
        self._session.trust_env = False  # neither .netrc nor a proxy meets what is meant for the archive
        if access.token:
            self._session.headers["Authorization"] = f"Bearer {access.token}"
        if access.user:
            self._session.auth = _basic(access.user, access.password or "")
        if access.certificate:
            self._session.cert = access.certificate if len(access.certificate) == 2 else access.certificate[0]
        if access.authority:
            self._session.verify = access.authority
        self._client = DICOMwebClient(access.url, session=self._session)
        self._client.set_http_retry_params(retry=False)  # it would ask an archive that is away for half a minute

    def studies(self, query: Query) -> list[Study]:
        """Return the studies that match, at most a thousand.

        Raises:
            PacsError: if the archive cannot be asked, or does not answer as one does.
        """
        search = partial(
            self._client.search_for_studies, search_filters=query.filters(), fields=list(_FIELDS), limit=MOST_STUDIES
        )
        return [_study(each) for each in _all_pages(search, "0020000D")[:MOST_STUDIES]]

    def instances(self, study: str) -> list[Instance]:
        """Return the instances of a study.

        Raises:
            PacsError: as in `studies`.
        """
        search = partial(self._client.search_for_instances, study, fields=["SOPClassUID", *_SERIES_FIELDS])
        return [
            Instance(
                study,
                _text(each, "0020000E"),
                _text(each, "00080018"),
                _text(each, "00080016"),
                _text(each, "00180015").strip().upper(),
                _text(each, "0008103E"),
            )
            for each in _all_pages(search, "00080018")
        ]

    def retrieve(self, instance: Instance, write: Callable[[bytes], object]) -> int:
        """Hand an instance's file over, piece by piece, in the transfer syntax that it is stored in.

        Args:
            instance: which.
            write: takes the next bytes.

        Returns:
            How many bytes they were.

        Raises:
            PacsError: if it does not come, or not as a whole.
        """
        place = f"{self._url}/studies/{instance.study}/series/{instance.series}/instances/{instance.uid}"
        accepted = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        with _told(), self._session.get(place, headers={"Accept": accepted}, stream=True) as response:
            response.raise_for_status()
            if response.status_code == requests.codes.partial_content:
                raise _broken()
            return _copy(response, write)

    def store(self, data: bytes, study: str) -> str | None:
        """Store one file in a study; that it is there has to be looked at afterwards.

        Returns:
            Why the archive says that it did not; None where it says that it did.

        Raises:
            PacsError: if it cannot be asked, or refuses whoever asks.
        """
        boundary = uuid.uuid4().hex
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = head + data + f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
        }
        with _told():
            response = self._session.post(f"{self._url}/studies/{study}", data=body, headers=headers)
            if response.status_code in (401, 403, *_LATER) or response.status_code >= 500:
                response.raise_for_status()
            return _refused(response)


def _basic(user: str, password: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Return what signs requests: letters beyond ASCII are UTF-8 (RFC 7617), where requests takes Latin-1."""
    signed = b64encode(f"{user}:{password}".encode()).decode()

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Basic {signed}"
        return request

    return sign


def _study(record: Mapping[str, Any]) -> Study:
    return Study(
        uid=_text(record, "0020000D"),
        date=_text(record, "00080020"),
        modalities=tuple(each for each in _values(record, "00080061") if isinstance(each, str)),
        series=_count(record, "00201206"),
        instances=_count(record, "00201208"),
        patient=Patient(_name(record, "00100010"), _text(record, "00100020")),
    )


def _all_pages(search: Callable[..., Any], uid: str) -> list[Mapping[str, Any]]:
    """Return all that a search finds: an archive may give less at once than it has, and need not say so.

    Args:
        search: asks from an `offset` on.
        uid: the tag of what tells its records apart: an archive that knows no offset gives the same ones again.

    Raises:
        PacsError: if it cannot be asked, or does not answer as an archive does.
    """
    found: dict[str, Mapping[str, Any]] = {}
    count = 0
    while True:
        with _told():
            try:
                page = search(offset=count or None)
            except requests.HTTPError as error:
                if count and error.response is not None and error.response.status_code in _NO_MORE:
                    break
                raise
        if not isinstance(page, list) or not all(isinstance(each, dict) for each in page):
            raise PacsError(_NONE)
        new = {name: each for each in page if (name := _text(each, uid)) and name not in found}
        if page and not new and not found:
            raise PacsError(_NONE)
        found |= new
        count += len(page)
        if not new or len(page) < _LEAST_PAGE or count >= MOST_STUDIES:
            break
    return list(found.values())


def _values(record: Mapping[str, Any], tag: str) -> list[Any]:
    """Return an attribute's values, none where the archive has written something else (PS3.18 F.2.2)."""
    attribute = record.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values if isinstance(values, list) else []


def _text(record: Mapping[str, Any], tag: str) -> str:
    first = next(iter(_values(record, tag)), None)
    return str(first) if isinstance(first, (str, int, float)) else ""


def _name(record: Mapping[str, Any], tag: str) -> str:
    """Return a name by its first spelling that there is (PS3.18 F.2.2)."""
    first = next(iter(_values(record, tag)), None)
    spelt = first if isinstance(first, dict) else {}
    return str(next((spelt[kind] for kind in ("Alphabetic", "Ideographic", "Phonetic") if spelt.get(kind)), ""))


def _count(record: Mapping[str, Any], tag: str) -> int | None:
    text = _text(record, tag)
    return int(text) if text.isdecimal() else None


def _copy(response: requests.Response, write: Callable[[bytes], object]) -> int:
    """Hand over the one part of a multipart answer, or the answer itself where it is none (PS3.18 8.6.1.2)."""
    kind = response.headers.get("Content-Type", "")
    if kind.lower().startswith("application/dicom") and "+" not in kind:
        return _all(response.iter_content(_CHUNK), write)
    found = re.search(r'boundary="?([^";]+)"?', kind, re.IGNORECASE)
    if not kind.lower().startswith("multipart/related") or found is None:
        raise PacsError("The archive's answer holds no DICOM object. Check the address of its service.")
    return _all(_part(response.iter_content(_CHUNK), found[1].strip().encode()), write)


def _all(pieces: Iterator[bytes], write: Callable[[bytes], object]) -> int:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_FILE_BYTES:
            raise PacsError(f"The archive sends more than {MAX_FILE_BYTES >> 20} MB, which no single film has.")
        write(piece)
    return size


def _part(pieces: Iterator[bytes], boundary: bytes) -> Iterator[bytes]:
    """Yield the body of the first part; without the end of a part it is not whole (RFC 2046 5.1.1)."""
    buffer, end = b"\r\n", b"\r\n--" + boundary
    for piece in pieces:
        buffer += piece
        begins = buffer.find(end)  # what stands before it says nothing
        start = buffer.find(b"\r\n\r\n", begins + len(end)) if begins >= 0 else -1
        if start >= 0:
            buffer = buffer[start + 4 :]
            break
        if len(buffer) > 2**16:
            break
    else:
        raise _broken()
    while True:
        stop = buffer.find(end)
        if stop >= 0:
            yield buffer[:stop]
            return
        keep = max(len(buffer) - len(end), 0)
        yield buffer[:keep]
        buffer = buffer[keep:]
        try:
            buffer += next(pieces)
        except StopIteration:
            raise _broken() from None


def _broken() -> PacsError:
    return PacsError("The transfer broke off before the object was whole. Ask again.")


def _refused(response: requests.Response) -> str | None:
    """Return what an answer says of a failure: of an object's own, of the whole request, or nothing."""
    try:
        answer = response.json() if response.content else {}
    except ValueError:
        answer = {}
    answer = answer[0] if isinstance(answer, list) and answer else answer
    failed = _values(answer, "00081198") if isinstance(answer, dict) else None
    if failed and isinstance(failed[0], dict):
        return f"refused with reason {_text(failed[0], '00081197')}"
    if response.status_code == requests.codes.request_entity_too_large:
        return "refused as too large (HTTP 413)"
    return None if response.ok else f"refused with HTTP {response.status_code}"


_REASONS: Mapping[int, str] = {
    401: "The archive asks who asks, or does not take the token or password (HTTP 401). Set it in the environment.",
    403: "The archive does not allow this to whoever asks (HTTP 403).",
    404: "The archive has nothing there (HTTP 404). Check the address of its service, and the UIDs.",
    **{status: f"The archive has too much to do (HTTP {status}). Ask again later." for status in (*_LATER, 503)},
}


@contextmanager
def _told() -> Iterator[None]:
    """Word what goes wrong on the way, without a word of what was asked for; and keep the loggers silent."""
    levels = [(logger, logger.level) for logger in map(logging.getLogger, _SILENT)]
    for logger, _ in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    except requests.HTTPError as error:
        raise PacsError(_said(error)) from None
    except requests.exceptions.SSLError:
        raise PacsError(
            "The archive's certificate is not trusted, or it does not trust this machine's. Set the files in the "
            "environment."
        ) from None
    except requests.exceptions.ConnectTimeout:
        raise PacsError("The archive does not answer. Check its address, and whether it runs.") from None
    except requests.exceptions.Timeout:
        raise PacsError(_STILL) from None
    except requests.exceptions.ChunkedEncodingError:
        raise _broken() from None
    except requests.ConnectionError as error:
        if error.args and isinstance(error.args[0], ReadTimeoutError):  # in the middle of an answer
            raise PacsError(_STILL) from None
        raise PacsError("The archive cannot be reached. Check its address, and whether it runs.") from None
    except (requests.RequestException, ValueError):
        raise PacsError(_NONE) from None
    finally:
        for logger, level in levels:
            logger.setLevel(level)


def _said(error: requests.HTTPError) -> str:
    status = 0 if error.response is None else error.response.status_code
    if 300 <= status < 400:
        return "The archive points to another address, which is not followed. Use the address of the service itself."
    return _REASONS.get(status, f"The archive answered with HTTP {status}. Ask again, or ask who runs it.")
