"""The manual's pages as text: their headings, the first cells of their tables' rows, and their examples."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>\S*)[^\n]*\n(?P<body>.*?)^(?P=indent)(?P=fence) *$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Example:
    """A fenced block that is run.

    Attributes:
        language: "python" or "sh".
        text: without its fence and indent.
        line: of the page, on which the text begins.
    """

    language: str
    text: str
    line: int


def examples(text: str) -> Iterator[Example]:
    """Yield the blocks of a page that are run, in their order."""
    for found in _FENCE.finditer(text):
        if found["language"] in ("python", "sh"):
            line = text.count("\n", 0, found.start("body")) + 1
            yield Example(found["language"], textwrap.dedent(found["body"]), line)


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text)


def headings(text: str) -> list[str]:
    """Return a page's headings, without marks of code."""
    return [each.replace("`", "").strip() for each in re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)]


def row_names(text: str) -> set[str]:
    """Return what stands as code in the first cells of a page's tables."""
    rows = re.findall(r"^\| (.+?) (?<!\\)\|", prose(text), re.MULTILINE)
    return {name.replace("\\|", "|") for row in rows for name in re.findall(r"`([^`]+)`", row)}
