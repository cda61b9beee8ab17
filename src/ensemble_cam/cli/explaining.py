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

if TYPE_CHECKING:
    from ensemble_cam.api.explaining import Explanation
    from ensemble_cam.classifiers.torch_any_network import Network


@dataclass(frozen=True)
class Case:
    """What is explained at once: a picture, or one for each of the network's inputs.

    Attributes:
        files: the pictures; by input, where there are several, else by "".
        shown: what lines call it.
        name: what its folder is called; None for a part of its bytes' hash.
    """

    files: Mapping[str, Path]
    shown: str
    name: str | None

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
        return [Case({"": film.path}, film.shown, film.name) for film in found.films], found.left_out_line
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
    """

    network: "Network"
    target: str | int
    how: ExplainOptions
    out: Path
    line: TerminalLine

    def explain(self, cases: Sequence[Case]) -> int:
        """Explain one after the other, and return how many failed, each with a line on standard error."""
        from ensemble_cam.api.explaining import explain
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
                folder = explanation.save(self.out, name=case.name) if case.name else explanation.save(self.out)
            except (RadiographError, ClassifierError, ExportError) as error:
                failed += 1
                self.line.transient("")
                print(f"ensemble-cam: {case.shown}: {error}", file=sys.stderr, flush=True)
                continue
            self.line.line(f"{where}: {self._told(explanation)} → {escaped(str(folder))}")
            for caution in explanation.cautions:
                if caution not in said:
                    said.add(caution)
                    self.line.line(f"  {caution}")
        return failed

    def _told(self, explanation: "Explanation") -> str:
        """Return what the network says of a picture, in words."""
        share = f"{explanation.predicted} {explanation.probabilities[explanation.predicted]:.3f}"
        inputs = [f"{name} {of:.0%}" for name, of in explanation.shares.items()]
        parts = f" ({', '.join(inputs)})" if inputs else ""
        return f"{share}{parts}{', which means nothing,' if self.network.untrained else ''}"
