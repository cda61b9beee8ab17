"""Runs of pages take turns, so that the first of many is there soon and the review that all wait for is not held up.

There is one interpreter. Twenty runs at once would all end when the last one does, and would leave the running review
as little of the processor as each of them has. A run that waits for anything but the interpreter steps aside.
"""

from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Condition, local

RESULT, FILM, OPENING = range(3)
"""What a run is for, the most urgent first: a result that is there, a reader's film, a page that opens."""

PATIENCE = 10.0
"""Seconds after which a run goes ahead, whoever else does: no page waits for one that hangs."""


class Turns:
    """Turns for threads, by urgency and then in the order in which they came."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._numbers = count()
        self._waiting: list[tuple[int, int]] = []
        self._taken = 0
        self._own = local()  # `ticket`, while this thread has a turn

    @property
    def idle(self) -> bool:
        """Whether nobody has a turn or waits for one."""
        return not (self._taken or self._waiting)

    @contextmanager
    def turn(self, rank: int) -> Iterator[None]:
        """Wait for a turn, and have it until the block ends."""
        self._take((rank, next(self._numbers)))
        try:
            yield
        finally:
            self._give_back()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let others have their turns until the block ends, and go on with one's own, if one has any.

        Whoever comes back goes before those of the same urgency that came later: else the first of many would wait for
        a part of each of them, and all would end together.
        """
        ticket: tuple[int, int] | None = getattr(self._own, "ticket", None)
        if ticket is None:
            yield
            return
        self._give_back()
        try:
            yield
        finally:
            self._take(ticket)

    def _take(self, ticket: tuple[int, int]) -> None:
        with self._changed:
            insort(self._waiting, ticket)
            self._changed.wait_for(lambda: not self._taken and self._waiting[0] == ticket, PATIENCE)
            self._waiting.remove(ticket)
            self._taken += 1
            self._own.ticket = ticket

    def _give_back(self) -> None:
        with self._changed:
            self._taken -= 1
            self._own.ticket = None
            self._changed.notify_all()


TURNS = Turns()  # of all sessions
