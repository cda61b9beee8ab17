"""A film from whatever a caller has: a path, bytes, an array, a phantom."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ensemble_cam.api.options import plain
from ensemble_cam.archive.films import folder_name
from ensemble_cam.errors import ConfigError
from ensemble_cam.film.radiograph import Intensity, Radiograph, radiograph_of, read_radiograph
from ensemble_cam.film.sources import hash_of, read_film_file, stored_array
from ensemble_cam.phantom import Phantom
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.settings.pixels import Pixels

Source: TypeAlias = str | os.PathLike[str] | bytes | np.ndarray | Phantom | Radiograph
"""What a film is read from."""


def read_film(
    source: Source,
    *,
    bits: int | None = None,
    intensity: Intensity = "stored",
    rescale: bool = False,
    negative: bool = False,
) -> Radiograph:
    """Read a film. Files are decoded in a child process, so that a broken one cannot harm this one.

    Args:
        source: a file's path; a file's bytes; an array (height, width) of stored values, upright and in square pixels,
            black at 0 and white at 2**bits - 1; or a `Phantom`. A film that was read already is returned as it is.
        bits: of an array alone: how many bits its values were stored with, 2 to 16; without, those of uint8 or uint16.
            The range of greys is what is declared, never what the values happen to span.
        intensity: what the networks see of a DICOM film: "stored" values over the declared range, as torchxrayvision
            reads them, or the "windowed" ones of the screen. For pictures both are the same.
        rescale: stretch a film of more than 8 bits that uses less than a third of its range.
        negative: turn a film round that was saved as a negative, for screen and networks alike.

    Returns:
        The film: `width`, `height`, `bits`, `sha256`, `display` ((h, w) uint8, 255 = white), `spacing` in mm, `facts`
        that identify nobody, `warnings`. It holds no name and nothing that a header says of a patient.

    Raises:
        RadiographError: if this is no film that can be reviewed; the message says why and what to do.
        ConfigError: if `intensity` is another word, or `rescale` or `negative` neither true nor false.
        TypeError: if `source` is of another type, or `bits` is given for no array.
    """
    return read(source, Pixels(intensity, plain(rescale), plain(negative)), bits=bits)


def file_of(source: object) -> bytes | None:
    """Return a file's bytes, given by its path, by themselves or as a phantom; None of anything else."""
    if isinstance(source, Phantom):
        return film_bytes(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return read_film_file(Path(source))
    return None


def read(
    source: Source, pixels: Pixels, *, bits: int | None = None, cancelled: Callable[[], bool] | None = None
) -> Radiograph:
    """Read a film; see `read_film`.

    Args:
        source: what it is read from.
        pixels: how.
        bits: of an array alone.
        cancelled: asked while a file is decoded; once it says so, the film is given up.
    """
    if bits is not None and not isinstance(source, np.ndarray):
        raise TypeError("bits: given for a film that declares its own. Leave it out.")
    if isinstance(source, Radiograph):
        return _as_read(source, pixels)
    if isinstance(source, np.ndarray):
        stored = stored_array(source, bits=bits)
        return radiograph_of(
            stored, hash_of(stored), intensity=pixels.intensity, rescale=pixels.rescale, negative=pixels.negative
        )
    data = file_of(source)
    if data is None:
        raise TypeError(
            f"A film is a path, bytes, a NumPy array (height, width) or a Phantom; got {type(source).__name__}."
        )
    return read_radiograph(
        data,
        intensity=pixels.intensity,
        rescale=pixels.rescale,
        negative=pixels.negative,
        cancelled=cancelled,
    )


def _as_read(film: Radiograph, pixels: Pixels) -> Radiograph:
    """Return a film that was read already; what is asked for now must be how it was read, or the default."""
    given = {
        "intensity": pixels.intensity not in ("stored", film.intensity),
        "rescale": pixels.rescale and film.narrow_range and not film.rescaled,
        "negative": pixels.negative and not film.negative,
    }
    for name, differs in given.items():
        if differs:
            raise ConfigError(f"{name}: the film was read already, in another way. Give it to read_film instead.")
    return film


def name_of(source: Source) -> str | None:
    """Return what the folder of a film's review is called; None for a film that is no file."""
    return folder_name(Path(source).name) if isinstance(source, str | os.PathLike) else None
