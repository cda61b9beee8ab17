"""What the page of a validation holds, and what it computes: the session's films with labels through the networks."""

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.errors import Cancelled, ConfigError
from ensemble_cam.settings.config import Config
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.films import OpenFilm
from ensemble_cam.ui.session.jobs import Job
from ensemble_cam.ui.session.networks import Identities, Ready, identities
from ensemble_cam.ui.session.slot import Slot

if TYPE_CHECKING:
    from ensemble_cam.validation.scoring import Refused, ScoredFilm
    from ensemble_cam.validation.validating import Outcome

_VALIDATION = "validation"
_FILMS = Path("/films")  # nothing lies there: films are in memory, and labels name them by their files' names
NO_FILES = "Films of a session that was kept are here without their files, and have no part. Open their files again."


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        films: number and SHA-256 of each film.
        labels: the table's bytes.
        name: what its file is called.
        marks: name and bytes of each file of boxes or masks.
        sensitivity, alert_rate: as of `site.Rule`.
        prevalence: of every finding; None where none is stated.
        by: who validates; None where nobody said.
        networks: those that are asked.
        set: of them.
    """

    films: tuple[tuple[int, str], ...]
    labels: bytes = field(repr=False)
    name: str
    marks: tuple[tuple[str, bytes], ...] = field(repr=False)
    sensitivity: float | None
    alert_rate: float | None
    prevalence: float | None
    by: str | None
    networks: Identities
    set: str


@dataclass(frozen=True, eq=False)
class Found:
    """What came of it.

    Attributes:
        outcome: record, points and contradictions; None where no film could be used.
        failures: films that have no part, each with the reason.
    """

    outcome: "Outcome | None"
    failures: tuple[tuple[str, str], ...]


@dataclass(eq=False)
class Held:
    """What a session's page holds.

    Attributes:
        wish: what is asked for; None before.
        validating: the figures, and their computing.
    """

    wish: Wish | None = None
    validating: Slot[Found] = field(default_factory=partial(Slot, "validation"))

    def clear(self) -> None:
        """Let go of everything, for good."""
        self.wish = None
        self.validating.close()


def session_validation() -> Held:
    """Return what this session's page holds."""
    return st.session_state.setdefault(_VALIDATION, Held())


def usable(films: Sequence[OpenFilm]) -> list[OpenFilm]:
    """Return the films whose files are here; the app's own example is nobody's film."""
    return [film for film in films if film.data and not film.example]


def wish_for(
    films: Sequence[OpenFilm],
    labels: bytes,
    name: str,
    ready: Sequence[Ready],
    *,
    marks: tuple[tuple[str, bytes], ...] = (),
    **asked: object,
) -> Wish:
    """Return what is asked for; `asked` are further attributes of `Wish`."""
    numbers = tuple((film.id.number, film.id.sha256) for film in films)
    set = ready[0].choice.config.set
    return Wish(numbers, labels, name, marks, networks=identities(ready), set=set, **asked)  # type: ignore[arg-type]


def validating(
    wish: Wish, films: Sequence[OpenFilm], ready: Sequence[Ready], config: Config
) -> Callable[[Job[Found]], Found]:
    """Return the work that validates. It holds the films' bytes as they are now and touches no session."""
    scored: dict[str, ScoredFilm | Refused] = {}  # kept where the work makes way for reviews, and begins anew
    held = {str(_FILMS / str(film.id.number) / film.name): (film.name, film.data) for film in films}

    def work(job: Job[Found]) -> Found:
        job.report("Loading the networks", 0.0)
        from ensemble_cam.archive.films import Film
        from ensemble_cam.reviewing.options import ReviewOptions
        from ensemble_cam.reviewing.preparing import Choice
        from ensemble_cam.validation.labels import labels_of
        from ensemble_cam.validation.published_masks import places_of
        from ensemble_cam.validation.scoring import Refused
        from ensemble_cam.validation.site import Question, Rule
        from ensemble_cam.validation.validating import Validation

        ids = [each.choice.config.id for each in ready]
        choice = Choice(wish.set, ids, {each.choice.config.id: each.choice.weights for each in ready})
        question = Question(Rule(wish.sensitivity, wish.alert_rate))
        asked = Validation.of(config, choice, ReviewOptions.of({}, config.review), question)
        if wish.prevalence is not None:
            asked = asked.at(dict.fromkeys(asked.known, wish.prevalence))
        given = [Film(Path(place), name, None) for place, (name, _) in held.items()]
        hashes = {film.place: sha256 for film, (_, sha256) in zip(given, wish.films, strict=True)}
        try:
            labels = labels_of(
                wish.labels, _FILMS / wish.name, given, asked.known, hash_of=lambda film: hashes[film.place]
            )
            places = places_of(wish.marks, given, asked.known) if wish.marks else None
        except ConfigError as error:
            raise ConfigError(re.sub("^--[a-z]+: ", "", str(error))) from None  # no option of a command line here
        classifiers = [networks.load(each) for each in ready]

        def told(film: "ScoredFilm | Refused") -> None:
            if job.stopped():
                raise Cancelled("Stopped while films were scored.")
            job.report(f"{len(scored)} of {len(labels.films)} films", len(scored) / (len(labels.films) + 1))

        outcome = asked.outcome(
            labels,
            classifiers,
            places=places,
            by=wish.by,
            told=told,
            bytes_of=lambda place: held[place][1],
            scored=scored,
        )
        refused = [film for film in scored.values() if isinstance(film, Refused)]
        return Found(outcome, tuple((film.labelled.film.shown, film.reason) for film in refused))

    return work


def zipped(outcome: "Outcome") -> bytes:
    """Return all files that `ensemble-cam validate` writes as a ZIP."""
    from ensemble_cam.validation.report import write

    packed = io.BytesIO()
    with TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        out = Path(folder) / "validation"
        write(outcome.record, outcome.points, out)
        for path in sorted(out.iterdir()):
            archive.write(path, path.name)
    return packed.getvalue()


def share(text: str, name: str, *, most: float = 100.0) -> float | None:
    """Return a share of a field in percent, None where it is empty.

    Raises:
        ConfigError: if it is no number above 0 and below `most`.
    """
    if not text.strip():
        return None
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 < value < most:
        raise ConfigError(f"{name}: got {text.strip()!r}; allowed: a number above 0 and below {most:g}, in percent.")
    return value / 100
