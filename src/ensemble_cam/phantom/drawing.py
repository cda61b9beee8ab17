"""Draws a phantom: a chest, the findings planted in it, and the film that is made of it.

The same seed gives the same chest, pose, exposure and markers at any size and whichever findings are planted: every
part draws its random numbers from a stream of its own. A film can be laid beside the same one without its finding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np

from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.machine.frozen import Frozen

from . import findings as planting
from .anatomy import Build
from .canvas import Canvas, Layer
from .chest import stand
from .exposure import Pose, expose, grain, hang_on, mark

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Mass",
    "Nodule",
    "Pneumothorax",
)
"""What can be planted, under torchxrayvision's names."""

VERSION = 2
"""Of the drawing: a seed means the same film as long as this stays.

Version 2 draws the side marker's letter by lines of its own and lays the pose by floats, so that one film comes out of
every version of NumPy and OpenCV; apart from the letter, it differs from version 1 by a few grey levels at sharp edges.
"""

TRAINING_SEEDS, OPERATING_POINT_SEEDS = range(1_000_000, 1_100_000), range(3_000_000, 3_100_000)
"""Seeds of the films that the teaching networks learn from, and of those that their operating points come from.

Films that networks are judged by have other seeds.
"""

SMALLEST, LARGEST, LONGEST = 256, 3000, 1.5
"""Bounds of a film's sides in pixels, and of the longer over the shorter."""

_FILM_WIDTH = 400.0  # millimetres, of the shorter side
_NORMAL = 0.2  # share of normal films where findings are drawn at random
_HOW_MANY = (0.5, 0.35, 0.15)  # one, two, three findings
_DRAWN_AT = 768  # pixels of the shorter side; nothing but noise, lines and markers is finer than it shows

# One stream of random numbers for each part.
_STREAMS = ("choice", "build", "chest", "pose", "devices", "exposure", "grain", "marks", "heart", *sorted(FINDINGS))


@dataclass(frozen=True, eq=False, repr=False)
class Phantom(Frozen):
    """One drawn film and its truth.

    Attributes:
        seed: what it was drawn from.
        version: of the drawing code; the same seed and version give the same film.
        difficulty: from 0, plain findings, to 1, borderline ones.
        bits: 8 or 16.
        pixels: (h, w) uint8 or uint16, over the whole range of `bits`, white = dense; read-only.
        masks: planted finding → (h, w) bool, where it was drawn, read-only; in the order of `FINDINGS`.
        pixel_spacing: millimetres a pixel, at the film.
        measures: what can be told in numbers: "cardiothoracic ratio", above 0.5 with Cardiomegaly and below it without.
    """

    seed: int
    version: int
    difficulty: float
    bits: int
    pixels: np.ndarray
    masks: Mapping[str, np.ndarray]
    pixel_spacing: float
    measures: Mapping[str, float]

    @property
    def findings(self) -> tuple[str, ...]:
        """The planted findings, none for a normal film."""
        return tuple(self.masks)

    def __repr__(self) -> str:
        height, width = self.pixels.shape
        return f"Phantom(seed {self.seed}, {width}×{height}, {', '.join(self.findings) or 'normal'})"


def were_learned_from(seed: int, count: int = 1) -> bool:
    """Whether the teaching networks know any of `count` films from `seed` on: they are not to be judged by those."""
    return any(seed < seeds.stop and seed + count > seeds.start for seeds in (TRAINING_SEEDS, OPERATING_POINT_SEEDS))


def draw_phantom(
    seed: int,
    *,
    findings: Sequence[str] | None = None,
    size: int | tuple[int, int] = 1024,
    bits: int = 8,
    difficulty: float | None = None,
) -> Phantom:
    """Draw a frontal chest film.

    Args:
        seed: at least 0; the same seed gives the same chest, whichever findings are planted and at any size.
        findings: what to plant, by the names of `FINDINGS`; none for a normal film; None to draw them at random, with
            about a fifth of the films normal.
        size: side in pixels, or (width, height); each from 256 to 3000, the longer at most 1.5 times the shorter.
        bits: 8 or 16.
        difficulty: from 0, plain findings, to 1, borderline ones; None to draw it at random.

    Raises:
        ConfigError: if a value is not allowed; the message says what was got and what is allowed.
    """
    _check(seed, findings, size, bits, difficulty)
    seed, bits = int(seed), int(bits)  # and not NumPy's, as they are written as JSON
    width, height = map(int, size if isinstance(size, list | tuple) else (size, size))
    random = {name: np.random.default_rng((seed, number)) for number, name in enumerate(_STREAMS)}
    drawn_difficulty, drawn_findings = random["choice"].random(), _drawn_findings(random["choice"])
    difficulty = float(drawn_difficulty if difficulty is None else difficulty)
    ease = 1 - difficulty
    wanted = set(drawn_findings if findings is None else findings)

    shrink = min(1.0, _DRAWN_AT / min(width, height))
    canvas = Canvas(round(width * shrink), round(height * shrink))
    ratio = planting.HEART_RATIO["Cardiomegaly" in wanted](random["heart"], ease)
    chest = stand(canvas, Build.drawn(random["build"], heart_ratio=ratio), random["chest"])
    effects: dict[str, Layer] = {}
    for name, plant in planting.PLANTERS.items():
        if name in wanted:
            beside = {"taken": effects.get("Mass")} if name == "Nodule" else {}
            effects[name] = plant(chest, random[name], ease, **beside)

    pose = Pose.drawn(canvas, random["pose"])
    attenuation = pose.apply(chest.attenuation())
    effects = {name: pose.apply(effect) for name, effect in effects.items()}
    full = canvas
    if shrink < 1:
        full = Canvas(width, height)
        attenuation = cv2.resize(attenuation, (width, height), interpolation=cv2.INTER_CUBIC)
        effects = {name: cv2.resize(effect, (width, height)) for name, effect in effects.items()}
    attenuation += hang_on(full, random["devices"])
    film = expose(attenuation, random["exposure"])
    film = mark(full, grain(full, film, random["grain"]), random["marks"])
    masks = {name: _read_only(effects[name] > planting.MASK_FROM) for name in FINDINGS if name in effects}
    return Phantom(
        seed=seed,
        version=VERSION,
        difficulty=difficulty,
        bits=bits,
        pixels=_read_only(_quantised(film, bits)),
        masks=MappingProxyType(masks),
        pixel_spacing=_FILM_WIDTH / min(width, height),
        measures=MappingProxyType({"cardiothoracic ratio": ratio}),
    )


def _drawn_findings(random: np.random.Generator) -> list[str]:
    normal, count = random.random() < _NORMAL, 1 + int(random.choice(len(_HOW_MANY), p=_HOW_MANY))
    order = random.permutation(len(FINDINGS))
    return [] if normal else [FINDINGS[i] for i in order[:count]]


def _quantised(film: np.ndarray, bits: int) -> np.ndarray:
    highest = 2**bits - 1
    levels = np.rint(np.clip(film * 0.96 + 0.016, 0, 1) * highest)
    return levels.astype(np.uint8 if bits == 8 else np.uint16)


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def _check(seed: Any, findings: Any, size: Any, bits: Any, difficulty: Any) -> None:
    """Refuse what cannot be drawn, whatever its type."""
    sides = size if isinstance(size, list | tuple) else (size, size)
    if not _is_whole(seed) or seed < 0:
        raise ConfigError(f"seed: got {seed!r}, allowed is a whole number of at least 0.")
    if len(sides) != 2 or not all(map(_is_whole, sides)):
        raise ConfigError(f"size: got {size!r}, allowed is a side in pixels, or (width, height).")
    told = f"{sides[0]}×{sides[1]}"
    if not (min(sides) >= SMALLEST and max(sides) <= LARGEST):
        raise ConfigError(f"size: got {told}, allowed are sides of {SMALLEST} to {LARGEST} pixels.")
    if max(sides) > LONGEST * min(sides):
        raise ConfigError(f"size: got {told}; the longer side may be {LONGEST:g} times the shorter at most.")
    if not _is_whole(bits) or bits not in (8, 16):
        raise ConfigError(f"bits: got {bits!r}, allowed are 8 and 16.")
    if difficulty is not None and not (isinstance(difficulty, Real) and 0 <= float(difficulty) <= 1):
        raise ConfigError(f"difficulty: got {difficulty!r}, allowed is a number from 0 to 1.")
    if isinstance(findings, str) or not isinstance(findings, Sequence | None):
        raise ConfigError(f"findings: got {findings!r}; hand over a list, such as ['Effusion'].")
    for name in findings or ():
        if name not in FINDINGS:
            meant = did_you_mean(name, FINDINGS)
            raise ConfigError(f"findings: got {name!r}, allowed are {', '.join(FINDINGS)}.{meant}")


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
