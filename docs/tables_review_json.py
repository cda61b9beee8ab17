"""The tables of `review.json`, made from its JSON Schema."""

import json
from collections.abc import Iterator, Mapping
from functools import cache, partial
from importlib.resources import files
from typing import Any

from markdown_tables import code, sentence, table

_KINDS = {"#/$defs/sha256": "64 hex digits", "#/$defs/id": "an id", "#/$defs/share": "number, 0 to 1"}


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of `review.json`."""
    text = (files("ensemble_cam.export") / "review.schema.json").read_text(encoding="utf-8")
    return json.loads(text)


def key_paths() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the path of every key, such as `findings[].maps.ID.box`, with its part of the schema."""
    yield from _below("", schema())


def _below(path: str, part: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, own in _resolved(part).get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        yield inner, own
        yield from _within(inner, own)


def _within(path: str, own: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    given = _resolved(own)
    for each in given.get("anyOf", (given,)):
        whole = _resolved(each)
        yield from _below(path, whole)
        items, others = whole.get("items"), whole.get("additionalProperties")
        if isinstance(items, dict):
            yield from _below(f"{path}[]", items)
        if isinstance(others, dict):
            yield from _below(f"{path}.ID", others)


def _resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref")
    if reference is None:
        return part
    return {**schema()["$defs"][reference.removeprefix("#/$defs/")], **part}


def kind(part: Mapping[str, Any]) -> str:
    """Return what a key holds, in a few words."""
    if "anyOf" in part:
        return " or ".join(kind(each) for each in part["anyOf"])
    reference = part.get("$ref", "")
    if reference in _KINDS:
        return _KINDS[reference]
    if reference == "#/$defs/box":
        return "four whole numbers"
    whole = _resolved(part)
    if "const" in whole:
        return code(json.dumps(whole["const"], ensure_ascii=False))
    if "enum" in whole:
        return ", ".join(code(json.dumps(value)) for value in whole["enum"])
    types = whole["type"] if isinstance(whole["type"], list) else [whole["type"]]
    return " or ".join(_typed(name, whole) for name in types)


def _typed(name: str, part: Mapping[str, Any]) -> str:
    if name == "null":
        return "null"
    if name == "object":
        return "object"
    if name == "array":
        return "array"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    return f"{words[name]}{_range(part)}" if name in ("integer", "number") else words[name]


def _range(part: Mapping[str, Any]) -> str:
    low, high = part.get("minimum"), part.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    if low is not None:
        return f", at least {low}"
    above, below = part.get("exclusiveMinimum"), part.get("exclusiveMaximum")
    if above is not None and below is not None:
        return f", above {above} and below {below}"
    return f", above {above}" if above is not None else ""


def section(prefix: str) -> str:
    """Return the keys whose path is `prefix` or begins with it; those at the top where it is empty."""
    rows = []
    for path, part in key_paths():
        top = path.partition(".")[0].removesuffix("[]")
        at_top = "." not in path and "[]" not in path
        if (not prefix and at_top) or (prefix and top == prefix and not at_top):
            rows.append((code(path), kind(part), sentence(_resolved(part).get("description", ""))))
    return table(["key", "holds", "meaning"], rows)


TABLES = {
    "review json": partial(section, ""),
    **{
        f"review json {name}": partial(section, name)
        for name in ("software", "input", "settings", "classifiers", "findings")
    },
}
