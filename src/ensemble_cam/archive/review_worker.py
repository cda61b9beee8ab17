"""The child process that reviews films into folders: `python -m ensemble_cam.archive.review_worker`, asked by `apart`.

It loads the networks once and reviews one film at a time in one thread for each core that it was given, where drawing,
too, is done. Films are decoded in a process of their own behind it, as everywhere.
"""

import json
import logging
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ensemble_cam.archive.asked import AskedReviews
from ensemble_cam.archive.finished import review_key
from ensemble_cam.archive.outcome import Remarks, findings_line, reason_of, seconds_of, warnings_of
from ensemble_cam.archive.worker import MOST_GROWN, of_films
from ensemble_cam.archive.workers import DESCRIBE
from ensemble_cam.classifiers.compilation import compute_in
from ensemble_cam.errors import EnsembleCamError, ExportError
from ensemble_cam.export.dicom.objects import DicomObjects, dicom_objects
from ensemble_cam.export.folder import write_files
from ensemble_cam.film import decoding
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.machine.child import Allowance, Grant, serve
from ensemble_cam.machine.threads import draw_in, wait_briefly
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.reviewing.preparing import load_classifiers, run_info
from ensemble_cam.reviewing.review import Review

_reviewer: "Reviewer | None" = None
_failure: EnsembleCamError | None = None
_lines: list[list[object]] = []


class Reviewer:
    """Loaded classifiers that review films into folders.

    Args:
        asked: what is asked of every film.
        threads: how many draw at once.

    Raises:
        WeightsError: if weights are missing or unusable.
    """

    def __init__(self, asked: AskedReviews, threads: int):
        self.asked, self._threads = asked, threads
        self._classifiers = load_classifiers(asked.config, asked.choice, asked.options)
        self._run = run_info(asked.choice, asked.options, self._classifiers)

    @property
    def description(self) -> dict[str, Any]:
        """The key of all reviews, see `review_key`, and which classifiers were loaded, in words."""
        asked = self.asked
        return {
            "key": review_key(
                self._classifiers,
                asked.options.settings,
                asked.options.display,
                self._run,
                save_maps=asked.save_maps,
                pdf=asked.pdf,
                dicom=None if asked.dicom is None else asked.dicom.record,
            ),
            "classifiers": [classifier.told for classifier in self._classifiers],
        }

    def review(self, data: bytes, folder: Path, case: str | None) -> dict[str, Any]:
        """Review a film into a folder that is there.

        Args:
            data: its file's bytes.
            folder: where the review's files go.
            case: a name of the reader's own for it; None without.

        Returns:
            `findings`, a line, and `seconds`, or `failed`, why there is no review; and `remarks`, see `Outcome`.
        """
        began, options = time.perf_counter(), self.asked.options
        remarks: Remarks = ()
        try:
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
                save_maps=self.asked.save_maps,
                pdf=self.asked.pdf,
                dicom=dicom,
                threads=self._threads,
            )
        except (EnsembleCamError, MemoryError) as error:
            return {"failed": reason_of(error), "remarks": remarks}
        return {"findings": findings_line(analysis), "seconds": time.perf_counter() - began, "remarks": remarks}

    def _objects(self, review: Review, data: bytes) -> DicomObjects | None:
        asked = self.asked.dicom
        if asked is None:
            return None
        try:
            return dicom_objects(review, data, asked)
        except ExportError as error:
            return DicomObjects(asked, remarks=(f"No DICOM objects. {error}",))


class _Collected(logging.Handler):
    """Keeps what is logged for the answer, as nothing that this process prints reaches anybody."""

    def emit(self, record: logging.LogRecord) -> None:
        _lines.append([record.name, record.levelno, self.format(record)])


def main(arguments: Sequence[str]) -> None:
    """Answer requests until no more come.

    Args:
        arguments: the request of the whole run, see `AskedReviews.to_text`, and in how many threads networks compute.
    """
    warnings.simplefilter("ignore")
    asked, threads = AskedReviews.from_text(arguments[0]), int(arguments[1])
    if asked.logged:
        logging.getLogger("ensemble_cam").addHandler(_Collected())
    else:
        logging.disable()
    serve(answer, first=_allowance, prepare=lambda: _load(asked, threads), most_grown=MOST_GROWN)


def answer(request: bytes, grant: Grant) -> tuple[bytes, Sequence[memoryview]]:
    """Return the description of what was loaded, why nothing was, or what became of a film."""
    if request == DESCRIBE:
        told = {} if _reviewer is None else _reviewer.description
        if _failure is not None:
            told = {"refused": [type(_failure).__name__, str(_failure)]}
    elif _reviewer is None:
        raise RuntimeError("nothing was loaded")
    else:
        head, _, data = request.partition(b"\n")  # see `apart.request_of`
        asked = json.loads(head)
        told = _reviewer.review(data, Path(asked["folder"]), asked["case"])
    lines = [_lines.pop(0) for _ in range(len(_lines))]
    return b"told", [memoryview(json.dumps({**told, "logged": lines}).encode())]


def _allowance(request: bytes) -> Allowance:
    return of_films(1, None if _reviewer is None else _reviewer.asked.options.settings.method)


def _load(asked: AskedReviews, threads: int) -> None:
    global _reviewer, _failure
    wait_briefly()
    compute_in(threads)
    draw_in(threads)
    decoding.start()
    try:
        _reviewer = Reviewer(asked, threads)
    except EnsembleCamError as error:
        _failure = error


if __name__ == "__main__":
    main(sys.argv[1:])
