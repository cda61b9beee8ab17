"""`ensemble-cam phantom`: drawn chest films with their truth."""

import argparse
import contextlib
import re
import sys
from pathlib import Path

from ensemble_cam.cli.arguments import Commands, real, whole
from ensemble_cam.cli.exit_codes import OK
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import TerminalLine


def add(commands: Commands) -> None:
    """Add the command."""
    phantom = commands.add_parser(
        "phantom",
        help="draw chest films with findings planted at known places",
        description="Draw synthetic chest films, each with its truth (JSON) and a mask for each planted finding. "
        "The same seed gives the same film; one that lies in DIR already is passed over, and nothing is overwritten.",
    )
    phantom.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    phantom.add_argument("--count", type=whole(least=1), default=1, metavar="N", help="how many films (%(default)s)")
    phantom.add_argument("--seed", type=whole(), default=0, metavar="S", help="of the first film; the next has S + 1")
    what = phantom.add_mutually_exclusive_group()
    what.add_argument(
        "--finding",
        action="append",
        metavar="NAME",
        help="plant this one in every film instead of findings drawn at random; may be repeated",
    )
    what.add_argument("--normal", action="store_true", help="plant nothing")
    phantom.add_argument("--size", default="1024", metavar="N|WxH", help="in pixels (%(default)s)")
    phantom.add_argument("--bits", type=whole(), choices=(8, 16), default=8, help="of a grey value (%(default)s)")
    phantom.add_argument(
        "--difficulty", type=real, metavar="D", help="of findings: 0, plain, to 1, borderline; else at random"
    )
    phantom.add_argument("--format", choices=("png", "dicom"), default="png", help="of the films' files (%(default)s)")
    phantom.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Draw the films and write them.

    Raises:
        ConfigError: if no such films can be drawn.
        ExportError: if they cannot be written.
    """
    size = _size(options.size)
    from ensemble_cam.phantom import were_learned_from
    from ensemble_cam.phantom.series import Series, find_findings

    series = Series(
        options.out,
        seed=options.seed,
        findings=() if options.normal else find_findings(options.finding) if options.finding else None,
        size=size,
        bits=options.bits,
        difficulty=options.difficulty,
        format=options.format,
    )
    line, drawn = TerminalLine(sys.stdout), []
    with contextlib.closing(series.write_all(options.count)) as films:
        for film in films:
            drawn.append(film)
            line.transient(f"[{len(drawn)}/{options.count}] {film.name}")
    normal, new = sum(not film.findings for film in drawn), sum(film.new for film in drawn)
    names = drawn[0].name if len(drawn) == 1 else f"{drawn[0].name} to {drawn[-1].name}"
    count = f"{len(drawn)} phantom{'s' * (len(drawn) > 1)}" + (f" ({normal} normal)" if normal else "")
    there = f", {len(drawn) - new} of them there already" if new < len(drawn) else ""
    line.line(f"{count} with truth and masks in {escaped(str(options.out))}: {names}{there}")
    if were_learned_from(options.seed, options.count):
        line.line("The teaching networks know some of these films: judge them by films of other seeds.")
    return OK


def _size(text: str) -> tuple[int, int]:
    """Return (width, height) of "1024" or "1024x1280"."""
    match = re.fullmatch(r"(\d{1,6})(?:[x×](\d{1,6}))?", text.strip().lower(), re.ASCII)
    if match is None:
        raise ConfigError(f"--size: got {text!r}; allowed: a side in pixels, such as 1024, or WIDTHxHEIGHT.")
    return int(match[1]), int(match[2] or match[1])
