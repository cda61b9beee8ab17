"""The tables of the reference: methods, settings, classifiers, errors, exit codes, and `summary.csv`."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import MISSING, fields
from itertools import pairwise

from markdown_tables import code, listed, sentence, table

from ensemble_cam import errors
from ensemble_cam.archive import summary
from ensemble_cam.cli import exit_codes
from ensemble_cam.errors import EnsembleCamError
from ensemble_cam.settings.config import ClassifierConfig, OwnNetwork, ReviewDefaults, known_labels, load_config
from ensemble_cam.settings.families import FAMILIES
from ensemble_cam.settings.login import LOGIN_KEYS, Login
from ensemble_cam.settings.methods import METHODS
from ensemble_cam.settings.rules import CLASSIFIER_KEYS, SETTINGS

_SUMMARY = {
    "film": "the name of the film's folder",
    "finding": "the label, by upstream's name",
    "classifier": "an id, or `ensemble`",
    "score": "in [0, 1], 0.5 at the operating point; empty where the classifier does not know the finding",
    "call": "`called`, `not called`, `uncalibrated` or `meaningless`",
    "hottest_x": "column of the map's largest value",
    "hottest_y": "row of the map's largest value",
    "box": "`x0,y0,x1,y1`, half-open: the hull of all regions",
    "area": "the share of what the networks saw that all regions have together",
    "agreement": "the mean IoU of the maps behind the ensemble; the same in all rows of a finding",
    "split": "`true`: some classifiers call the finding and others do not",
    "regions": "how many regions the map has",
}


def methods() -> str:
    """Return what each method shows, costs and hides, and where it is from."""
    rows = (
        (
            f"**{method.title}** ({code(method.name)})",
            sentence(method.shows),
            sentence(method.costs),
            sentence(method.beware),
            method.source,
        )
        for method in METHODS.values()
    )
    return table(["method", "shows", "costs, beside a review's own work", "when not to trust it", "source"], rows)


def method_needs() -> str:
    """Return what each method needs of a network, and whether its map is of the finding."""
    kinds = ("gradient", "activation", "ablation", "score", "guided")
    head = ["method", "gradients", "activation alone", "head for each channel", "network for each channel"]
    rows = (
        (
            method.title,
            *("yes" if method.kind == kind else None for kind in kinds),
            "yes" if method.by_label else "**no**: one map for all",
        )
        for method in METHODS.values()
    )
    return table([*head, "gradients through the network", "depends on the finding"], rows)


def settings() -> str:
    """Return the keys of the table `[review]`, with rule and default."""
    defaults = ReviewDefaults()
    return table(
        ["key of `[review]`", "allowed", "default"],
        ((code(name), sentence(rule.allowed), code(_toml(getattr(defaults, name)))) for name, rule in SETTINGS.items()),
    )


def classifier_keys() -> str:
    """Return the keys of a table `[classifiers.<id>]`, with rule and default."""
    return table(
        ["key of `[classifiers.<id>]`", "allowed", "default"],
        ((code(name), sentence(rule.allowed), _default(name)) for name, rule in CLASSIFIER_KEYS.items()),
    )


def login_keys() -> str:
    """Return the keys of the table `[login]`, with rule and default."""
    told = {"by": "*required*", "proxy": "*required* for `proxy`", "teachers": "none"}
    told["readers"] = '`["*"]`; *required* for `oidc`'
    starts = {field.name: code(_toml(field.default)) for field in fields(Login)} | told
    return table(
        ["key of `[login]`", "allowed", "default"],
        ((code(name), sentence(rule.allowed), starts[name]) for name, rule in LOGIN_KEYS.items()),
    )


def _default(key: str) -> str:
    (field,) = (field for kind in (ClassifierConfig, OwnNetwork) for field in fields(kind) if field.name == key)
    if field.default is not MISSING:
        return "none" if field.default is None else code(_toml(field.default))
    if field.name in ("weights", "default_weight"):
        return "*required*, but for `torch`"
    if field in fields(OwnNetwork):
        return "*required* for `torch`"
    return "*required*" if field.default_factory is MISSING else "none"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def classifiers() -> str:
    """Return the classifiers of the default configuration."""
    rows = (
        (
            code(each.id),
            each.name,
            each.set + (", optional" if each.optional else ""),
            each.model_type,
            f"{each.input_size} px",
            len(known_labels(each, each.default_weight)),
            listed([each.default_weight]),
        )
        for each in load_config().classifiers
    )
    return table(["id", "name", "set", "family", "sees", "findings", "default weights"], rows)


def families() -> str:
    """Return the families of networks with their released weights."""
    return table(
        ["`model_type`", "set", "weights", "operating points"],
        (
            (
                code(family.name),
                family.set.name,
                listed(family.weights),
                "in the weights' file"
                if family.points_in_file
                else "published"
                if family.has_operating_points
                else "none: uncalibrated, unless the configuration gives some",
            )
            for family in FAMILIES.values()
        ),
    )


def findings() -> str:
    """Return which classifier knows which finding, with its default weights."""
    known = {each.id: set(known_labels(each, each.default_weight)) for each in load_config().classifiers}
    labels = sorted(set().union(*known.values()))
    return table(
        ["finding", *map(code, known)],
        ((code(label), *("yes" if label in own else None for own in known.values())) for label in labels),
    )


def exceptions() -> str:
    """Return the exceptions, each with what it is a case of."""
    found = (
        each
        for each in vars(errors).values()
        if inspect.isclass(each) and issubclass(each, EnsembleCamError) and each.__module__ == errors.__name__
    )
    rows = (
        (
            f"[{code(each.__name__)}](#{each.__name__.lower()})",
            code(each.__mro__[1].__name__),
            inspect.cleandoc(each.__doc__ or "").split("\n")[0],
        )
        for each in found
    )
    return table(["exception", "is a", "means"], rows)


def exit_code_table() -> str:
    """Return the exit codes with what they mean, as the module that holds them says it."""
    return table(["code", "means"], ((code(number), meaning) for _, number, meaning in exit_code_meanings()))


def exit_code_meanings() -> Iterator[tuple[str, int, str]]:
    """Yield the name, the number and the meaning of each exit code."""
    body = ast.parse(inspect.getsource(exit_codes)).body
    for node, below in pairwise(body):
        if isinstance(node, ast.Assign) and isinstance(below, ast.Expr):
            (target,) = node.targets
            assert isinstance(target, ast.Name)
            yield target.id, ast.literal_eval(node.value), ast.literal_eval(below.value)


def summary_columns() -> str:
    """Return the columns of `summary.csv`."""
    return table(["column", "holds"], ((code(column), _SUMMARY[column]) for column in summary.COLUMNS))


TABLES = {
    "methods": methods,
    "what methods need": method_needs,
    "settings": settings,
    "classifier keys": classifier_keys,
    "login keys": login_keys,
    "classifiers": classifiers,
    "families": families,
    "findings of classifiers": findings,
    "exceptions": exceptions,
    "exit codes": exit_code_table,
    "summary columns": summary_columns,
}
