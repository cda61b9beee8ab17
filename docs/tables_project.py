"""The tables of the code's order: rooms, contracts, the tests' markers, and the glossary for those who contribute."""

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli
from markdown_tables import code, sentence, table

_DOCS = Path(__file__).resolve().parent
_PACKAGE = Path(str(files("ensemble_cam")))


def _project() -> Any:
    return tomli.loads((_DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


def rooms() -> str:
    """Return the floors with their rooms, the highest first, and what each room says of itself."""
    (floors,) = (each for each in _project()["importlinter"]["contracts"] if each["type"] == "layers")
    found = []
    for floor, names in zip(reversed(range(len(floors["layers"]))), floors["layers"], strict=True):
        for name in map(str.strip, names.split("|")):
            if not name.startswith("("):
                found.append((floor, code(name), sentence(_first_sentence(name))))
    return table(["floor", "room", "what it is for"], found)


def _first_sentence(room: str) -> str:
    path = _PACKAGE / room / "__init__.py"
    tree = ast.parse((path if path.is_file() else _PACKAGE / f"{room}.py").read_text(encoding="utf-8"))
    return re.split(r"(?<=\.)\s|\n\n", ast.get_docstring(tree) or "")[0]


def import_contracts() -> str:
    """Return what else is promised of imports."""
    contracts = (each for each in _project()["importlinter"]["contracts"] if each["type"] != "layers")
    return table(["contract", "says"], ((code(each["id"]), sentence(each["name"])) for each in contracts))


def test_markers() -> str:
    """Return the markers of tests."""
    markers = (each.partition(": ") for each in _project()["pytest"]["ini_options"]["markers"])
    return table(["marker", "tests"], ((code(name), sentence(text)) for name, _, text in markers))


def glossary_entries() -> Iterator[tuple[str, str]]:
    """Yield each word of the glossary with what it stands for, on one line."""
    page = (_DOCS / "reference" / "glossary.md").read_text(encoding="utf-8")
    body = page.partition(":::{glossary}\n")[2].partition("\n:::")[0]
    for entry in body.split("\n\n"):
        word, _, meaning = entry.partition("\n")
        yield word.strip(), " ".join(meaning.split())


def glossary() -> str:
    """Return the glossary as a table."""
    return table(["word", "stands for"], ((f"**{word}**", meaning) for word, meaning in glossary_entries()))


TABLES = {
    "rooms": rooms,
    "import contracts": import_contracts,
    "test markers": test_markers,
    "glossary": glossary,
}
