"""Which reviews lie in a folder already: by film, weights, settings and versions, never by name alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ensemble_cam.archive.films import RECORD
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.errors import ExportError
from ensemble_cam.export.provenance import software
from ensemble_cam.export.record import SCHEMA, greys_record, settings_record, weights_record
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.machine.files import read_file
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.reviewing.review import RunInfo
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings

# Of one film; outlines of many regions are a few hundred kilobytes.
_MOST_RECORD_BYTES = 64 * 2**20
# What a classifier's record says of the film rather than of the classifier.
_OF_ONE_FILM = ("scores", "seconds", "failure")


def review_key(
    classifiers: Sequence[Classifier],
    settings: Settings,
    display: Display,
    run: RunInfo,
    *,
    save_maps: bool = False,
    pdf: bool = False,
    dicom: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return what makes two reviews of one film the same, in the words of their `review.json`.

    The greys are the file's own: a film is windowed by a reader who looks at it, never by a run over many.
    """
    return {
        "schema": SCHEMA,
        "greys": greys_record(Greys()),
        "software": dict(software()),
        "settings": settings_record(
            resolve(settings, classifiers), display, run, save_maps=save_maps, pdf=pdf, dicom=dicom
        ),
        "classifiers": [weights_record(classifier) for classifier in classifiers],
    }


def read_record(folder: Path) -> Any:
    """Return what a folder's `review.json` says, whoever wrote it.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no JSON.
    """
    return json.loads(read_file(folder / RECORD, most=_MOST_RECORD_BYTES))


def key_of_folder(folder: Path) -> tuple[tuple[str, str | None], dict[str, Any]] | None:
    """Return the film's SHA-256 with its case, and the key of a folder's review.

    None where there is no review that can be read, or a classifier failed in it.
    """
    try:
        record = read_record(folder)
        if any("failure" in classifier for classifier in record["classifiers"]):
            return None
        return (record["input"]["sha256"], record["case"]), {
            "schema": record["schema"],
            "greys": {name: record["input"][name] for name in greys_record(Greys())},
            "software": record["software"],
            "settings": record["settings"],
            "classifiers": [
                {key: value for key, value in classifier.items() if key not in _OF_ONE_FILM}
                for classifier in record["classifiers"]
            ],
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass
class _Known:
    """Of the folders `name`, `name_2`, …: how many were read, and their finished reviews by film and case."""

    read: int = 0
    finished: dict[tuple[str, str | None], Path] = field(default_factory=dict)


class FinishedReviews:
    """The finished reviews in an output folder. Each folder is read once, however many films have its name."""

    def __init__(self, out: Path, key: Mapping[str, object]):
        """Look into `out`, which need not be there, for reviews of a key, see `review_key`."""
        self._out, self._key = out, key
        self._known: dict[str, _Known] = {}

    def find(self, name: str, sha256: str, *, case: str | None = None) -> Path | None:
        """Return the folder in which a film's review lies, among `name`, `name_2`, … up to the first free name.

        Args:
            name: what the film's folder is to be called.
            sha256: of the film's bytes.
            case: which the review carries, a name of the reader's own.

        Raises:
            ExportError: if the output folder cannot be looked into.
        """
        known = self._known.setdefault(name, _Known())
        try:
            # No folder is ever overwritten, so what was read of it stays true; new ones may have come.
            while (folder := self._folder(name, known.read + 1)).exists():
                known.read += 1
                found = key_of_folder(folder)
                if found is not None and found[1] == self._key:
                    known.finished.setdefault(found[0], folder)
            finished = known.finished.get((sha256, case))
            return finished if finished is not None and (finished / RECORD).exists() else None
        except OSError as error:
            raise ExportError(
                f"The place of its review cannot be looked at ({error.strerror}). Choose another folder or name."
            ) from None

    def _folder(self, name: str, number: int) -> Path:
        return self._out / (name if number == 1 else f"{name}_{number}")
