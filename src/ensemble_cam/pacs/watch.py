"""What arrives in an archive is reviewed, and its results are sent there: round after round, each film once.

What is done stands in a file, a line for each film. What is not is found again by what lies in the folder: a film is
there whole or not at all, a review, too, and a review that is there already has the same objects. So whatever ends the
program, and however, the next round goes on where it stopped, and what it sends once more is the same object. Results
of this program are films to nobody, and so not to this either.
"""

import json
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ensemble_cam.archive.films import Film
from ensemble_cam.archive.outcome import Outcome
from ensemble_cam.errors import ExportError, PacsError
from ensemble_cam.export.drafts import remove_dead_drafts
from ensemble_cam.pacs.archive import Archive, Instance
from ensemble_cam.pacs.fetch import OWN, fetch, films_of
from ensemble_cam.pacs.query import Query, is_uid
from ensemble_cam.pacs.send import outgoing, send

FILMS, REVIEWS, DONE = "films", "reviews", "watched.jsonl"
"""In the folder: films under way, reviews, and what is done."""

Review = Callable[[Sequence[Film]], Generator[Outcome, None, None]]
"""Reviews films into folders of their own, DICOM objects among their files, and yields what became of each."""
Say = Callable[[str, bool], None]
"""Told a line, and whether it is of a failure."""


class Ledger:
    """Which films are done, in a file; a line that was not written whole counts for nothing.

    Args:
        path: the file, which need not be there.

    Raises:
        ExportError: if it cannot be read.
    """

    def __init__(self, path: Path):
        self._path, self._done = path, set[str]()
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError):
            raise ExportError(f"{path.name} cannot be read. Move it away, or choose another folder.") from None
        for line in text.splitlines():
            with suppress(ValueError, KeyError, TypeError):
                self._done.add(json.loads(line)["film"])
        self._torn = bool(text) and not text.endswith("\n")

    def __contains__(self, uid: str) -> bool:
        return uid in self._done

    def add(self, uid: str, state: str) -> None:
        """Note that a film is done, and how; it is on the disk when this returns.

        Raises:
            ExportError: if it cannot be written.
        """
        line = json.dumps({"film": uid, "state": state}) + "\n"
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" * self._torn + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ExportError(
                f"{self._path.name} cannot be written ({error.strerror}). Free space, and start again: "
                "what is done stays."
            ) from None
        self._torn = False
        self._done.add(uid)


@dataclass(frozen=True, eq=False)
class Watch:
    """One archive watched.

    Attributes:
        archive: the archive.
        query: which studies.
        folder: where films, reviews and the list of what is done lie.
        review: reviews films into `folder / REVIEWS`.
        say: where lines go.
        began: the day on which it began to watch.
    """

    archive: Archive
    query: Query
    folder: Path
    review: Review
    say: Say
    began: date = field(default_factory=date.today)

    def clean(self) -> None:
        """Remove what a run that was killed had begun; nobody else may watch with this folder."""
        remove_dead_drafts(self.folder / REVIEWS)
        for part in (self.folder / FILMS).glob(".*.part"):
            part.unlink(missing_ok=True)

    def round(self) -> int:
        """Review what has arrived and send its results; return how many films were done.

        A study that the archive does not tell of is a line, and the others are done.

        Raises:
            PacsError: if the archive cannot be asked; what is not done is done in the next round.
            ExportError: if nothing can be written.
        """
        done = Ledger(self.folder / DONE)
        count = 0
        for study in self.archive.studies(self.query.since(self.began)):
            if not is_uid(study.uid):
                continue
            try:
                instances = [each for each in films_of(self.archive, study.uid)[0] if each.uid not in done]
            except PacsError as error:
                self.say(f"{study.uid}: {error}", True)
                continue
            films = [Film.of(path) for path in self._fetched(instances, done)]
            if not films:
                continue
            with closing(self.review(films)) as outcomes:
                for outcome in outcomes:
                    uid = outcome.film.path.stem
                    done.add(uid, self._sent(outcome))
                    outcome.film.path.unlink(missing_ok=True)  # it lies in the archive
                    count += 1
        return count

    def _fetched(self, instances: list[Instance], done: Ledger) -> list[Path]:
        found = []
        for each in fetch(self.archive, instances, self.folder / FILMS, lambda *_: None):
            if each.path is not None:
                found.append(each.path)
            elif each.why == OWN:
                done.add(each.instance.uid, "own")
            else:
                self.say(f"{each.instance.uid}: {each.why}", True)  # and is fetched in the next round
        return found

    def _sent(self, outcome: Outcome) -> str:
        """Send a film's results; return what became of it.

        Raises:
            PacsError: if the archive cannot be asked.
        """
        called = outcome.film.shown
        for remark, is_detail in outcome.remarks:
            if not is_detail:
                self.say(f"{called}: {remark}", False)
        self.say(f"{called}: {outcome.sentence}", outcome.state == "failed")
        if outcome.folder is None:
            return "failed"
        states = [send(self.archive, outgoing(path)) for path in sorted(outcome.folder.glob("*.dcm"))]
        for each in states:
            self.say(
                f"{called}: {each.shown}: {'stored' if each.why is None else f'not stored: {each.why}'}", bool(each.why)
            )
        if not states:
            return "nothing to send"
        return "refused" if any(each.why for each in states) else "sent"


def rounds(watch: Watch, wait: Callable[[], bool]) -> None:
    """Go round until `wait` says that it is over; an archive that is away is a line, and asked again.

    Args:
        watch: what is watched.
        wait: waits until the next round is due, and returns whether there is one.

    Raises:
        ExportError: if nothing can be written.
    """
    while True:
        try:
            watch.round()
        except PacsError as error:
            watch.say(str(error), True)
        if not wait():
            return
