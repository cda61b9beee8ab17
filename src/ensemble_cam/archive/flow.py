"""Films on their way through a review in one process: read ahead, shown to the networks, and written behind.

More than a few go through processes of their own where OpenVINO runs the networks, see `apart`.

Reading and writing have threads of their own; the networks run in the caller's thread, one film at a time. Whatever
the threads do meanwhile, films get their folders' names, and outcomes come, in the order in which films were given.

Batches of films are not made: where the networks take time, a batch gains nothing, and bits are promised for single
films alone. On two cores all three backbones took per film, one by one and in a batch of eight: the clinical set .26
and .28 s in OpenVINO, .48 and .63 s in PyTorch; the teaching set 5.1 and 4.1 ms in OpenVINO, which `--runtime auto`
takes where it is installed, and 29 and 10 ms in PyTorch. To draw and write that film's review takes about 100 ms.
"""

import hashlib
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ensemble_cam.archive.arrivals import Arrivals
from ensemble_cam.archive.films import Film
from ensemble_cam.archive.finished import review_key
from ensemble_cam.archive.outcome import (
    Outcome,
    Remarks,
    failed,
    findings_line,
    reason_of,
    reviewed,
    seconds_of,
    warnings_of,
)
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.errors import EnsembleCamError, ExportError
from ensemble_cam.export.dicom.objects import DicomObjects, DicomOptions, dicom_objects, why_none
from ensemble_cam.export.folder import write_review
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.film.sources import read_film_file
from ensemble_cam.machine.report import Report
from ensemble_cam.machine.side_by_side import PixelBudget, in_threads
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.reviewing.review import Review, RunInfo

# Films that are decoded before the networks ask for them, and reviews that are being written or wait for that.
AHEAD, BEHIND = 2, 3
# One thread draws most of a review's figure: a second review being written has use for the other cores.
WRITERS = 2
# From so many pixels on, of all decoded films on their way together, no other film is decoded: some 7 bytes each,
# beside what is drawn. A large film has 8 megapixels; huge ones go one or two at a time.
MOST_PIXELS = 32_000_000


@dataclass(frozen=True, eq=False)
class _Read:
    """A film that is decoded; `name` is what its folder is to be called."""

    number: int
    film: Film
    name: str
    seconds: float
    radiograph: Radiograph


@dataclass(frozen=True, eq=False)
class _Analysed:
    read: _Read
    analysis: Analysis
    seconds: float


class Flow:
    """One run over films, for one output folder.

    Args:
        classifiers: shared and left as they are.
        options: what the reviews are like.
        run: what they say of how they were run.
        out: the output folder, which need not be there.
        save_maps: whether every map is written on the source grid.
        pdf: whether every figure is written as a PDF, too.
        dicom: which DICOM objects are written of films that came as DICOM; None for none.
        at_once: how many classifiers run side by side, see `pipeline.analyse`.
    """

    def __init__(
        self,
        classifiers: Sequence[Classifier],
        options: ReviewOptions,
        run: RunInfo,
        *,
        out: Path,
        save_maps: bool,
        pdf: bool = False,
        dicom: DicomOptions | None = None,
        at_once: int = 1,
    ):
        self._classifiers, self._options, self._run, self._at_once = classifiers, options, run, at_once
        self._out, self._save_maps, self._pdf, self._dicom = out, save_maps, pdf, dicom
        asked = None if dicom is None else dicom.record
        key = review_key(classifiers, options.settings, options.display, run, save_maps=save_maps, pdf=pdf, dicom=asked)
        self._budget = PixelBudget(most_pixels=MOST_PIXELS)
        self._arrivals = Arrivals(out, key, self._budget)

    def review(self, films: Sequence[Film], report_on: Callable[[int, Film], Report]) -> Generator[Outcome, None, None]:
        """Review films into folders of their own, and yield what became of each, in their order.

        The iterator has to be closed. Whether that happens early or something is raised in it (Ctrl-C, in the caller's
        thread), what is under way is finished, the rest is dropped, and no thread and no unfinished folder is left.

        Args:
            films: in their order.
            report_on: gives, for a film's number and the film, what is told of each step of the networks, in the
                caller's thread.
        """
        read = in_threads(self._read, enumerate(films, start=1), budget=self._budget, ahead=AHEAD)
        analysed = map(partial(self._analyse, report_on=report_on), read)
        outcomes = in_threads(self._write, analysed, budget=self._budget, ahead=BEHIND, threads=WRITERS, prompt=True)
        with closing(read), closing(outcomes):
            yield from outcomes

    def _read(self, numbered: tuple[int, Film]) -> _Read | Outcome:
        number, film = numbered
        try:
            return self._decoded(number, film)
        except (EnsembleCamError, MemoryError) as error:
            self._budget.release(number)
            return failed(number, film, reason_of(error))

    def _decoded(self, number: int, film: Film) -> _Read | Outcome:
        arrived = self._arrivals.arrive(number, film)
        if isinstance(arrived, Outcome):
            return arrived
        began = time.perf_counter()
        pixels = self._options.pixels
        radiograph = read_radiograph(
            arrived.data,
            intensity=pixels.intensity,
            rescale=pixels.rescale,
            negative=pixels.negative,
            cancelled=self._budget.is_closed,
        )
        self._budget.charge(number, radiograph.width * radiograph.height)
        return _Read(number, film, arrived.name, arrived.seconds + time.perf_counter() - began, radiograph)

    def _analyse(self, read: _Read | Outcome, report_on: Callable[[int, Film], Report]) -> _Analysed | Outcome:
        if isinstance(read, Outcome):
            return read
        began = time.perf_counter()
        report = report_on(read.number, read.film)
        try:
            settings = self._options.settings
            analysis = analyse(read.radiograph, self._classifiers, settings, progress=report, at_once=self._at_once)
        except (EnsembleCamError, MemoryError) as error:
            self._budget.release(read.number)
            return failed(read.number, read.film, reason_of(error), self._warnings(read.radiograph))
        report("writing", 1.0)
        return _Analysed(read, analysis, read.seconds + time.perf_counter() - began)

    def _write(self, analysed: _Analysed | Outcome) -> Outcome:
        if isinstance(analysed, Outcome):
            return analysed
        read, analysis = analysed.read, analysed.analysis
        number, film = read.number, read.film
        remarks = self._warnings(read.radiograph) + seconds_of(analysis)
        try:
            self._budget.wait_for_turn(number)
            began = time.perf_counter()
            review = Review(analysis, self._options.display, self._run, case=film.case)
            dicom = self._objects(review, film)
            remarks += tuple((remark, False) for remark in dicom.remarks) if dicom else ()
            folder = write_review(review, self._out, read.name, save_maps=self._save_maps, pdf=self._pdf, dicom=dicom)
            seconds = analysed.seconds + time.perf_counter() - began
        except (EnsembleCamError, MemoryError) as error:
            return failed(number, film, reason_of(error), remarks)
        finally:
            self._budget.release(number)
        return reviewed(number, film, findings_line(analysis), folder, seconds, remarks)

    def _objects(self, review: Review, film: Film) -> DicomObjects | None:
        """Return a film's DICOM objects, for which its file is read again: nothing kept what its header says."""
        if self._dicom is None:
            return None
        try:
            if why_none(review):
                return dicom_objects(review, b"", self._dicom)
            data = read_film_file(film.path)
            if hashlib.sha256(data).hexdigest() != review.analysis.radiograph.sha256:
                raise ExportError("The film's file was changed while it was reviewed. Review it again.")
            return dicom_objects(review, data, self._dicom)
        except ExportError as error:
            return DicomObjects(self._dicom, remarks=(f"No DICOM objects. {error}",))

    def _warnings(self, radiograph: Radiograph) -> Remarks:
        return warnings_of(radiograph, self._run.set)
