"""What readers are told a word means, and text of others made harmless."""

import os
import re

SCORE = (
    "From 0 to 1, and 0.5 at the operating point: the value from which a classifier calls the finding. It orders "
    "findings; it is no probability that the finding is there. A diamond has no operating point and is a bare sigmoid."
)
RELATIVE_ACTIVATION = (
    "A map over its own maximum: 1 is where the network responded most for this finding, however weak that is. "
    "It does not say that the finding is there; the score beside it says whether it is called."
)


def plain(text: str) -> str:
    """Return text in which no character means anything to Markdown, and which does not say where the home folder is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+\-.!|$~:&])", r"\\\1", without_home(text))


def without_home(text: str) -> str:
    """Return text with `~` for this user's home folder: a page is for readers who need not know who serves it."""
    for home in {os.path.expanduser("~"), os.path.realpath(os.path.expanduser("~"))}:
        if len(home) > 1:  # a service's may be the root of the disk
            text = re.sub(rf"(?<![\w/\\]){re.escape(home)}(?!\w)", "~", text)
    return text
