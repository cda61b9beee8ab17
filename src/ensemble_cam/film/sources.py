"""What a film is read from when it is not bytes already: a file, or an array of stored values."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.greyscale import domain, histogram, stretch, used_range
from ensemble_cam.film.intake import MAX_FILE_BYTES, StoredFilm, check_size
from ensemble_cam.machine import files

ARRAY = "array"
"""The format of a film that was handed over as an array of stored values."""

# How the sentence ends that says why a film's file was not read.
_REMEDIES: Mapping[type[OSError], str] = {
    files.NotAFile: ". Name a file that holds a film.",
    files.TooLarge: ", which no single film has.",
    files.Changed: ". Try again once it is whole.",
    files.Unsized: ". Name a file that holds a film.",
}


def read_film_file(path: Path) -> bytes:
    """Return a film's bytes.

    Raises:
        RadiographError: if it is no file, cannot be read or is too large for a film.
    """
    try:
        return files.read_file(path, most=MAX_FILE_BYTES)
    except OSError as error:
        why = files.why_unreadable(error)
        remedy = _REMEDIES.get(type(error), ". Check its name and permissions.")
        raise RadiographError(f"{why[0].upper()}{why[1:]}{remedy}") from None


def stored_array(array: np.ndarray, *, bits: int | None = None) -> StoredFilm:
    """Take an array as a film's stored values, black at 0 and white at 2**bits - 1, as a grey PNG holds them.

    Args:
        array: (h, w) of whole numbers from 0 to 2**bits - 1, upright, in square pixels; it is copied.
        bits: that its values were declared with, 2 to 16; None for those of a uint8 or uint16 array's type. The range
            is never taken from the values themselves: a dark film would become a bright one.

    Raises:
        RadiographError: if it is no such array.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise RadiographError(
            "The array is masked, and a film has a value at every pixel. Fill it, as with numpy.ma.filled."
        )
    array = np.asarray(array)  # of no other kind of array, such as a matrix
    if array.ndim != 2:
        raise RadiographError(
            f"The array has the shape {array.shape}, and a film is (height, width). Hand over one channel of one film."
        )
    if array.dtype.kind not in "iu":
        raise RadiographError(
            f"The array holds {array.dtype}, which declares no range of greys. Hand over the stored values as whole "
            "numbers, with bits=… where they are fewer than their type has."
        )
    if bits is None:
        if array.dtype not in (np.uint8, np.uint16):
            raise RadiographError(
                f"The array holds {array.dtype}, and nobody knows which value is white. Say how many bits the values "
                "were stored with, such as bits=12, or hand over uint8 or uint16."
            )
        bits = 8 * array.dtype.itemsize
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or not 2 <= bits <= 16:
        raise RadiographError(f"bits: got {bits!r}; allowed: a whole number from 2 to 16.")
    height, width = array.shape
    check_size(width, height)
    highest = 2 ** int(bits) - 1
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > highest:
        raise RadiographError(
            f"The array holds values from {low} to {high}, and {bits} bits allow 0 to {highest}. Say how many bits the "
            "values were stored with."
        )
    pixels = array.astype(np.uint8 if bits <= 8 else np.uint16)
    values = domain(pixels.dtype)
    return StoredFilm(
        format=ARRAY,
        bits=int(bits),
        pixels=pixels,
        declared=(0, highest),
        shown=stretch(values, 0, highest),
        used=used_range(histogram(pixels), values),
    )


def hash_of(film: StoredFilm) -> str:
    """Return the SHA-256, in hex, that stands for a film of `stored_array`: of its size, its bits and its values."""
    height, width = film.pixels.shape
    sha256 = hashlib.sha256(f"array {width}x{height} {film.bits} bits\n".encode())
    sha256.update(film.pixels.astype(film.pixels.dtype.newbyteorder("<")).tobytes())
    return sha256.hexdigest()
