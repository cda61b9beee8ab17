"""What readers are told a word means, and text of others made harmless."""

import os
import re
from pathlib import Path

from ensemble_cam.machine.names import escaped
from ensemble_cam.ui.launch import SOURCE_VARIABLE, WEIGHTS_VARIABLE

SCORE = (
    "From 0 to 1, and 0.5 at the operating point: the value from which a classifier calls the finding. It orders "
    "findings; it is no probability that the finding is there. A diamond has no operating point and is a bare sigmoid."
)
RELATIVE_ACTIVATION = (
    "A map over its own maximum: 1 is where the network responded most for this finding, however weak that is. "
    "It does not say that the finding is there; the score beside it says whether it is called."
)


def plain(text: str) -> str:
    """Return text in which no character means anything to Markdown, and which tells no folder of this machine."""
    return re.sub(r"([\\`*_{}\[\]<>()#+\-.!|$~:&])", r"\\\1", without_folders(text))


def without_folders(text: str) -> str:
    """Return text with names for this machine's folders: a page is for readers who need not know who serves it, or how.

    The home folder is `~`, those that weights lie in or come from are the variables that name them.
    """
    known = {folder: "~" for folder in _as_named(os.path.expanduser("~"))}
    for variable in (WEIGHTS_VARIABLE, SOURCE_VARIABLE):
        known |= {folder: f"${variable}" for folder in _as_named(os.path.expanduser(os.environ.get(variable, "")))}
    for folder in sorted(known, key=len, reverse=True):  # one may lie in another
        text = re.sub(rf"(?<![\w/\\]){re.escape(folder)}(?![\w-])", known[folder], text)
    return text


def _as_named(folder: str) -> set[str]:
    """Return the names by which a text may tell a folder; none where it is none, or the root of the disk."""
    if not os.path.isabs(folder):  # an address, or one that says nothing of the machine
        return set()
    names = {str(Path(folder)), os.path.realpath(folder)}
    return {name for each in names for name in (each, escaped(each)) if len(each) > 1}
