"""The name that was meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return ' Did you mean "…"?' with the nearest known name, whatever the case; nothing where none is near."""
    if not isinstance(name, str):
        return ""
    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.strip().casefold(), by_folded, n=1)
    return f' Did you mean "{by_folded[close[0]]}"?' if close else ""
