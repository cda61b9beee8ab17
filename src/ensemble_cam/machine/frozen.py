"""Frozen records of arrays and read-only mappings that can be copied and sent to another process."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np


class Frozen:
    """A base of frozen dataclasses whose mappings are `MappingProxyType`, which cannot be pickled by itself.

    What comes back is read-only again: pickling forgets that of arrays.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: dict(value) if isinstance(value, MappingProxyType) else value for name, value in self.__dict__.items()
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            if isinstance(value, dict):
                held = MappingProxyType({key: _read_only(each) for key, each in value.items()})
                self.__dict__[name] = held
            else:
                self.__dict__[name] = _read_only(value)

    def __deepcopy__(self, memo: object) -> Self:
        """Return itself, as nothing of it can be changed."""
        return self


def _read_only(value: object) -> object:
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    return value
