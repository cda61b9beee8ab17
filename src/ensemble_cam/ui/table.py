"""Small tables, closer set than Markdown's."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape

import streamlit as st

_STYLE = """
<style>
.lab-scroll { overflow-x: auto; }
.lab-table { border-collapse: collapse; font-size: 0.75rem; line-height: 1.5; width: 100%; }
.lab-table th { font-weight: 600; }
.lab-table th, .lab-table td { text-align: right; padding: 0 0.3rem; border-bottom: 1px solid rgba(128, 128, 128, 0.3);
}
.lab-table th:first-child, .lab-table td:first-child { text-align: left; padding-left: 0; }
.lab-table .right { color: light-dark(#146c43, #3fbf87); }
.lab-table .wrong { color: light-dark(#b3261e, #f0808a); }
.lab-table .meaningless { color: light-dark(#5f5f5f, #a2a2a2); text-decoration: line-through; }
</style>
"""


class Mark(StrEnum):
    """What is to be seen of a cell's text beside the text itself."""

    RIGHT = "right"
    WRONG = "wrong"
    MEANINGLESS = "meaningless"


_SIGNS = {Mark.RIGHT: " ✓", Mark.WRONG: " ✗", Mark.MEANINGLESS: ""}


@dataclass(frozen=True)
class Marked:
    """A text that was right or wrong, which a sign and a colour tell, or that means nothing: grey and struck."""

    text: str
    mark: Mark


def show_table(head: Sequence[str], rows: Sequence[Sequence[str | Marked]]) -> None:
    """Show rows under a head; the first column stands to the left, the others to the right."""
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(map(_cell, row)) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    st.html(f'{_STYLE}<div class="lab-scroll"><table class="lab-table">{body}</table></div>')


def _cell(cell: str | Marked) -> str:
    if isinstance(cell, str):
        return f"<td>{escape(cell)}</td>"
    return f'<td class="{cell.mark}" title="{cell.mark}">{escape(cell.text)}{_SIGNS[cell.mark]}</td>'
