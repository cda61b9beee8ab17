"""What a TIFF declares of its pages: which of them is the picture, and why it may not be one that is read.

Pillow names no reason for a TIFF that it cannot open, and opens its first page alone, be that a preview. So the few
tags that decide are read here first, and no pixel. Source: TIFF 6.0, sections 2 (structure) and 8 (baseline tags).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ensemble_cam.errors import RadiographError

_SUBFILE, _OLD_SUBFILE = 254, 255  # NewSubfileType, SubfileType
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _ORIENTATION, _SAMPLES, _X_RESOLUTION, _Y_RESOLUTION, _TILES, _FORMAT = 273, 274, 277, 282, 283, 324, 339
_WANTED = {
    *(_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC),
    *(_STRIPS, _ORIENTATION, _SAMPLES, _X_RESOLUTION, _Y_RESOLUTION, _TILES, _FORMAT),
}
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_OLD_REDUCED = 2
_TYPES = {1: "B", 3: "H", 4: "I", 5: "II"}  # BYTE, SHORT, LONG, RATIONAL
_MOST_PAGES, _MOST_VALUES = 100, 8

_GREY, _WHITE_IS_ZERO, _COLOUR = (0, 1), 0, (2, 3, 6)  # RGB, palette and YCbCr
_OTHER_COLOURS = {5: "the colours of a printer (CMYK)", 8: "Lab colours", 9: "Lab colours", 10: "Lab colours"}
_UNDEFINED = 4  # SampleFormat: the writer did not know
_FORMATS = {
    2: "holds numbers with a sign",
    3: "holds floating-point numbers",
    5: "holds complex numbers",
    6: "holds complex numbers",
}
_DEPTHS = (1, 2, 4, 8, 12, 16)
_LZMA = 34925
_COMPRESSIONS_READ = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, _LZMA, 50000}  # to Zstandard, as Pillow's libtiff has them
_SLOWNESS = {_LZMA: 6.0}
_COMPRESSIONS = {
    6: "JPEG in its old form",
    32809: "ThunderScan",
    34661: "JBIG",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG of a raw photograph",
    50001: "WebP",
    50002: "JPEG XL",
}


@dataclass(frozen=True)
class Page:
    """A page of a TIFF.

    Attributes:
        offset: where its directory lies in the file.
        tags: tag → its first few values, of those that matter here.
        among_others: the file has further pages.
    """

    offset: int
    tags: Mapping[int, tuple[int, ...]]
    among_others: bool = False

    def value(self, tag: int, default: int) -> int:
        """Return a tag's first value."""
        return (self.tags.get(tag) or (default,))[0]

    @property
    def has_pixels(self) -> bool:
        """Whether it says where its pixels lie."""
        return {_WIDTH, _HEIGHT} <= self.tags.keys() and not {_STRIPS, _TILES}.isdisjoint(self.tags)

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture of its own, neither a smaller copy of one nor its mask."""
        reduced = self.value(_SUBFILE, 0) & (_REDUCED | _MASK) or self.value(_OLD_SUBFILE, 0) == _OLD_REDUCED
        return not reduced

    @property
    def bits(self) -> int:
        """Bits of a sample."""
        return max(self.tags.get(_BITS) or (1,))

    @property
    def slowness(self) -> float:
        """How many times as long as others its pixels take to decode."""
        return _SLOWNESS.get(self.value(_COMPRESSION, 1), 1.0)

    @property
    def highest(self) -> int:
        """The highest value of a decoded sample: Pillow expands fewer than 8 bits to 8 and leaves 12 as they are."""
        return 2 ** max(8, self.bits) - 1

    @property
    def white_is_zero(self) -> bool:
        """Whether its lowest value is white."""
        return self.value(_PHOTOMETRIC, 1) == _WHITE_IS_ZERO

    @property
    def pixel_aspect(self) -> float:
        """A pixel's height over its width, as it lies in the file, turned upright; 1 where the file says nothing.

        Of the resolution's unit nothing is asked: TIFF 6.0 keeps "no absolute unit" for pixels that are not square.
        """
        across, down = (self.tags.get(tag, ()) for tag in (_X_RESOLUTION, _Y_RESOLUTION))
        if len(across) < 2 or len(down) < 2 or not all((*across[:2], *down[:2])):
            return 1.0
        aspect = (across[0] / across[1]) / (down[0] / down[1])
        return 1 / aspect if self.value(_ORIENTATION, 1) in range(5, 9) else aspect

    @property
    def kind(self) -> str:
        """What its pixels are, in a few words."""
        samples, photometric = self.value(_SAMPLES, 1), self.value(_PHOTOMETRIC, 1)
        return f"{samples} × {self.bits} bits a pixel, photometric interpretation {photometric}"

    def not_read(self) -> str | None:
        """Return why such a picture is not read, as the half of a sentence about its file; None where it is."""
        format, samples = self.value(_FORMAT, 1), self.value(_SAMPLES, 1)
        photometric, compression = self.value(_PHOTOMETRIC, 1), self.value(_COMPRESSION, 1)
        if format in _FORMATS:
            return f"{_FORMATS[format]}, and these are not read"
        if photometric in _OTHER_COLOURS:
            return f"is in {_OTHER_COLOURS[photometric]}, and these are not read"
        if photometric not in (*_GREY, *_COLOUR):
            return f"has the photometric interpretation {photometric}, which is not read"
        if self.bits not in _DEPTHS:
            return f"has {self.bits} bits a sample, and this depth is not read"
        if photometric in _COLOUR and self.bits > 8:
            return f"is in colour with {self.bits} bits a sample, a depth that is read in grey alone"
        if photometric in _GREY and samples > (2 if self.bits == 8 else 1):
            return f"has {samples} samples of {self.bits} bits a pixel, and grey is read from one"
        if compression not in _COMPRESSIONS_READ:
            name = _COMPRESSIONS.get(compression, f"the method {compression}")
            return f"is compressed by {name}, which is not read"
        return None


def main_page(data: bytes) -> Page:
    """Return the page of a TIFF that is its picture: the only one but for smaller copies and masks.

    Raises:
        RadiographError: if the file is broken, or has several pictures or none.
    """
    try:
        found = _pages(data)
    except struct.error:  # a directory lies beyond the end
        found = []
    if not found:
        raise RadiographError("The TIFF file is broken or ends too early. Export or copy the film again.")
    pictures = [page for page in found if page.is_picture]
    if len(found) == 1:
        return found[0]
    if len(pictures) > 1:
        raise RadiographError("The TIFF file holds several pictures. Save the one to be reviewed by itself.")
    if not pictures:
        raise RadiographError("The TIFF file holds previews alone, and no picture. Export the film at its full size.")
    return replace(pictures[0], among_others=True)


def for_pillow(page: Page, data: bytes) -> bytes:
    """Return the file as Pillow opens it: with this page as its first one, and more than 8 bits as if black were zero.

    Pillow knows white as zero with 16 bits in little endian only, and turns none of more than 8 bits round. Nor does it
    know samples of a format that their writer did not know, which are read as if nothing were said of it (section 19).
    """
    order = _order(data)
    (first,) = struct.unpack_from(f"{order}I", data, 4)
    if page.offset != first:
        data = data[:4] + struct.pack(f"{order}I", page.offset) + data[8:]
    if page.white_is_zero and page.bits > 8:
        data = _with_values(page, data, _PHOTOMETRIC, 1)
    if page.value(_FORMAT, 1) == _UNDEFINED:
        data = _with_values(page, data, _FORMAT, 1)
    return data


def _with_values(page: Page, data: bytes, tag: int, value: int) -> bytes:
    """Return the file with another value in every place of a page's tag, which it has."""
    order = _order(data)
    (count,) = struct.unpack_from(f"{order}H", data, page.offset)
    entries = range(page.offset + 2, page.offset + 2 + 12 * count, 12)
    entry = next(at for at in entries if struct.unpack_from(f"{order}H", data, at) == (tag,))
    layout, place = _values(data, entry, order)
    written = struct.pack(layout, *(value for _ in struct.unpack_from(layout, data, place)))
    return data[:place] + written + data[place + len(written) :]


def _order(data: bytes) -> str:
    return "<" if data[:2] == b"II" else ">"


def _pages(data: bytes) -> list[Page]:
    order = _order(data)
    (offset,) = struct.unpack_from(f"{order}I", data, 4)
    found: dict[int, Page] = {}
    while offset and offset not in found and len(found) < _MOST_PAGES:
        found[offset], offset = _page(data, offset, order)
    return [page for page in found.values() if page.has_pixels]


def _page(data: bytes, offset: int, order: str) -> tuple[Page, int]:
    """Return the page of a directory, and where the next directory lies, 0 for none."""
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    tags = {}
    for entry in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in _WANTED and kind in _TYPES:
            layout, place = _values(data, entry, order)
            tags[tag] = struct.unpack_from(layout, data, place)
    (following,) = struct.unpack_from(f"{order}I", data, offset + 2 + 12 * count)
    return Page(offset, tags), following


def _values(data: bytes, entry: int, order: str) -> tuple[str, int]:
    """Return how the first few values of a directory's entry lie, and where: within it, or where it says."""
    kind, count = struct.unpack_from(f"{order}HI", data, entry + 2)
    small = count * struct.calcsize(f"{order}{_TYPES[kind]}") <= 4
    place = entry + 8 if small else struct.unpack_from(f"{order}I", data, entry + 8)[0]
    return f"{order}{_TYPES[kind] * min(count, _MOST_VALUES)}", place
