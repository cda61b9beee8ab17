"""The tables of the command line: the options of every command, from the parsers themselves."""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial

from markdown_tables import code, listed, sentence, table

from ensemble_cam.cli import parser
from ensemble_cam.settings.config import ReviewDefaults

_DEFAULTS = asdict(ReviewDefaults())


def commands() -> Mapping[str, argparse.ArgumentParser]:
    """Return each command as people type it, such as "weights fetch", with its parser."""
    return dict(_commands(parser()))


def _commands(of: argparse.ArgumentParser, *words: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    below = [action for action in of._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield " ".join(words), of
    for action in below:
        for name, inner in action.choices.items():
            yield from _commands(inner, *words, name)


def options(of: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a command takes, but for `--help`."""
    return [action for action in of._actions if not isinstance(action, argparse._HelpAction)]


def spelling(action: argparse.Action) -> str:
    """Return how an argument is written: `--out DIR`, or `FILE…`."""
    value = "" if action.nargs == 0 else action.metavar or action.dest.upper().replace("_", "-")
    if not action.option_strings:
        return f"{value}…" if action.nargs in ("+", "*") else str(value)
    return " ".join(filter(None, [", ".join(action.option_strings), str(value)]))


def command(name: str) -> str:
    """Return the arguments of a command, each with its meaning and default."""
    of = commands()[name]
    rows = []
    for group in of._action_groups:
        for action in group._group_actions:
            if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
                rows.append((code(spelling(action)), _meaning(action), _default(action)))
    return table(["argument", "meaning", "default"], rows)


def _meaning(action: argparse.Action) -> str:
    text = (action.help or "") % {**vars(action), "prog": "ensemble-cam"}
    told = text if action.default is None else text.replace(f"({action.default})", "").rstrip()
    choices = f"One of {listed(action.choices)}." if action.choices else ""
    return f"{sentence(told)} {choices}"


def _default(action: argparse.Action) -> str:
    if action.required:
        return "*required*"
    if action.dest in _DEFAULTS and action.default is None:
        return f"{code(_shown(_DEFAULTS[action.dest]))}, or the configuration's"
    if action.default is None or action.default == []:
        return ""
    return "off" if action.default is False else code(action.default)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


TABLES = {f"command {name}": partial(command, name) for name in commands()}
