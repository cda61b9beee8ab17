"""Markdown for the tables that are written from the code: what every `tables_*.py` builds them with."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; None is an empty cell."""
    lines = [_row(head), _row(["---"] * len(head))]
    return "\n".join([*lines, *map(_row, rows)])


def code(text: object) -> str:
    """Return text as it stands in code."""
    return f"`{text}`"


def listed(names: Iterable[object]) -> str:
    """Return names as code, with commas between."""
    return ", ".join(map(code, names))


def sentence(text: str) -> str:
    """Return half a sentence as a whole one."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '…')) else '.'}" if text else ""


def _row(cells: Sequence[object]) -> str:
    # A bar parts cells even in code, unless it is written with a backslash (GitHub's Markdown, section 4.10).
    texts = ("" if cell is None else " ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(texts)} |"
