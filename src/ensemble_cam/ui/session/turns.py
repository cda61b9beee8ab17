"""Runs of pages take turns, so that the first of many is there soon and the review that all wait for is not held up.

There is one interpreter. Twenty runs at once would all end when the last one does, and would leave the running review
as little of the processor as each of them has. A run that waits for anything but the interpreter steps aside.
"""

from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from math import inf
from threading import Condition, local
from time import monotonic

RESULT, FILM, OPENING = range(3)
"""What a run is for, the most urgent first: a result that is there, a reader's film, a page that opens."""

PATIENCE = 10.0
"""Seconds after which a run goes ahead, whoever else does: no page waits for one that hangs."""

BRIEF = 0.15
"""Seconds for which whoever stepped aside keeps the less urgent from going ahead.

Most come back within them, from a film that is read or reviewed in another process or thread, and would then wait for
a whole page that opens.
"""


class Turns:
    """Turns for threads, by urgency and then in the order in which they came."""

    def __init__(self) -> None:
        self._changed = Condition()  # its lock may be taken twice by one thread
        self._numbers = count()
        self._waiting: list[tuple[int, int]] = []
        self._taken = 0
        self._back: dict[tuple[int, int], float] = {}  # who stepped aside → until when they are waited for
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

        Those as urgent go ahead at once, the less urgent after `BRIEF` seconds. Whoever comes back goes before those of
        the same urgency that came later: else the first of many would wait for a part of each of them, and all would
        end together.
        """
        ticket: tuple[int, int] | None = getattr(self._own, "ticket", None)
        if ticket is None:
            yield
            return
        with self._changed:
            self._back[ticket] = monotonic() + BRIEF
            self._give_back()
        try:
            yield
        finally:
            self._take(ticket)

    def _take(self, ticket: tuple[int, int]) -> None:
        with self._changed:
            self._back.pop(ticket, None)
            insort(self._waiting, ticket)
            until = monotonic() + PATIENCE
            while (left := min(self._free_in(ticket), until - monotonic())) > 0:
                self._changed.wait(left)
            self._waiting.remove(ticket)
            self._taken += 1
            self._own.ticket = ticket

    def _free_in(self, ticket: tuple[int, int]) -> float:
        """Return the seconds until it is this one's turn if nothing changes."""
        if self._taken or self._waiting[0] != ticket:
            return inf
        ahead = [until for (rank, _), until in self._back.items() if rank < ticket[0]]
        return max(ahead, default=-inf) - monotonic()

    def _give_back(self) -> None:
        with self._changed:
            self._taken -= 1
            self._own.ticket = None
            self._changed.notify_all()


TURNS = Turns()  # of all sessions
