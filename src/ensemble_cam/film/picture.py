"""Pictures for any network: grey or in colours, as they are seen and as numbers from 0 to 1.

A file is first read as a film is, in a child process with its limits (`film.decoding`), which refuses what is broken or
too large. A film has one channel; where a picture is coloured its colours are then decoded here, by the same decoder.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.intake import DECODER_FAILURES, check_size, silence
from ensemble_cam.film.kinds import DICOM, kind_of
from ensemble_cam.film.radiograph import Radiograph

_SLACK = 1e-3  # of rounding, where a picture was scaled and is scaled back
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R 601-2, as Pillow's conversion to "L"
# In the warnings that a film's reader gives: what is true of the program's own networks alone.
_OF_OWN_NETWORKS = ("very small", "red channel")


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture for a network.

    Attributes:
        values: (h, w) grey or (h, w, 3) RGB; uint8, or float32 from 0 to 1 where it has more than 8 bits.
        sha256: of the file's bytes, or of an array's values, in hex.
        warnings: what has to be said of it, one plain sentence each.
        prepared: (channels, side, side) float32, what a network is to be shown in its place, where somebody else has
            resized and scaled it.
    """

    values: np.ndarray
    sha256: str
    warnings: tuple[str, ...] = ()
    prepared: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.values.shape[1], self.values.shape[0]

    @property
    def shown(self) -> np.ndarray:
        """The picture as it is seen, (h, w, 3) uint8 RGB."""
        eight = self.values if self.values.dtype == np.uint8 else np.rint(self.values * 255).astype(np.uint8)
        return np.repeat(eight[:, :, None], 3, axis=2) if eight.ndim == 2 else eight.copy()

    def resized(self, size: int, channels: int) -> np.ndarray:
        """Return the whole picture as a square, stretched, (channels, size, size) float32 from 0 to 1.

        It is resized as Pillow does, bilinear with antialiasing, and so as torchvision's `Resize((size, size))` does
        pictures. Grey is given to all channels alike, and colours become grey where the network has one channel.
        """
        if self.values.dtype == np.uint8:
            picture = Image.fromarray(self.values).convert("L" if channels == 1 else "RGB")
            small = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32) / 255
        else:
            grey = self.values.ndim == 2 or channels == 1
            values = self.values @ _GREY if grey and self.values.ndim == 3 else self.values
            layers = [values] if grey else [values[:, :, index] for index in range(3)]
            shrunk = [Image.fromarray(each).resize((size, size), Image.Resampling.BILINEAR) for each in layers]
            small = np.stack([np.asarray(each) for each in shrunk], axis=2)
        stack = small[None] if small.ndim == 2 else small.transpose(2, 0, 1)
        return np.array(np.broadcast_to(stack, (channels, size, size)), dtype=np.float32, order="C")


def picture_of_film(film: Radiograph) -> Picture:
    """Return a film as a picture: a DICOM as the screen shows it, others by their stored values."""
    if film.format == DICOM or film.bits <= 8:
        values = film.display
    else:
        values = (film.model + np.float32(1024)) / np.float32(2048)
    return Picture(values, film.sha256, _warnings(film))


def picture_of_file(film: Radiograph, data: bytes) -> Picture:
    """Return a file's picture in its colours, where it has any.

    Args:
        film: what the file was read to.
        data: the file's bytes.

    Raises:
        RadiographError: if its colours cannot be decoded.
    """
    if film.format not in ("PNG", "JPEG", "BMP") or not film.facts.get("Kind", "").endswith("colour"):
        return picture_of_film(film)
    try:
        with silence(), Image.open(io.BytesIO(data), formats=[kind_of(data)]) as image:
            colours = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except DECODER_FAILURES:
        raise RadiographError("The picture's colours cannot be decoded. Save it as a PNG of 8-bit RGB.") from None
    if (colours == colours[:, :, :1]).all():
        return picture_of_film(film)
    return Picture(colours, film.sha256, _warnings(film))


def _warnings(film: Radiograph) -> tuple[str, ...]:
    return tuple(each for each in film.warnings if not any(words in each for words in _OF_OWN_NETWORKS))


def picture_of_array(array: np.ndarray) -> Picture:
    """Return an array as a picture.

    Args:
        array: (h, w) grey or (h, w, 3) RGB: uint8, uint16, or floating from 0 to 1.

    Raises:
        RadiographError: if it is something else.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or 0 in array.shape:
        raise RadiographError(f"The array has the shape {array.shape}; a picture is (h, w) grey or (h, w, 3) RGB.")
    check_size(array.shape[1], array.shape[0])
    if array.dtype == np.uint8:
        values = array.copy()
    elif array.dtype == np.uint16:
        values = array.astype(np.float32) / np.float32(65535)
    elif array.dtype.kind == "f":
        values = array.astype(np.float32)
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise RadiographError(
                "The array holds values beyond 0 and 1. Hand over uint8, uint16, or floats from 0 to 1."
            )
    else:
        raise RadiographError(f"The array holds {array.dtype}; a picture is uint8, uint16, or floats from 0 to 1.")
    values.setflags(write=False)
    sha256 = hashlib.sha256(f"picture {values.shape} {values.dtype}\n".encode())
    sha256.update(np.ascontiguousarray(values).tobytes())
    return Picture(values, sha256.hexdigest())


def picture_of_prepared(values: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> Picture:
    """Return a picture that is ready for a network, as a data loader gives it; shown as it was before.

    Args:
        values: (channels, side, side) floating, what the network takes.
        mean: of each channel, or one, which was subtracted.
        std: likewise, which was divided by.

    Raises:
        RadiographError: if it is something else.
    """
    if (
        values.ndim != 3
        or values.shape[0] not in (1, 3)
        or values.shape[1] != values.shape[2]
        or values.dtype.kind != "f"
    ):
        raise RadiographError(
            f"The tensor has the shape {values.shape}, {values.dtype}; one picture for a network is (channels, side, "
            "side), floating."
        )
    if not np.isfinite(values).all():
        raise RadiographError("The tensor holds values that are no numbers. Check what prepared it.")
    given = values.astype(np.float32)
    before = given * np.array(std, np.float32)[:, None, None] + np.array(mean, np.float32)[:, None, None]
    warnings = []
    if before.min() < -_SLACK or before.max() > 1 + _SLACK:
        warnings.append("The tensor's values are beyond what mean and std say; the picture is shown stretched.")
        before = (before - before.min()) / max(float(np.ptp(before)), 1e-12)
    seen = np.rint(before.clip(0, 1) * 255).astype(np.uint8)
    sha256 = hashlib.sha256(f"prepared {given.shape}\n".encode())
    sha256.update(np.ascontiguousarray(given).tobytes())
    return Picture(seen[0] if len(seen) == 1 else seen.transpose(1, 2, 0), sha256.hexdigest(), tuple(warnings), given)
