"""What a command's exit code means."""

OK = 0
"""All is done."""

USAGE = 2
"""Wrong usage or configuration: nothing was done."""

FILMS = 3
"""Some film could not be read, reviewed or written; the others are done, and a failure is a line on standard error."""

WEIGHTS = 4
"""Weights are missing or unusable."""

UNREAD = 120
"""What was printed reached nobody, as where `head` had enough of it."""

STOPPED = 130
"""By Ctrl-C."""
