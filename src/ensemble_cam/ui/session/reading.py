"""A film as it was read, and what sessions share of films that are nobody's: their readings and reviews."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ensemble_cam.errors import RadiographError, SessionError
from ensemble_cam.film.intake import StoredFilm
from ensemble_cam.film.radiograph import Radiograph, radiograph_of, read_radiograph
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.ui.viewer.payload import FilmPart

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis
    from ensemble_cam.ui.session.jobs import Job

_OUT_OF_MEMORY = "This machine ran out of memory for the film. Close other programs or remove other films."


@dataclass(frozen=True)
class Reading:
    """A film as it was read.

    Attributes:
        asked: what of it the networks are shown.
        radiograph: the film, or None.
        failure: why it could not be read, or None.
    """

    asked: Pixels
    radiograph: Radiograph | None = None
    failure: str | None = None

    @classmethod
    def of(cls, data: bytes, asked: Pixels, *, cancelled: Callable[[], bool] | None = None) -> "Reading":
        """Read a film; a failure is kept as a sentence.

        Raises:
            Cancelled: if it was given up.
        """

        def read() -> Radiograph:
            return read_radiograph(
                data,
                intensity=asked.intensity,
                rescale=asked.rescale,
                negative=asked.negative,
                cancelled=cancelled,
            )

        return cls._by(read, asked)

    @classmethod
    def of_stored(cls, stored: Callable[[], StoredFilm], sha256: str, asked: Pixels) -> "Reading":
        """Read a film that was decoded before; as `of`."""

        def read() -> Radiograph:
            return radiograph_of(
                stored(), sha256, intensity=asked.intensity, rescale=asked.rescale, negative=asked.negative
            )

        return cls._by(read, asked)

    @classmethod
    def _by(cls, read: Callable[[], Radiograph], asked: Pixels) -> "Reading":
        try:
            return cls(asked, radiograph=read())
        except (RadiographError, SessionError) as error:
            return cls(asked, failure=str(error))
        except MemoryError:
            return cls(asked, failure=_OUT_OF_MEMORY)


class Examples:
    """The examples that the app draws by itself, read, packed and reviewed once for all sessions.

    They are small, few and drawn from fixed seeds. No reader's film comes in here.
    """

    def __init__(self) -> None:
        self._readings: dict[tuple[str, Pixels], Reading] = {}
        self._parts: WeakKeyDictionary[Radiograph, dict[bool, FilmPart]] = WeakKeyDictionary()
        self._latest: tuple[object, Analysis] | None = None
        self._lock = Lock()  # held while one is read: twenty sessions that begin at once wait for one reading

    def read(self, data: bytes, asked: Pixels) -> Reading:
        """Return an example's reading; one that failed is tried again the next time."""
        key = hashlib.sha256(data).hexdigest(), asked
        with self._lock:
            held = self._readings.get(key)
            if held is None:
                held = Reading.of(data, asked)
                if held.radiograph is not None:
                    self._readings[key] = held
            return held

    def part(self, read: Radiograph, *, whole: bool) -> FilmPart:
        """Return what the viewer is sent of an example."""
        with self._lock:
            parts = self._parts.setdefault(read, {})
            if whole not in parts:
                parts[whole] = FilmPart.of(read, whole=whole)
            return parts[whole]

    def review(self, key: object) -> "Analysis | None":
        """Return an example's review, None unless it is the latest that was kept."""
        latest = self._latest
        return latest[1] if latest is not None and latest[0] == key else None

    def reviewing_once(
        self, key: object, work: "Callable[[Job[Analysis]], Analysis]"
    ) -> "Callable[[Job[Analysis]], Analysis]":
        """Return work that does an example's review and keeps it for other sessions, unless one of them did it before.

        Args:
            key: everything that the review follows from.
            work: does it. Where a classifier fails, what comes of it is not kept.
        """

        def once(job: "Job[Analysis]") -> "Analysis":
            made = self.review(key)
            if made is None:
                made = work(job)
                if not any(result.failure for result in made.results):
                    self._latest = key, made
            return made

        return once


EXAMPLES = Examples()
"""Of this process."""
