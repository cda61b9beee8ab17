"""The findings: each changes a chest's layers and tells exactly where.

Every function takes the chest, the finding's own stream of random numbers and `ease`, 1 for a plain finding and 0 for a
borderline one, and returns a (h, w) float32 layer of how strongly each pixel is affected, 0 to 1.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from .anatomy import SIDES, between
from .canvas import Canvas, Layer, rounded, smooth, step
from .chest import Chest

MASK_FROM = 0.4
"""A pixel belongs to a finding's mask from this effect on."""

_ISLAND = 0.08  # of the largest piece's area; smaller ones nobody would call a part of the finding


def _graded(random: np.random.Generator, ease: float, hard: float, plain: float) -> float:
    """Draw a number near its place between a borderline and a plain finding's."""
    share = min(1.0, max(0.0, ease + 0.12 * (2 * float(random.random()) - 1)))
    return hard + (plain - hard) * share


def _side(random: np.random.Generator) -> int:
    return SIDES[int(random.integers(2))]


def _open_lung(chest: Chest, side: int) -> Layer:
    """Return where one lung is seen beside heart and mediastinum, as a cover."""
    return ((chest.lungs[side] > 0.5) & (chest.heart < 0.3) & (chest.mediastinum < 0.5)).astype(np.float32)


def _place(
    chest: Chest,
    random: np.random.Generator,
    side: int,
    *,
    margin: float,
    low: float,
    high: float,
    taken: Layer | None = None,
) -> tuple[float, float]:
    """Draw a place in one lung, at least `margin` from its borders and between two heights of the standard chest."""
    free = _open_lung(chest, side)
    if taken is not None:
        free *= taken < 0.2
    depth = chest.canvas.depth(free)
    xs = chest.build.centre + side * (0.03 + 0.33 * random.random(160)) * chest.build.wide
    ys = chest.build.level(low) + (chest.build.level(high) - chest.build.level(low)) * random.random(160)
    columns = np.clip(chest.canvas.column(xs), 0, chest.canvas.width - 1).astype(int)
    rows = np.clip(chest.canvas.row(ys), 0, chest.canvas.height - 1).astype(int)
    depths = depth[rows, columns]
    # The first that fits, or else the roomiest.
    chosen = int(np.argmax(depths > margin)) if (depths > margin).any() else int(np.argmax(depths))
    return float(xs[chosen]), float(ys[chosen])


def _one_piece(canvas: Canvas, effect: Layer) -> Layer:
    """Remove an effect where its mask would have pieces that are small beside its largest one."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((effect > MASK_FROM).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count <= 2:
        return effect
    small = 1 + np.flatnonzero(areas < _ISLAND * areas.max())
    if not len(small):
        return effect
    islands = np.isin(pieces, small).astype(np.float32)
    return effect * (1 - np.clip(1.5 * canvas.blur(canvas.grow(islands, 0.012), 0.004), 0, 1))


def pneumothorax(chest: Chest, random: np.random.Generator, ease: float) -> Layer:
    """Air between lung and chest wall: no markings there, darker, and the pleura as a fine line."""
    canvas, build, side = chest.canvas, chest.build, _side(random)
    shrunk = _graded(random, ease, 0.90, 0.70)
    ax, ay = build.hilum(side)[0], build.base_level(side) + 0.03
    outline = build.lung_outline(side)
    outline = np.stack(
        [
            ax + (outline[:, 0] - ax) * (shrunk + 0.03),
            ay + (outline[:, 1] - ay) * (shrunk - 0.02 + 0.15 * (1 - shrunk)),
        ],
        1,
    )
    collapsed = canvas.fill(rounded(outline + 0.002 * random.standard_normal(outline.shape)))
    high = step(-canvas.y, -between(random, 0.54, 0.72), 0.028)
    lung = chest.lungs[side]
    gap = canvas.blur(lung, 0.0024) * (1 - collapsed) * (1 - chest.mediastinum) * (1 - 0.9 * chest.heart) * high
    gap *= np.abs(canvas.x - build.centre) > 0.05
    gap = _one_piece(canvas, gap)
    rim = canvas.strokes(([smooth(rounded(outline, rounds=1), steps=2)], 0.0045, 1.0))
    rim *= lung * high * ((canvas.x - ax) * side > -0.01)
    inside = canvas.blur(1 - gap, 0.003)
    chest.vessels *= inside
    chest.texture *= inside
    chest.air *= 1 + gap * _graded(random, ease, 0.16, 0.34)
    chest.added += canvas.blur(rim, 0.0016) * between(random, 0.09, 0.15)
    chest.lungs[side] = lung * (1 - gap)  # what comes later lies in the lung, not in the air beside it
    return gap


def consolidation(chest: Chest, random: np.random.Generator, ease: float) -> Layer:
    """Air spaces filled: an even, fluffy opacity without vessels, in which the bronchi stay dark."""
    canvas, build, side = chest.canvas, chest.build, _side(random)
    radius, flat = _graded(random, ease, 0.075, 0.145), between(random, 0.7, 1.3)
    x, y = _place(chest, random, side, margin=0.45 * radius, low=0.20, high=0.76)
    away = np.sqrt(((canvas.x - x) / (radius * flat)) ** 2 + ((canvas.y - y) / (radius / flat)) ** 2)
    away = away + 0.15 * canvas.noise(random, 9) + 0.05 * canvas.noise(random, 24)
    if random.random() < 0.4:  # it ends at a fissure
        above, tilt = float(random.choice([-1, 1])), between(random, -0.35, 0.35)
        away = np.maximum(away, 0.85 + above * (canvas.y - y - tilt * (canvas.x - x)) / (0.10 * radius) - 3.0)
    effect = step(-away, -0.92, 0.075) * canvas.blur(chest.lungs[side], 0.003) * (1 - 0.8 * chest.heart)
    effect = _one_piece(canvas, effect.astype(np.float32))
    hx, hy = build.hilum(side)
    distance, direction = np.hypot(x - hx, y - hy), np.arctan2(y - hy, x - hx)
    bronchi = []
    for spread in between(random, 0.3, 0.9) * np.array([-1.0, -0.3, 0.35, 1.0]):
        t = np.linspace(max(0.0, distance - radius), distance + 0.6 * radius, 8)
        bend = direction + 0.5 * spread * t / max(t[-1], 1e-6) + np.cumsum(0.04 * random.standard_normal(8))
        bronchi.append(np.stack([hx + t * np.cos(bend), hy + t * np.sin(bend)], 1))
    dark = canvas.blur(canvas.strokes((bronchi, 0.0055, 0.8)), 0.0024)
    density = _graded(random, ease, 0.36, 0.86) * (
        1 + 0.05 * canvas.noise(random, 14) + 0.035 * canvas.noise(random, 60)
    )
    chest.air *= 1 - np.clip(effect * density * (1 - 0.28 * dark), 0, 0.95)
    chest.vessels *= 1 - 0.8 * effect
    return effect


def edema(chest: Chest, random: np.random.Generator, ease: float) -> Layer:
    """Water in the lung: an even haze around both hila that blurs the vessels, with fine lines in it."""
    canvas, build = chest.canvas, chest.build
    effect, reach = canvas.zeros(), _graded(random, ease, 0.085, 0.135)
    for side in SIDES:
        hx, hy = build.hilum(side)
        wide = reach * between(random, 0.90, 1.10)
        spread = ((canvas.x - hx - side * 0.055) / wide) ** 2 + ((canvas.y - hy - 0.02) / (1.5 * wide)) ** 2
        effect += between(random, 0.92, 1.08) * np.exp(-(spread**1.25)) * chest.lungs[side]
    effect = np.clip(effect * (1 + 0.10 * canvas.noise(random, 6)), 0, 1) * (1 - 0.6 * chest.mediastinum)
    effect = _one_piece(canvas, effect.astype(np.float32))
    density = _graded(random, ease, 0.30, 0.70) * (
        1 + 0.05 * canvas.noise(random, 20) + 0.06 * canvas.noise(random, 80)
    )
    chest.air *= 1 - np.clip(density * effect, 0, 0.9)
    chest.vessels += effect * (0.40 * canvas.blur(chest.vessels, 0.0075) - 0.40 * chest.vessels)
    return effect


def effusion(chest: Chest, random: np.random.Generator, ease: float) -> Layer:
    """Fluid at the lung's base: it blunts the costophrenic angle and climbs the chest wall in a meniscus."""
    canvas, build = chest.canvas, chest.build
    effect = canvas.zeros()
    sides = (_side(random),) if random.random() < 0.75 else SIDES
    for side in sides:
        height = _graded(random, ease, 0.050, 0.235)
        u = np.clip((canvas.x - build.centre) * side / (0.35 * build.wide), 0, 1.1)
        bottom = build.base_level(side) + 0.035
        level = bottom - height * (0.30 + 0.70 * u**3) + 0.003 * canvas.noise(random, 6)
        below = step(canvas.y, level, 0.006 + 0.012 * height)
        below = (below * (1 - 0.85 * chest.heart_depth) * ((canvas.x - build.centre) * side > 0)).astype(np.float32)
        effect = np.maximum(effect, below * chest.lungs[side])
        chest.air *= 1 - 0.95 * below
        chest.vessels *= 1 - below
    return _one_piece(canvas, effect)


def atelectasis(chest: Chest, random: np.random.Generator, ease: float) -> Layer:
    """Plates of collapsed lung: dense bands above the diaphragm."""
    canvas, side = chest.canvas, _side(random)
    groups, tilt = [], between(random, -0.25, 0.25)
    x, y = _place(chest, random, side, margin=0.03, low=0.58, high=0.74)
    for plate in range(int(random.integers(1, 4))):
        length, angle = _graded(random, ease, 0.055, 0.105), tilt + between(random, -0.10, 0.10)
        right, down = between(random, -0.02, 0.02), 0.030 * (-1, 0, 1)[plate - 1] * between(random, 0.8, 1.2)
        t = np.linspace(-1, 1, 9)
        bow = 0.012 * between(random, -1, 1)
        path = np.stack([x + right + length * t * np.cos(angle), y + down + length * t * np.sin(angle) - bow * t**2], 1)
        groups.append(([path], _graded(random, ease, 0.013, 0.026), 1.0))
    band = (
        canvas.blur(canvas.strokes(*groups), 0.0042) * canvas.blur(chest.lungs[side], 0.003) * (1 - 0.8 * chest.heart)
    )
    chest.air *= 1 - np.clip(band * _graded(random, ease, 0.42, 0.76) * (1 + 0.06 * canvas.noise(random, 40)), 0, 0.9)
    chest.added += _graded(random, ease, 0.02, 0.05) * band
    chest.vessels *= 1 - 0.6 * band
    return canvas.grow(band, 0.006)


def mass(chest: Chest, random: np.random.Generator, ease: float) -> Layer:
    """A lump of more than 3 cm with a lobed, sometimes spiked rim."""
    canvas, side = chest.canvas, _side(random)
    radius = _graded(random, ease, 0.042, 0.080)
    x, y = _place(chest, random, side, margin=0.8 * radius, low=0.16, high=0.76)
    angle = np.arctan2(canvas.y - y, canvas.x - x)
    lobed = np.ones_like(angle)
    for waves in (2, 3, 4, 5, 7):
        lobed += 0.055 * float(random.standard_normal()) * np.cos(waves * angle + between(random, 0, 2 * np.pi))
    distance, rim = np.hypot(canvas.x - x, canvas.y - y), radius * lobed
    inside = chest.lungs[side]
    effect = (step(-distance, -rim, 0.003 + 0.03 * radius) * inside).astype(np.float32)
    count = int(random.integers(2, 12))
    starts = 2 * np.pi * random.random(count)
    near, far = 0.9 * radius * np.ones(count), radius * (1.1 + 0.2 * random.random(count))
    ends = starts + 0.2 * (random.random(count) - 0.5)
    rims = ((near, starts), (far, ends))
    spikes = np.stack([np.stack([x + r * np.cos(a), y + r * np.sin(a)], 1) for r, a in rims], 1)
    chest.added += 0.08 * canvas.blur(canvas.strokes((spikes, 0.004, 0.6)), 0.0024) * inside
    thick = np.sqrt(np.clip(1 - (distance / (1.15 * rim)) ** 2, 0.15, 1))
    density = _graded(random, ease, 0.42, 0.86)
    chest.air *= 1 - np.clip(density * effect * thick * (1 + 0.05 * canvas.noise(random, 30)), 0, 0.95)
    return effect


def nodule(chest: Chest, random: np.random.Generator, ease: float, *, taken: Layer | None = None) -> Layer:
    """One round spot of less than 3 cm, or two."""
    canvas = chest.canvas
    effect = canvas.zeros()
    for _ in range(1 if random.random() < 0.7 else 2):
        side, radius, oval = _side(random), _graded(random, ease, 0.019, 0.034), between(random, 0.88, 1.14)
        x, y = _place(chest, random, side, margin=radius, low=0.16, high=0.78, taken=taken)
        distance = np.sqrt(((canvas.x - x) * oval) ** 2 + ((canvas.y - y) / oval) ** 2)
        spot = (step(-distance, -radius, 0.0032) * chest.lungs[side]).astype(np.float32)
        thick = np.sqrt(np.clip(1 - (distance / (1.2 * radius)) ** 2, 0.15, 1))
        chest.added += spot * thick * _graded(random, ease, 0.16, 0.34)
        effect = np.maximum(effect, spot)
    return effect


def cardiomegaly(chest: Chest, random: np.random.Generator, ease: float) -> Layer:
    """An enlarged heart: it was drawn with the chest, as its size is a part of the build."""
    return chest.heart.copy()


HEART_RATIO: Mapping[bool, Callable[[np.random.Generator, float], float]] = {
    False: lambda random, ease: _graded(random, ease, 0.485, 0.40),
    True: lambda random, ease: _graded(random, ease, 0.545, 0.69),
}
"""Whether the heart is enlarged → its cardiothoracic ratio; 0.5 divides the two, and borderline films come near it."""

PLANTERS: Mapping[str, Callable[..., Layer]] = {
    # In the order in which they are planted: air and fluid first, then what needs a free place.
    "Cardiomegaly": cardiomegaly,
    "Pneumothorax": pneumothorax,
    "Edema": edema,
    "Consolidation": consolidation,
    "Effusion": effusion,
    "Atelectasis": atelectasis,
    "Mass": mass,
    "Nodule": nodule,
}
