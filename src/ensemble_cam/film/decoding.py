"""A film's bytes → its stored values, decoded apart from this process (see `film.decoder`).

The decoders of pictures and of DICOM's compressed pixels are foreign code that meets strangers' bytes: it has crashed,
held the interpreter's lock for seconds and taken gigabytes. So it runs in children, which are few, stay for the next
film, and have their limits of memory, processor time and time. A film that is too much for them is a film that cannot
be read, and no other one, no session and no window is touched.
"""

from collections.abc import Callable
from pathlib import Path

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.intake import MAX_FILE_BYTES, StoredFilm
from ensemble_cam.film.kinds import decoder_of
from ensemble_cam.film.message import Unbelievable, read_message
from ensemble_cam.machine.allotted import cores
from ensemble_cam.machine.children import Children
from ensemble_cam.machine.files import open_file
from ensemble_cam.machine.one_child import CannotStart, Died, Killed, TookTooLong

_DECODER = "ensemble_cam.film.decoder"
_MOST_CHILDREN = 4
_HEAD_BYTES = 1024  # enough to tell what a file is
_ENVIRONMENT = {
    # Children share the cores with each other and with this process, and what a thread has of its own counts as address
    # space: a stack, buffers, an arena.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX"), "1"),
    # glibc keeps this much of what was freed for the next film (mallopt(3)), whose pages would have to be cleared one
    # by one again: 20 ms of a film of 2500×2500 pixels.
    "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
}

_children = Children(
    _DECODER,
    most=max(2, min(_MOST_CHILDREN, cores())),
    seconds=10,
    most_seconds=600,
    environment=_ENVIRONMENT,
)


def start(first: Path | None = None) -> None:
    """Start the first decoder, so that it is there when a film comes: half a second that this process has, too.

    Args:
        first: a file, where one is known, that comes first: what decodes it is loaded, and the rest when it is needed.
    """
    _children.start(*([] if first is None else _needed(first)))


def _needed(path: Path) -> list[str]:
    try:
        with open_file(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return []  # whoever reads it says why it cannot be
    return [decoder_of(head)]


def decoders() -> list[int]:
    """Return the process ids of the decoders there are."""
    return _children.pids()


def decode_apart(data: bytes, *, cancelled: Callable[[], bool] | None = None) -> StoredFilm:
    """Decode a film's file.

    Args:
        data: the whole file.
        cancelled: asked ten times a second; once it says so, the film is given up.

    Raises:
        RadiographError: if it is no film that can be reviewed; the message says why and what to do.
        Cancelled: if it was.
    """
    if not data:
        raise RadiographError("The file is empty. Export or copy the film again.")
    if len(data) > MAX_FILE_BYTES:
        raise RadiographError(f"The file is larger than {MAX_FILE_BYTES >> 20} MB. Export the film as a single image.")
    try:
        film = _children.ask(data, _film, cancelled=cancelled)
    except TookTooLong:
        raise RadiographError(
            "Decoding the film took far longer than a film of its size takes, and was stopped. "
            "Export or copy the film again."
        ) from None
    except Died:
        raise RadiographError("The file is broken: it made its decoder crash. Export or copy the film again.") from None
    except Killed:
        raise RadiographError(
            "The film's decoder was ended from outside, perhaps for want of memory. Close other programs and try again."
        ) from None
    except CannotStart:
        raise RadiographError(
            "No film can be read on this machine: films are decoded in a process of its own, which could not be "
            f"started. Run `python -m {_DECODER}` in a terminal: it says why."
        ) from None
    if isinstance(film, str):
        raise RadiographError(film)
    return film


def _film(head: bytes, length: int, read: Callable[[memoryview], None]) -> StoredFilm | str:
    try:
        return read_message(head, length, read)
    except Unbelievable:
        raise Died from None
