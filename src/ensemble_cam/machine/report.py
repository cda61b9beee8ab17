"""How work tells what it does and how far it is."""

from typing import Protocol


class Report(Protocol):
    """Takes what is being done now, before it is done; whoever shows it decides how."""

    def __call__(self, what: str, share: float) -> None:
        """Take it.

        Args:
            what: a few words without a full stop, as "DenseNet121: running".
            share: how much of the whole work is behind, 0 to 1.
        """


def unheard(what: str, share: float) -> None:
    """Report to nobody."""
