"""The measures of a map: what each is called, what it says, and what it hides. `validation` computes them.

One table that command line, app, files and manual read. All words are for readers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ensemble_cam.errors import ConfigError, did_you_mean

Kind = Literal["curve", "road", "through", "spread", "sanity", "stability", "adversarial"]


@dataclass(frozen=True)
class Metric:
    """A measure of one map.

    Attributes:
        name: as in files and on the command line.
        title: as people write it.
        kind: what it takes: films with ever more removed; the same with what was removed imputed; the film seen through
            the map; the map alone; the network with its values shuffled; or maps of films that are changed otherwise.
        unit: what it is counted in.
        better: what speaks for the map, "lower" or "higher"; None where neither does.
        says: what it is, in half a sentence.
        hides: what it does not show, in half a sentence.
        source: the paper.
    """

    name: str
    title: str
    kind: Kind
    unit: str
    better: Literal["lower", "higher"] | None
    says: str
    hides: str
    source: str

    @property
    def line(self) -> str:
        """All that a reader has to know of it."""
        speaks = f" {self.better.capitalize()} speaks for the map." if self.better else ""
        return f"{self.title}, in {self.unit}s: {self.says}.{speaks} {self.hides[0].upper()}{self.hides[1:]}."


_ADEBAYO = "Adebayo et al. 2018 (arXiv:1810.03292)"
_OWN = "own; see Yeh et al. 2019 (arXiv:1901.09392)"
_STABLE = "the rank correlation of the map with that of the film"
_PATCHES = "films with flat or blurred patches are none that a network has learned from"

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "deletion",
            "Deletion",
            "curve",
            "logit",
            "lower",
            "the area under the logit's curve while the film loses its pixels, the map's hottest first",
            f"{_PATCHES}, and it compares maps of one film and one network alone",
            "Petsiuk et al. 2018 (RISE, arXiv:1806.07421)",
        ),
        Metric(
            "insertion",
            "Insertion",
            "curve",
            "logit",
            "higher",
            "the area under the logit's curve while a blurred film gets its pixels back, the map's hottest first",
            f"{_PATCHES}, and it compares maps of one film and one network alone",
            "Petsiuk et al. 2018 (RISE, arXiv:1806.07421)",
        ),
        Metric(
            "road_most",
            "ROAD, most relevant first",
            "road",
            "logit",
            "lower",
            "how far the logit moves, on the mean, when the map's hottest tenth to nine tenths are drawn over smoothly",
            "a map that covers the whole lung does well by covering much",
            "Rong et al. 2022 (arXiv:2202.00449)",
        ),
        Metric(
            "road_least",
            "ROAD, least relevant first",
            "road",
            "logit",
            "higher",
            "how far the logit moves, on the mean, when the map's coldest tenth to nine tenths are drawn over smoothly",
            "nearly every map leaves the film's rim cold, and removing that costs nothing",
            "Rong et al. 2022 (arXiv:2202.00449)",
        ),
        Metric(
            "road",
            "ROAD combined",
            "road",
            "logit",
            "higher",
            "half of the difference of both: what the hottest parts count for beyond the coldest",
            "it says that the network uses what the map shows, not that the map lies where the finding is",
            "Rong et al. 2022 (arXiv:2202.00449); Gildenblat et al. (grad-cam)",
        ),
        Metric(
            "drop_logit",
            "Drop of the logit",
            "through",
            "logit",
            "lower",
            "how far the logit falls when the film is seen through the map, and is its mean grey where the map is 0",
            "a map that is hot everywhere loses nothing",
            "Chattopadhay et al. 2018 (arXiv:1710.11063), without the division",
        ),
        Metric(
            "drop_score",
            "Drop of the score",
            "through",
            "score",
            "lower",
            "the same on the score",
            "a score near 0 or 1 hardly moves, whatever is removed",
            "Chattopadhay et al. 2018 (arXiv:1710.11063), without the division",
        ),
        Metric(
            "average_drop",
            "Average drop",
            "through",
            "share",
            "lower",
            "the fall of the score through the map as a share of it, a rise as 0; its mean over films is meant",
            "a map that is hot everywhere loses nothing",
            "Chattopadhay et al. 2018 (arXiv:1710.11063)",
        ),
        Metric(
            "increase",
            "Increase",
            "through",
            "share",
            "higher",
            "1 where the score rises through the map, else 0; its mean over films is meant",
            "it rises just as well when what speaks against a finding is taken away",
            "Chattopadhay et al. 2018 (arXiv:1710.11063)",
        ),
        Metric(
            "focus",
            "Focus",
            "spread",
            "share",
            None,
            "the share of the film that the hottest pixels with half of the map's sum lie on",
            "a small wrong place is as focused as the right one",
            "own; the area behind half of the mass",
        ),
        Metric(
            "entropy",
            "Entropy",
            "spread",
            "share",
            None,
            "Shannon's entropy of the map over the film, 1 for a map that is the same everywhere",
            "it knows nothing of places",
            "Shannon 1948, over the logarithm of the number of pixels",
        ),
        Metric(
            "randomisation_head",
            "Head shuffled",
            "sanity",
            "correlation",
            "lower",
            "the rank correlation of the map with that of the same network, the values of its head shuffled",
            "a map that changes with the values is not thereby right",
            _ADEBAYO,
        ),
        Metric(
            "randomisation_stage",
            "Last stage shuffled",
            "sanity",
            "correlation",
            "lower",
            "the same with the values of the last stage shuffled, too",
            "a map that changes with the values is not thereby right",
            _ADEBAYO,
        ),
        Metric(
            "randomisation_all",
            "Everything shuffled",
            "sanity",
            "correlation",
            "lower",
            "the same with all values shuffled",
            "what is bright on the film stays bright in any network's activation, so it need not reach 0",
            _ADEBAYO,
        ),
        Metric(
            "contrast",
            "Contrast",
            "sanity",
            "correlation",
            "lower",
            "the rank correlation of the map with that of the finding that the same network scores lowest",
            "two findings may share a place for good reasons",
            "own; Adebayo et al. 2018, by class instead of values",
        ),
        *(
            Metric(
                f"stability_{name}",
                title,
                "stability",
                "correlation",
                "higher",
                f"{_STABLE} {what}, mapped back",
                hides,
                _OWN,
            )
            for name, title, what, hides in (
                ("mirror", "Mirrored", "mirrored", "a mirrored chest has its heart on the other side"),
                ("shift", "Shifted", "shifted by 4 % of its side", "maps have few cells, which lie elsewhere then"),
                ("rotation", "Turned", "turned by 5°", "the rim is drawn out, where films have none"),
                ("brightness", "Brighter", "5 % of the range brighter", "what is white stays white"),
                ("noise", "Noise", "with noise of 1 % of the range", "a map may hold still because it shows nothing"),
                ("jpeg", "As a JPEG", "as a JPEG of quality 75", "a map may hold still because it shows nothing"),
            )
        ),
        Metric(
            "adversarial",
            "Adversarial",
            "adversarial",
            "correlation",
            "higher",
            "the rank correlation of the map with that of the film changed by at most 2 grey levels of 256 so that the "
            "logit falls most",
            "no film in a clinic is changed like that; beside it stands noise of the same size",
            "Madry et al. 2018 (arXiv:1706.06083); Ghorbani et al. 2019 (arXiv:1710.10547)",
        ),
    )
}  # fmt: skip
"""Name → metric, in the order in which readers see them."""


FAITHFULNESS: tuple[str, ...] = tuple(
    name for name, each in METRICS.items() if each.kind in ("curve", "road", "through", "spread")
)
"""What is measured where nothing else is asked for: the others take networks of their own."""

MOVED = "moved"
"""Stands where a method's name stands: the first method's map at another place of the film, as a map's control."""


def checked_metrics(given: object) -> tuple[str, ...]:
    """Return the names of measures, in the table's order.

    Raises:
        ConfigError: if they are no list of such names, or none.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigError(f"metrics: got {given!r}; hand over a list of names.")
    names = list(given)
    for each in names:
        if each not in METRICS:
            raise ConfigError(f"metrics: got {each!r}; allowed: {', '.join(METRICS)}.{did_you_mean(each, METRICS)}")
    if not names:
        raise ConfigError(f"metrics: got none; allowed: one or more of {', '.join(METRICS)}.")
    return tuple(name for name in METRICS if name in names)


@dataclass(frozen=True)
class Baseline:
    """What stands where pixels of a film were removed.

    Attributes:
        name: as in files.
        what: what it is, in half a sentence.
        hides: what it hides, in a sentence.
    """

    name: str
    what: str
    hides: str


BASELINES: Mapping[str, Baseline] = {
    each.name: each
    for each in (
        Baseline(
            "mean",
            "the film's mean grey",
            "Its patches have rims that no film has: the logit may answer their shape, and not what is gone.",
        ),
        Baseline(
            "blurred",
            "the film, blurred",
            "Coarse shades stay: a large heart or effusion is still half there, and its removal looks harmless.",
        ),
        Baseline(
            "imputed",
            "drawn smoothly from what is left around it, with a little noise (ROAD)",
            "What goes on beyond a hole, a rim of the heart or a rib, is half restored: removing it costs little.",
        ),
    )
}
"""Name → baseline."""
