"""What the archive's page does, without a page: search, look at studies, open films, send results."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ensemble_cam.errors import ConfigError, ExportError
from ensemble_cam.pacs.access import URL
from ensemble_cam.pacs.archive import Archive, Instance, Study
from ensemble_cam.pacs.fetch import fetch_bytes
from ensemble_cam.pacs.opening import archive_at
from ensemble_cam.pacs.query import Query, is_uid
from ensemble_cam.pacs.send import Sent, outgoing_of, send
from ensemble_cam.ui.session.films import OpenFilm, SessionFilms

if TYPE_CHECKING:
    from ensemble_cam.reviewing.review import Review

MOST_LISTED = 25
"""Studies that are looked into and listed; whoever finds more asks more narrowly."""

Progress = Callable[[str, float], None]
"""Told what is being done, and the share of it that is, from 0 to 1."""


@dataclass(eq=False, repr=False)
class Found:
    """What a page has of the archive.

    Attributes:
        studies: those that were found; None before a search.
        more: how many others there are, which are not listed.
        instances: study → its instances, where they were looked at.
        opened: SOP Instance UID → number of the film on this page.
        named: SOP Instance UID → the number that it is called by here.
        sent: number of a film → what became of its results, or a sentence that there are none.
        failed: what went wrong last, a sentence; empty for nothing.
    """

    studies: list[Study] | None = None
    more: int = 0
    instances: dict[str, list[Instance]] = field(default_factory=dict)
    opened: dict[str, int] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    sent: dict[int, list[Sent] | str] = field(default_factory=dict)
    failed: str = ""

    def search(self, archive: Archive, given: Mapping[str, str], progress: Progress) -> None:
        """Find studies, and look which films are in them.

        Args:
            archive: which is asked.
            given: key of `query.KEYS` → what was typed; what is empty is not asked by.
            progress: told how far it is.

        Raises:
            ConfigError: if the query would match everything, or a value is none of its kind.
            PacsError: if the archive cannot be asked.
        """
        query = Query.of({key: value.strip() for key, value in given.items() if value.strip()})
        self.studies, self.more = None, 0
        self.instances.clear()
        progress("Searching", 0.0)
        studies = sorted(archive.studies(query), key=lambda each: each.date, reverse=True)
        for number, study in enumerate(studies[:MOST_LISTED]):
            progress("Looking at studies", number / min(len(studies), MOST_LISTED))
            self.instances[study.uid] = archive.instances(study.uid) if is_uid(study.uid) else []
        self.studies, self.more = studies[:MOST_LISTED], max(0, len(studies) - MOST_LISTED)

    def films(self, study: str) -> list[Instance]:
        """Return what of a study is a film of the chest, or may be one, as the archive tells of it."""
        return [each for each in self.instances.get(study, ()) if each.is_chest is not False]

    def number(self, instance: Instance) -> int:
        """Return the number that a film of the archive is called by here; 0 for one that was never opened."""
        return self.named.get(instance.uid, 0)

    def open(self, archive: Archive, study: str, films: SessionFilms, progress: Progress) -> list[OpenFilm]:
        """Fetch a study's films into the list of films, where they are not there; return the new ones.

        Raises:
            PacsError: if one does not come; those before it are there.
        """
        wanted = [each for each in self.films(study) if self.opened.get(each.uid) not in films]
        came: list[OpenFilm] = []
        for number, instance in enumerate(wanted):

            def told(size: int, number: int = number) -> None:
                progress(f"Film {number + 1} of {len(wanted)}: {size / 1e6:.1f} MB", number / len(wanted))

            told(0)
            data = fetch_bytes(archive, instance, told)
            if data is not None:
                self.named.setdefault(instance.uid, len(self.named) + 1)
                film = films.add(f"Archive film {self.named[instance.uid]}", data)  # no name that the archive has
                self.opened[instance.uid] = film.id.number
                came.append(film)
        return came

    def send(
        self,
        archive: Archive,
        film: OpenFilm,
        review: "Review",
        progress: Progress,
        verdicts: Mapping[str, Sequence[str]],
    ) -> None:
        """Send a film's results into its study, each read back and compared; what became of them stands in `sent`.

        Raises:
            PacsError: if the archive cannot be asked.
        """
        from ensemble_cam.export.dicom.objects import DicomOptions, dicom_objects

        number = film.id.number
        try:
            objects = dicom_objects(review, film.data, DicomOptions(), verdicts=verdicts)
            files = list(objects.files)
        except ExportError as error:
            self.sent[number] = str(error)
            return
        if not files:
            self.sent[number] = " ".join(objects.remarks)
            return
        states: list[Sent] = []
        for place, (name, data) in enumerate(files):
            progress(f"Sending {name}", place / len(files))
            states.append(send(archive, outgoing_of(name, data)))
        self.sent[number] = states

    def forget(self, films: SessionFilms) -> None:
        """Forget films that were removed from the list."""
        self.opened = {uid: number for uid, number in self.opened.items() if number in films}
        self.sent = {number: state for number, state in self.sent.items() if number in films}


def configured() -> Archive:
    """Return the archive that the environment names.

    Raises:
        ConfigError: if its address is none, or what is set does not go together.
    """
    try:
        return archive_at(os.environ.get(URL, ""))
    except ConfigError as error:
        raise ConfigError(str(error).replace("--url", URL)) from None


def told_of(films: Sequence[Instance]) -> str:
    """Return what is said of a study's films: how many are of the chest, and how many may be."""
    sure = sum(each.is_chest is True for each in films)
    maybe = len(films) - sure
    parts = [f"{sure} chest {'film' if sure == 1 else 'films'}"] if sure else []
    parts += [f"{maybe} that may be {'one' if maybe == 1 else 'some'}"] if maybe else []
    return ", ".join(parts) or "none"
