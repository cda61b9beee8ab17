"""What the page lets compute: a phantom, and one map of it with each step on the way, and who holds them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.ui.lab.work import LabFilm
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.jobs import Job
from ensemble_cam.ui.session.networks import Ready
from ensemble_cam.ui.session.slot import Slot

if TYPE_CHECKING:
    import numpy as np

    from ensemble_cam.maps.cams import CamMap
    from ensemble_cam.maps.making import Making

_MAKING = "making"


@dataclass(frozen=True, eq=False)
class Made:
    """A film's map, with what a page has to know beside its steps.

    Attributes:
        film: the film.
        label: the finding that is explained.
        network: the network's id.
        score: what the network says of the finding, in [0, 1].
        calibrated: whether 0.5 is its operating point.
        side: pixels of the square that the network saw.
        steps: the map, step by step.
    """

    film: LabFilm
    label: str
    network: str
    score: float
    calibrated: bool
    side: int
    steps: "Making"

    @property
    def geometry(self) -> Geometry:
        """The way from the film to what the network saw."""
        size = (self.film.radiograph.width, self.film.radiograph.height)
        return Geometry.framed(size, framing="crop", cells=1)

    def over_film(self, grid: "np.ndarray") -> "CamMap":
        """Return a grid of values of at least 0 as a map that can be read at the film's pixels."""
        from ensemble_cam.maps.cams import CamMap

        return CamMap.of(grid, label=self.label, classifier=self.network, geometry=self.geometry)


@dataclass(eq=False)
class Held:
    """What a session's page holds: the film, and its map."""

    drawing: Slot[LabFilm] = field(default_factory=partial(Slot, "drawing"))
    making: Slot[Made] = field(default_factory=partial(Slot, "map"))

    def clear(self) -> None:
        """Let go of everything, for good."""
        self.drawing.close()
        self.making.close()


def session_making() -> Held:
    """Return what this session's page holds."""
    return st.session_state.setdefault(_MAKING, Held())


def making_work(film: LabFilm, ready: Ready, label: str, method: str) -> Callable[[Job[Made]], Made]:
    """Return the work that makes a film's map."""

    def work(job: Job[Made]) -> Made:
        job.report(f"Loading {ready.choice.config.name}", 0.1)
        from ensemble_cam.maps.cams import expose
        from ensemble_cam.maps.making import making
        from ensemble_cam.reviewing.pipeline import model_input

        classifier = networks.load(ready)
        job.report("Making the map", 0.7)
        side = classifier.config.input_size
        exposure = expose(classifier, model_input(film.radiograph, framing="crop", size=side))
        return Made(
            film=film,
            label=label,
            network=classifier.id,
            score=classifier.scores(exposure.run.logits.tolist())[label],
            calibrated=classifier.calibrated,
            side=side,
            steps=making(method, exposure, classifier.outputs[label]),
        )

    return work
