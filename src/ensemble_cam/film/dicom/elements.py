"""The elements of a DICOM dataset, told apart without reading what nobody asked for.

pydicom parses every sequence of undefined length, wanted or not: a file of a few megabytes can keep it busy for minutes
and fill the memory, and a truncated one comes back as an empty dataset. This walk steps over all elements but the
wanted ones, counts its steps, and notices where the file ends too early. What the file says of a patient is never
even parsed.

Writers err. An element whose VR is none, or whose length field has the size of another VR's, is stepped over by
whichever length leads to an element that can follow.

Source: DICOM PS3.5 chapter 7 (elements), 7.5 (sequences), A.4 (encapsulated pixels).
"""

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from ensemble_cam.errors import RadiographError

PIXEL_DATA = 0x7FE00010
UNDEFINED = 0xFFFFFFFF
_FLOATING_PIXELS = (0x7FE00008, 0x7FE00009)  # FloatPixelData and DoubleFloatPixelData (PS3.3 C.7.6.24 and 25)

_MAX_ELEMENTS = 100_000
_MAX_DEPTH = 32
_MAX_HEADER_BYTES = 4 * 2**20  # two look-up tables of 65,536 entries take 256 KiB

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_SHORT_VRS = {
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS"),
    *(b"LO", b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"),
}
_VRS = _LONG_VRS | _SHORT_VRS

_LOOKED_AT = 4  # elements, to tell how a dataset is written
_LONGEST_FIRST = 2**16  # bytes: no element at the head of a dataset is longer


@dataclass(frozen=True)
class Encoding:
    """How a dataset's elements are written (PS3.5 7.1 and 7.3)."""

    implicit: bool
    big_endian: bool = False

    @property
    def order(self) -> Literal["<", ">"]:
        """The byte order, as `struct` and numpy write it."""
        return ">" if self.big_endian else "<"


EXPLICIT, IMPLICIT, BIG_ENDIAN = Encoding(implicit=False), Encoding(implicit=True), Encoding(False, big_endian=True)


@dataclass(frozen=True, eq=False, repr=False)
class Element:
    """One element: its VR as the file writes it, empty where it writes none, and its value's bytes."""

    vr: bytes
    value: memoryview
    encoding: Encoding


@dataclass(frozen=True, eq=False, repr=False)
class PixelData:
    """The value of PixelData.

    Attributes:
        value: as it stands in the file.
        frame: the encapsulated stream, all fragments joined; none where the value is not made of fragments.
        words: its VR is OW; matters to 8-bit samples in big endian only.
    """

    value: memoryview
    frame: bytes | None
    words: bool


def told_encoding(data: bytes, position: int, declared: Encoding | None) -> Encoding:
    """Return how the dataset at `position` is written: as declared, unless its first elements say otherwise."""
    known = [EXPLICIT, IMPLICIT, BIG_ENDIAN]
    if declared is not None:
        known.sort(key=lambda encoding: encoding != declared)
    return max(known, key=lambda encoding: coherent(data, position, encoding))  # the first one of equals


def coherent(data: bytes, position: int, encoding: Encoding) -> int:
    """Count how many of the first elements at `position`, at most four, follow each other as a dataset's do."""
    previous = 0
    for count in range(_LOOKED_AT):
        if position == len(data):
            return _LOOKED_AT if count else 0
        if position + 8 > len(data):
            return count
        group, element = struct.unpack_from(encoding.order + "HH", data, position)
        tag = group << 16 | element
        vr = bytes(data[position + 4 : position + 6])
        if tag <= previous or not 2 <= group <= 0x7FE0 or not (encoding.implicit or vr in _VRS):
            return count
        if encoding.implicit:
            position, form = position + 8, (position + 4, "I")
        elif vr in _SHORT_VRS:
            position, form = position + 8, (position + 6, "H")
        elif position + 12 <= len(data):
            position, form = position + 12, (position + 8, "I")
        else:
            return count
        (length,) = struct.unpack_from(encoding.order + form[1], data, form[0])
        if tag == PIXEL_DATA or length == UNDEFINED:
            return count + 1
        if length > _LONGEST_FIRST:
            return count
        previous, position = tag, position + length
    return _LOOKED_AT


class Walk:
    """One pass over the elements of `data`, from byte `position` on."""

    def __init__(self, data: bytes | memoryview, position: int, encoding: Encoding) -> None:
        self.data = data
        self.position = position
        self.encoding = encoding
        self._order = encoding.order
        self._steps = 0

    def elements(
        self, wanted: Collection[int], *, in_item: bool = False
    ) -> tuple[dict[int, Element], tuple[bytes, int] | None]:
        """Return the wanted elements, and the VR and length of PixelData, behind whose own header the walk then stands.

        It ends there, at the end of the file or, in an item of undefined length, at its delimiter.

        Raises:
            RadiographError: where the elements cannot be told apart, end too early, or are more than a film has.
        """
        found: dict[int, Element] = {}
        size = 0
        while self.position < len(self.data):
            tag, vr, length = self.next_header(implicit=self.encoding.implicit)
            if tag == PIXEL_DATA:
                return found, (vr, length)
            if tag in _FLOATING_PIXELS:
                raise RadiographError(
                    "The DICOM file's pixels are floating-point numbers. Export the film with 8 to 16 bits stored."
                )
            if in_item and tag == _ITEM_END:
                break
            start = self.position
            if length != UNDEFINED:
                self.take(length)
            else:
                self._skip_sequence(implicit=self.encoding.implicit or vr == b"UN")  # PS3.5 6.2.2: UN holds implicit VR
            if tag in wanted:
                inside = Encoding(self.encoding.implicit or vr == b"UN", self.encoding.big_endian)
                found[tag] = Element(vr, memoryview(self.data)[start : self.position], inside)
                size += self.position - start
                if size > _MAX_HEADER_BYTES:
                    raise not_a_film()
        return found, None

    def first_item(self, wanted: Collection[int]) -> dict[int, Element] | None:
        """Return the wanted elements of the first item of the sequence that begins here; none where it has none."""
        if self.position == len(self.data):
            return None
        tag, _, length = self.next_header(implicit=True)
        if tag != _ITEM:
            return None
        if length != UNDEFINED:
            return Walk(self.take(length), 0, self.encoding).elements(wanted)[0]
        return self.elements(wanted, in_item=True)[0]

    def pixels(self, vr: bytes, length: int) -> PixelData:
        """Return PixelData's value, and its fragments joined where it is encapsulated (PS3.5 A.4)."""
        start = self.position
        if length != UNDEFINED:
            value = self.take(length)
            return PixelData(value, _enclosed(value), vr == b"OW")
        frame = b"".join(_without_offsets(list(self._fragments())))
        return PixelData(memoryview(self.data)[start : self.position], frame, vr == b"OW")

    def _fragments(self) -> Iterator[memoryview]:
        """Yield the items, the first of which is the offset table; the end of the file ends them, too."""
        while self.position < len(self.data):
            tag, _, length = self.next_header(implicit=True)
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM or length == UNDEFINED:
                raise RadiographError(
                    "The DICOM file's compressed image is broken: its fragments cannot be told apart. "
                    "Export or copy the film again."
                )
            yield self.take(length)

    def _skip_sequence(self, *, implicit: bool) -> None:
        """Step behind the end of a sequence of undefined length, whose own header was just read."""
        nested = [implicit]  # for each open sequence or item, whether its elements are implicit
        while nested:
            tag, vr, length = self.next_header(implicit=nested[-1])
            if tag in (_SEQUENCE_END, _ITEM_END):
                nested.pop()
            elif length != UNDEFINED:
                self.take(length)
            elif len(nested) == _MAX_DEPTH:
                raise not_a_film()
            else:
                nested.append(nested[-1] or vr == b"UN")

    def next_header(self, *, implicit: bool) -> tuple[int, bytes, int]:
        """Read an element's tag, VR (empty where there is none that is known) and length."""
        self._steps += 1
        if self._steps > _MAX_ELEMENTS:
            raise not_a_film()
        group, element = struct.unpack(self._order + "HH", self.take(4))
        tag = group << 16 | element
        if implicit or group == 0xFFFE:
            return tag, b"", struct.unpack(self._order + "I", self.take(4))[0]
        vr = bytes(self.take(2))
        if vr in _SHORT_VRS:
            return tag, vr, struct.unpack(self._order + "H", self.take(2))[0]
        if vr in _LONG_VRS:
            self.take(2)
            return tag, vr, struct.unpack(self._order + "I", self.take(4))[0]
        return tag, b"", self._length_without_vr(vr)

    def _length_without_vr(self, vr: bytes) -> int:
        """Return the length of an element whose VR is none, and step before its value.

        Two letters are a VR that is not known here, whose length PS3.5 7.1.2 writes in four bytes behind two zeros.
        Others wrote it in two, or the whole element in implicit VR. The first reading that leads to an element decides.
        """
        at = self.position  # behind the two bytes of the VR
        readings = [(at + 2, "I", 6), (at, "H", 2), (at - 2, "I", 2)]
        if not vr.isalpha() or bytes(self.data[at : at + 2]) != b"\0\0":
            readings = readings[1:]
        for start, form, size in readings:
            if start + struct.calcsize(form) > len(self.data):
                continue
            (length,) = struct.unpack_from(self._order + form, self.data, start)
            if length == UNDEFINED or self._leads_on(at + size + length):
                self.position = at + size
                return length
        raise RadiographError(
            "The DICOM file is broken: its elements cannot be told apart. Export or copy the film again."
        )

    def _leads_on(self, position: int) -> bool:
        """Tell whether an element begins at `position`, or the file ends there."""
        if position == len(self.data):
            return True
        if position + 8 > len(self.data):
            return False
        (group,) = struct.unpack_from(self._order + "H", self.data, position)
        return group == 0xFFFE or bytes(self.data[position + 4 : position + 6]) in _VRS

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


def _enclosed(value: memoryview) -> bytes | None:
    """Return the fragments of a value that declares its own length and holds items nevertheless; none of another."""
    first = struct.pack("<HH", _ITEM >> 16, _ITEM & 0xFFFF)
    if bytes(value[:4]) != first:
        return None
    try:
        return b"".join(_without_offsets(list(Walk(value, 0, EXPLICIT)._fragments())))
    except RadiographError:
        return None  # pixels may happen to begin so


def _without_offsets(fragments: list[memoryview]) -> list[memoryview]:
    """Leave out the offset table, unless a writer forgot it and a stream stands in its place."""
    forgotten = bool(fragments) and bytes(fragments[0][:2]) in (b"\xff\xd8", b"\xff\x4f")
    return fragments if forgotten else fragments[1:]


def not_a_film() -> RadiographError:
    """Return the refusal of a header of more or larger elements than a film's."""
    return RadiographError(
        "The DICOM file's header is far larger or deeper than a film's. "
        "Export the film again, as a plain CR or DX image."
    )
