"""What became of a film of a run over many, and what is said of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ensemble_cam.archive.films import Film
from ensemble_cam.errors import EnsembleCamError
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.machine.names import escaped
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.sentences import brief
from ensemble_cam.settings.sets import SETS

Remarks = tuple[tuple[str, bool], ...]
"""Lines to say before the last one, each with whether it is a mere detail."""


@dataclass(frozen=True)
class Outcome:
    """What became of a film.

    Attributes:
        number: its place among all, from 1.
        film: the film.
        state: what became of it.
        sentence: the last thing to say: its findings and its folder, or why there is none.
        remarks: what to say before.
        folder: where its review lies; None where it failed.
    """

    number: int
    film: Film
    state: Literal["reviewed", "passed over", "failed"]
    sentence: str
    remarks: Remarks = ()
    folder: Path | None = None


def reviewed(number: int, film: Film, findings: str, folder: Path, seconds: float, remarks: Remarks) -> Outcome:
    """Return what became of a film whose review lies in a folder; `findings` are those of `findings_line`."""
    return Outcome(number, film, "reviewed", f"{findings} → {escaped(str(folder))} ({seconds:.1f} s)", remarks, folder)


def passed_over(number: int, film: Film, folder: Path) -> Outcome:
    """Return what became of a film whose review lay in a folder before."""
    return Outcome(number, film, "passed over", f"reviewed before, see {escaped(str(folder))}", folder=folder)


def failed(number: int, film: Film, why: str, remarks: Remarks = ()) -> Outcome:
    """Return what became of a film that has no review; `why` is a sentence, as of `reason_of`."""
    return Outcome(number, film, "failed", why, remarks)


def reason_of(error: EnsembleCamError | MemoryError) -> str:
    """Return in a sentence why a film failed."""
    return str(error) if isinstance(error, EnsembleCamError) else "This machine ran out of memory for it."


def warnings_of(radiograph: Radiograph, classifier_set: str) -> Remarks:
    """Return what is to be known of a film that a set of classifiers is shown."""
    cautions = SETS[classifier_set].cautions(phantom=radiograph.phantom)
    return tuple((warning, False) for warning in (*cautions, *radiograph.warnings))


def seconds_of(analysis: Analysis) -> Remarks:
    """Return how long each classifier took, or why it failed, which is no detail."""
    return tuple(
        (f"{result.classifier.config.name} {result.failure or f'{result.seconds:.2f} s'}", result.failure is None)
        for result in analysis.results
    )


def findings_line(analysis: Analysis) -> str:
    """Return the explained findings in a line."""
    return ", ".join(map(brief, analysis.findings))
