"""Operating points of a site's own, as `ensemble-cam validate` writes them: bound to weights, dated, with their n."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.rules import OPERATING_POINT, SHA256, TABLE, Rule, check_keys

_DAY = r"\d{4}-\d\d-\d\d"
_RULES: Mapping[str, Rule] = {
    "weights_sha256": SHA256,
    "date": Rule("a day such as 2026-03-01", lambda value: isinstance(value, str) and re.fullmatch(_DAY, value)),
    "n": Rule("a whole number of at least 1", lambda value: type(value) is int and value >= 1),
    "films": Rule("a text", lambda value: isinstance(value, str)),
    "points": Rule("a table of one probability by label or more", lambda value: isinstance(value, dict) and value),
}


@dataclass(frozen=True)
class SitePoints:
    """A classifier's operating points from films of the site's own.

    Attributes:
        weights_sha256: of the weights that they were chosen for, in hex: they are of no others.
        date: the day on which they were chosen.
        n: films that they were chosen on.
        films: which films those were, without a name.
        points: label → probability in (0, 1) that becomes a score of 0.5, of the findings that had films of both kinds.
    """

    weights_sha256: str
    date: str
    n: int
    films: str
    points: Mapping[str, float] = field(hash=False)


def site_points(where: str, document: Mapping[str, Any], id: str) -> SitePoints:
    """Return a classifier's points of a file of `validate`.

    Args:
        where: what the message names the file.
        document: what is in it.
        id: the classifier's.

    Raises:
        ConfigError: if there are none of it, or something of them is not allowed.
    """
    if id not in document:
        known = ", ".join(document) or "none"
        raise ConfigError(f"{where}: it has no points of {id}, but of {known}. Take another file, or this line out.")
    where = f"{where}, [{id}]"
    table = TABLE.check(where, document[id])
    check_keys(where, table, known=_RULES)
    for key, rule in _RULES.items():
        if key not in table:
            raise ConfigError(f"{where} {key}: the key is missing; allowed: {rule.allowed}.")
    values = {key: rule.check(f"{where} {key}", table[key]) for key, rule in _RULES.items()}
    points = {label: OPERATING_POINT.check(f"{where} points {label}", each) for label, each in values["points"].items()}
    return SitePoints(**{**values, "points": points})
