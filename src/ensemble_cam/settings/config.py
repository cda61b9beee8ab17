"""The configuration: `config_classifiers.toml` to frozen dataclasses.

A configuration is either usable as a whole or refused. What is refused is named by file, table and key, with what was
found there and what is allowed, so that it can be put right without reading this module:

    config_classifiers.toml, [classifiers.densenet121] input_size: got 100; allowed: a multiple of 32 from 32 to 1024.

Nothing here looks at the disk beyond that one file, and nothing heavier than a TOML parser is imported.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import tomli

from ensemble_cam.errors import ConfigError
from ensemble_cam.settings import methods

METHODS = tuple(methods.METHODS)
LAYERS = methods.LAYERS
COLORMAPS = ("inferno", "viridis", "magma", "cividis", "turbo", "jet")
FRAMINGS = ("crop", "pad")
INTENSITIES = ("stored", "windowed")
TEACHING_MODEL_TYPES = ("teaching-densenet", "teaching-resnet", "teaching-jfhealthcare")
MODEL_TYPES = ("densenet", "resnet", "jfhealthcare", *TEACHING_MODEL_TYPES)
SETS = ("clinical", "teaching")

UNTRAINED = "untrained"
"""The weights name that stands for no file: the architecture with seeded values."""

WEIGHTS_NAMES: Mapping[str, tuple[str, ...]] = {
    "densenet": tuple(
        f"densenet121-res224-{trained_on}"
        for trained_on in ("all", "nih", "pc", "chex", "rsna", "mimic_nb", "mimic_ch")
    ),
    "resnet": ("resnet50-res512-all",),
    "jfhealthcare": ("jfhealthcare-densenet121",),
    "teaching-densenet": ("teaching-densenet",),
    "teaching-resnet": ("teaching-resnet", "teaching-shortcut"),
    "teaching-jfhealthcare": ("teaching-jfhealthcare",),
}
"""Model type → names of its released weights; `UNTRAINED` goes with any type."""

_HAVE_PUBLISHED_OPERATING_POINTS = ("densenet", "resnet", *TEACHING_MODEL_TYPES)
_RESERVED_IDS = ("ensemble",)  # overlay files and arrays are named <label>_<id>, and the ensemble's come beside them
_FILE_NAME = "config_classifiers.toml"


@dataclass(frozen=True)
class ClassifierConfig:
    """One classifier, as a `[classifiers.<id>]` table describes it.

    Attributes:
        id: names the classifier on the command line and in file names; lower-case letters, digits, `_` and `-`.
        name: what readers see.
        description: one line for readers.
        model_type: one of `MODEL_TYPES`.
        set: one of `SETS`; the teaching model types are the teaching set, and no others.
        input_size: side of the square the network sees, in pixels.
        default_weight: one of `weights`.
        weights: names of the weights it may be loaded with, without repetition.
        ensemble_weight: its share in ensemble maps and findings' scores, at least 0, relative to the others'.
        sha256: weights name → SHA-256 of the published file, 64 lower-case hex digits.
        operating_points: label → probability in (0, 1) that becomes a score of 0.5; only for model types without
            published ones.
        optional: offered, and part of a review only where it is chosen.
    """

    id: str
    name: str
    description: str
    model_type: str
    set: str
    input_size: int
    default_weight: str
    weights: tuple[str, ...]
    ensemble_weight: float = 1.0
    sha256: Mapping[str, str] = field(default_factory=dict, hash=False)
    operating_points: Mapping[str, float] | None = field(default=None, hash=False)
    optional: bool = False


@dataclass(frozen=True)
class ReviewDefaults:
    """What a review starts with, as the `[review]` table gives it; each value can be changed for a single review.

    Attributes:
        top_k: findings shown, 1 to 18.
        method: one of `METHODS`.
        layers, aug_smooth, eigen_smooth: see `methods.Recipe`.
        threshold: relative activation in [0, 1] below which a map is not drawn.
        opacity: of the overlay, 0 (film only) to 1.
        colormap: one of `COLORMAPS`.
        framing: `"crop"` (the centre square) or `"pad"` (the whole film).
        intensity: which pixels the networks see, `"stored"` or `"windowed"`.
    """

    top_k: int = 3
    method: str = "gradcam++"
    layers: str = "last"
    aug_smooth: bool = False
    eigen_smooth: bool = False
    threshold: float = 0.4
    opacity: float = 0.45
    colormap: str = "inferno"
    framing: str = "crop"
    intensity: str = "stored"


@dataclass(frozen=True)
class Config:
    """A whole configuration; the classifiers stand in the order of the file."""

    review: ReviewDefaults
    classifiers: tuple[ClassifierConfig, ...]

    def in_set(self, name: str) -> tuple[ClassifierConfig, ...]:
        """Return the classifiers of the set `name`, the optional ones among them; perhaps none.

        Raises:
            ConfigError: if there is no such set.
        """
        _check("set", name, _one_of(SETS))
        return tuple(classifier for classifier in self.classifiers if classifier.set == name)

    def for_review(self, set: str, ids: Sequence[str] | None = None) -> tuple[ClassifierConfig, ...]:
        """Return the classifiers of a review, in the order of the file.

        Args:
            set: the set they belong to.
            ids: which of them; None for all but the optional ones.

        Raises:
            ConfigError: if there is no such set, it has no classifier, or an id is not one of its classifiers'.
        """
        members = self.in_set(set)
        if not members:
            raise ConfigError(f"set: the configuration has no classifier in the set {set!r}.")
        if ids is None:
            return tuple(classifier for classifier in members if not classifier.optional)
        known = tuple(classifier.id for classifier in members)
        if not ids:
            raise ConfigError(f"classifiers: got none; allowed: one or more of {', '.join(known)}.")
        for id in ids:
            elsewhere = next((each.set for each in self.classifiers if each.id == id and each.set != set), None)
            if elsewhere is not None:
                raise ConfigError(
                    f"classifiers: {id} is in the set {elsewhere}, not in the set {set}. Choose the set "
                    f"{elsewhere}, or classifiers of this one: {', '.join(known)}."
                )
            _check("classifiers", id, _one_of(known))
        return tuple(classifier for classifier in members if classifier.id in ids)

    def classifier(self, id: str) -> ClassifierConfig:
        """Return the classifier called `id`.

        Raises:
            ConfigError: if none is called so.
        """
        by_id = {classifier.id: classifier for classifier in self.classifiers}
        _check("classifier", id, _one_of(tuple(by_id)))
        return by_id[id]


def default_config_path() -> Path:
    """Return where the default configuration lies: inside an installed package, or at the top of a checkout."""
    package = Path(str(files("ensemble_cam")))
    packaged = package / _FILE_NAME
    return packaged if packaged.is_file() else package.parents[1] / _FILE_NAME


def load_config(path: Path | None = None) -> Config:
    """Read a configuration, by default the one that comes with the package.

    Raises:
        ConfigError: if the file cannot be read, is no TOML, or says anything that is not known or not allowed.
    """
    path = default_config_path() if path is None else Path(path)
    document = _read_toml(path)
    try:
        _check_keys("top level", document, known=("review", "classifiers"))
        review = _review(_table("[review]", document.get("review", {})))
        tables = _table("[classifiers]", document.get("classifiers", {}))
        classifiers = tuple(_classifier(id, table) for id, table in tables.items())
        if not classifiers:
            raise ConfigError("[classifiers]: got no classifier; allowed: one table [classifiers.<id>] or more.")
        _check_sets(classifiers)
    except ConfigError as error:
        raise ConfigError(f"{path.name}, {error}") from None
    return Config(review=review, classifiers=classifiers)


def check_setting(name: str, value: object) -> Any:
    """Return a review setting's value if it is allowed; a whole number given for a real one comes back as a float.

    `name` is a field of `ReviewDefaults`.

    Raises:
        ConfigError: if there is no such setting or `value` is not allowed; it says what was got and what is allowed.
    """
    _check("setting", name, _one_of(tuple(_REVIEW_RULES)))
    return _check(name, value, _REVIEW_RULES[name])


class _Rule(NamedTuple):
    allowed: str
    holds: Callable[[Any], bool]
    convert: Callable[[Any], Any] = lambda value: value
    names: tuple[str, ...] = ()  # for "did you mean"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_strings(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _one_of(names: tuple[str, ...]) -> _Rule:
    return _Rule(f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names, names=names)


def _fraction() -> _Rule:
    return _Rule("a number from 0 to 1", lambda value: _is_real(value) and 0 <= value <= 1, float)


_TRUE_OR_FALSE = _Rule("true or false", lambda value: isinstance(value, bool))

_REVIEW_RULES: Mapping[str, _Rule] = {
    "top_k": _Rule("a whole number from 1 to 18", lambda value: _is_whole(value) and 1 <= value <= 18),
    "method": _one_of(METHODS),
    "layers": _one_of(LAYERS),
    "aug_smooth": _TRUE_OR_FALSE,
    "eigen_smooth": _TRUE_OR_FALSE,
    "threshold": _fraction(),
    "opacity": _fraction(),
    "colormap": _one_of(COLORMAPS),
    "framing": _one_of(FRAMINGS),
    "intensity": _one_of(INTENSITIES),
}

_SHA256_RULE = _Rule(
    "64 hexadecimal digits", lambda value: isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{64}", value), str.lower
)
_OPERATING_POINT_RULE = _Rule("a number between 0 and 1, neither of them", lambda v: _is_real(v) and 0 < v < 1, float)

_CLASSIFIER_RULES: Mapping[str, _Rule] = {
    "name": _Rule("a text that is not empty", lambda value: isinstance(value, str) and value.strip()),
    "description": _Rule("a text", lambda value: isinstance(value, str)),
    "model_type": _one_of(MODEL_TYPES),
    "set": _one_of(SETS),
    "input_size": _Rule(
        "a multiple of 32 from 32 to 1024", lambda value: _is_whole(value) and 32 <= value <= 1024 and value % 32 == 0
    ),
    "default_weight": _Rule("a text", lambda value: isinstance(value, str)),
    "weights": _Rule("a list of one weights name or more", lambda value: _is_strings(value) and value, tuple),
    "ensemble_weight": _Rule("a finite number, at least 0", lambda value: _is_real(value) and value >= 0, float),
    "sha256": _Rule("a table of SHA-256 by weights name", lambda value: isinstance(value, dict)),
    "operating_points": _Rule("a table of probabilities by label", lambda value: isinstance(value, dict)),
    "optional": _TRUE_OR_FALSE,
}


def _check(where: str, value: object, rule: _Rule) -> Any:
    if rule.holds(value):
        return rule.convert(value)
    raise ConfigError(f"{where}: got {_shown(value)}; allowed: {rule.allowed}.{_did_you_mean(value, rule.names)}")


def _check_keys(where: str, table: Mapping[str, object], *, known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(
                f"{where}: got the unknown key {_shown(key)}; allowed: {', '.join(known)}.{_did_you_mean(key, known)}"
            )


def _table(where: str, value: object) -> Mapping[str, Any]:
    return _check(where, value, _Rule("a table", lambda value: isinstance(value, dict)))


def _did_you_mean(value: object, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(value, names, n=1) if isinstance(value, str) else []
    return f' Did you mean "{close[0]}"?' if close else ""


def _shown(value: object) -> str:
    """Write a value the way TOML does where that is easy, and never at length."""
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        # Notepad puts a byte order mark in front.
        return tomli.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path.name}: the file cannot be read ({error.strerror}). Check its path.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from None
    except (ValueError, RecursionError) as error:  # tomli's own error says line and column
        raise ConfigError(f"{path.name}: not valid TOML: {error}.") from None


def _review(table: Mapping[str, Any]) -> ReviewDefaults:
    _check_keys("[review]", table, known=tuple(_REVIEW_RULES))
    values = {key: _check(f"[review] {key}", value, _REVIEW_RULES[key]) for key, value in table.items()}
    defaults = ReviewDefaults(**values)
    try:
        methods.Recipe(*(getattr(defaults, name) for name in ("method", "layers", "aug_smooth", "eigen_smooth")))
    except ConfigError as error:
        raise ConfigError(f"[review] {error}") from None
    return defaults


def _classifier(id: str, table: object) -> ClassifierConfig:
    where = f"[classifiers.{id}]"
    if not re.fullmatch("[a-z0-9][a-z0-9_-]*", id):
        raise ConfigError(f"{where}: the id becomes a file name; allowed: lower-case letters, digits, _ and -.")
    if id in _RESERVED_IDS:
        raise ConfigError(f'{where}: the id "{id}" is reserved; allowed: any other name.')
    table = _table(where, table)
    _check_keys(where, table, known=tuple(_CLASSIFIER_RULES))
    for required in fields(ClassifierConfig):
        if required.name != "id" and required.name not in table and _has_no_default(required):
            rule = _CLASSIFIER_RULES[required.name]
            raise ConfigError(f"{where} {required.name}: the key is missing; allowed: {rule.allowed}.")

    values = {key: _check(f"{where} {key}", value, _CLASSIFIER_RULES[key]) for key, value in table.items()}
    _check_weights(where, values)
    own_set = "teaching" if values["model_type"] in TEACHING_MODEL_TYPES else "clinical"
    if values["set"] != own_set:  # what exports say of the teaching set must hold for all of it, and for it alone
        raise ConfigError(
            f'{where} set: got "{values["set"]}" for a {values["model_type"]}; allowed: "{own_set}" alone.'
        )
    if "sha256" in values:
        values["sha256"] = _pins(f"{where} sha256", values)
    if "operating_points" in values:
        values["operating_points"] = _operating_points(f"{where} operating_points", values)
    return ClassifierConfig(id=id, **values)


def _has_no_default(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _check_weights(where: str, values: Mapping[str, Any]) -> None:
    listed = values["weights"]
    for name, count in Counter(listed).items():
        _check(f"{where} weights", name, _one_of((*WEIGHTS_NAMES[values["model_type"]], UNTRAINED)))
        if count > 1:
            raise ConfigError(f"{where} weights: got {_shown(name)} {count} times; allowed: each name once.")
    _check(f"{where} default_weight", values["default_weight"], _one_of(listed))


def _pins(where: str, values: Mapping[str, Any]) -> dict[str, str]:
    pinnable = tuple(name for name in values["weights"] if name != UNTRAINED)
    _check_keys(where, values["sha256"], known=pinnable)
    return {name: _check(f"{where} {name}", pin, _SHA256_RULE) for name, pin in values["sha256"].items()}


def _operating_points(where: str, values: Mapping[str, Any]) -> dict[str, float]:
    if values["model_type"] in _HAVE_PUBLISHED_OPERATING_POINTS:
        raise ConfigError(
            f"{where}: got operating points for a {values['model_type']}, which has published ones; allowed: none."
        )
    return {
        label: _check(f"{where} {label}", probability, _OPERATING_POINT_RULE)
        for label, probability in values["operating_points"].items()
    }


def _check_sets(classifiers: tuple[ClassifierConfig, ...]) -> None:
    for name in SETS:
        members = [classifier for classifier in classifiers if classifier.set == name]
        default = [classifier for classifier in members if not classifier.optional]
        if members and not default:
            raise ConfigError(
                f"{_tables(members)} optional: got true for every classifier of the set {name}; "
                "allowed: at least one that is not optional."
            )
        if default and not any(classifier.ensemble_weight for classifier in default):
            which = "every classifier" if default == members else "every classifier that is not optional"
            raise ConfigError(
                f"{_tables(default)} ensemble_weight: got 0 for {which} of the set {name}; "
                "allowed: at least one above 0."
            )


def _tables(classifiers: Iterable[ClassifierConfig]) -> str:
    return ", ".join(f"[classifiers.{classifier.id}]" for classifier in classifiers)
