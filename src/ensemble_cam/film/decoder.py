"""The child process that decodes films: `python -m ensemble_cam.film.decoder`, asked by `film.decoding`.

Here alone a film's bytes meet what decodes them: Pillow, OpenCV, pydicom and its codecs. A request is a file's bytes,
the answer a message as `film.message` writes it. Whatever a decoder raises, known or not, becomes one sentence without
a word of what was raised, which may quote a header; what it does worse than that ends this process and no other.
"""

import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module

from ensemble_cam.errors import RadiographError
from ensemble_cam.film import intake
from ensemble_cam.film.intake import StoredFilm
from ensemble_cam.film.kinds import DICOM, decoder_of, kind_of
from ensemble_cam.film.message import film_message, refusal_message
from ensemble_cam.machine.child import Allowance, Grant, serve

OUT_OF_MEMORY = (
    "Decoding the film took more memory than a film of its size needs, and was stopped. Export or copy the film again."
)
_UNFORESEEN = "The file is broken in a way that its decoder was not made for. Export or copy the film again."

# What the readers import where they need it is loaded before the first film comes: it takes longer than most films.
_DECODERS: Mapping[str, Sequence[str]] = {
    "pictures": ("ensemble_cam.film.pictures",),
    "dicom": ("ensemble_cam.film.dicom.read", "gdcm", "jpeg_ls", "openjpeg.utils", "pydicom.uid"),
}
_SECONDS_TO_LOAD = 3.0  # of the processor's, on one that is slow


def allowance(data: bytes, pixels: int = 0, slowness: float = 1.0) -> Allowance:
    """Return what decoding a file of so many declared pixels may take; 0 while they are not known.

    The slowest films tried on one core of a server took, for each pixel and each byte, a third of this and less, and
    usual ones a tenth, times the slowness that the reader tells of their coding with their size.
    """
    processor = 1.5 + slowness * (0.08e-6 * pixels + 0.1e-6 * len(data))
    # Where all cores are busy with networks, a share of one is left.
    return Allowance(processor, seconds=1 + 4 * processor, memory=2**28 + 2 * len(data) + 24 * pixels)


def main() -> None:
    """Decode films until no more are asked for; the decoders to begin with are named on the command line, or all."""
    logging.disable()
    warnings.simplefilter("ignore")
    serve(answer, first=_first_allowance, prepare=lambda: _load(*(sys.argv[1:] or _DECODERS)))


_loaded: set[str] = set()


def _load(*decoders: str) -> None:
    for decoder in decoders:
        for each in _DECODERS[decoder]:
            with suppress(ImportError):  # which is said where it is needed
                import_module(each)
        _loaded.add(decoder)


def _first_allowance(data: bytes) -> Allowance:
    """Return what a film may take until its size is known; loading what decodes it is not its own time."""
    found = allowance(data)
    if decoder_of(data) in _loaded:
        return found
    return replace(found, processor=found.processor + _SECONDS_TO_LOAD, seconds=found.seconds + 4 * _SECONDS_TO_LOAD)


def answer(data: bytes, grant: Grant) -> tuple[bytes, Sequence[memoryview]]:
    """Return the message of a film's bytes.

    Args:
        data: the whole file.
        grant: called once more time and memory are due, as the film's declared size is known.
    """
    _load(*({decoder_of(data)} - _loaded))
    try:
        with intake.sizes_told_to(lambda pixels, slowness: grant(allowance(data, pixels, slowness))):
            return film_message(decode(data))
    except RadiographError as error:
        return refusal_message(str(error))
    except MemoryError:
        return refusal_message(OUT_OF_MEMORY)
    # Decoders have no base class of what they raise, and their messages may quote a header.
    except Exception:
        return refusal_message(_UNFORESEEN)


def decode(data: bytes) -> StoredFilm:
    """Decode a file in this very process.

    Raises:
        RadiographError: if it is no film that is read here.
        What decoders raise that was not foreseen.
    """
    kind = kind_of(data)
    if kind == DICOM:
        from ensemble_cam.film.dicom.read import read_dicom

        return read_dicom(data)
    from ensemble_cam.film.pictures import read_picture

    return read_picture(data, kind=kind)


if __name__ == "__main__":
    main()
