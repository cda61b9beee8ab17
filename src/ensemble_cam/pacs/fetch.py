"""Films of a study from an archive into a folder: each whole or not at all, and those that are there already stay."""

import errno
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from ensemble_cam.errors import ExportError, PacsError
from ensemble_cam.pacs.archive import Archive, Instance
from ensemble_cam.pacs.query import is_uid
from ensemble_cam.purpose import RESULT_MARK

_HEAD_BYTES = 1024
Progress = Callable[[int, int, int], None]
"""Told of a transfer: number of the instance, how many there are, bytes that came of it."""


@dataclass(frozen=True)
class Fetched:
    """What became of an instance.

    Attributes:
        instance: which.
        path: its file; None where there is none.
        why: it has no file, in half a sentence; empty where it has.
        before: whether its file was there already.
    """

    instance: Instance
    path: Path | None
    why: str = ""
    before: bool = False

    @property
    def failed(self) -> bool:
        """Whether it was wanted and did not come."""
        return self.path is None and self.why != OWN


OWN = "a result of this program"


def films_of(archive: Archive, study: str) -> tuple[list[Instance], int]:
    """Return the instances of a study that may be films by their class, by their UIDs, and how many others there are.

    Raises:
        PacsError: if the archive cannot be asked, or has no such study.
    """
    instances = sorted(archive.instances(study), key=lambda each: (each.series, each.uid))
    if not instances:
        raise PacsError("The archive has no such study, or nothing in it.")
    films = [each for each in instances if each.is_film]
    if not all(is_uid(uid) for each in films for uid in (each.uid, each.series)):  # they become names of files
        raise PacsError("The archive names instances by what are no UIDs. Ask who runs it.")
    return films, len(instances) - len(films)


def fetch(archive: Archive, films: list[Instance], folder: Path, progress: Progress) -> Iterator[Fetched]:
    """Fetch films into a folder as `<SOP Instance UID>.dcm`, and yield what became of each, in their order.

    One that fails is told of, and the others are fetched. The same again goes on where it was broken off.

    Raises:
        ExportError: if nothing can be written to the folder; what is there stays.
    """
    for number, instance in enumerate(films, start=1):
        path = folder / f"{instance.uid}.dcm"
        if path.exists():
            yield Fetched(instance, path, before=True)
            continue
        try:
            with _Part(path) as part:
                archive.retrieve(instance, partial(part.take, progress, number, len(films)))
                own = part.is_own()
                if not own:
                    part.move()
        except PacsError as error:
            yield Fetched(instance, None, str(error))
            continue
        except OSError as error:
            full = error.errno == errno.ENOSPC
            raise ExportError(
                f"A film could not be written ({error.strerror}). "
                f"{'Free space' if full else 'Choose another folder'}, and ask again: what is there stays."
            ) from None
        yield Fetched(instance, None, OWN) if own else Fetched(instance, path)


def fetch_bytes(archive: Archive, instance: Instance, progress: Callable[[int], None]) -> bytes | None:
    """Return an instance's file, of which nothing is written down; None for a result of this program.

    Args:
        archive: where it lies.
        instance: which.
        progress: told how many bytes came.

    Raises:
        PacsError: if it does not come, or not as a whole.
    """
    came = bytearray()

    def take(piece: bytes) -> None:
        came.extend(piece)
        progress(len(came))

    archive.retrieve(instance, take)
    return None if _is_own(bytes(came[:_HEAD_BYTES])) else bytes(came)


def _is_own(head: bytes) -> bool:
    """Return whether a file is an object that this program wrote; its maker stands near the beginning."""
    return RESULT_MARK.encode() in head


class _Part:
    """A file beside its place, which is gone afterwards unless it was moved there."""

    def __init__(self, place: Path):
        self._place, self._size = place, 0
        self._path = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w+b")
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def take(self, progress: Progress, number: int, count: int, piece: bytes) -> None:
        """Write the next bytes, and tell of them."""
        self._file.write(piece)
        self._size += len(piece)
        progress(number, count, self._size)

    def is_own(self) -> bool:
        """Whether it is an object that this program wrote."""
        self._file.seek(0)
        return _is_own(self._file.read(_HEAD_BYTES))

    def move(self) -> None:
        """Move it to its place."""
        self._file.close()
        os.replace(self._path, self._place)
