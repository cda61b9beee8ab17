"""Loaded classifiers and options for any number of films, reviewed in this process: `ensemble-cam review`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ensemble_cam.archive.films import FoundFilms
from ensemble_cam.archive.flow import Flow
from ensemble_cam.archive.run import run_through, tell_classifiers
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.export.dicom.objects import DicomOptions
from ensemble_cam.machine.terminal import TerminalLine, Ticker
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.preparing import Choice, checked, load_classifiers, remedied, run_info
from ensemble_cam.reviewing.review import RunInfo
from ensemble_cam.settings.config import Config


@dataclass(frozen=True, eq=False)
class Batch:
    """Loaded classifiers and options, ready for any number of films.

    Attributes:
        classifiers: in the order of the configuration.
        options: with the labels and ensemble weights of these classifiers.
        run: what the reviews say of how they were run.
        line: where all is said but failures.
        at_once: how many classifiers run side by side, see `pipeline.analyse`.
    """

    classifiers: tuple[Classifier, ...]
    options: ReviewOptions
    run: RunInfo
    line: TerminalLine
    at_once: int = 1

    @classmethod
    def prepare(
        cls, config: Config, choice: Choice, options: ReviewOptions, line: TerminalLine, *, at_once: int = 1
    ) -> "Batch":
        """Check every choice, then load the classifiers, so many at once; see `reviewing.preparing`.

        Raises:
            ConfigError: if something is not allowed; it comes before anything that is wrong with the weights.
            WeightsMissing: if files are not on this machine; it names all of them.
            WeightsError: if a file cannot be used.
        """
        options = checked(config, choice, options)
        ticker = Ticker(line, "Loading the networks")
        try:
            with remedied(config, choice):
                loaded = load_classifiers(
                    config, choice, options, progress=lambda what, _: ticker.now(what), at_once=at_once
                )
        finally:
            ticker.end()
        tell_classifiers(line, [classifier.told for classifier in loaded], choice.set)
        return cls(loaded, options, run_info(choice, options, loaded), line, at_once)

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
        flow = Flow(
            self.classifiers,
            self.options,
            self.run,
            out=out,
            save_maps=save_maps,
            pdf=pdf,
            dicom=dicom,
            at_once=self.at_once,
        )
        return run_through(flow.review, found, out, line=self.line, errors=errors, summary=summary)
