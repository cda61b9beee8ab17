"""A film as it was read, and the readings that sessions share: of films that are nobody's."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.ui.viewer.payload import FilmPart

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
        try:
            read = read_radiograph(
                data,
                intensity=asked.intensity,
                rescale=asked.rescale,
                negative=asked.negative,
                cancelled=cancelled,
            )
            return cls(asked, radiograph=read)
        except RadiographError as error:
            return cls(asked, failure=str(error))
        except MemoryError:
            return cls(asked, failure=_OUT_OF_MEMORY)


class ExampleReadings:
    """The examples that the app draws by itself, read and packed once for all sessions.

    They are small, few and drawn from fixed seeds. No reader's film comes in here.
    """

    def __init__(self) -> None:
        self._readings: dict[tuple[str, Pixels], Reading] = {}
        self._parts: WeakKeyDictionary[Radiograph, dict[bool, FilmPart]] = WeakKeyDictionary()
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


EXAMPLES = ExampleReadings()
"""Of this process."""
