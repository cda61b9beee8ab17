"""A decoded film, or the sentence of one that is refused, as the bytes of a message, and back.

Who reads a message believes its writer nothing: the writer has just decoded a stranger's file. So each value is held to
its field's type in `StoredFilm`, whatever fields that has; texts are short lines of printable characters; arrays are of
the types and sizes that a film has before memory is taken for them.

The head is JSON: `{"film": {FIELD: VALUE}, "arrays": [[DTYPE, SHAPE]]}`, where the value of an array is its place in
the list, and their bytes follow as the body; or `{"refused": SENTENCE}`.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.intake import MAX_PIXELS, StoredFilm, check_size
from ensemble_cam.film.kinds import KINDS

_MOST_CHARACTERS, _MOST_ITEMS, _MOST_ARRAYS = 1000, 100, 8
_PIXELS = frozenset(map(np.dtype, ("u1", "i1", "u2", "i2")))
_TABLES = _PIXELS | frozenset(map(np.dtype, ("?", "i4", "u4", "i8", "f4", "f8")))
_MOST_ENTRIES = 2**16  # of a table
_MOST_BYTES = 4 * MAX_PIXELS


class Unbelievable(Exception):
    """The bytes are no message that a decoder of ours writes."""


def film_message(film: StoredFilm) -> tuple[bytes, Sequence[memoryview]]:
    """Return a film as head and body; the body is the memory of its arrays."""
    arrays: list[np.ndarray] = []
    values = _plain(film, arrays)
    layout = [[array.dtype.str, array.shape] for array in arrays]
    head = json.dumps({"film": values, "arrays": layout}, allow_nan=False)
    return head.encode(), [array.data.cast("B") for array in arrays]


def refusal_message(sentence: str) -> tuple[bytes, Sequence[memoryview]]:
    """Return the sentence of a film that is refused as head and body."""
    return json.dumps({"refused": sentence}).encode(), ()


def read_message(head: bytes, length: int, read: Callable[[memoryview], None]) -> StoredFilm | str:
    """Return the film of a message, or the sentence by which it is refused.

    Args:
        head: as it came.
        length: of the body, in bytes.
        read: fills a buffer with the next bytes of the body.

    Raises:
        Unbelievable: if it is none.
    """
    try:
        message = json.loads(head)
    except (ValueError, RecursionError):
        raise Unbelievable from None
    if not isinstance(message, dict):
        raise Unbelievable
    if message.keys() == {"refused"} and not length:
        return _text(message["refused"])
    if message.keys() != {"film", "arrays"}:
        raise Unbelievable
    arrays = [np.empty(shape, dtype) for dtype, shape in _layout(message["arrays"], length)]
    for array in arrays:
        read(array.data.cast("B"))
    film: StoredFilm = _typed(StoredFilm, message["film"], arrays)
    _check(film)
    return film


def _plain(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return a value as JSON has it, and put its arrays behind the others."""
    if isinstance(value, np.ndarray):
        arrays.append(np.ascontiguousarray(value))
        return len(arrays) - 1
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(each, arrays) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each, arrays) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def _layout(given: Any, length: int) -> list[tuple[np.dtype, tuple[int, ...]]]:
    """Return the arrays' types and shapes: (n,) tables and (h, w) pixels, together as long as the body."""
    layout = []
    for each in _items(given, most=_MOST_ARRAYS):
        name, shape = _items(each, exactly=2)
        known = {dtype.str: dtype for dtype in _TABLES}
        dtype = known.get(_text(name))
        sides = tuple(_typed(int, side, []) for side in _items(shape, most=2))
        if dtype is None or not sides or min(sides) < 1:
            raise Unbelievable
        if len(sides) == 1 and sides[0] > _MOST_ENTRIES:
            raise Unbelievable
        if len(sides) == 2 and (dtype not in _PIXELS or math.prod(sides) > MAX_PIXELS):
            raise Unbelievable
        layout.append((dtype, sides))
    if sum(dtype.itemsize * math.prod(shape) for dtype, shape in layout) != length or length > _MOST_BYTES:
        raise Unbelievable
    return layout


def _typed(kind: Any, value: Any, arrays: list[np.ndarray]) -> Any:
    """Return a JSON value as the type `kind`, or refuse it."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in parts:
            return None
        (kind,) = (part for part in parts if part is not NoneType)
        return _typed(kind, value, arrays)
    if origin is tuple and parts[-1] is Ellipsis:
        return tuple(_typed(parts[0], each, arrays) for each in _items(value, most=_MOST_ITEMS))
    if origin is tuple:
        items = _items(value, exactly=len(parts))
        return tuple(_typed(part, each, arrays) for part, each in zip(parts, items, strict=True))
    if origin is Mapping:
        if not isinstance(value, dict) or len(value) > _MOST_ITEMS:
            raise Unbelievable
        return {_text(key): _typed(parts[1], each, arrays) for key, each in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        types = _field_types(kind)
        if not isinstance(value, dict) or value.keys() != types.keys():
            raise Unbelievable
        return kind(**{name: _typed(types[name], each, arrays) for name, each in value.items()})
    if kind is np.ndarray:
        if type(value) is not int or not 0 <= value < len(arrays):
            raise Unbelievable
        return arrays[value]
    if kind is str:
        return _text(value)
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if (origin is Literal and value in parts) or (kind in (bool, int) and type(value) is kind):
        return value
    raise Unbelievable


@cache
def _field_types(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _items(value: Any, *, most: int | None = None, exactly: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (exactly is not None and len(value) != exactly):
        raise Unbelievable
    if most is not None and len(value) > most:
        raise Unbelievable
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS or not value.isprintable():
        raise Unbelievable
    return value


def _check(film: StoredFilm) -> None:
    """Hold a film to what `StoredFilm` says of its values."""
    pixels, shown = film.pixels, film.shown
    if film.format not in KINDS or pixels.ndim != 2 or pixels.dtype not in _PIXELS or not 1 <= film.bits <= 16:
        raise Unbelievable
    try:
        check_size(pixels.shape[1], pixels.shape[0])
    except RadiographError:
        raise Unbelievable from None
    lowest, highest = np.iinfo(pixels.dtype).min, np.iinfo(pixels.dtype).max
    if not all(lowest <= low <= high <= highest for low, high in (film.used, film.declared)):
        raise Unbelievable
    # A NaN fails either comparison.
    if shown.shape != (2 ** (8 * pixels.itemsize),) or not (shown.min() >= 0 and shown.max() <= 1):
        raise Unbelievable
    if film.spacing is not None and min(film.spacing) <= 0:
        raise Unbelievable
