"""A DICOM file: with or without preamble and File Meta Information, deflated or not, and written as it declares or not.

Source: DICOM PS3.10 chapter 7 (file), PS3.5 annex A (transfer syntaxes).
"""

import zlib
from collections.abc import Collection
from dataclasses import dataclass

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.dicom.elements import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    Element,
    Encoding,
    PixelData,
    Walk,
    coherent,
    not_a_film,
    told_encoding,
)
from ensemble_cam.film.dicom.header import ATTRIBUTES, Header, image_size
from ensemble_cam.film.intake import check_size

DEFLATED = "1.2.840.10008.1.2.1.99"

_ENCODINGS = {"1.2.840.10008.1.2": IMPLICIT, "1.2.840.10008.1.2.2": BIG_ENDIAN}  # any other is explicit little endian
_PREFIX = b"DICM"
_PREAMBLE_BYTES = 128
_META, _FIRST = b"\x02\0", (b"\x08\0", b"\0\x08")  # groups 0002, and 0008 in both byte orders
_MAX_DEFLATED_HEADER = 16 * 2**20


@dataclass(frozen=True, eq=False, repr=False)
class DicomFile:
    """What a DICOM file holds of a film.

    Attributes:
        transfer_syntax: the UID that it declares, empty where it declares none.
        media_class: the SOP class by the File Meta Information, a UID; empty where there is none.
        encoding: how the elements are written, whatever the transfer syntax says.
        deflated: the dataset was deflated.
        header: the attributes that are read, and none besides.
        pixels: the value of PixelData; none where there is none.
    """

    transfer_syntax: str
    media_class: str
    encoding: Encoding
    deflated: bool
    header: Header
    pixels: PixelData | None


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins so is a DICOM file: by its prefix, or by elements that follow each other.

    Without preamble it begins with its File Meta Information, without that one with its dataset.

    Args:
        head: its first 132 bytes or more; some hundred tell files without preamble from others.
    """
    if head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == _PREFIX:
        return True
    start = _begin(head)
    if head[start : start + 2] == _META:
        return coherent(head, start, EXPLICIT) >= 2
    if head[start : start + 2] not in _FIRST:
        return False
    return any(coherent(head, start, encoding) >= 2 for encoding in (EXPLICIT, IMPLICIT, BIG_ENDIAN))


def parse_dicom(data: bytes) -> DicomFile:
    """Find the attributes that are read, and the pixels.

    Raises:
        RadiographError: if the file is truncated, broken, or made of more elements than a film has.
    """
    transfer_syntax, media_class, start = _begun(data)
    deflated = _is_deflated(data, start, transfer_syntax)
    if deflated:
        encoding, header, pixels = _inflated(memoryview(data)[start:])
    else:
        walk = Walk(data, start, _encoding(data, start, transfer_syntax))
        encoding = walk.encoding
        found, pixel_element = walk.elements(ATTRIBUTES.keys())
        header = Header(found)
        pixels = walk.pixels(*pixel_element) if pixel_element else None
    return DicomFile(transfer_syntax, media_class, encoding, deflated, header, pixels)


def find_elements(data: bytes, wanted: Collection[int]) -> tuple[str, dict[int, Element], int]:
    """Return the transfer syntax, those of the wanted elements that are there, and about how many bytes the pixels are.

    Raises:
        RadiographError: if the file is truncated, broken, or made of more elements than a film has.
    """
    transfer_syntax, _, start = _begun(data)
    if not _is_deflated(data, start, transfer_syntax):
        walk = Walk(data, start, _encoding(data, start, transfer_syntax))
        return transfer_syntax, walk.elements(wanted)[0], len(data) - walk.position
    try:
        head = zlib.decompressobj(-zlib.MAX_WBITS).decompress(memoryview(data)[start:], _MAX_DEFLATED_HEADER)
    except zlib.error:
        raise _not_deflated() from None
    found, _ = Walk(head, 0, told_encoding(head, 0, EXPLICIT)).elements(wanted)
    return transfer_syntax, found, len(data) - start


def _begun(data: bytes) -> tuple[str, str, int]:
    """Return transfer syntax and SOP class by the File Meta Information, and where the dataset begins."""
    meta = Walk(data, _begin(data), EXPLICIT)
    return *_file_meta(meta), meta.position


def _is_deflated(data: bytes, start: int, transfer_syntax: str) -> bool:
    return transfer_syntax == DEFLATED and coherent(data, start, EXPLICIT) < 2


def _encoding(data: bytes, start: int, transfer_syntax: str) -> Encoding:
    return told_encoding(data, start, _ENCODINGS.get(transfer_syntax, EXPLICIT) if transfer_syntax else None)


def _begin(data: bytes) -> int:
    """Return where the File Meta Information begins, or the dataset of a file without one."""
    if data[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == _PREFIX:
        return _PREAMBLE_BYTES + 4
    return 4 if data[:4] == _PREFIX else 0


def _file_meta(walk: Walk) -> tuple[str, str]:
    """Return transfer syntax and SOP class by the File Meta Information, and stop where the dataset begins."""
    uids = {0x00020010: "", 0x00020002: ""}
    # The dataset behind it has an encoding of its own, so its first group is looked at before anything is read.
    while walk.data[walk.position : walk.position + 2] == _META:
        tag, _, length = walk.next_header(implicit=False)
        value = walk.take(length)
        if tag in uids:
            uids[tag] = bytes(value).decode("ascii", "replace").strip("\0 \t\r\n")
    transfer_syntax, media_class = uids.values()
    return transfer_syntax, media_class


def _inflated(data: memoryview) -> tuple[Encoding, Header, PixelData | None]:
    """Unpack a deflated dataset (PS3.5 A.5): the header, and then no more pixels than it declares."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        head = inflater.decompress(data, _MAX_DEFLATED_HEADER)
        walk = Walk(head, 0, told_encoding(head, 0, EXPLICIT))
        try:
            found, pixel_element = walk.elements(ATTRIBUTES.keys())
        except RadiographError:
            if inflater.unconsumed_tail:
                raise not_a_film() from None
            raise
        header = Header(found)
        if pixel_element is None:
            if inflater.unconsumed_tail:
                raise not_a_film()
            return walk.encoding, header, None
        vr, length = pixel_element
        if length == UNDEFINED:
            raise RadiographError(
                "The DICOM file is deflated and compressed at once. Convert it to uncompressed explicit little endian."
            )
        wanted = min(length, _declared_bytes(header))
        missing = wanted - (len(head) - walk.position)
        if missing > 0:
            head += inflater.decompress(inflater.unconsumed_tail, missing)
            walk.data = head
        return walk.encoding, header, walk.pixels(vr, wanted)
    except zlib.error:
        raise _not_deflated() from None


def _not_deflated() -> RadiographError:
    return RadiographError(
        "The DICOM file is declared as deflated and cannot be unpacked. Export or copy the film again."
    )


def _declared_bytes(header: Header) -> int:
    """Return how many bytes of uncompressed pixels a header declares.

    Raises:
        RadiographError: if it is too large or too small for a film.
    """
    size = image_size(header)
    if size is None:
        return 0
    rows, columns = size
    check_size(columns, rows)
    samples, bits = header.integer("SamplesPerPixel") or 1, header.integer("BitsAllocated") or 8
    return max(0, rows * columns * min(samples, 3) * (min(bits, 16) // 8))
