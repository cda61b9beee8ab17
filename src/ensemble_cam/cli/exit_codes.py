"""What a command's exit code means."""

OK = 0
"""All is done."""

USAGE = 2
"""Wrong usage or configuration: nothing was done."""

FILMS = 3
"""Some film could not be read or reviewed; the others are done, and each failure is one line on standard error."""

WEIGHTS = 4
"""Weights are missing or unusable."""

STOPPED = 130
"""By Ctrl-C."""
