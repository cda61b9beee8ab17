"""Many films on their way through a review: read ahead, shown to the networks, and written behind, side by side.

Reading and writing have threads of their own; the networks run in the caller's thread, one film at a time. Whatever
the threads do meanwhile, films get their folders' names, and are told of, in the order in which they were given.

Batches of films are not made: where the networks take time, a batch gains nothing, and bits are promised for single
films alone. On two cores all three backbones took per film, one by one and in a batch of eight: the clinical set .26
and .28 s in OpenVINO, .48 and .63 s in PyTorch; the teaching set 5.1 and 4.1 ms in OpenVINO, which `--runtime auto`
takes where it is installed, and 29 and 10 ms in PyTorch. To draw and write that film's review takes 180 ms.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from ensemble_cam.archive.finished import Places, review_key
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.errors import EnsembleCamError, RadiographError
from ensemble_cam.export.folder import write_review
from ensemble_cam.film.intake import MAX_FILE_BYTES
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.machine.workers import House
from ensemble_cam.rendering.overlay import Display
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.cautions import cautions
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.reviewing.review import Review, RunInfo
from ensemble_cam.reviewing.sentences import brief
from ensemble_cam.settings.settings import Settings

# Films that are decoded before the networks ask for them, and reviews that are being written or wait for that.
AHEAD, BEHIND = 2, 3
# One thread draws most of a review's figure: a second review being written has use for the other cores.
WRITERS = 2
# From so many pixels on, of all decoded films on their way together, no other film is decoded: some 7 bytes each,
# beside what is drawn. A large film has 8 megapixels; huge ones go one or two at a time.
MOST_PIXELS = 32_000_000

# A film's number, its file, and what is being done with it now.
Doing = Callable[[int, Path, str], None]


@dataclass(frozen=True)
class Told:
    """What became of a film.

    Attributes:
        number: its place among all, from 1.
        path: its file.
        became: what became of it.
        end: the last thing to say: its findings and its folder, or why there is none.
        remarks: lines to say before, each with whether it is a mere detail.
    """

    number: int
    path: Path
    became: Literal["reviewed", "passed over", "failed"]
    end: str
    remarks: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, eq=False)
class _Film:
    number: int
    path: Path
    name: str
    seconds: float
    radiograph: Radiograph


@dataclass(frozen=True, eq=False)
class _Reviewed:
    film: _Film
    analysis: Analysis
    seconds: float


class Flow:
    """One run over films, for one output folder."""

    def __init__(
        self,
        classifiers: Sequence[Classifier],
        settings: Settings,
        display: Display,
        run: RunInfo,
        *,
        out: Path,
        save_maps: bool,
        anonymous_names: bool,
    ):
        self._classifiers, self._settings, self._display, self._run = classifiers, settings, display, run
        self._out, self._save_maps, self._anonymous_names = out, save_maps, anonymous_names
        self._places = Places(out, review_key(classifiers, settings, display, run, save_maps=save_maps))
        self._house = House(most_pixels=MOST_PIXELS)

    def review(self, films: Sequence[Path], doing: Doing) -> Iterator[Told]:
        """Review films into folders of their own, and yield what became of each, in their order.

        The iterator has to be closed. Whether that happens early or something is raised in it (Ctrl-C, in the caller's
        thread), what is under way is finished, the rest is dropped, and no thread and no unfinished folder is left.

        Args:
            films: their files.
            doing: called in the caller's thread before each step of the networks.
        """
        read = self._house.in_threads(self._read, enumerate(films, start=1), ahead=AHEAD)
        examined = map(partial(self._examine, doing=doing), read)
        told = self._house.in_threads(self._write, examined, ahead=BEHIND, threads=WRITERS, prompt=True)
        with closing(read), closing(told):
            yield from told

    def _read(self, numbered: tuple[int, Path]) -> _Film | Told:
        number, path = numbered
        try:
            return self._decoded(number, path)
        except (EnsembleCamError, MemoryError) as error:
            self._house.leave(number)
            return _failed(number, path, error)

    def _decoded(self, number: int, path: Path) -> _Film | Told:
        began = time.perf_counter()
        data = read_file(path)
        sha256 = hashlib.sha256(data).hexdigest()
        name = sha256[:16] if self._anonymous_names else path.stem
        seconds = time.perf_counter() - began
        self._house.admit(number, sha256=sha256, name=name)
        began = time.perf_counter()
        if folder := self._places.finished(name, sha256):
            self._house.leave(number)
            return Told(number, path, "passed over", f"reviewed before, see {folder}")
        radiograph = read_radiograph(data, intensity=self._run.intensity, rescale=self._run.rescale)
        self._house.weigh(number, radiograph.width * radiograph.height)
        return _Film(number, path, name, seconds + time.perf_counter() - began, radiograph)

    def _examine(self, film: _Film | Told, doing: Doing) -> _Reviewed | Told:
        if isinstance(film, Told):
            return film
        began = time.perf_counter()
        try:
            analysis = analyse(
                film.radiograph,
                self._classifiers,
                self._settings,
                progress=lambda what, share: doing(film.number, film.path, f"{what} ({share:.0%})"),
            )
        except (EnsembleCamError, MemoryError) as error:
            self._house.leave(film.number)
            return _failed(film.number, film.path, error, self._warnings(film.radiograph))
        doing(film.number, film.path, "writing")
        return _Reviewed(film, analysis, film.seconds + time.perf_counter() - began)

    def _write(self, reviewed: _Reviewed | Told) -> Told:
        if isinstance(reviewed, Told):
            return reviewed
        film, analysis = reviewed.film, reviewed.analysis
        remarks = self._warnings(film.radiograph) + _outcomes(analysis)
        try:
            self._house.wait_for_turn(film.number)
            began = time.perf_counter()
            review = Review(analysis, self._display, self._run)
            folder = write_review(review, self._out, film.name, save_maps=self._save_maps)
            seconds = reviewed.seconds + time.perf_counter() - began
        except (EnsembleCamError, MemoryError) as error:
            return _failed(film.number, film.path, error, remarks)
        finally:
            self._house.leave(film.number)
        end = f"{_summary(analysis)} → {folder} ({seconds:.1f} s)"
        return Told(film.number, film.path, "reviewed", end, remarks)

    def _warnings(self, radiograph: Radiograph) -> tuple[tuple[str, bool], ...]:
        return tuple((warning, False) for warning in (*cautions(self._run.set, radiograph), *radiograph.warnings))


def read_file(path: Path) -> bytes:
    """Return a film's bytes.

    Raises:
        RadiographError: if the file cannot be read or is too large for a film.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise RadiographError(f"The file has more than {MAX_FILE_BYTES >> 20} MB, which no single film has.")
        return path.read_bytes()
    except OSError as error:
        raise RadiographError(f"The file cannot be read ({error.strerror}). Check its name and permissions.") from None


def _failed(
    number: int, path: Path, error: EnsembleCamError | MemoryError, remarks: tuple[tuple[str, bool], ...] = ()
) -> Told:
    reason = str(error) if isinstance(error, EnsembleCamError) else "This machine ran out of memory for it."
    return Told(number, path, "failed", reason, remarks)


def _outcomes(analysis: Analysis) -> tuple[tuple[str, bool], ...]:
    return tuple(
        (
            f"{result.classifier.config.name} {result.failure or f'{result.seconds:.2f} s'}",
            result.failure is None,
        )
        for result in analysis.results
    )


def _summary(analysis: Analysis) -> str:
    return ", ".join(map(brief, analysis.findings))
