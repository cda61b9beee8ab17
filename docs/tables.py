"""The manual's tables that are written from the code: `python docs/tables.py` rewrites them in their pages.

A page has a place for one:

    <!-- table: NAME -->
    <!-- end of table -->

What stands between is the Markdown that the function called NAME returns: every `tables_*.py` beside this file has its
own in `TABLES`. A test holds the pages equal to what the code says today.
"""

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

DOCS = Path(__file__).resolve().parent
_PLACE = re.compile(r"(?<=<!-- table: )([a-z0-9 -]+?)( -->\n)(.*?)(?=<!-- end of table -->)", re.DOTALL)

Tables = Mapping[str, Callable[[], str]]


def tables() -> Tables:
    """Return name → what writes the table, of all modules beside this one.

    Raises:
        ValueError: if two modules give one name.
    """
    found: dict[str, Callable[[], str]] = {}
    for path in sorted(DOCS.glob("tables_*.py")):
        for name, write in import_module(path.stem).TABLES.items():
            if name in found:
                raise ValueError(f"{path.name}: a table {name!r} is there already. Choose another name.")
            found[name] = write
    return found


def pages() -> list[Path]:
    """Return the manual's pages, with those at the top of the checkout that may have tables."""
    written = [path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] != "gallery"]
    return sorted([*written, *(path for name in ("CONTRIBUTING", "README") for path in DOCS.parent.glob(f"{name}.md"))])


def names_in(text: str) -> list[str]:
    """Return the names of the tables that a page has places for."""
    return [found[1] for found in _PLACE.finditer(text)]


def filled(text: str, known: Tables) -> str:
    """Return a page's text with its tables as the code gives them today.

    Raises:
        ValueError: if a page has a place for a table that nobody writes.
    """

    def written(found: re.Match[str]) -> str:
        if found[1] not in known:
            raise ValueError(f"nothing writes a table {found[1]!r}; there are {', '.join(known)}.")
        return f"{found[1]}{found[2]}\n{known[found[1]]()}\n\n"

    return _PLACE.sub(written, text)


def main() -> None:
    """Rewrite the pages whose tables are no longer what the code says, and name them."""
    known = tables()
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = filled(before, known)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()
