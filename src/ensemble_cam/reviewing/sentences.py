"""What is said of a finding and of who stands behind it, worded once.

Figure, overlays, command line and screen take their words from here, and differ in layout alone. Texts begin in lower
case, as most of them stand behind others; `capitalised` begins a line with one. The browser's viewer, which measures
its maps anew while a hand moves, is sent `SAYS` and `CALLS_AT_LENGTH` and puts its own numbers and names into them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ensemble_cam.purpose import MEANINGLESS_LINE, PURPOSE
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.methods import METHODS, UNSTABLE_BELOW_0
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE

if TYPE_CHECKING:  # the viewer is sent these words before SciPy, which compares maps, is loaded
    from ensemble_cam.maps.agreement import Agreement
    from ensemble_cam.maps.heatmap import Heatmap
    from ensemble_cam.maps.regions import Extent
    from ensemble_cam.reviewing.analysis import Analysis, Finding
    from ensemble_cam.reviewing.review import Review
    from ensemble_cam.reviewing.scores import ClassifierResult, Score

SAYS: Mapping[str, str] = MappingProxyType(
    {
        "score": "{value}, {call}",
        "overlap": "regions overlap {iou} (IoU)",
        "rank": "rank correlation {rank}",
        "all_call": "all {count} call it",
        "some_call": "{calling} of {count} call it",
        "none_calls": "none of {count} calls it",
        "same_place": "they look at the same place, overlap {iou}",
        "near_places": "they look at the same place in part, overlap {iou}",
        "different_places": "they look at different places, overlap {iou}",
        "spread": "largest minus smallest relative activation of {count} maps, {colours}: {share}",
        "no_spread": "nothing to compare: fewer than two maps",
        "weightless": "weight 0",
        "no_ensemble": "no ensemble map",
        "ensemble": "ensemble of {names}",
        "alone": " alone",
        "empty_among": " (empty: {names})",
        "score_of": ", score of {names}",
        "unknown": " · not known to {names}",
        "empty": "empty map: nothing speaks for it",
        "nothing": "nothing at or above {threshold}",
        "share": "{area} of what was seen",
        "share_at": "{share} is at or above {threshold}",
        "regions": "{count} regions: {share}",
        "no_map": "no map: {why}",
        "no_weight": "no classifier with a weight above 0 has a map",
    }
)
"""Sentences with {places} for numbers and names, which come written out: Python and the browser fill them alike."""

SAME_PLACE, DIFFERENT_PLACES = 0.5, 1 / 3
"""Maps whose regions overlap (mean IoU of the pairs) so far lie at the same place; those below, at different ones."""

CALLS_AT_LENGTH: Mapping[Call, str] = MappingProxyType(
    {
        Call.CALLED: "called",
        Call.NOT_CALLED: "below its operating point: not called",
        Call.UNCALIBRATED: "uncalibrated: no operating point",
        Call.MEANINGLESS: "meaningless: not trained on such films",
    }
)


def call_at_length(call: Call) -> str:
    """Return what the networks say with its reason, as it stands at the head of a finding: the word and why."""
    return CALLS_AT_LENGTH[call]


def score_line(score: "Score", *, digits: int = 2) -> str:
    """Return a score with what it says: "0.62, called"."""
    return SAYS["score"].format(value=f"{score.value:.{digits}f}", call=score.call)


def title(finding: "Finding") -> str:
    """Return the head of a finding: "1. Pleural thickening · score 0.62, called"."""
    score = finding.ranked.score
    return f"{finding.rank}. {displayed(finding.label)} · score {score.value:.2f}, {call_at_length(score.call)}"


def brief(finding: "Finding") -> str:
    """Return a finding as one among others in a line: "Pleural thickening 0.62 (called)"."""
    score = finding.ranked.score
    return f"{displayed(finding.label)} {score.value:.2f} ({score.call})"


def agreement_line(agreement: "Agreement | None") -> str:
    """Return how far the maps behind an ensemble agree; empty below two of them, and where nothing can be compared."""
    if agreement is None:
        return ""
    parts = []
    if agreement.iou is not None:
        parts.append(SAYS["overlap"].format(iou=f"{agreement.iou:.2f}"))
    if agreement.rank_correlation is not None:
        parts.append(SAYS["rank"].format(rank=f"{agreement.rank_correlation:.2f}"))
    return " · ".join(parts)


def disagreement(analysis: "Analysis", finding: "Finding", threshold: float) -> str:
    """Return who calls a finding, and whether the maps behind its ensemble lie at one place, in a sentence.

    Counted are the classifiers with a weight above 0 and an operating point that can know the film, where there are
    two of them; it is empty where there is nothing to compare, and where nothing means anything.

    Args:
        analysis: the finding's.
        finding: one of those explained.
        threshold: of the regions that are compared, in relative activation.
    """
    if finding.call is Call.MEANINGLESS:
        return ""
    weights = analysis.settings.ensemble_weights
    calls = [result.call(finding.label) for result in analysis.results if weights[result.id] > 0]
    count = sum(call in (Call.CALLED, Call.NOT_CALLED) for call in calls)
    calling = calls.count(Call.CALLED)
    parts = []
    if count > 1:
        name = "none_calls" if not calling else "all_call" if calling == count else "some_call"
        parts.append(SAYS[name].format(calling=calling, count=count))
    agreed = finding.agreement(threshold)
    if agreed is not None and agreed.iou is not None:
        same, different = agreed.iou >= SAME_PLACE, agreed.iou < DIFFERENT_PLACES
        name = "same_place" if same else "different_places" if different else "near_places"
        parts.append(SAYS[name].format(iou=f"{agreed.iou:.2f}"))
    return "; ".join(parts)


def behind(analysis: "Analysis", finding: "Finding") -> str:
    """Return who stands behind a finding's ensemble map, whose score counts if others' do, and who cannot know it."""
    if finding.ensemble is None:
        return SAYS["no_ensemble"]

    def names(ids: tuple[str, ...]) -> str:
        return ", ".join(analysis.result(id).classifier.config.name for id in ids)

    text = SAYS["ensemble"].format(names=names(finding.ensemble.classifiers))
    if len(finding.ensemble.classifiers) == 1:
        text += SAYS["alone"]
    if finding.ensemble.empty_classifiers:
        text += SAYS["empty_among"].format(names=names(finding.ensemble.empty_classifiers))
    scoring = tuple(
        result.id
        for result in analysis.results
        if result.classifier.calibrated is finding.ranked.score.calibrated
        and finding.label in result.scores
        and analysis.settings.ensemble_weights[result.id] > 0
    )
    if scoring != finding.ensemble.classifiers:
        text += SAYS["score_of"].format(names=names(scoring))
    # A classifier that failed has no scores at all, and its panel says so.
    unknown = tuple(result.id for result in analysis.results if result.scores and finding.label not in result.scores)
    return text + SAYS["unknown"].format(names=names(unknown)) if unknown else text


def networks_behind(finding: "Finding", id: str) -> tuple[str, ...]:
    """Return the ids of the classifiers whose networks a map is of: one, or all behind the ensemble's."""
    if id != ENSEMBLE:
        return (id,)
    return () if finding.ensemble is None else finding.ensemble.classifiers


def support(analysis: "Analysis", finding: "Finding", threshold: float) -> str:
    """Return what stands beside a finding's head: how far its maps agree first, then who stands behind their mean.

    Args:
        analysis: the finding's.
        finding: one of those explained.
        threshold: of the regions that are compared, in relative activation.
    """
    return " · ".join(filter(None, (agreement_line(finding.agreement(threshold)), behind(analysis, finding))))


def extent(heatmap: "Heatmap", found: "Extent | None", threshold: float, *, at_length: bool = False) -> str:
    """Return how much of what the networks saw is at or above the threshold, and in how many regions if in several.

    Args:
        heatmap: the map.
        found: what of it is at or above the threshold, see `regions.extent_of`.
        threshold: in relative activation.
        at_length: whether the threshold is named; it need not be where it stands beside.
    """
    if heatmap.empty:
        return SAYS["empty"]
    if found is None:
        return SAYS["nothing"].format(threshold=f"{threshold:.2f}")
    share = SAYS["share"].format(area=f"{found.area:.1%}")
    if at_length:
        share = SAYS["share_at"].format(share=share, threshold=f"{threshold:.2f}")
    return share if found.count == 1 else SAYS["regions"].format(count=found.count, share=share)


def spread(count: int, colours: str, share: float, threshold: float) -> str:
    """Return what a picture of how far maps differ shows.

    Args:
        count: of the maps.
        colours: the colour map's name.
        share: about how much of what was seen they differ on by the threshold or more.
        threshold: in relative activation.
    """
    if count < 2:
        return SAYS["no_spread"]
    reached = SAYS["nothing"].format(threshold=f"{threshold:.2f}")
    if share:
        told = SAYS["share"].format(area=f"about {share:.1%}")
        reached = SAYS["share_at"].format(share=told, threshold=f"{threshold:.2f}")
    return SAYS["spread"].format(count=count, colours=colours, share=reached)


def why_no_map(finding: "Finding", id: str) -> str:
    """Return why a classifier has no map of a finding, or why the ensemble has none, as half a sentence."""
    return SAYS["no_weight"] if id == ENSEMBLE else finding.missing[id]


def no_map(finding: "Finding", id: str) -> str:
    """Return what stands in a map's place: "no map: does not know this label"."""
    return SAYS["no_map"].format(why=why_no_map(finding, id))


def weights_line(result: "ClassifierResult", *, digits: int | None = None) -> str:
    """Return a classifier with its weights, their SHA-256 and what has to be said of them.

    Args:
        result: the classifier's.
        digits: of the hash, as many as tell weights apart on a screen; None for all 64, 0 for no hash.
    """
    weights = result.classifier.weights
    parts = [f"{result.classifier.config.name}: {weights.name}"]
    if weights.sha256 and digits != 0:
        parts.append(f"SHA-256 {weights.sha256 if digits is None else f'{weights.sha256[:digits]}…'}")
    parts += filter(None, [weights.remark, result.classifier.points_remark])
    return ", ".join(parts)


def weighted_line(analysis: "Analysis", result: "ClassifierResult", *, digits: int | None = None) -> str:
    """Return `weights_line` with the classifier's ensemble weight, to its last digit."""
    return (
        f"{weights_line(result, digits=digits)}, ensemble weight {exact(analysis.settings.ensemble_weights[result.id])}"
    )


def method_line(review: "Review") -> str:
    """Return how the maps were made and what the networks were shown."""
    parts = [review.analysis.settings.recipe.line, f"{review.analysis.settings.framing} framing"]
    parts.append(f"{review.run.intensity} intensity")
    if review.analysis.radiograph.rescaled:
        parts.append("narrow range stretched")
    if review.analysis.radiograph.negative:
        parts.append("grey values turned (a negative)")
    return ", ".join(parts)


def purpose_line(review: "Review") -> str:
    """Return what every output is for, with the notice of the set of classifiers where there is one."""
    return f"{PURPOSE} {review.notice}." if review.notice else PURPOSE


def head_line(review: "Review") -> str:
    """Return what stands at the head of a review: that it means nothing, where that is so, and what it is for."""
    return f"{MEANINGLESS_LINE} {purpose_line(review)}" if review.analysis.meaningless else purpose_line(review)


def remarks_line(analysis: "Analysis") -> str:
    """Return what has to be said of the weights, and where the site's operating points decide; empty without any.

    Each remark stands once with the names it holds for.
    """
    named: dict[str, list[str]] = {}
    for result in analysis.results:
        site = result.classifier.points_remark if result.classifier.site_points else None
        for remark in filter(None, [result.classifier.weights.remark, site]):
            named.setdefault(remark, []).append(result.classifier.config.name)
    return " ".join(f"{', '.join(names)}: {remark}." for remark, names in named.items())


def expired_lines(analysis: "Analysis") -> tuple[str, ...]:
    """Return of which classifiers the site's operating points have ended with other weights, a sentence each."""
    return tuple(
        f"{classifier.config.name}: {classifier.points_remark}. Validate again, or take them out of the configuration."
        for classifier in (result.classifier for result in analysis.results)
        if classifier.points_remark and not classifier.site_points
    )


def unstable_lines(analysis: "Analysis") -> tuple[str, ...]:
    """Return whose maps the method is unstable for, as their activation has values below 0; one sentence or none."""
    recipe = analysis.settings.recipe
    if recipe.method not in UNSTABLE_BELOW_0:
        return ()
    names = [
        result.classifier.config.name
        for result in analysis.results
        if result.failure is None and (result.below_0 or result.classifier.config.family.goes_below_0(recipe))
    ]
    if not names:
        return ()
    return (
        f"{METHODS[recipe.method].title} is unstable for {', '.join(names)} at this layer: its activation can have "
        "values below 0, where the formula's denominator crosses 0. Grad-CAM, HiResCAM and LayerCAM do not divide.",
    )


def exact(number: float) -> str:
    """Write a number in as few digits as read back to the same one."""
    return repr(float(number)).removesuffix(".0")


def capitalised(text: str) -> str:
    """Return a text as a line begins with it; names within keep their letters."""
    return text[:1].upper() + text[1:]
