"""What was measured of a film's maps, kept with the film, and the measuring that is under way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ensemble_cam.errors import Cancelled
from ensemble_cam.ui.session.jobs import Job
from ensemble_cam.ui.session.slot import PATIENCE, Slot

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis
    from ensemble_cam.validation.trusted import TrustedMap


@dataclass(frozen=True)
class Asked:
    """Which maps are to be measured.

    Attributes:
        label: the finding.
        ids: the classifiers whose maps they are.
        thorough: whether networks are shuffled and films changed a little, too.
    """

    label: str
    ids: tuple[str, ...]
    thorough: bool


@dataclass(eq=False)
class Trusting:
    """A film's measured maps.

    Attributes:
        asked: what is being measured; None where nothing is.
        measuring: the work.
        found: of `trusted.map_key` → what was measured, in the order in which it was.
    """

    asked: Asked | None = None
    measuring: "Slot[int]" = field(default_factory=partial(Slot, "measuring"))
    found: "dict[tuple[object, ...], TrustedMap]" = field(default_factory=dict, repr=False)
    _closed: bool = False

    def ask(self, asked: Asked) -> None:
        """Let maps be measured."""
        self.asked = asked
        self.measuring.begin_anew()

    def have(self) -> None:
        """Take note that what was asked for is there."""
        self.asked = None
        self.measuring.begin_anew()

    def of(self, analysis: "Analysis", label: str) -> "dict[str, TrustedMap]":
        """Return classifier id → what was measured of its map of a finding, as far as it was."""
        from ensemble_cam.validation.trusted import map_key, maps_of

        keys = {id: map_key(analysis, label, id) for id in maps_of(analysis, label)}
        return {id: self.found[key] for id, key in keys.items() if key in self.found}

    def lacks(self, analysis: "Analysis", asked: Asked) -> list[str]:
        """Return the classifiers whose maps were not measured as is asked."""
        from ensemble_cam.validation.trusted import QUICK, THOROUGH, maps_of

        there, metrics = self.of(analysis, asked.label), set(THOROUGH if asked.thorough else QUICK)
        known = [id for id in asked.ids if id in maps_of(analysis, asked.label)]
        return [id for id in known if id not in there or not metrics <= set(there[id].metrics)]

    def keep(self, key: tuple[object, ...], measured: "TrustedMap") -> None:
        """Keep what was measured, unless the film is gone."""
        if not self._closed:
            self.found[key] = measured

    def begin_anew(self) -> None:
        """Let go of everything that was measured, for another film."""
        self.asked = None
        self.found = {}
        self.measuring.begin_anew()

    def close(self) -> None:
        """Let go of everything for good, also of what work that is still running puts in."""
        self._closed = True
        self.found = {}
        self.measuring.close()


def go_on(kept: Trusting, analysis: "Analysis", *, patience: float = PATIENCE) -> bool:
    """Go on with what was asked for; return whether it is still to come, or was stopped.

    Args:
        kept: the film's measured maps.
        analysis: its review.
        patience: seconds to wait.
    """
    asked = kept.asked
    if asked is None:
        return False
    if kept.lacks(analysis, asked):
        done = kept.measuring.get(asked, measuring(kept, analysis, asked), patience=patience, gives_way=True)
        if done is None:
            return True
    kept.have()
    return False


def measuring(kept: Trusting, analysis: "Analysis", asked: Asked) -> Callable[[Job[int]], int]:
    """Return the work that measures maps, one after the other; each is kept as soon as it is there.

    Returns:
        What returns how many were measured.
    """
    held, left = kept.found, tuple(kept.lacks(analysis, asked))

    def work(job: Job[int]) -> int:
        job.report("Loading what measures", 0.0)
        from ensemble_cam.validation.trusted import QUICK, THOROUGH, map_key, trust

        def stop() -> None:
            if job.stopped():
                raise Cancelled("Stopped while the maps were measured.")

        for number, id in enumerate(left):
            key = map_key(analysis, asked.label, id)
            metrics = THOROUGH if asked.thorough else QUICK
            if key in held and set(metrics) <= set(held[key].metrics):
                continue  # it was measured before this work gave way to other work
            name = analysis.result(id).classifier.config.name

            def told(share: float, name: str = name, number: int = number) -> None:
                stop()
                job.report(f"Measuring the map of {name}", (number + share) / len(left))

            made = trust(analysis, asked.label, id, metrics, told=told, stop=stop)
            if kept.found is held:  # else the film is another one by now
                kept.keep(key, made)
        return len(left)

    return work
