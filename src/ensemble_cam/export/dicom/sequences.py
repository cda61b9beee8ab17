"""A sequence of a film's header as its objects carry it: the same items, in explicit little endian, with all lengths.

Texts stay the bytes that they are, whatever their character set. Only the child that reads headers does this: what
stands in a stranger's file is taken apart here. Source: DICOM PS3.5 7.1 (elements) and 7.5 (sequences).
"""

import struct
from collections.abc import Iterator

from pydicom.datadict import dictionary_VR

from ensemble_cam.film.dicom.elements import UNDEFINED, Element

_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_MOST_DEEP = 8
_MOST_SHORT = 2**16 - 2


class _Broken(Exception):
    """It cannot be taken apart."""


def as_explicit(element: Element) -> bytes | None:
    """Return a sequence's value in explicit little endian, without private elements; None where it cannot be had.

    A film in big endian, which was retired in 2004, has none.
    """
    if element.encoding.big_endian:
        return None
    try:
        return _Reader(element.value, implicit=element.encoding.implicit).sequence(len(element.value), 0)
    except (_Broken, struct.error):
        return None


class _Reader:
    def __init__(self, data: memoryview, *, implicit: bool):
        self._data, self._implicit, self._at = data, implicit, 0

    def sequence(self, end: int, depth: int, *, delimited: bool | None = None) -> bytes:
        """Return the items from here to `end`, or to the delimiter before it.

        Args:
            end: where it ends at the latest.
            depth: of how many others it is in.
            delimited: whether a delimiter ends it; None where one may.
        """
        if depth > _MOST_DEEP or end > len(self._data):
            raise _Broken
        items, ended = [], False
        while self._at < end and not ended:
            tag, length = self._tag(), self._number("<I")
            ended = tag == _SEQUENCE_END and delimited is not False
            if ended:
                continue
            if tag != _ITEM:
                raise _Broken
            stop = end if length == UNDEFINED else self._at + length
            item = b"".join(self._elements(stop, depth, delimited=length == UNDEFINED))
            items.append(struct.pack("<HHI", *_ITEM, len(item)) + item)
        if self._at > end or (delimited and not ended):
            raise _Broken
        return b"".join(items)

    def _elements(self, end: int, depth: int, *, delimited: bool) -> Iterator[bytes]:
        if end > len(self._data):
            raise _Broken
        while self._at < end:
            tag = self._tag()
            if tag == _ITEM_END and delimited:
                self._number("<I")
                return
            vr, length = self._kind(tag)
            undefined = length == UNDEFINED
            if vr == b"SQ" or undefined:
                last = end if undefined else self._at + length
                vr, value = b"SQ", self.sequence(last, depth + 1, delimited=undefined)
            else:
                value = self._take(length)
            if tag[0] % 2 == 0 and tag[1]:  # neither private nor a group's length
                yield _written(tag, vr, value)
        if delimited or self._at != end:
            raise _Broken

    def _kind(self, tag: tuple[int, int]) -> tuple[bytes, int]:
        if self._implicit:
            try:
                vr = dictionary_VR(tag[0] << 16 | tag[1])[:2].encode()  # of "US or SS" the first
            except KeyError:
                vr = b"UN"
            return vr, self._number("<I")
        vr = self._take(2)
        if not (vr.isalpha() and vr.isupper()):
            raise _Broken
        if vr in _LONG:
            self._take(2)
            return vr, self._number("<I")
        return vr, self._number("<H")

    def _tag(self) -> tuple[int, int]:
        group, element = struct.unpack("<HH", self._take(4))
        return group, element

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def _take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise _Broken
        self._at += count
        return bytes(self._data[self._at - count : self._at])


def _written(tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
    value += (b"\0" if vr in (b"UI", b"OB", b"UN") else b" ") * (len(value) % 2)
    if vr in _LONG:
        return struct.pack("<HH2s2xI", *tag, vr, len(value)) + value
    if len(value) > _MOST_SHORT:
        raise _Broken
    return struct.pack("<HH2sH", *tag, vr, len(value)) + value
