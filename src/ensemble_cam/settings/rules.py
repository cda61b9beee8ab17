"""What each setting and each key of a classifier's table may be: one rule for each, wherever the value comes from.

A refusal says where the value stood, what was found there and what is allowed.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.settings.families import FAMILIES
from ensemble_cam.settings.methods import LAYERS, METHODS
from ensemble_cam.settings.sets import SETS
from ensemble_cam.settings.vocabulary import COLORMAPS, FRAMINGS, INTENSITIES, OUTPUTS, TORCH


@dataclass(frozen=True)
class Rule:
    """What a value may be.

    Attributes:
        allowed: that in words, to follow "allowed:".
        holds: whether a value of any type is allowed.
        convert: what an allowed value comes back as.
        names: the allowed words, where there are such, for "did you mean".
    """

    allowed: str
    holds: Callable[[Any], object]
    convert: Callable[[Any], Any] = lambda value: value
    names: tuple[str, ...] = ()

    def check(self, where: str, value: object) -> Any:
        """Return an allowed value, converted.

        Args:
            where: what the message names the place of the value.
            value: anything.

        Raises:
            ConfigError: if it is not allowed.
        """
        if self.holds(value):
            return self.convert(value)
        raise ConfigError(f"{where}: got {shown(value)}; allowed: {self.allowed}.{did_you_mean(value, self.names)}")


def one_of(names: Iterable[str]) -> Rule:
    """Return the rule that a value is one of these words."""
    known = tuple(names)
    return Rule(f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known, names=known)


def check_keys(where: str, table: Mapping[str, object], *, known: Iterable[str]) -> None:
    """Refuse a table with a key that nobody knows.

    Raises:
        ConfigError: naming `where`, the key and the known ones.
    """
    names = tuple(known)
    for key in table:
        if key not in names:
            raise ConfigError(
                f"{where}: got the unknown key {shown(key)}; allowed: {', '.join(names)}.{did_you_mean(key, names)}"
            )


def check_setting(name: str, value: object) -> Any:
    """Return a review setting's value if it is allowed; a whole number given for a real one comes back as a float.

    `name` is a key of `SETTINGS`.

    Raises:
        ConfigError: if there is no such setting or `value` is not allowed; it says what was got and what is allowed.
    """
    one_of(SETTINGS).check("setting", name)
    return SETTINGS[name].check(name, value)


def shown(value: object) -> str:
    """Write a value the way TOML does where that is easy, and never at length."""
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_strings(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _is_numbers(value: object, *, above: float = -math.inf) -> bool:
    numbers: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
    return len(numbers) in (1, 3) and all(_is_real(each) and each > above for each in numbers)


def _as_tuple(value: Any) -> tuple[float, ...]:
    return tuple(map(float, value if isinstance(value, list | tuple) else [value]))


def _is_classes(value: object) -> bool:
    if not (_is_strings(value) and isinstance(value, list | tuple) and any(value)):
        return False
    named = [each for each in value if each]
    return len(set(named)) == len(named) and all(re.fullmatch(r"\w[\w -]{0,59}", each) for each in named)


_TEXT = Rule("a text that is not empty", lambda value: isinstance(value, str) and value.strip())
TABLE = Rule("a table", lambda value: isinstance(value, dict))
SHA256 = Rule(
    "64 hexadecimal digits", lambda value: isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{64}", value), str.lower
)
OPERATING_POINT = Rule("a number between 0 and 1, neither of them", lambda v: _is_real(v) and 0 < v < 1, float)
ENSEMBLE_WEIGHT = Rule("a finite number, at least 0", lambda value: _is_real(value) and value >= 0, float)
_FRACTION = Rule("a number from 0 to 1", lambda value: _is_real(value) and 0 <= value <= 1, float)
TRUE_OR_FALSE = Rule("true or false", lambda value: isinstance(value, bool))

SETTINGS: Mapping[str, Rule] = {
    "top_k": Rule("a whole number from 1 to 18", lambda value: _is_whole(value) and 1 <= value <= 18),
    "method": one_of(METHODS),
    "layers": Rule(
        f"{', '.join(LAYERS)}, or names of layers with commas between",
        lambda value: isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.]*(,[A-Za-z_][\w.]*)*", value),
        names=LAYERS,
    ),
    "aug_smooth": TRUE_OR_FALSE,
    "eigen_smooth": TRUE_OR_FALSE,
    "threshold": _FRACTION,
    "opacity": _FRACTION,
    "colormap": one_of(COLORMAPS),
    "framing": one_of(FRAMINGS),
    "intensity": one_of(INTENSITIES),
}
"""Setting of a review → its rule: the keys of the configuration's table `[review]`, in its order."""

CLASSIFIER_KEYS: Mapping[str, Rule] = {
    "name": _TEXT,
    "description": Rule("a text", lambda value: isinstance(value, str)),
    "model_type": one_of((*FAMILIES, TORCH)),
    "set": one_of(SETS),
    "input_size": Rule(
        "a multiple of 32 from 32 to 1024", lambda value: _is_whole(value) and 32 <= value <= 1024 and value % 32 == 0
    ),
    "default_weight": Rule("a text", lambda value: isinstance(value, str)),
    "weights": Rule("a list of one weights name or more", lambda value: _is_strings(value) and value, tuple),
    "ensemble_weight": ENSEMBLE_WEIGHT,
    "sha256": Rule("a table of SHA-256 by weights name", lambda value: isinstance(value, dict)),
    "operating_points": Rule(
        "a table of probabilities by label, or the path of a file that `validate` wrote",
        lambda value: isinstance(value, dict) or (isinstance(value, str) and value.strip()),
    ),
    "optional": TRUE_OR_FALSE,
    "architecture": _TEXT,
    "checkpoint": _TEXT,
    "classes": Rule(
        'a list of the outputs\' findings, each once, of letters, digits, blanks, _ and -; "" for what is none',
        _is_classes,
        tuple,
    ),
    "output": one_of(OUTPUTS),
    "layer": _TEXT,
    "channels": Rule("1 or 3", lambda value: _is_whole(value) and value in (1, 3)),
    "mean": Rule("a number, or a list of three", _is_numbers, _as_tuple),
    "std": Rule("a number above 0, or a list of three", lambda value: _is_numbers(value, above=0), _as_tuple),
}
"""Key of a table `[classifiers.<id>]` → its rule."""
