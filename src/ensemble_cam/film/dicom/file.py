"""The elements of a DICOM file, found without reading what nobody asked for.

pydicom parses every sequence of undefined length, wanted or not: a file of a few megabytes can keep it busy for minutes
and fill the memory, and a truncated one comes back as an empty dataset. This walk steps over all elements but the
wanted ones, counts its steps, and notices where the file ends too early. pydicom then sees the wanted elements only, so
what the file says of a patient is never even parsed.

Source: DICOM PS3.5 chapter 7 (elements), 7.5 (sequences), A.4 (encapsulated pixels); PS3.10 chapter 7 (file).
"""

import io
import struct
from collections.abc import Collection
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from ensemble_cam.errors import RadiographError

_PREAMBLE_BYTES = 132  # with the prefix "DICM" (PS3.10 7.1)
_MAX_ELEMENTS = 100_000
_MAX_DEPTH = 32
_MAX_HEADER_BYTES = 4 * 2**20  # two look-up tables of 65,536 entries take 256 KiB

_PIXEL_DATA = 0x7FE00010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_SHORT_VRS = {
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS"),
    *(b"LO", b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"),
}

_IMPLICIT_LITTLE = "1.2.840.10008.1.2"
_EXPLICIT_BIG = "1.2.840.10008.1.2.2"
_DEFLATED = {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.8.1"}


@dataclass(frozen=True, eq=False, repr=False)
class DicomFile:
    """The wanted parts of a DICOM file.

    Attributes:
        transfer_syntax: its UID.
        media_class: the SOP class by the File Meta Information, a UID; empty where there is none.
        header: the wanted elements, and none besides.
        pixel_data: the value of PixelData as it stands in the file; none where there is none.
        frame: the encapsulated stream: all fragments joined; none for uncompressed pixels.
        pixel_words: PixelData has the VR OW; matters to 8-bit samples in big endian only.
        big_endian: the byte order of the header and of uncompressed pixels.
    """

    transfer_syntax: str
    media_class: str
    header: Dataset
    pixel_data: memoryview | None
    frame: bytes | None
    pixel_words: bool
    big_endian: bool


def parse_dicom(data: bytes, *, wanted: Collection[int]) -> DicomFile:
    """Find the `wanted` tags and the pixels.

    Raises:
        RadiographError: if the file is truncated, broken, deflated, or made of more elements than a film has.
        What pydicom raises on a broken value, later, when the header's values are read.
    """
    meta = _Walk(data, _PREAMBLE_BYTES, implicit=False, big_endian=False)
    transfer_syntax, media_class = meta.file_meta()
    if transfer_syntax in _DEFLATED:
        raise RadiographError(
            "The DICOM file is deflated, and such files are not unpacked. "
            "Convert it to uncompressed explicit little endian, e.g. with dcmconv."
        )
    implicit, big_endian = transfer_syntax == _IMPLICIT_LITTLE, transfer_syntax == _EXPLICIT_BIG
    walk = _Walk(data, meta.position, implicit=implicit, big_endian=big_endian)
    elements, (pixel_data, frame, pixel_words) = walk.dataset(frozenset(wanted))
    header = read_dataset(io.BytesIO(elements), is_implicit_VR=implicit, is_little_endian=not big_endian)
    return DicomFile(transfer_syntax, media_class, header, pixel_data, frame, pixel_words, big_endian)


class _Walk:
    """One pass over the elements of `data`, from byte `position` on."""

    def __init__(self, data: bytes, position: int, *, implicit: bool, big_endian: bool) -> None:
        self.data = data
        self.position = position
        self.implicit = implicit
        self.order = ">" if big_endian else "<"
        self.steps = 0

    def file_meta(self) -> tuple[str, str]:
        """Return transfer syntax and SOP class by the File Meta Information, and stop where the dataset begins."""
        uids = {0x00020010: "", 0x00020002: ""}
        # The dataset behind it has an encoding of its own, so its first group is looked at before anything is read.
        while self.data[self.position : self.position + 2] == b"\x02\0":
            tag, _, length = self.next_header(implicit=False)
            value = self.take(length)
            if tag in uids:
                uids[tag] = bytes(value).rstrip(b"\0 ").decode("ascii", "replace")
        transfer_syntax, media_class = uids.values()
        if not transfer_syntax:
            raise RadiographError("The DICOM file does not declare its transfer syntax. Export the film again.")
        return transfer_syntax, media_class

    def dataset(self, wanted: frozenset[int]) -> tuple[bytes, tuple[memoryview | None, bytes | None, bool]]:
        """Return the wanted elements' bytes in ascending order, and PixelData's value, joined fragments and VR."""
        found: dict[int, bytes] = {}
        while self.position < len(self.data):
            start = self.position
            tag, vr, length = self.next_header(implicit=self.implicit)
            if tag == _PIXEL_DATA:
                return self._joined(found), (*self.pixels(length), vr == b"OW")
            if length != _UNDEFINED:
                self.take(length)
            else:
                self.skip_sequence(implicit=self.implicit or vr == b"UN")  # PS3.5 6.2.2: UN holds implicit VR
            if tag in wanted:
                found[tag] = self.data[start : self.position]
        return self._joined(found), (None, None, False)

    def _joined(self, found: dict[int, bytes]) -> bytes:
        if sum(map(len, found.values())) > _MAX_HEADER_BYTES:
            raise _not_a_film()
        return b"".join(found[tag] for tag in sorted(found))

    def pixels(self, length: int) -> tuple[memoryview, bytes | None]:
        """Return PixelData's value, and its fragments joined where it is encapsulated (PS3.5 A.4)."""
        start = self.position
        if length != _UNDEFINED:
            return self.take(length), None
        fragments = []
        while True:
            tag, _, length = self.next_header(implicit=True)
            if tag == _SEQUENCE_END:
                break
            if tag != _ITEM or length == _UNDEFINED:
                raise _broken()
            fragments.append(self.take(length))
        value = memoryview(self.data)[start : self.position]
        return value, b"".join(fragments[1:])  # the first item is the offset table

    def skip_sequence(self, *, implicit: bool) -> None:
        """Step behind the end of a sequence of undefined length, whose own header was just read."""
        nested = [implicit]  # for each open sequence or item, whether its elements are implicit
        while nested:
            tag, vr, length = self.next_header(implicit=nested[-1])
            if tag in (_SEQUENCE_END, _ITEM_END):
                nested.pop()
            elif length != _UNDEFINED:
                self.take(length)
            elif len(nested) == _MAX_DEPTH:
                raise _not_a_film()
            else:
                nested.append(nested[-1] or vr == b"UN")

    def next_header(self, *, implicit: bool) -> tuple[int, bytes, int]:
        """Read an element's tag, VR (empty where implicit) and length."""
        self.steps += 1
        if self.steps > _MAX_ELEMENTS:
            raise _not_a_film()
        group, element = struct.unpack(self.order + "HH", self.take(4))
        tag = group << 16 | element
        if implicit or group == 0xFFFE:
            return tag, b"", struct.unpack(self.order + "I", self.take(4))[0]
        vr = bytes(self.take(2))
        if vr in _SHORT_VRS:
            return tag, vr, struct.unpack(self.order + "H", self.take(2))[0]
        if vr not in _LONG_VRS:
            raise _broken()
        self.take(2)
        return tag, vr, struct.unpack(self.order + "I", self.take(4))[0]

    def take(self, length: int) -> memoryview:
        """Return the next `length` bytes and step behind them."""
        end = self.position + length
        if end > len(self.data):
            raise RadiographError(
                "The DICOM file is truncated or broken: it ends too early. Export or copy the film again."
            )
        part = memoryview(self.data)[self.position : end]
        self.position = end
        return part


def _broken() -> RadiographError:
    return RadiographError(
        "The DICOM file is broken: its elements cannot be told apart. Export or copy the film again."
    )


def _not_a_film() -> RadiographError:
    return RadiographError(
        "The DICOM file's header is far larger than a film's. Export the film again, as a plain CR or DX image."
    )
