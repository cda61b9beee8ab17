"""What `ensemble-cam explain` does with pictures: which belong together, one after the other, and what is said."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_cam.errors import ClassifierError, ConfigError, ExportError, RadiographError, did_you_mean
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.vocabulary import ALL

if TYPE_CHECKING:
    from ensemble_cam.api.explaining import Explanation
    from ensemble_cam.classifiers.torch_any_network import Network
    from ensemble_cam.export.explained_summary import ExplainedSummary


@dataclass(frozen=True)
class Case:
    """What is explained at once: a picture, or one for each of the network's inputs.

    Attributes:
        files: the pictures; by input, where there are several, else by "".
        shown: what lines call it.
        name: what its folder is called; None for a part of its bytes' hash.
        folder: the subfolder, of a folder that was given, in which it lies; None where it lies in none.
    """

    files: Mapping[str, Path]
    shown: str
    name: str | None
    folder: str | None = None

    @property
    def first(self) -> Path:
        """Its first picture."""
        return next(iter(self.files.values()))


def cases_of(pictures: Sequence[Path], inputs: Sequence[str] | None, *, out: Path) -> tuple[list[Case], str]:
    """Return what is to be explained, and what was left out of the folders in words.

    Args:
        pictures: files and folders.
        inputs: texts NAME=FILE for a network with several inputs; the first of each name belong together.
        out: where the results go, which is not searched.

    Raises:
        ConfigError: if nothing was given, something is not there, or the inputs do not go together.
    """
    from ensemble_cam.archive.films import find_films

    if inputs and pictures:
        raise ConfigError("--input: it stands for pictures. Leave one of them out.")
    if not inputs and not pictures:
        raise ConfigError("PICTURE: missing. Name a picture or a folder of them, or --input NAME=FILE for each input.")
    if not inputs:
        found = find_films(pictures, out=out)
        folders = [each for each in pictures if each.is_dir()]
        cases = [Case({"": film.path}, film.shown, film.name, _subfolder(film.path, folders)) for film in found.films]
        return cases, found.left_out_line
    by_input: dict[str, list[Path]] = {}
    for text in inputs:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise ConfigError(f"--input: got {text!r}; allowed: an input's name, = and a file.")
        by_input.setdefault(name, []).append(Path(file))
    counts = {name: len(files) for name, files in by_input.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ConfigError(f"--input: each input has a picture in every case, and they have {told}. Name them all.")
    cases = []
    for together in zip(*by_input.values(), strict=True):
        film = find_films([together[0]]).films[0]
        find_films(together)  # which refuses what is not there
        cases.append(Case(dict(zip(by_input, together, strict=True)), film.shown, film.name))
    return cases, ""


def _subfolder(path: Path, folders: Sequence[Path]) -> str | None:
    """Return the first part of a file's path below the folder that was given, where that is a folder."""
    for folder in folders:
        if path.is_relative_to(folder):
            parts = path.relative_to(folder).parts
            return parts[0] if len(parts) > 1 else None
    return None


def with_classes(network: "Network", cases: Sequence[Case]) -> tuple["Network", str]:
    """Return the network with the subfolders' names for its classes, where nobody named them and they are as many.

    Returns:
        The network, and what was done in words; empty where nothing was.
    """
    found = sorted({case.folder for case in cases if case.folder is not None})
    if network.has_named_classes or len(found) != len(network.classes):
        return network, ""
    shown = ", ".join(map(escaped, found))
    return network.named(found), f"Classes by the subfolders, in alphabetical order: {shown}"


def check_against(network: "Network", other: "Network") -> "Network":
    """Return other weights' network with the same names for its classes.

    Raises:
        ConfigError: if it has other classes.
    """
    if len(other.classes) != len(network.classes):
        raise ConfigError(
            f"--against: its network has {len(other.classes)} outputs, and the first {len(network.classes)}. Name a "
            "checkpoint of the same classes."
        )
    if other.has_named_classes and other.classes != network.classes and network.has_named_classes:
        raise ConfigError(f"--against: its classes are {', '.join(other.classes)}. Name them by --classes for both.")
    return other.named(network.classes) if network.has_named_classes else other


def check_inputs(network: "Network", case: Case) -> None:
    """Refuse pictures that are not those of the network's inputs.

    Raises:
        ConfigError: if they are not.
    """
    known = [each.name for each in network.inputs]
    if network.branches is None and "" in case.files:
        return
    if network.branches is None:
        raise ConfigError("--input: the network takes one picture. Name it without --input.")
    for name in case.files:
        if name not in known:
            given = f"--input: got {name!r}" if name else "The network has several inputs"
            raise ConfigError(
                f"{given}; allowed: --input NAME=FILE for each of {', '.join(known)}.{did_you_mean(name, known)}"
            )
    if missing := [name for name in known if name not in case.files]:
        raise ConfigError(f"--input: missing: {', '.join(missing)}. Name a picture for each input.")


@dataclass(frozen=True)
class Run:
    """A run of the command over pictures.

    Attributes:
        network: what explains them.
        target: which class is explained.
        how: how maps are made.
        out: where the pictures' folders go.
        line: what is said.
        against: the same network with other weights, where they are compared.
        summary: what is told of all of them; None for a picture alone.
    """

    network: "Network"
    target: str | int
    how: ExplainOptions
    out: Path
    line: TerminalLine
    against: "Network | None" = None
    summary: "ExplainedSummary | None" = None

    def explain(self, cases: Sequence[Case]) -> int:
        """Explain one after the other, and return how many failed, each with a line on standard error."""
        from ensemble_cam.api.explaining import explain, explained_by
        from ensemble_cam.export.drafts import remove_dead_drafts

        if removed := remove_dead_drafts(self.out):
            self.line.line(
                f"Removed from {escaped(str(self.out))} what a run that was broken off had begun: {removed}."
            )
        failed, said = 0, set[str]()
        for number, case in enumerate(cases, start=1):
            where = f"[{number}/{len(cases)}] {case.shown}"
            self.line.transient(f"{where} …")
            try:
                given = case.first if "" in case.files else case.files
                explanation = explain(self.network, given, target=self.target, options=self.how)
                other = None
                if self.against is not None:
                    target = ALL if self.target == ALL else explanation.target
                    other = explain(self.against, given, target=target, options=self.how)
                    other.save(self.out / "against", name=case.name)
                folder = explanation.save(self.out, name=case.name)
                if self.summary is not None:
                    beside = None if other is None else explained_by(other)
                    self.summary.add(folder.name, explained_by(explanation), self._truth(case), beside)
            except (RadiographError, ClassifierError, ExportError) as error:
                failed += 1
                self.line.transient("")
                print(f"ensemble-cam: {case.shown}: {error}", file=sys.stderr, flush=True)
                continue
            truth = self._truth(case)
            wrong = "" if truth in (None, explanation.predicted) else f" (wrong: {escaped(str(truth))})"
            self.line.line(f"{where}: {self._told(explanation)}{wrong} → {escaped(str(folder))}")
            for caution in explanation.cautions:
                if caution not in said:
                    said.add(caution)
                    self.line.line(f"  {caution}")
        if self.summary is not None:
            for each in self.summary.write(self.out):
                self.line.line(each)
        return failed

    def _truth(self, case: Case) -> str | None:
        """Return the class whose folder a picture lies in."""
        return case.folder if case.folder in self.network.classes else None

    def _told(self, explanation: "Explanation") -> str:
        """Return what the network says of a picture, in words."""
        predicted = explanation.predicted or ""
        share = f"{predicted} {explanation.probabilities[predicted]:.3f}"
        inputs = [f"{name} {of:.0%}" for name, of in explanation.shares.items()]
        parts = f" ({', '.join(inputs)})" if inputs else ""
        return f"{share}{parts}{', which means nothing,' if self.network.untrained else ''}"
