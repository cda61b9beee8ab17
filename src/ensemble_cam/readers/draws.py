"""Chance that is the same everywhere: numbers that follow from a text alone, by SHA-256."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """Numbers that follow from a text, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0

    def share(self) -> float:
        """Return the next, in [0, 1)."""
        self._count += 1
        digest = hashlib.sha256(f"{self._text} {self._count}".encode()).digest()
        return int.from_bytes(digest[:6]) / 2**48

    def choice(self, chances: Sequence[float]) -> int:
        """Return a place, by its chance."""
        at = self.share()
        for place, chance in enumerate(chances[:-1]):
            if at < chance:
                return place
            at -= chance
        return len(chances) - 1

    def shuffled(self, given: Sequence[T]) -> list[T]:
        """Return these in an order that is as likely as any other (Fisher and Yates)."""
        left, found = list(given), []
        while left:
            found.append(left.pop(int(self.share() * len(left))))
        return found
