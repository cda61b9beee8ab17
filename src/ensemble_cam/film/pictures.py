"""PNG, JPEG, TIFF and BMP bytes → one channel of stored pixels, upright.

torchxrayvision reads the first channel of a picture (`img[:, :, 0]`), so that one is kept, for the screen too. It alone
is held whole beside what Pillow decodes, which has 8 bits a sample.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ensemble_cam.errors import RadiographError
from ensemble_cam.film import tiff
from ensemble_cam.film.greyscale import domain, histogram, stretch, used_range
from ensemble_cam.film.intake import DECODER_FAILURES, StoredFilm, check_size, phantom_facts, silence
from ensemble_cam.film.picture_headers import (
    bmp_not_read,
    jpeg_has_more_scans,
    jpeg_not_read,
    jpeg_pixel_aspect,
    png_bits,
    png_grey_and_alpha_as_bytes,
    png_is_grey_with_alpha,
    png_not_read,
    png_pixel_aspect,
    png_significant_bits,
)
from ensemble_cam.film.proportions import true_size

_ORIENTATION = 0x0112  # EXIF 2.3: Orientation

_MODES_8_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"}
_MODES_16_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}
_CONVERTED = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB"}
_MAX_SCANS = 100  # encoders write about ten

_COLOUR_TOLERANCE = 12  # counts of 255: JPEG's chroma rounding and subsampling stay below, a tinted picture does not
_BLOCK = 2**20  # pixels


def read_picture(data: bytes, *, kind: str) -> StoredFilm:
    """Decode a picture whose content is of `kind`: "PNG", "JPEG", "TIFF" or "BMP".

    Grey of fewer than 8 bits is expanded to 8 (black 0, white 255). Pixels are turned upright by the EXIF orientation.
    Of a JPEG with previews or further views (MPO), and of a TIFF with previews, the main picture is read.

    The pixels' aspect is what TIFF's two resolutions, PNG's pHYs and JFIF's densities say where they differ, whatever
    their unit; BMP's are mere hints to printers.

    Raises:
        RadiographError: if it is broken, truncated, animated, of several pages, too large or too small, or of a colour
            model, depth or compression that is not read; the message says which.
    """
    with silence():
        return _read(data, kind)


def _read(data: bytes, kind: str) -> StoredFilm:
    page = tiff.main_page(data) if kind == "TIFF" else None
    if page is not None:
        data = tiff.for_pillow(page, data)
    _refuse_what_is_not_read(data, kind, page)
    image = _open(data, kind, page)
    check_size(*image.size, slowness=page.slowness if page else 1.0)
    if kind == "PNG" and getattr(image, "is_animated", False):
        raise RadiographError("The PNG file holds several pictures. Save the one to be reviewed by itself.")
    orientation = _orientation(image, kind)
    aspect = _pixel_aspect(image, data, kind, page)
    true_size(*image.size, aspect)  # before it is decoded
    # Pillow has read the text chunks with the rest, each to 1 MiB unpacked and no further.
    origin = phantom_facts(image.info.get("Software")) if kind == "PNG" else {}
    depth = 16 if (png_bits(data) if kind == "PNG" else page.bits if page else 8) > 8 else 8
    channel = _decode(image, data, kind, depth, page)
    pixels = np.ascontiguousarray(_upright(channel.pixels, orientation))

    highest = 2**depth - 1
    counts = histogram(pixels)
    used = used_range(counts, domain(pixels.dtype))
    declared = page.highest if page else _declared_highest(data, used, kind, depth)
    facts = {"Kind": f"{depth}-bit picture, {'colour' if channel.several else 'grey'}"}
    if declared != highest:
        facts["Values"] = f"0–{declared}, as the file declares"
    if orientation != 1:
        facts["Orientation"] = "turned upright, as the file declares"
    if image.format == "MPO" or (page is not None and page.among_others):
        facts["Read"] = "the main picture; the file holds others beside it"
    return StoredFilm(
        format=kind,
        bits=declared.bit_length(),
        pixels=pixels,
        declared=(0, declared),
        shown=stretch(domain(pixels.dtype), 0, declared),
        used=used,
        pixel_aspect=1 / aspect if orientation >= 5 else aspect,
        phantom=bool(origin),
        facts=facts | origin,
        warnings=channel.warnings,
    )


def _refuse_what_is_not_read(data: bytes, kind: str, page: tiff.Page | None) -> None:
    if page is not None:
        reason = page.not_read()
    else:
        reason = {"PNG": png_not_read, "JPEG": jpeg_not_read, "BMP": bmp_not_read}[kind](data)
    if reason is not None:
        raise _not_read(kind, reason)


def _open(data: bytes, kind: str, page: tiff.Page | None) -> Image.Image:
    if kind == "JPEG" and jpeg_has_more_scans(data, _MAX_SCANS):
        # Each scan of a progressive JPEG costs a pass over the whole film.
        raise RadiographError(
            f"The JPEG file is broken or made of more than {_MAX_SCANS} scans. Export the film again as a plain JPEG."
        )
    try:
        if kind == "PNG":
            # Loading a PNG does not look at the checksums of its pixels; verifying does.
            Image.open(io.BytesIO(data), formats=[kind]).verify()
        return Image.open(io.BytesIO(data), formats=[kind])
    except Image.DecompressionBombError:
        raise RadiographError("The film claims far more than 64 megapixels. Export it smaller.") from None
    except DECODER_FAILURES as error:
        if page is not None:  # its directory is whole, and Pillow reads no pixel before it has opened the file
            raise _not_read(kind, f"is of a kind that is not read ({page.kind})") from None
        if str(error).startswith("Unsupported BMP"):  # compression, depth or colour masks
            raise _not_read(kind, "is of a kind that is not read") from None
        raise _broken(kind) from None


def _not_read(kind: str, reason: str) -> RadiographError:
    return RadiographError(f"The {kind} file {reason}. Save the film as a PNG or TIFF of 8- or 16-bit grey.")


def _broken(kind: str) -> RadiographError:
    return RadiographError(f"The {kind} file is broken or ends too early. Export or copy the film again.")


def _orientation(image: Image.Image, kind: str) -> int:
    if kind == "TIFF":
        return 1  # Pillow turns a TIFF upright itself
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except DECODER_FAILURES:
        orientation = 1  # an unreadable EXIF block declares nothing
    return orientation if orientation in range(1, 9) else 1


def _pixel_aspect(image: Image.Image, data: bytes, kind: str, page: tiff.Page | None) -> float:
    if page is not None:
        return page.pixel_aspect
    if kind == "PNG":
        return png_pixel_aspect(data)
    return jpeg_pixel_aspect(image.info.get("jfif_density")) if kind == "JPEG" else 1.0


@dataclass(frozen=True, eq=False)
class _Channel:
    """The first channel of a picture.

    Attributes:
        pixels: (h, w) uint8 or uint16.
        several: the picture has more than this one.
        warnings: one plain sentence each, of what the others hold.
    """

    pixels: np.ndarray
    several: bool = False
    warnings: tuple[str, ...] = ()


def _decode(image: Image.Image, data: bytes, kind: str, depth: int, page: tiff.Page | None) -> _Channel:
    try:
        image.load()  # raises on a truncated file
        if image.mode in _MODES_16_BIT:
            pixels = np.empty((image.height, image.width), np.uint16)
            for rows, block in _blocks(image):
                # Pillow inverts 8-bit pictures only.
                pixels[rows] = page.highest - block if page is not None and page.white_is_zero else block
            return _Channel(pixels)
        if image.mode not in _MODES_8_BIT:
            raise _not_read(kind, "is in colours of a kind that is not read")
        return _first_channel(image) if depth == 8 else _first_of_16_bits(image, data)
    except DECODER_FAILURES:
        raise _broken(kind) from None


def _blocks(image: Image.Image) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield rows, and their pixels as (n, w) or (n, w, c): a whole picture as an array would take its memory twice."""
    step = max(1, _BLOCK // image.width)
    mode = _CONVERTED.get(image.mode)
    if image.mode == "P":
        mode = "RGBA" if "transparency" in image.info else "RGB"
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        block = image.crop((0, top, image.width, bottom))
        yield slice(top, bottom), np.asarray(block if mode is None else block.convert(mode))


def _first_channel(image: Image.Image) -> _Channel:
    pixels = np.empty((image.height, image.width), np.uint8)
    others = _Others()
    for rows, block in _blocks(image):
        others.see(block)
        pixels[rows] = block if block.ndim == 2 else block[..., 0]
    return _Channel(pixels, others.several, others.warnings)


def _first_of_16_bits(image: Image.Image, data: bytes) -> _Channel:
    """Return the first channel of a PNG of several, 16 bits each, of which Pillow keeps the upper 8.

    Read once more as if their bytes lay the other way round, the lower 8 are kept.
    """
    pixels = np.empty((image.height, image.width), np.uint16)
    others = _Others()
    if png_is_grey_with_alpha(data):
        image.close()
        bytes_apart = Image.open(io.BytesIO(png_grey_and_alpha_as_bytes(data)), formats=["PNG"])
        for rows, block in _blocks(bytes_apart):
            others.see(block[..., [0, 2]])
            others.see(block[..., [0, 3]])
            pixels[rows] = block[..., 0] * np.uint16(256) + block[..., 1]
        return _Channel(pixels, others.several, others.warnings)
    for rows, block in _blocks(image):
        others.see(block)
        pixels[rows] = block[..., 0] * np.uint16(256)
    image.close()
    lower = Image.open(io.BytesIO(data), formats=["PNG"])
    lower.tile = [tile._replace(args=f"{lower.mode};16L") for tile in lower.tile]
    for rows, block in _blocks(lower):
        others.see_alpha(block)
        pixels[rows] |= block[..., 0]
    return _Channel(pixels, others.several, others.warnings)


class _Others:
    """What the channels behind the first hold, seen block by block."""

    def __init__(self) -> None:
        self.several = self._coloured = self._transparent = False

    def see(self, block: np.ndarray) -> None:
        """Look at uint8: (n, w) for grey alone, else (n, w, c); c is 2 for grey, 4 for RGB with alpha, 3 for RGB."""
        if block.ndim == 2:
            return
        self.several = True
        self.see_alpha(block)
        if block.shape[2] >= 3 and not self._coloured:
            red, green, blue = (block[..., place].astype(np.int16) for place in range(3))
            apart = max(np.abs(red - green).max(), np.abs(red - blue).max())
            self._coloured = bool(apart > _COLOUR_TOLERANCE)

    def see_alpha(self, block: np.ndarray) -> None:
        """Look at (n, w, c) uint8 for transparency alone."""
        if block.shape[2] in (2, 4) and not self._transparent:
            self._transparent = bool(block[..., -1].min() < 255)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One plain sentence each."""
        found = []
        if self._coloured:
            found.append(
                "This is a colour picture: the networks read its red channel, as torchxrayvision does, and the screen "
                "shows the same channel."
            )
        if self._transparent:
            found.append("The picture is partly transparent; its transparency is ignored.")
        return tuple(found)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation 1–8 (EXIF 2.3, 4.6.4 A: where row 0 and column 0 of the stored picture lie)."""
    if orientation >= 5:  # row 0 is the left or the right side
        pixels = pixels.T
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _declared_highest(data: bytes, used: tuple[int, int], kind: str, depth: int) -> int:
    """Return the highest value that the file allows for: all of its 8 or 16 bits, or fewer by a PNG's sBIT chunk.

    An encoder that keeps to the standard scales 12 significant bits up to 16 (PNG 1.2, 11.3.2.4 and 13.12); others
    store them as they are, and then the film uses no value beyond them.
    """
    highest = 2**depth - 1
    significant = png_significant_bits(data) if kind == "PNG" and depth == 16 else None
    if significant is None or not 8 <= significant < depth or used[1] >= 2**significant:
        return highest
    return 2**significant - 1
