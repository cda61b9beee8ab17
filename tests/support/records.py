"""Records of reviews, `review.json`, beside the JSON Schema that the package has of them."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA: Mapping[str, Any] = json.loads((files("ensemble_cam.export") / "review.schema.json").read_text("utf-8"))
_VALIDATOR = Draft202012Validator(SCHEMA)


def conforms(record: object) -> bool:
    """Return whether a record has the schema's keys and values, and no others."""
    return _VALIDATOR.is_valid(record)


def assert_conforms(record: object) -> None:
    """Fail with the place and the reason where a record does not conform."""
    errors = [f"{error.json_path}: {error.message[:200]}" for error in _VALIDATOR.iter_errors(record)]
    assert not errors, "\n".join(errors)
