"""PNG, JPEG, TIFF and BMP bytes → one channel of stored pixels, upright.

torchxrayvision reads the first channel of a picture (`img[:, :, 0]`), so that one is kept, for the screen too.
"""

import io
import struct
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.greyscale import domain, histogram, stretch, used_range
from ensemble_cam.film.intake import DECODER_FAILURES, StoredFilm, check_size, phantom_facts, silence

_ORIENTATION = 0x0112  # TIFF 6.0 and EXIF 2.3: Orientation
_PHOTOMETRIC = 0x0106  # TIFF 6.0: PhotometricInterpretation, 0 = WhiteIsZero
_BITS_PER_SAMPLE = 0x0102

_MODES_8_BIT = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"}
_MODES_16_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}
_START_OF_SCAN, _MAX_SCANS = b"\xff\xda", 100  # encoders write about ten

_COLOUR_TOLERANCE = 12  # counts of 255: JPEG's chroma rounding and subsampling stay below, a tinted picture does not


def read_picture(data: bytes, *, kind: str) -> StoredFilm:
    """Decode a picture whose content is of `kind`: "PNG", "JPEG", "TIFF" or "BMP".

    Grey of fewer than 8 bits is expanded to 8 (black 0, white 255). Pixels are turned upright by the EXIF orientation.

    Raises:
        RadiographError: if it is broken, truncated, animated, of several pages, too large or too small, or of a colour
            model or depth that has no grey reading.
    """
    with silence():
        return _read(data, kind)


def _read(data: bytes, kind: str) -> StoredFilm:
    image = _open(data, kind)
    check_size(*image.size)
    _refuse_several_pages(image, kind)
    depth = _depth(image, data, kind)
    orientation = _orientation(image, kind)
    channels = _decode(image, data, kind, depth)
    warnings = _channel_warnings(channels)
    pixels = channels[..., 0] if channels.ndim == 3 else channels
    pixels = np.ascontiguousarray(_upright(pixels, orientation))

    highest = 2**depth - 1
    declared = _tiff_highest(image) if kind == "TIFF" else _declared_highest(data, pixels, kind, depth)
    counts = histogram(pixels)
    used = used_range(counts, domain(pixels.dtype))
    facts = {"Kind": f"{depth}-bit picture, {'colour' if channels.ndim == 3 else 'grey'}"}
    if declared != highest:
        facts["Values"] = f"0–{declared}, as the file declares"
    if orientation != 1:
        facts["Orientation"] = "turned upright, as the file declares"
    # Pillow has read the text chunks with the rest, each to 1 MiB unpacked and no further.
    origin = phantom_facts(image.info.get("Software")) if kind == "PNG" else {}
    return StoredFilm(
        format=kind,
        bits=declared.bit_length(),
        pixels=pixels,
        declared=(0, declared),
        shown=stretch(domain(pixels.dtype), 0, declared),
        used=used,
        phantom=bool(origin),
        facts=facts | origin,
        warnings=warnings,
    )


def _open(data: bytes, kind: str) -> Image.Image:
    if kind == "JPEG" and data.count(_START_OF_SCAN) > _MAX_SCANS:
        raise _broken(kind)  # each scan of a progressive JPEG costs a pass over the whole film
    try:
        if kind == "PNG":
            # Loading a PNG does not look at the checksums of its pixels; verifying does.
            Image.open(io.BytesIO(data), formats=[kind]).verify()
        return Image.open(io.BytesIO(data), formats=[kind])
    except Image.DecompressionBombError:
        raise RadiographError("The film claims far more than 64 megapixels. Export it smaller.") from None
    except DECODER_FAILURES:
        raise _broken(kind) from None


def _broken(kind: str) -> RadiographError:
    return RadiographError(f"The {kind} file is broken or ends too early. Export or copy the film again.")


def _refuse_several_pages(image: Image.Image, kind: str) -> None:
    if getattr(image, "is_animated", False) or image.format == "MPO":
        raise RadiographError(f"The {kind} file holds several pictures. Save the one to be reviewed by itself.")


def _depth(image: Image.Image, data: bytes, kind: str) -> int:
    """Return 8 or 16, the bits of a decoded sample."""
    if kind == "PNG":
        declared = data[24]  # IHDR follows the signature: length, type, width, height, bit depth (PNG 1.2, 11.2.2)
    elif kind == "TIFF":
        declared = _tiff_bits(image)
    else:
        declared = 8
    if image.mode in _MODES_16_BIT or (kind == "PNG" and declared == 16):
        return 16
    if image.mode in _MODES_8_BIT and declared <= 8:
        return 8
    raise RadiographError(
        f"The {kind} file's colour model or sample depth is not read. Save the film as 8- or 16-bit grey."
    )


def _orientation(image: Image.Image, kind: str) -> int:
    if kind == "TIFF":
        return 1  # Pillow turns a TIFF upright itself
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except DECODER_FAILURES:
        orientation = 1  # an unreadable EXIF block declares nothing
    return orientation if orientation in range(1, 9) else 1


def _decode(image: Image.Image, data: bytes, kind: str, depth: int) -> np.ndarray:
    """Return (h, w) or (h, w, c) uint8 or uint16; c is 2 for grey with alpha, 3 for RGB, 4 for RGB with alpha."""
    try:
        image.load()  # raises on a truncated file, where cv2 would hand out what it has
        if image.mode in _MODES_16_BIT:
            grey = np.asarray(image).astype(np.uint16)
            white_is_zero = _tiff_tags(image).get(_PHOTOMETRIC) == 0  # Pillow inverts 8-bit ones only
            return _tiff_highest(image) - grey if white_is_zero else grey
        if depth == 16:  # Pillow has no 16-bit colour and drops the lower byte; "unchanged" leaves EXIF to us
            blue_first = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            if blue_first is None:
                raise _broken(kind)
            order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}[blue_first.shape[2]]
            return blue_first[..., order]
        if image.mode in ("P", "PA", "La", "RGBa", "RGBX"):
            target = {"P": "RGBA" if "transparency" in image.info else "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}
            image = image.convert(target.get(image.mode, "RGB"))
        elif image.mode == "1":
            image = image.convert("L")
        return np.asarray(image)
    except (cv2.error, *DECODER_FAILURES):
        raise _broken(kind) from None


def _channel_warnings(channels: np.ndarray) -> tuple[str, ...]:
    if channels.ndim == 2:
        return ()
    found = []
    count = channels.shape[2]
    highest = np.iinfo(channels.dtype).max
    if count >= 3:
        red, green, blue = (channels[..., i] for i in range(3))
        tolerance = _COLOUR_TOLERANCE * (highest // 255)
        if max(cv2.absdiff(red, green).max(), cv2.absdiff(red, blue).max()) > tolerance:
            found.append(
                "This is a colour picture: the networks read its red channel, as torchxrayvision does, and the screen "
                "shows the same channel."
            )
    if count in (2, 4) and channels[..., -1].min() < highest:
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


def _declared_highest(data: bytes, pixels: np.ndarray, kind: str, depth: int) -> int:
    """Return the highest value that the file allows for: all of its 8 or 16 bits, or fewer by a PNG's sBIT chunk.

    An encoder that keeps to the standard scales 12 significant bits up to 16 (PNG 1.2, 11.3.2.4 and 13.12); others
    store them as they are, and then no pixel exceeds them.
    """
    highest = 2**depth - 1
    significant = _significant_bits(data) if kind == "PNG" and depth == 16 else None
    if significant is None or not 8 <= significant < depth or pixels.max() >= 2**significant:
        return highest
    return 2**significant - 1


def _tiff_tags(image: Image.Image) -> Mapping[int, Any]:
    """Return the tags of a TIFF's first page; none of another picture."""
    return image.tag_v2 if isinstance(image, TiffImageFile) else {}


def _tiff_bits(image: Image.Image) -> int:
    return max(_tiff_tags(image).get(_BITS_PER_SAMPLE, (1,)))


def _tiff_highest(image: Image.Image) -> int:
    """Return the highest value of a decoded sample: Pillow expands fewer than 8 bits to 8 and leaves 12 as they are."""
    return 2 ** max(8, _tiff_bits(image)) - 1


def _significant_bits(data: bytes) -> int | None:
    """Return the first channel's bits by the sBIT chunk, which comes before the pixels; none where there is none."""
    position = 8
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"sBIT" and 1 <= length <= 4:
            return data[position + 8]
        if name == b"IDAT":
            return None
        position += 12 + length
    return None
