"""Films in a session's file, as they were decoded: what is needed to show them again, and nothing of a patient."""

import zlib

from isal import isal_zlib

from ensemble_cam.errors import SessionError
from ensemble_cam.film.intake import StoredFilm
from ensemble_cam.film.message import Unbelievable, film_message, read_message
from ensemble_cam.readers.store import Store

_LEVEL = 1  # of compression: films are written while somebody waits


def keep_pixels(store: Store, film: int, stored: StoredFilm) -> None:
    """Keep a film's pixels under its row, unless they are there.

    Raises:
        SessionError: if they cannot be kept.
    """
    head, body = film_message(stored)
    packing = isal_zlib.compressobj(_LEVEL)
    packed = b"".join([*(packing.compress(part) for part in body), packing.flush()])
    with store.write() as file:
        file.execute("INSERT OR IGNORE INTO pixels (film, head, body) VALUES (?, ?, ?)", (film, head, packed))


def read_pixels(store: Store, film: int) -> StoredFilm:
    """Return a film's pixels.

    Raises:
        SessionError: if they are not there, or are damaged.
    """
    rows = store.rows("SELECT head, body FROM pixels WHERE film = ?", (film,))
    if not rows:
        raise SessionError("The session does not have this film's pixels. Open its file again.")
    try:
        body = memoryview(zlib.decompress(rows[0]["body"]))
        at = 0

        def read(part: memoryview) -> None:
            nonlocal at
            part[:] = body[at : at + len(part)]
            at += len(part)

        stored = read_message(rows[0]["head"], len(body), read)
    except (zlib.error, Unbelievable, ValueError):
        raise SessionError("This film's pixels are damaged in the session. Open its file again.") from None
    if isinstance(stored, str):
        raise SessionError("This film's pixels are damaged in the session. Open its file again.")
    return stored


def has_pixels(store: Store, film: int) -> bool:
    """Return whether a film's pixels are kept."""
    return bool(store.rows("SELECT 1 FROM pixels WHERE film = ?", (film,)))
