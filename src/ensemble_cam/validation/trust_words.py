"""What is said to readers of one map's figures: each with its meaning, and what all of them come to."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ensemble_cam.settings.metrics import METRICS
from ensemble_cam.validation.localisation import Judgement
from ensemble_cam.validation.sanity import UNCHANGED
from ensemble_cam.validation.trusted import TrustedMap

NOT_RIGHT = (
    "Faithful: its network uses what the map shows. That is not right: a network that goes by a marker has a faithful "
    "map of the marker."
)

UNSTEADY = 0.5
"""Rank correlation below which a map is said to move with a film that hardly changed."""

AGAINST_ELSEWHERE = ("road", "deletion", "insertion")
"""The measures in which a map is set beside itself at another place."""


class Grade(StrEnum):
    """What the figures of a map come to."""

    FAITHFUL = "faithful, as far as measured"
    MIXED = "mixed"
    UNFAITHFUL = "not faithful"
    UNLEARNED = "shows nothing that was learned"
    UNMEASURED = "not measured"


@dataclass(frozen=True)
class Said:
    """One figure with its meaning.

    Attributes:
        title: what it is.
        words: figure and meaning, in a sentence or two.
        speaks: whether it speaks for the map; None where it says neither.
    """

    title: str
    words: str
    speaks: bool | None


def better_than_elsewhere(trusted: TrustedMap, metric: str) -> bool | None:
    """Return whether a map does better by a measure than the same map at another place; None where one is missing."""
    own, elsewhere = trusted.value(metric), trusted.elsewhere(metric)
    if own is None or elsewhere is None:
        return None
    return own < elsewhere if METRICS[metric].better == "lower" else own > elsewhere


def grade(trusted: TrustedMap) -> Grade:
    """Return what a map's figures come to."""
    votes = [each for name in AGAINST_ELSEWHERE if (each := better_than_elsewhere(trusted, name)) is not None]
    if trusted.own.reason is not None or not votes:
        return Grade.UNMEASURED
    if (shuffled := trusted.value("randomisation_all")) is not None and shuffled >= UNCHANGED:
        return Grade.UNLEARNED
    if all(votes):
        return Grade.FAITHFUL
    return Grade.MIXED if any(votes) else Grade.UNFAITHFUL


def headline(trusted: TrustedMap) -> str:
    """Return what a map's figures come to, in a sentence."""
    found = grade(trusted)
    if found is Grade.UNMEASURED:
        return trusted.own.reason or "Nothing was measured."
    votes = [better_than_elsewhere(trusted, name) for name in AGAINST_ELSEWHERE]
    better, count = votes.count(True), sum(each is not None for each in votes)
    if found is Grade.UNLEARNED:
        return "The map stays as it was when the network's values are shuffled: it shows nothing that was learned."
    if found is Grade.FAITHFUL:
        return f"By {better} of {count} measures the network uses what this map shows, beyond the same map elsewhere."
    if found is Grade.MIXED:
        return f"By {better} of {count} measures alone the map does better than the same map elsewhere: undecided."
    return "The map does no better than the same map elsewhere: it does not show what the network uses."


def statements(trusted: TrustedMap) -> list[Said]:
    """Return a map's figures with their meaning, in the order in which they are read."""
    return [] if trusted.own.reason is not None else [*_faithfulness(trusted), *_sanity(trusted), *_stability(trusted)]


def _faithfulness(trusted: TrustedMap) -> Iterator[Said]:
    words = {
        "road": "Drawn over, the hottest parts cost {own} logits more than the coldest; at another place {moved}.",
        "deletion": "While the hottest parts go, the logit's mean is {own}; at another place {moved}. Low is good.",
        "insertion": "While they come back, the logit's mean is {own}; at another place {moved}. High is good.",
    }
    for name, sentence in words.items():
        own, moved = trusted.value(name), trusted.elsewhere(name)
        if own is not None and moved is not None:
            text = sentence.format(own=figure(own), moved=figure(moved))
            yield Said(METRICS[name].title, text, better_than_elsewhere(trusted, name))
    if (focus := trusted.value("focus")) is not None:
        yield Said("Focus", f"Half of the map lies on {focus:.0%} of what the network sees.", None)


def _sanity(trusted: TrustedMap) -> Iterator[Said]:
    depths = {
        "randomisation_head": "the head's values shuffled",
        "randomisation_stage": "those of the last stage, too",
        "randomisation_all": "all of them",
    }
    found = {words: value for name, words in depths.items() if (value := trusted.value(name)) is not None}
    if found:
        ranks = ", ".join(f"{words}: {figure(value)}" for words, value in found.items())
        changes = [value < UNCHANGED for value in found.values()]
        if all(changes):
            said = "It changes with what was learned, as it should."
        elif any(changes):
            said = "It stays until more than the head is shuffled: it does not depend on the finding."
        else:
            said = "It stays whatever is shuffled: it shows nothing that was learned."
        yield Said("Values shuffled", f"{said} Likeness to itself with {ranks}.", all(changes))
    if (contrast := trusted.value("contrast")) is not None:
        alike = contrast >= UNCHANGED
        said = "nearly" if alike else "another than"
        text = f"The map is {said} that of the finding with the lowest score here: likeness {figure(contrast)}."
        yield Said("Another finding", text, not alike)


def _stability(trusted: TrustedMap) -> Iterator[Said]:
    ranks = {
        name: value
        for name in METRICS
        if METRICS[name].kind == "stability" and (value := trusted.value(name)) is not None
    }
    if ranks:
        worst = min(ranks, key=lambda name: ranks[name])
        steady = ranks[worst] >= UNSTEADY
        text = (
            f"{'It holds still' if steady else 'It moves'} while the film hardly changes: least alike is "
            f"“{METRICS[worst].title}” with {figure(ranks[worst])}."
        )
        yield Said("A little change", text, steady)


def right_or_faithful(found: Grade, judged: Judgement | None) -> str:
    """Return what it means that a map is faithful or not, and lies where the finding was planted or not.

    Args:
        found: of `grade`.
        judged: how the map stands to the planted truth; None where nothing was planted that it could lie in.
    """
    if found in (Grade.UNMEASURED, Grade.MIXED):
        return ""
    faithful = found is Grade.FAITHFUL
    if judged is None:
        return (
            "Nothing of this finding was planted: there is no right place, however faithful the map."
            if faithful
            else ""
        )
    if faithful and judged.hit:
        return "Faithful and right: the network uses what the map shows, and the finding is there."
    if faithful:
        return (
            "Faithful, and not right: the network uses what the map shows, and the finding is somewhere else. The "
            "network goes by something else, and the map says so."
        )
    if judged.hit:
        return "Right, and not faithful: the map lies on the finding, and the network does not go by what it shows."
    return "Neither faithful nor right."


def figure(value: float) -> str:
    """Return a figure as people read it, with two digits and a minus of its own width."""
    text = f"{value:.2f}"
    return text.replace("-", "−") if float(text) else "0.00"
