"""What a film's header says of its patient, its study and itself, for the objects that go into that study.

Here alone identity leaves a header. It is read from the film's bytes when the objects are made, in a child process with
limits as films are decoded in, and lies in a `FilmHeader`, which no review, cache, log or message ever holds.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ensemble_cam.errors import ExportError
from ensemble_cam.export.dicom.attributes import COPIED, READ
from ensemble_cam.export.dicom.header_child import MOST_BYTES
from ensemble_cam.machine.children import Children
from ensemble_cam.machine.one_child import ChildError, Died

_READER = "ensemble_cam.export.dicom.header_child"
_children = Children(_READER, most=1, seconds=30, most_seconds=60)
_UID = re.compile(r"[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_MOST_UID = 64
_CS = re.compile(r"[A-Z0-9_ ]{1,16}", re.ASCII)
_DS = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Attributes nobody is known by, which are left out where a writer gave them a value that their VR does not allow.
_FORMS = {
    "PatientAge": re.compile(r"\d{3}[DWMY]", re.ASCII),
    "PatientSize": _DS,
    "PatientWeight": _DS,
    "TypeOfPatientID": _CS,
    "PatientIdentityRemoved": re.compile("YES|NO"),
}


@dataclass(frozen=True, eq=False, repr=False)
class FilmHeader:
    """A film's header as far as its objects need it.

    Attributes:
        transfer_syntax: the UID that the file declares; empty where it declares none.
        pixel_bytes: about how many bytes the pixels take in the file.
        values: keyword → the value's bytes as they stand there; of a sequence that has items none.
    """

    transfer_syntax: str
    pixel_bytes: int
    values: Mapping[str, bytes]

    def text(self, keyword: str) -> str:
        """Return a value of ASCII without outer blanks; an empty one where it is absent or holds other letters."""
        try:
            return self.values.get(keyword, b"").decode("ascii").strip("\0 ")
        except UnicodeDecodeError:
            return ""

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return several such values; none where all are empty."""
        found = tuple(part.strip() for part in self.text(keyword).split("\\"))
        return found if any(found) else ()

    def code(self, keyword: str) -> str:
        """Return a code string; an empty one where it is none by its VR."""
        text = self.text(keyword)
        return text if _CS.fullmatch(text) else ""

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return the numbers of a decimal string; none where one of them is no finite number."""
        found = self.texts(keyword)
        numbers = tuple(map(float, found)) if all(map(_DS.fullmatch, found)) else ()
        return numbers if all(map(math.isfinite, numbers)) else ()

    def whole(self, keyword: str) -> int:
        """Return an unsigned number of 16 bits; 0 where there is none."""
        return int.from_bytes(self.values.get(keyword, b"")[:2], "little")

    def uid(self, keyword: str) -> str:
        """Return a UID.

        Raises:
            ExportError: if there is none that is one.
        """
        text = self.text(keyword)
        if len(text) > _MOST_UID or not _UID.fullmatch(text):
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", keyword)
            raise ExportError(
                f"The film's header has no valid {words}, so no DICOM object can be put into its study. "
                "Fetch the film from the archive again."
            )
        return text

    def copied(self) -> dict[str, bytes]:
        """Return what every object carries of it: keyword → bytes of an even length."""
        found = {name: self.values[name] for name in COPIED if name in self.values}
        kept = {name: value for name, value in found.items() if name not in _FORMS or self._has_form(name)}
        return {
            name: value + (b"\0" if COPIED[name][1] == "UI" else b" ") * (len(value) % 2)
            for name, value in kept.items()
        }

    def _has_form(self, keyword: str) -> bool:
        text = self.text(keyword)
        return not text or bool(_FORMS[keyword].fullmatch(text))


def read_header(data: bytes) -> FilmHeader:
    """Read a film's header from its file's bytes.

    Raises:
        ExportError: if it cannot be read.
    """
    try:
        found = _children.ask(data, _believed)
    except ChildError:
        raise ExportError(
            "The film's header could not be read for its DICOM objects. Export or copy the film again."
        ) from None
    if isinstance(found, str):
        raise ExportError(found)
    return found


def _believed(head: bytes, length: int, read: Callable[[memoryview], None]) -> FilmHeader | str:
    """Take a message of the child, which has just read a stranger's file, for what it may be and no more."""
    try:
        message: Any = json.loads(head)
        if length or not isinstance(message, dict):
            raise Died
        if message.keys() == {"refused"} and isinstance(message["refused"], str):
            return message["refused"][:1000]
        syntax, pixels, values = message["transfer_syntax"], message["pixels"], message["values"]
        if not (
            isinstance(syntax, str)
            and type(pixels) is int
            and isinstance(values, dict)
            and values.keys() <= READ.keys()
        ):
            raise Died
        taken = {name: bytes.fromhex(value) for name, value in values.items()}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Died from None
    if any(len(value) > MOST_BYTES for value in taken.values()):
        raise Died
    return FilmHeader(syntax if _UID.fullmatch(syntax) else "", max(0, pixels), taken)
