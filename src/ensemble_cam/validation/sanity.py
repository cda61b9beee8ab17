"""Whether a map depends on what its network learned, and holds still while the film hardly changes.

- *Sanity* (Adebayo et al. 2018, arXiv:1810.03292): the network's values are shuffled, first the head's, then the last
  stage's as well, then all. A map that stays as it was does not show what was learned.
- *Contrast*: the map of a finding that the same network scores lowest on this film.
- *Stability*: the film mirrored, shifted, turned, a little brighter, with noise, or as a JPEG, and the map mapped back.
- *Adversarial*: the film changed within a few grey levels so that the logit falls most (projected gradient descent,
  Madry et al. 2018, arXiv:1706.06083), in the film's own units and within its range; beside it noise of the same size.

Maps are compared by Spearman's correlation of their values and the IoU of what is at or above half of the maximum.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, Self

import cv2
import numpy as np

from ensemble_cam.classifiers.heads import Step
from ensemble_cam.maps.agreement import ranked
from ensemble_cam.maps.heatmap import at_or_above
from ensemble_cam.settings.metrics import METRICS
from ensemble_cam.validation.faithfulness import go_on, on_pixels
from ensemble_cam.validation.localisation import THRESHOLD
from ensemble_cam.validation.shown import Shown

DEPTHS = ("head", "stage", "all")
"""How much of a network is shuffled, each with what stands before it."""

UNCHANGED = 0.9
"""Rank correlation from which on a map is said not to change."""

EPSILON = 2
"""Of an adversarial change, in grey levels of 256."""

_LEVELS = 256
_ATTACK_STEPS = 8
_SAMPLES = 64  # points along each side that maps are compared at
_SHIFT, _DEGREES, _BRIGHTER, _NOISE, _QUALITY = 0.04, 5, 0.05, 0.01, 75


class Peer(Protocol):
    """A network whose maps can be made anew."""

    def grid(self, pixels: np.ndarray, output: int) -> np.ndarray:
        """Return the (h, w) map of an output for (channels, side, side) pixels."""

    def shuffled(self, depth: str, pixels: np.ndarray, seed: int) -> Self:
        """Return the same network with values shuffled, one of `DEPTHS`, its norms settled on the film."""

    def gradient(self, pixels: np.ndarray, output: int) -> np.ndarray:
        """Return the gradient of a logit by the pixels, in their shape."""

    def lowest(self, logits: np.ndarray, output: int) -> int:
        """Return the output that the network scores lowest, another than the one given."""


@dataclass(frozen=True)
class Similarity:
    """How alike two maps are.

    Attributes:
        rank: Spearman's correlation; None where one of them is the same everywhere.
        iou: of what is at or above half of the maximum; None where neither has any.
    """

    rank: float | None
    iou: float | None


@dataclass(frozen=True, eq=False)
class Changed:
    """A film, changed.

    Attributes:
        pixels: (channels, side, side) float32.
        back: takes values on the changed film's pixels, (side, side), to those of the film.
    """

    pixels: np.ndarray
    back: Callable[[np.ndarray], np.ndarray] = lambda values: values


Checked = tuple[dict[str, float], dict[str, dict[str, float | None]]]
"""Metric → value, and metric → what else was found."""


def check_map(
    shown: Shown,
    output: int,
    grid: np.ndarray,
    peer: Peer,
    metrics: Collection[str],
    *,
    seed: int = 0,
    step: Step = go_on,
) -> Checked:
    """Measure whether a map depends on its network's values and holds still.

    Args:
        shown: the film.
        output: index of the logit that the map explains.
        grid: the map.
        peer: its network, and how it makes maps.
        metrics: names of `METRICS`; others are passed over.
        seed: of what is drawn.
        step: told what share is done, before each part; may raise `Cancelled`.
    """
    values: dict[str, float] = {}
    details: dict[str, dict[str, float | None]] = {}

    def note(name: str, found: Similarity, **more: float | None) -> None:
        if found.rank is not None:
            values[name] = found.rank
        details[name] = {"iou": found.iou, **more}

    own = on_pixels(grid, shown)
    wanted = [name for name in METRICS if name in metrics]
    is_checked = any(METRICS[name].kind == "sanity" for name in wanted)
    repeat = repeat_noise(shown, output, peer) if is_checked else None
    for number, name in enumerate(wanted):
        step(number / len(wanted))
        if repeat is not None and METRICS[name].kind == "sanity":
            made = _without_what_was_learned(name, shown, output, peer, seed)
            note(name, similarity(own, on_pixels(made, shown), shown.inside), repeat=repeat.rank)
        elif METRICS[name].kind == "stability":
            changed = CHANGES[name](shown, seed)
            found = _again(shown, own, changed, peer, output)
            after = shown.logits(changed.pixels[None])
            (before_score,), (after_score,) = shown.score(shown.whole, output), shown.score(after, output)
            note(name, found, logit=float(after[0, output] - shown.whole[0, output]),
                 score=float(after_score - before_score))  # fmt: skip
    if "adversarial" in wanted:
        attacked, benign = attack(shown, output, peer), noise_of_a_size(shown, seed)
        rank, beside = (_again(shown, own, Changed(each), peer, output) for each in (attacked, benign))
        logits = shown.logits(np.stack([attacked, benign]))[:, output] - shown.whole[0, output]
        note("adversarial", rank, logit=float(logits[0]), benign=beside.rank, benign_iou=beside.iou,
             benign_logit=float(logits[1]), grey_levels=float(EPSILON))  # fmt: skip
    return values, details


def _without_what_was_learned(name: str, shown: Shown, output: int, peer: Peer, seed: int) -> np.ndarray:
    if name == "contrast":
        return peer.grid(shown.pixels, peer.lowest(shown.whole[0], output))
    return peer.shuffled(name.removeprefix("randomisation_"), shown.pixels, seed).grid(shown.pixels, output)


def _again(shown: Shown, own: np.ndarray, changed: Changed, peer: Peer, output: int) -> Similarity:
    values = changed.back(on_pixels(peer.grid(changed.pixels, output), shown))
    seen = changed.back(shown.inside.astype(np.float32)) > 0.99
    return similarity(own, values, shown.inside & seen)


def similarity(one: np.ndarray, other: np.ndarray, inside: np.ndarray) -> Similarity:
    """Compare two maps on a network's pixels.

    Args:
        one: (side, side), relative activation.
        other: the same.
        inside: (side, side) bool, where they are compared.
    """
    step = max(1, len(inside) // _SAMPLES)
    here = inside[step // 2 :: step, step // 2 :: step]
    first, second = (each[step // 2 :: step, step // 2 :: step][here] for each in (one, other))
    rank = None
    if np.ptp(first) > 0 and np.ptp(second) > 0:
        rank = float(np.corrcoef(ranked(first), ranked(second))[0, 1])
    regions = [at_or_above(each, THRESHOLD * float(each.max())) & (each > 0) for each in (first, second)]
    either = np.count_nonzero(regions[0] | regions[1])
    return Similarity(rank, np.count_nonzero(regions[0] & regions[1]) / either if either else None)


def repeat_noise(shown: Shown, output: int, peer: Peer) -> Similarity:
    """Compare a network's map with its map of the same film, run again: what is not exactly 1 is its own noise."""
    one, other = (on_pixels(peer.grid(shown.pixels.copy(), output), shown) for _ in range(2))
    return similarity(one, other, shown.inside)


def attack(shown: Shown, output: int, peer: Peer) -> np.ndarray:
    """Return the film, changed by at most `EPSILON` grey levels so that the logit falls, (channels, side, side)."""
    low, high = shown.limits
    reach = (EPSILON / _LEVELS) * (high - low)
    lower, upper = np.maximum(shown.pixels - reach, low), np.minimum(shown.pixels + reach, high)
    found = shown.pixels
    for _ in range(_ATTACK_STEPS):
        step = 2.5 / _ATTACK_STEPS * reach * np.sign(peer.gradient(found, output))
        found = np.where(shown.inside, np.clip(found - step, lower, upper), shown.pixels).astype(np.float32)
    return found


def noise_of_a_size(shown: Shown, seed: int) -> np.ndarray:
    """Return the film with every pixel `EPSILON` grey levels up or down, drawn: as large a change as an attack's."""
    low, high = shown.limits
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), shown.pixels.shape)
    changed = np.clip(shown.pixels + EPSILON / _LEVELS * (high - low) * signs, low, high)
    return np.where(shown.inside, changed, shown.pixels).astype(np.float32)


def _moved(shown: Shown, matrix: np.ndarray) -> Changed:
    size = shown.inside.shape[::-1]

    def warped(values: np.ndarray, flags: int, border: int) -> np.ndarray:
        return cv2.warpAffine(values, matrix, size, flags=flags, borderMode=border)

    pixels = np.stack([warped(each, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE) for each in shown.pixels])
    back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return Changed(pixels, lambda values: warped(values, back, cv2.BORDER_CONSTANT))


def _mirrored(shown: Shown, seed: int) -> Changed:
    return Changed(np.ascontiguousarray(shown.pixels[:, :, ::-1]), lambda values: values[:, ::-1])


def _shifted(shown: Shown, seed: int) -> Changed:
    step = round(_SHIFT * len(shown.inside))
    return _moved(shown, np.array([[1.0, 0, step], [0, 1, step]]))


def _turned(shown: Shown, seed: int) -> Changed:
    middle = (len(shown.inside) - 1) / 2
    return _moved(shown, cv2.getRotationMatrix2D((middle, middle), _DEGREES, 1))


def _brighter(shown: Shown, seed: int) -> Changed:
    low, high = shown.limits
    return Changed(np.clip(shown.pixels + _BRIGHTER * (high - low), low, high).astype(np.float32))


def _noisy(shown: Shown, seed: int) -> Changed:
    low, high = shown.limits
    noise = np.random.default_rng(seed).standard_normal(shown.pixels.shape, np.float32)
    return Changed(np.clip(shown.pixels + _NOISE * (high - low) * noise, low, high).astype(np.float32))


def _as_jpeg(shown: Shown, seed: int) -> Changed:
    low, high = shown.limits
    levels = np.rint((shown.pixels - low) / (high - low) * (_LEVELS - 1)).clip(0, _LEVELS - 1).astype(np.uint8)
    picture = levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0)[:, :, ::-1]
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED))
    planes = decoded[None] if decoded.ndim == 2 else decoded[:, :, ::-1].transpose(2, 0, 1)
    return Changed((planes.astype(np.float32) / (_LEVELS - 1) * (high - low) + low).astype(np.float32))


CHANGES: Mapping[str, Callable[[Shown, int], Changed]] = {
    "stability_mirror": _mirrored,
    "stability_shift": _shifted,
    "stability_rotation": _turned,
    "stability_brightness": _brighter,
    "stability_noise": _noisy,
    "stability_jpeg": _as_jpeg,
}
"""Metric → what is done to the film."""


def unchanged(values: Mapping[str, float]) -> list[str]:
    """Return the metrics by which a map stays as it is although it should not: it does not show what was learned."""
    return [name for name, value in values.items() if METRICS[name].kind == "sanity" and value >= UNCHANGED]
