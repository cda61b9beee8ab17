"""Names that others gave, fit to be shown: what a terminal or a page would obey is written out."""

import os


def escaped(name: str) -> str:
    r"""Return a file's name or path for a line of text, with what is no printable character as Python writes it.

    A line break is \n, an escape \x1b, a right-to-left override \u202e, a byte that is no UTF-8 the surrogate that
    Python reads it as, \udcff. No two names are shown alike: a backslash is doubled where a name can hold one. On
    Windows none can, and it stands between folders.
    """
    return one_line(name if os.sep == "\\" else name.replace("\\", r"\\"))


def one_line(text: str) -> str:
    """Return a text with what is no printable character written out as `escaped` does it; backslashes stay."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def cell(name: str) -> str:
    r"""Return a name for a cell of a table: escaped, and nothing that a spreadsheet would take for a formula.

    A backslash goes before a first character that begins one (=, +, -, @, and their full-width forms): \=1+1.
    """
    shown = escaped(name)
    return f"\\{shown}" if shown.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) else shown
