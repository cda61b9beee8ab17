"""What the phantom lab lets compute: drawing a film, and reviewing it, each through the queue of all sessions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.phantom import FINDINGS, draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.readers.classes import SIZE
from ensemble_cam.settings.settings import Settings
from ensemble_cam.ui.session.jobs import Job
from ensemble_cam.ui.session.networks import Ready, identities

if TYPE_CHECKING:
    from ensemble_cam.reviewing.pipeline import Examination


@dataclass(frozen=True)
class Wish:
    """Which film to draw; the first three are as in `draw_phantom`.

    Attributes:
        seed: what it is drawn from.
        findings: what is planted; None for findings at random.
        difficulty: 0 to 1; None for any.
        blind: whether its truth, scores and maps stay hidden until the reader has answered.
    """

    seed: int
    findings: tuple[str, ...] | None
    difficulty: float | None
    blind: bool


@dataclass(frozen=True, eq=False)
class LabFilm:
    """A drawn film, read back from its own file's bytes as a review reads any other, and its truth.

    Attributes:
        wish: what it was drawn for.
        radiograph: the film.
        masks: planted finding → (h, w) bool, in source pixels.
        difficulty: as drawn.
        measures: what can be told in numbers, see `Phantom.measures`.
    """

    wish: Wish
    radiograph: Radiograph
    masks: Mapping[str, np.ndarray]
    difficulty: float
    measures: Mapping[str, float]

    @property
    def sha256(self) -> str:
        """Hash of its file."""
        return self.radiograph.sha256

    @classmethod
    def draw(cls, wish: Wish) -> "LabFilm":
        """Draw a film."""
        phantom = draw_phantom(wish.seed, findings=wish.findings, size=SIZE, difficulty=wish.difficulty)
        data = phantom_files(phantom, 0)[film_name(0, "png")]
        return cls(wish, read_radiograph(data), phantom.masks, phantom.difficulty, phantom.measures)


def drawing(wish: Wish) -> Callable[[Job[LabFilm]], LabFilm]:
    """Return the work that draws a film."""

    def work(job: Job[LabFilm]) -> LabFilm:
        job.report("Drawing the film", 0.2)
        return LabFilm.draw(wish)

    return work


def review_key(film: LabFilm, ready: Sequence[Ready], method: str) -> tuple[object, ...]:
    """Return what a review of a film follows from."""
    shares = tuple(each.choice.ensemble_weight for each in ready)
    return film.sha256, identities(ready), shares, method


def review_settings(examined: "Examination", ready: Sequence[Ready], method: str) -> Settings:
    """Return what is explained: every finding that can be planted and that one of the networks knows."""
    known = {label for result in examined.results for label in result.classifier.outputs}
    shares = {each.choice.config.id: each.choice.ensemble_weight for each in ready}
    return Settings(labels=tuple(each for each in FINDINGS if each in known), method=method, ensemble_weights=shares)
