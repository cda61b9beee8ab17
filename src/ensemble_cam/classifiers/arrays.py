"""What the arrays of NumPy and PyTorch have in common: the array API standard.

NumPy keeps it by itself, PyTorch by array-api-compat.

Heads and formulas are written once, for both: NumPy where OpenVINO runs the backbone, so that no review has to wait for
PyTorch's import, and PyTorch where that runs it, on a card, too.
"""

from typing import Any

import array_api_compat
import numpy as np

Array = Any
"""An array of either, float32 where nothing else is said."""


def not_numbers_allowed() -> np.errstate:
    """Let values overflow without a warning, as PyTorch does: who asked for them looks, and says so."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def namespace(array: Array) -> Any:
    """Return the functions for an array's kind, by the names and rules of the array API."""
    # array-api-compat's own namespace for NumPy imports all that NumPy has, its tests among it.
    return np if isinstance(array, np.ndarray) else array_api_compat.array_namespace(array)


def as_numpy(array: Array) -> np.ndarray:
    """Return the values in main memory as NumPy's array; not copied where they are one."""
    return np.asarray(array if isinstance(array, np.ndarray) else array_api_compat.to_device(array, "cpu"))


def like(values: np.ndarray, array: Array) -> Array:
    """Return NumPy's values as an array of the other's kind, where that lies."""
    if isinstance(array, np.ndarray):
        return values
    return namespace(array).asarray(values, device=array_api_compat.device(array))


def flipped(array: Array) -> Array:
    """Return a copy that is turned round along its last axis; PyTorch takes no view of NumPy's that is."""
    xp = namespace(array)
    return xp.asarray(xp.flip(array, axis=-1), copy=True)


def rectified(array: Array) -> Array:
    """Return what is above 0, and 0 elsewhere."""
    return namespace(array).clip(array, min=0)


def is_open(array: Array) -> Array:
    """Return where a ReLU lets its input, or what it gave, through: 1 above 0, else 0, float32."""
    return namespace(array).astype(array > 0, array.dtype)
