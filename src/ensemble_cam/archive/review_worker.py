"""The child process that reviews films into folders: `python -m ensemble_cam.archive.review_worker`, asked by `apart`.

It reviews one film at a time, from its bytes to the files, and draws in as many threads as its networks compute in.
"""

import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ensemble_cam.archive.asked import AskedReviews
from ensemble_cam.archive.finished import review_key
from ensemble_cam.archive.outcome import Remarks, findings_line, reason_of, seconds_of, warnings_of
from ensemble_cam.archive.with_networks import run
from ensemble_cam.errors import EnsembleCamError, ExportError
from ensemble_cam.export.dicom.objects import DicomObjects, dicom_objects
from ensemble_cam.export.drafts import not_written
from ensemble_cam.export.folder import write_files
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.reviewing.preparing import load_classifiers, run_info
from ensemble_cam.reviewing.review import Review


class Reviewer:
    """Loaded classifiers that review films into folders.

    Attributes:
        method: by which maps are made.

    Args:
        asked: what is asked of every film.
        threads: how many draw at once.

    Raises:
        WeightsError: if weights are missing or unusable.
    """

    def __init__(self, asked: AskedReviews, threads: int):
        self.method = asked.options.settings.method
        self._asked, self._threads, self._log = asked, threads, _Collected()
        if asked.logged:
            logging.getLogger("ensemble_cam").addHandler(self._log)
        else:
            logging.disable()
        self._classifiers = load_classifiers(asked.config, asked.choice, asked.options)
        self._run = run_info(asked.choice, asked.options, self._classifiers)

    @property
    def key(self) -> dict[str, Any]:
        """The key of all reviews, see `review_key`."""
        asked = self._asked
        return review_key(
            self._classifiers,
            asked.options.settings,
            asked.options.display,
            self._run,
            save_maps=asked.save_maps,
            pdf=asked.pdf,
            dicom=None if asked.dicom is None else asked.dicom.record,
        )

    @property
    def description(self) -> dict[str, Any]:
        """The key of all reviews; which classifiers were loaded, in words; what was `logged`."""
        return {
            "key": self.key,
            "classifiers": [classifier.told for classifier in self._classifiers],
            "logged": self._log.taken(),
        }

    def films(self, request: bytes) -> int:
        """Return that a request asks about one film."""
        return 1

    def answer(self, request: bytes) -> Sequence[memoryview]:
        """Return what became of a film, see `review`, and what was `logged`, as JSON; of a request by `request_of`."""
        head, _, data = request.partition(b"\n")
        asked = json.loads(head)
        told = self.review(data, Path(asked["folder"]), asked["case"])
        return [memoryview(json.dumps({**told, "logged": self._log.taken()}).encode())]

    def review(self, data: bytes, folder: Path, case: str | None) -> dict[str, Any]:
        """Review a film into a folder that is there.

        Args:
            data: its file's bytes.
            folder: where the review's files go; what another process had begun in it goes.
            case: a name of the reader's own for it; None without.

        Returns:
            `findings`, a line, and `seconds`, or `failed`, why there is no review; and `remarks`, see `Outcome`.
        """
        began, options = time.perf_counter(), self._asked.options
        remarks: Remarks = ()
        try:
            _empty(folder)
            pixels = options.pixels
            film = read_radiograph(data, intensity=pixels.intensity, rescale=pixels.rescale, negative=pixels.negative)
            remarks += warnings_of(film, self._run.set)
            analysis = analyse(film, self._classifiers, options.settings)
            remarks += seconds_of(analysis)
            review = Review(analysis, options.display, self._run, case=case)
            dicom = self._objects(review, data)
            remarks += tuple((remark, False) for remark in dicom.remarks) if dicom else ()
            write_files(
                review,
                folder,
                save_maps=self._asked.save_maps,
                pdf=self._asked.pdf,
                dicom=dicom,
                threads=self._threads,
            )
        except (EnsembleCamError, MemoryError) as error:
            return {"failed": reason_of(error), "remarks": remarks}
        return {"findings": findings_line(analysis), "seconds": time.perf_counter() - began, "remarks": remarks}

    def _objects(self, review: Review, data: bytes) -> DicomObjects | None:
        asked = self._asked.dicom
        if asked is None:
            return None
        try:
            return dicom_objects(review, data, asked)
        except ExportError as error:
            return DicomObjects(asked, remarks=(f"No DICOM objects. {error}",))


def _empty(folder: Path) -> None:
    """Remove the files in a folder.

    Raises:
        ExportError: if one stays.
    """
    try:
        for path in folder.iterdir():
            path.unlink()
    except OSError as error:
        raise not_written(error) from None


class _Collected(logging.Handler):
    """Keeps what is logged for the next answer, as nothing that this process prints reaches anybody."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append((record.name, record.levelno, self.format(record)))

    def taken(self) -> list[tuple[str, int, str]]:
        """Return what was kept, (logger, level, text), and keep it no longer."""
        lines, self._lines = self._lines, []
        return lines


def main(arguments: Sequence[str]) -> None:
    """Answer requests until no more come.

    Args:
        arguments: the request of the whole run, see `AskedReviews.to_text`, and in how many threads networks compute.
    """
    text, threads = arguments
    run(lambda: Reviewer(AskedReviews.from_text(text), int(threads)), threads=int(threads))


if __name__ == "__main__":
    main(sys.argv[1:])
