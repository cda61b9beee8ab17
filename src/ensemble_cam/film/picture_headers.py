"""What the headers of PNG, JPEG and BMP files declare beyond what Pillow tells of them.

A reason why a picture is not read is the half of a sentence that begins with "The PNG file". Sources: PNG 1.2; JPEG
(ITU-T T.81) B.1.1.3 for the markers and B.2.2 for the frame header, JFIF 1.02; Windows' BITMAPINFOHEADER.
"""

import re
import struct
import zlib
from collections.abc import Iterator

_PNG_CHUNKS = 8  # where they begin, behind the signature
_MOST_TEXT = 2**20  # bytes that Pillow unpacks of a text
_TEXTS = (b"zTXt", b"iTXt", b"iCCP")

_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_LOSSLESS, _HIERARCHICAL = {0xC3, 0xC7, 0xCB, 0xCF}, {0xC5, 0xC6, 0xCD, 0xCE}
_JPEG_LS = 0xF7
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # neither a stuffed byte of a scan nor a restart within it
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN = 0xD8, 0xD9, 0xDA

_BMP_DEPTHS = (1, 4, 8, 16, 24, 32)
_BMP_COMPRESSIONS = {4: "JPEG", 5: "PNG", 11: "no method, for CMYK", 12: "RLE, for CMYK", 13: "RLE, for CMYK"}


def png_bits(data: bytes) -> int:
    """Return the bits of a sample; IHDR follows the signature: length, type, width, height, depth (11.2.2)."""
    return data[24] if len(data) > 24 else 8


def png_is_grey_with_alpha(data: bytes) -> bool:
    """Tell whether a PNG has these two channels, by the colour type behind the depth."""
    return data[25:26] == b"\x04"


def png_significant_bits(data: bytes) -> int | None:
    """Return the first channel's bits by the sBIT chunk; None where there is none."""
    body = next((body for name, body in _chunks_before_pixels(data) if name == b"sBIT"), b"")
    return body[0] if 1 <= len(body) <= 4 else None


def png_pixel_aspect(data: bytes) -> float:
    """Return a pixel's height over its width by the pHYs chunk, whose unit may be unknown; 1 where there is none."""
    body = next((body for name, body in _chunks_before_pixels(data) if name == b"pHYs"), b"")
    if len(body) != 9:
        return 1.0
    across, down = struct.unpack(">II", body[:8])
    return across / down if across and down else 1.0


def png_not_read(data: bytes) -> str | None:
    """Return why a PNG is not read; None where only its decoder can know."""
    for name, body in _chunks_before_pixels(data):
        if name == b"CgBI":
            return "is of Apple's own kind for phones, which is not read"
        if name in _TEXTS and _unpacks_beyond(_compressed(name, bytes(body))):
            return f"carries a text or colour profile of more than {_MOST_TEXT >> 20} MB, and that is not unpacked"
    return None


def png_grey_and_alpha_as_bytes(data: bytes) -> bytes:
    """Return a PNG of grey and alpha, 16 bits each, as one of RGB with alpha, 8 bits each: their bytes one by one.

    Pixels of both are four bytes, so that rows and their filters mean the same.
    """
    header = data[12:24] + b"\x08\x06" + data[26:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def jpeg_not_read(data: bytes) -> str | None:
    """Return why a JPEG is not read; None where only its decoder can know."""
    marker, header = _jpeg_frame(data)
    if marker == _JPEG_LS:
        return "is compressed by JPEG-LS, which is read in DICOM alone"
    if marker in _LOSSLESS:
        return "is compressed by JPEG Lossless, which is read in DICOM alone"
    if marker in _HIERARCHICAL:
        return "is compressed by hierarchical JPEG, which is not read"
    if marker and len(header) >= 6:
        bits, components = header[0], header[5]
        if bits != 8:
            return f"has {bits} bits a sample, and this depth is not read"
        if components == 4:
            return "is in the colours of a printer (CMYK), and these are not read"
        if components not in (1, 3):
            return f"has {components} samples a pixel, and neither one nor three"
    return None


def jpeg_has_more_scans(data: bytes, most: int) -> bool:
    """Tell whether a JPEG has more scans than that, previews in its segments and what lies behind its end left out."""
    scans, position = 0, 2
    while found := _MARKER.search(data, position):
        marker, position = data[found.end() - 1], found.end()
        if marker == _START_OF_IMAGE:
            continue
        if marker == _END_OF_IMAGE:
            return False
        scans += marker == _START_OF_SCAN
        if scans > most:
            return True
        position += int.from_bytes(data[position : position + 2], "big")
    return False


def jpeg_pixel_aspect(density: tuple[int, int] | None) -> float:
    """Return a pixel's height over its width by JFIF's two densities, whatever their unit; 1 where they say nothing."""
    if density is None or not all(density):
        return 1.0
    return density[0] / density[1]


def bmp_not_read(data: bytes) -> str | None:
    """Return why a BMP is not read; None where only its decoder can know."""
    if len(data) < 34:
        return None
    (size,) = struct.unpack_from("<I", data, 14)
    if size < 40:  # OS/2's header has no compression
        return None
    bits, compression = struct.unpack_from("<HI", data, 28)
    if compression in _BMP_COMPRESSIONS:
        return f"is compressed by {_BMP_COMPRESSIONS[compression]}, which is not read"
    return None if bits in _BMP_DEPTHS else f"has {bits} bits a pixel, and this depth is not read"


def _chunks_before_pixels(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and body of each chunk before the pixels: there all stand that matter here (PNG 1.2, 5.6)."""
    position, whole = _PNG_CHUNKS, memoryview(data)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IDAT":
            return
        yield name, whole[position + 8 : position + 8 + length]
        position += 12 + length


def _compressed(name: bytes, body: bytes) -> bytes:
    """Return the compressed part of a text or profile chunk (PNG 1.2, 4.2.2.4 and 4.2.3); empty where it has none."""
    method_and_text = body.partition(b"\0")[2]  # behind the keyword
    if name != b"iTXt":
        return method_and_text[1:]
    if method_and_text[:1] != b"\1":
        return b""
    _language, _, rest = method_and_text[2:].partition(b"\0")
    return rest.partition(b"\0")[2]  # behind the translated keyword


def _unpacks_beyond(compressed: bytes) -> bool:
    """Tell whether zlib's data unpack to more than Pillow takes."""
    try:
        return len(zlib.decompressobj().decompress(compressed, _MOST_TEXT + 1)) > _MOST_TEXT
    except zlib.error:
        return False


def _jpeg_frame(data: bytes) -> tuple[int, bytes]:
    """Return the marker of a JPEG's frame and what follows its length; 0 where none is found."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF or marker in _BARE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES or marker == _JPEG_LS:
            return marker, data[position + 4 : position + 10]
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    return 0, b""
