"""The child that decodes films, with one film that it holds for ten seconds, interpreter's lock and all.

`python -m support.holding`, in the place of `ensemble_cam.film.decoder`. It is harmless: it sleeps.
"""

from ensemble_cam.film import decoder
from ensemble_cam.machine.child import Grant
from support.answering import hold_the_lock

SECONDS = 10
MARK = b"to be held"  # anywhere in a film's file


def main() -> None:
    """Decode films until no more are asked for."""
    real = decoder.answer

    def answer(data: bytes, grant: Grant):
        if MARK in data:
            hold_the_lock(SECONDS)
        return real(data, grant)

    decoder.answer = answer
    decoder.main()


if __name__ == "__main__":
    main()
