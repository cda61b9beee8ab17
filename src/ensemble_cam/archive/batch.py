"""Loaded classifiers and options for any number of films: `ensemble-cam review`."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ensemble_cam.archive.films import FoundFilms
from ensemble_cam.archive.flow import Flow
from ensemble_cam.archive.report import RunReport
from ensemble_cam.archive.summary import Summary
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.errors import WeightsMissing
from ensemble_cam.export.dicom.objects import DicomOptions
from ensemble_cam.export.drafts import remove_dead_drafts
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.preparing import Choice, checked, load_classifiers, run_info
from ensemble_cam.reviewing.review import RunInfo
from ensemble_cam.settings.config import Config
from ensemble_cam.settings.sets import SETS, TEACHING, WITHOUT_DOWNLOAD


@dataclass(frozen=True, eq=False)
class Batch:
    """Loaded classifiers and options, ready for any number of films.

    Attributes:
        classifiers: in the order of the configuration.
        options: with the labels and ensemble weights of these classifiers.
        run: what the reviews say of how they were run.
        line: where all is said but failures.
    """

    classifiers: tuple[Classifier, ...]
    options: ReviewOptions
    run: RunInfo
    line: TerminalLine

    @classmethod
    def prepare(cls, config: Config, choice: Choice, options: ReviewOptions, line: TerminalLine) -> "Batch":
        """Check every choice, then load the classifiers; see `reviewing.preparing`.

        Raises:
            ConfigError: if something is not allowed; it comes before anything that is wrong with the weights.
            WeightsMissing: if files are not on this machine; it names all of them.
            WeightsError: if a file cannot be used.
        """
        options = checked(config, choice, options)
        try:
            loaded = load_classifiers(config, choice, options, progress=lambda what, _: line.transient(what))
        except WeightsMissing as error:
            if not (SETS[choice.set].needs_download and config.in_set(TEACHING.name)):
                raise
            raise WeightsMissing(f"{error}\n{WITHOUT_DOWNLOAD}") from None
        line.line("Classifiers: " + "; ".join(_named(classifier) for classifier in loaded))
        if words := SETS[choice.set].notice:
            line.line(f"{words}.")
        return cls(loaded, options, run_info(choice, options, loaded), line)

    def review(
        self,
        found: FoundFilms,
        out: Path,
        *,
        errors: TextIO,
        save_maps: bool = False,
        pdf: bool = False,
        dicom: DicomOptions | None = None,
        summary: bool = False,
    ) -> int:
        """Review films into folders of their own; return how many failed, each with a line in `errors`.

        Args:
            found: the films.
            out: where their folders go; it need not be there.
            errors: where a failure is a line.
            save_maps: whether every map is written on the source grid.
            pdf: whether every figure is written as a PDF, too.
            dicom: which DICOM objects are written; None for none.
            summary: whether a table and a contact sheet of these films are written beside the folders.

        Raises:
            ExportError: if the summary cannot be written.
        """
        flow = Flow(self.classifiers, self.options, self.run, out=out, save_maps=save_maps, pdf=pdf, dicom=dicom)
        report = RunReport(self.line, errors, found)
        sheet = Summary(found, out) if summary else None
        if removed := remove_dead_drafts(out):
            self.line.line(f"Removed from {escaped(str(out))} what a run that was broken off had begun: {removed}.")
        report.report_on(1, found.films[0])("reading", 0.0)
        try:
            with closing(flow.review(found.films, report.report_on)) as outcomes:
                for outcome in outcomes:
                    report.tell(outcome)
                    if sheet is not None:
                        sheet.add(outcome)
        except KeyboardInterrupt:
            self.line.line("What is finished stays; the same command goes on from there.")
            raise
        report.end(out)
        if sheet is not None:
            written = " and ".join(escaped(str(path)) for path in sheet.write())
            self.line.line(f"Summary: {written}")
        return report.failed


def _named(classifier: Classifier) -> str:
    told = [classifier.weights.name, classifier.weights.remark, classifier.points_remark]
    return f"{classifier.config.name} ({', '.join(filter(None, told))})"
