"""The child that decodes films, but for those that tell it to misbehave: `python -m support.misbehaving`.

It stands in the place of `ensemble_cam.film.decoder`, and is harmless: it sleeps, counts, raises or ends.
"""

import os
import re
import signal
from collections.abc import Sequence

from ensemble_cam.film import decoder
from ensemble_cam.film.intake import StoredFilm
from ensemble_cam.machine.child import Grant
from support import films
from support.answering import hold_the_lock, spin

SECONDS = 10
_ORDER = re.compile(rb"misbehave: (\w+)\.")


def film_that(order: str) -> bytes:
    """Return a film whose decoder misbehaves.

    Args:
        order: "holds" the interpreter's lock for ten seconds, "spins" as long, "crashes", "raises" what nobody lists,
            "fills" the memory, or is "killed".
    """
    return films.with_png_chunk(films.png(films.film()), b"teXt", f"misbehave: {order}.".encode())


class Unlisted(Exception):
    """Of no kind that decoders are known to raise."""


def main() -> None:
    """Decode films until no more are asked for."""
    real_answer, real_decode = decoder.answer, decoder.decode

    def answer(data: bytes, grant: Grant) -> tuple[bytes, Sequence[memoryview]]:
        order = _ORDER.search(data)
        match order and order[1]:
            case b"holds":
                hold_the_lock(SECONDS)
            case b"spins":
                spin(SECONDS)
            case b"crashes":
                os.abort()
            case b"killed":
                os.kill(os.getpid(), signal.SIGKILL)
        return real_answer(data, grant)

    def decode(data: bytes) -> StoredFilm:
        order = _ORDER.search(data)
        match order and order[1]:
            case b"raises":
                raise Unlisted(films.IDENTITY[0])
            case b"fills":
                raise MemoryError
        return real_decode(data)

    decoder.answer, decoder.decode = answer, decode
    decoder.main()


if __name__ == "__main__":
    main()
