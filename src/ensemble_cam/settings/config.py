"""The configuration: `config_classifiers.toml` to frozen dataclasses.

A configuration is either usable as a whole or refused. What is refused is named by file, table and key, with what was
found there and what is allowed, so that it can be put right without reading this module:

    config_classifiers.toml, [classifiers.densenet121] input_size: got 100; allowed: a multiple of 32 from 32 to 1024.

Nothing here looks at the disk beyond that one file, and nothing heavier than a TOML parser is imported.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli

from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped, one_line
from ensemble_cam.settings.families import FAMILIES, Family, family_of_own
from ensemble_cam.settings.login import Login, login_of
from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.rules import (
    CLASSIFIER_KEYS,
    OPERATING_POINT,
    SETTINGS,
    SHA256,
    TABLE,
    check_keys,
    one_of,
    shown,
)
from ensemble_cam.settings.sets import CLINICAL, SETS, SITE, ClassifierSet
from ensemble_cam.settings.site_points import SitePoints, site_points
from ensemble_cam.settings.vocabulary import ENSEMBLE, TORCH, UNTRAINED

if TYPE_CHECKING:
    from ensemble_cam.film.geometry import Framing
    from ensemble_cam.film.radiograph import Intensity

_RESERVED_IDS = (ENSEMBLE,)  # overlay files and arrays are named <label>_<id>, and the ensemble's come beside them
_MOST_BYTES = 2**20
_FILE_NAME = "config_classifiers.toml"


@dataclass(frozen=True)
class OwnNetwork:
    """A network of the site's own, as the table of a `model_type = "torch"` describes it; see `ec.load_network`.

    Attributes:
        architecture: its name: "torchvision:NAME", "timm:NAME" or "file:PATH.toml".
        checkpoint: the file of its weights.
        classes: what its outputs are called, in their order; an empty one is no finding.
        output: what turns logits into scores, "softmax" or "sigmoid".
        layer: the layer that maps are made at; None for the last spatial stage.
        channels: 1 for grey, 3 for colour; None for those of its first convolution.
        mean: of the pictures that it was trained on, for values from 0 to 1; None for what is known of its family.
        std: their standard deviation, likewise.
    """

    architecture: str
    checkpoint: Path
    classes: tuple[str, ...]
    output: str = "softmax"
    layer: str | None = None
    channels: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


_OWN_KEYS = tuple(field.name for field in fields(OwnNetwork))
_RELEASED_KEYS = ("default_weight", "weights")  # a checkpoint is both


@dataclass(frozen=True)
class ClassifierConfig:
    """One classifier, as a `[classifiers.<id>]` table describes it.

    Attributes:
        id: names the classifier on the command line and in file names; lower-case letters, digits, `_` and `-`.
        name: what readers see.
        description: one line for readers.
        model_type: its family, a key of `families.FAMILIES`, or "torch" for a network of the site's own.
        set: a key of `sets.SETS`: the family's; of the site's own networks "site" or "clinical".
        input_size: side of the square the network sees, in pixels.
        default_weight: one of `weights`.
        weights: names of the weights it may be loaded with, without repetition.
        ensemble_weight: its share in ensemble maps and findings' scores, at least 0, relative to the others'.
        sha256: weights name → SHA-256 of the published file, 64 lower-case hex digits.
        operating_points: label → probability in (0, 1) that becomes a score of 0.5; only for model types without
            published ones.
        site_points: points from films of the site's own, for any model type; they hold for the weights that they name.
        optional: offered, and part of a review only where it is chosen.
        own: what a network of the site's own is; None for others.
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
    own: OwnNetwork | None = None
    site_points: SitePoints | None = None

    @property
    def family(self) -> Family:
        """What is known of its architecture and the weights released for it."""
        return FAMILIES[self.model_type] if self.own is None else family_of_own(self.own.classes, self.own.checkpoint)

    @property
    def classifier_set(self) -> ClassifierSet:
        """The set it belongs to, with all that is to be said of that."""
        return SETS[self.set]


@dataclass(frozen=True)
class ReviewDefaults:
    """What a review starts with, as the `[review]` table gives it; each value can be changed for a single review.

    Attributes:
        top_k: findings shown, 1 to 18.
        method: a key of `methods.METHODS`.
        layers, aug_smooth, eigen_smooth: see `methods.Recipe`.
        threshold: relative activation in [0, 1] below which a map is not drawn.
        opacity: of the overlay, 0 (film only) to 1.
        colormap: one of `vocabulary.COLORMAPS`.
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
    framing: "Framing" = "crop"
    intensity: "Intensity" = "stored"


@dataclass(frozen=True)
class Config:
    """A whole configuration; the classifiers stand in the order of the file.

    Attributes:
        review: what a review starts with.
        classifiers: which there are.
        login: who may open the app; None where it asks nobody.
    """

    review: ReviewDefaults
    classifiers: tuple[ClassifierConfig, ...]
    login: Login | None = None

    def in_set(self, name: str) -> tuple[ClassifierConfig, ...]:
        """Return the classifiers of the set `name`, the optional ones among them; perhaps none.

        Raises:
            ConfigError: if there is no such set.
        """
        one_of(SETS).check("set", name)
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
            one_of(known).check("classifiers", id)
        return tuple(classifier for classifier in members if classifier.id in ids)

    def classifier(self, id: str) -> ClassifierConfig:
        """Return the classifier called `id`.

        Raises:
            ConfigError: if none is called so.
        """
        by_id = {classifier.id: classifier for classifier in self.classifiers}
        one_of(by_id).check("classifier", id)
        return by_id[id]


def known_labels(config: ClassifierConfig, weights: str) -> tuple[str, ...]:
    """Return the labels that a classifier knows with the named weights, in the network's order; loads nothing."""
    return tuple(config.family.outputs(weights))


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
    document = read_toml(path)
    try:
        check_keys("top level", document, known=("review", "classifiers", "login"))
        review = _review(TABLE.check("[review]", document.get("review", {})))
        tables = TABLE.check("[classifiers]", document.get("classifiers", {}))
        classifiers = tuple(_classifier(id, table, path.parent) for id, table in tables.items())
        if not classifiers:
            raise ConfigError("[classifiers]: got no classifier; allowed: one table [classifiers.<id>] or more.")
        _check_sets(classifiers)
        login = login_of(TABLE.check("[login]", document["login"])) if "login" in document else None
    except ConfigError as error:
        raise ConfigError(f"{escaped(path.name)}, {error}") from None
    return Config(review=review, classifiers=classifiers, login=login)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: if it cannot be read, or is no TOML.
    """
    name = escaped(path.name or str(path))
    try:
        # Notepad puts a byte order mark in front.
        return tomli.loads(read_file(path, most=_MOST_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{name}: {why_unreadable(error)}. Check its path.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from None
    except (ValueError, RecursionError) as error:  # tomli's own error says line and column
        raise ConfigError(f"{name}: not valid TOML: {one_line(str(error))}.") from None


def _review(table: Mapping[str, Any]) -> ReviewDefaults:
    check_keys("[review]", table, known=SETTINGS)
    defaults = ReviewDefaults(**{key: SETTINGS[key].check(f"[review] {key}", value) for key, value in table.items()})
    try:
        Recipe(defaults.method, defaults.layers, defaults.aug_smooth, defaults.eigen_smooth)
    except ConfigError as error:
        raise ConfigError(f"[review] {error}") from None
    return defaults


def _classifier(id: str, given: object, folder: Path) -> ClassifierConfig:
    where = f"[classifiers.{id}]"
    if not re.fullmatch("[a-z0-9][a-z0-9_-]*", id):
        raise ConfigError(f"{where}: the id becomes a file name; allowed: lower-case letters, digits, _ and -.")
    if id in _RESERVED_IDS:
        raise ConfigError(f'{where}: the id "{id}" is reserved; allowed: any other name.')
    table: Mapping[str, Any] = TABLE.check(where, given)
    check_keys(where, table, known=CLASSIFIER_KEYS)
    if "model_type" in table:  # by which the other keys are judged
        CLASSIFIER_KEYS["model_type"].check(f"{where} model_type", table["model_type"])
    is_own = table.get("model_type") == TORCH
    required = [field.name for field in fields(ClassifierConfig) if field.name != "id" and _has_no_default(field)]
    if is_own:
        required = [name for name in required if name not in _RELEASED_KEYS]
        required += [field.name for field in fields(OwnNetwork) if _has_no_default(field)]
    for name in required:
        if name not in table:
            raise ConfigError(f"{where} {name}: the key is missing; allowed: {CLASSIFIER_KEYS[name].allowed}.")
    values = {key: CLASSIFIER_KEYS[key].check(f"{where} {key}", value) for key, value in table.items()}
    for key in _RELEASED_KEYS if is_own else _OWN_KEYS:
        if key in values:
            raise ConfigError(f"{where} {key}: got it for a {values['model_type']}, which has none; take it out.")
    if is_own:
        _take_own(where, values, folder)
    else:
        _check_weights(where, values)
    # What exports say of the teaching set must hold for all of it, and for it alone.
    allowed = (SITE.name, CLINICAL.name) if is_own else (FAMILIES[values["model_type"]].set.name,)
    if values["set"] not in allowed:
        named = " or ".join(f'"{name}"' for name in allowed)
        raise ConfigError(f'{where} set: got "{values["set"]}" for a {values["model_type"]}; allowed: {named} alone.')
    if "sha256" in values:
        values["sha256"] = _pins(f"{where} sha256", values)
    if isinstance(values.get("operating_points"), str):
        values["site_points"] = _site_points(f"{where} operating_points", values.pop("operating_points"), id, folder)
    elif "operating_points" in values:
        values["operating_points"] = _operating_points(f"{where} operating_points", values)
    return ClassifierConfig(id=id, **values)


def _take_own(where: str, values: dict[str, Any], folder: Path) -> None:
    """Put what describes a network of the site's own into one value, and its checkpoint in the place of weights."""
    if ("mean" in values) != ("std" in values):
        raise ConfigError(f"{where} mean, std: got one without the other; allowed: both or none.")
    given = {key: values.pop(key) for key in _OWN_KEYS if key in values}
    given["checkpoint"] = folder / Path(given["checkpoint"]).expanduser()
    kind, colon, name = given["architecture"].partition(":")
    if kind == "file" and colon:
        given["architecture"] = f"file:{folder / Path(name).expanduser()}"
    values["own"] = OwnNetwork(**given)
    values["default_weight"] = given["checkpoint"].name
    values["weights"] = (values["default_weight"],)


def _has_no_default(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _check_weights(where: str, values: Mapping[str, Any]) -> None:
    listed = values["weights"]
    for name, count in Counter(listed).items():
        one_of((*FAMILIES[values["model_type"]].weights, UNTRAINED)).check(f"{where} weights", name)
        if count > 1:
            raise ConfigError(f"{where} weights: got {shown(name)} {count} times; allowed: each name once.")
    one_of(listed).check(f"{where} default_weight", values["default_weight"])


def _pins(where: str, values: Mapping[str, Any]) -> dict[str, str]:
    pinnable = tuple(name for name in values["weights"] if name != UNTRAINED)
    check_keys(where, values["sha256"], known=pinnable)
    return {name: SHA256.check(f"{where} {name}", pin) for name, pin in values["sha256"].items()}


def _site_points(where: str, name: str, id: str, folder: Path) -> SitePoints:
    try:
        path = folder / Path(name).expanduser()
        return site_points(escaped(path.name), read_toml(path), id)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _operating_points(where: str, values: Mapping[str, Any]) -> dict[str, float]:
    family = FAMILIES.get(values["model_type"])
    if family is not None and family.has_operating_points:
        raise ConfigError(
            f"{where}: got operating points for a {values['model_type']}, which has published ones; allowed: none."
        )
    return {
        label: OPERATING_POINT.check(f"{where} {label}", probability)
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
