"""Arguments as people write them, and refusals in one line with the name that was meant."""

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from ensemble_cam.cli.exit_codes import USAGE
from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.machine.names import one_line

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""What a command is added to."""

# What argparse says, and how it is said here; {prog} is the command.
_REFUSALS = (
    (r"the following arguments are required: (.+)", r"\1: missing. See `{prog} --help`."),
    (
        r"argument ([^:]+): expected (?:one|at least one) argument",
        r"\1: its value is missing. See `{prog} --help`.",
    ),
    (r"argument ([^:]+): not allowed with argument (.+)", r"\1: does not go with \2. Leave one of them out."),
    (r"argument ([^:]+): ignored explicit argument (.+)", r"\1: got \2, and it takes no value. Leave the value out."),
    (r"ambiguous option: (\S+) could match (.+)", r"\1: could be \2. Write it out."),
    (r"argument (.+)", r"\1"),
)


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose every refusal is one line on standard error: the fact, and the remedy."""

    def parse_known_args(  # type: ignore[override]  # argparse declares it for namespaces of any type
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse, and refuse options that are none before anything else is missed."""
        given = list(sys.argv[1:] if args is None else args)
        self._refuse_unknown_options(given)
        return super().parse_known_args(given, namespace)

    def parse_args(  # type: ignore[override]  # as above
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Parse, and refuse what is left over."""
        options, left = self.parse_known_args(args, namespace)
        if left:
            self.error(f"{' '.join(left)}: nothing takes this here. See `{self.prog} --help`.")
        return options

    def error(self, message: str) -> NoReturn:
        """End with the refusal and the code for wrong usage."""
        for pattern, words in _REFUSALS:
            found = re.fullmatch(pattern, message, re.DOTALL)
            if found:
                message = found.expand(words.replace("{prog}", self.prog))
                break
        self.exit(USAGE, f"ensemble-cam: {one_line(message)}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is none of the choices; argparse asks before it takes one."""
        if action.choices is None or value in action.choices:
            return
        names = [str(name) for name in action.choices]
        meant = did_you_mean(value, names)
        raise argparse.ArgumentError(action, f"got {str(value)!r}; allowed: one of {', '.join(names)}.{meant}")

    def _refuse_unknown_options(self, given: Iterable[str]) -> None:
        options = self._option_string_actions
        commands = any(isinstance(action, argparse._SubParsersAction) for action in self._actions)
        for text in given:
            if text == "--" or (commands and not text.startswith("-")):
                return
            option = text.partition("=")[0]
            # As argparse takes it: a blank in it makes it no option, and a beginning stands for the whole.
            if not text.startswith("--") or " " in text or any(known.startswith(option) for known in options):
                continue
            names = [known for known in options if known.startswith("--")]
            meant = did_you_mean(option, names)
            self.error(f"{option}: there is no such option.{meant or f' See `{self.prog} --help`.'}")


def whole(*, least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number within bounds, for argparse's `type`."""
    bounds = (
        f" from {least} to {most}"
        if least is not None and most is not None
        else f" of at least {least}"
        if least is not None
        else ""
    )

    def read(text: str) -> int:
        # Digits of ASCII alone: `int` takes any script's, and underlines.
        value = int(text) if re.fullmatch(r"[+-]?\d{1,18}", text.strip(), re.ASCII) else None
        if value is None or (least is not None and value < least) or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a whole number{bounds}.")
        return value

    return read


def real(text: str) -> float:
    """Read a number, for argparse's `type`; its bounds are its setting's."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a number.") from None


def pairs(given: Iterable[str], option: str) -> dict[str, str]:
    """Return id → value of texts such as "resnet50=untrained".

    Raises:
        ConfigError: if a text is none such.
    """
    found = {}
    for text in given:
        id, equals, value = text.partition("=")
        if not (id and equals and value):
            raise ConfigError(f"{option}: got {text!r}; allowed: a classifier's id, = and a value.")
        found[id] = value
    return found


def weights_by_id(given: Iterable[str], option: str) -> dict[str, float]:
    """Return id → ensemble weight of texts such as "resnet50=2".

    Raises:
        ConfigError: if a text is none such, or its weight is no number of at least 0.
    """
    found = {}
    for id, text in pairs(given, option).items():
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(f"{option} {id}: got {text!r}; allowed: a number of at least 0.")
        found[id] = value
    return found


def names(text: str) -> list[str]:
    """Return the names of a list with commas."""
    return [name for part in text.split(",") if (name := part.strip())]


def add_common(command: argparse.ArgumentParser) -> None:
    """Add the options of every command that loads a configuration."""
    command.add_argument("--config", type=Path, metavar="FILE", help="a configuration instead of the default one")
    command.add_argument("--weights-dir", type=Path, metavar="DIR", help="look for weights here first")
