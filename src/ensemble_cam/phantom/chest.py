"""The chest's layers before the beam: soft tissue, air, vessels and bones, each a picture of its own.

Findings change some of them (`findings`), and `Chest.attenuation` adds them up.
"""

from dataclasses import dataclass, field

import numpy as np

from .anatomy import SIDES, Build, between
from .canvas import Canvas, Layer, rounded, smooth, step


@dataclass(eq=False)
class Chest:
    """A chest on its way to the film; findings change it in place.

    Attributes:
        canvas, build: what it is drawn on, and whose it is.
        lungs: side → cover of each pixel, 0 to 1.
        heart: cover; `heart_depth` is how thick it is there.
        mediastinum: cover, soft.
        air: how much air the beam meets, 0 to 1.
        vessels, texture: the lungs' markings.
        added: attenuation that findings add.
    """

    canvas: Canvas
    build: Build
    lungs: dict[int, Layer]
    heart: Layer
    heart_depth: Layer
    mediastinum: Layer
    air: Layer
    vessels: Layer
    texture: Layer
    added: Layer
    body: Layer
    bones: Layer
    rest: Layer
    tone: dict[str, float] = field(default_factory=dict)

    @property
    def lung(self) -> Layer:
        """Cover of both lungs."""
        return np.maximum(self.lungs[-1], self.lungs[1])

    def attenuation(self) -> Layer:
        """Return how much of the beam is taken, about 0 (air beside the patient) to 1.5."""
        tone = self.tone
        inside = np.clip(self.lung, 0, 1) * (0.3 + 0.7 * np.clip(self.air, 0, 1))
        total = self.body - tone["air"] * self.air * np.clip(1.4 * self.body, 0, 1)
        total += np.maximum(tone["heart"] * self.heart_depth, 0.12 * self.mediastinum)
        total += tone["vessels"] * self.vessels * inside + 0.028 * self.air * self.texture
        return total + self.bones + self.rest + self.added


def stand(canvas: Canvas, build: Build, random: np.random.Generator) -> Chest:
    """Draw the layers of a chest without any finding."""
    lungs = {side: canvas.fill(rounded(build.lung_outline(side))) for side in SIDES}
    heart = canvas.fill(build.heart_outline())
    # A ball's thickness rises steeply from its rim: that is why the heart's border is seen at all.
    inward = np.clip(canvas.depth(heart) / 0.16, 0, 1)
    heart_depth = canvas.blur(heart * (0.40 + 0.60 * np.sqrt(1 - (1 - inward) ** 2)), 0.0055)
    mediastinum = canvas.blur(canvas.fill(_mediastinum(build, random)), 0.007)

    air = canvas.zeros()
    for cover in lungs.values():
        air += canvas.blur(cover, 0.003) * (
            0.60 + 0.40 * (1 - np.exp(-canvas.blur(canvas.depth(cover), 0.006) / 0.045))
        )
    air *= 1 - 0.72 * heart_depth
    air *= 1 - 0.75 * mediastinum * (1 - 0.5 * heart_depth)

    body = _body(canvas, build, random)
    chest = Chest(
        canvas=canvas,
        build=build,
        lungs=lungs,
        heart=heart,
        heart_depth=heart_depth,
        mediastinum=mediastinum,
        air=air,
        vessels=_vessels(canvas, build, random),
        texture=0.5 * canvas.noise(random, 48) + 0.5 * canvas.noise(random, 90),
        added=canvas.zeros(),
        body=body,
        bones=np.clip(3 * body, 0, 1) * _bones(canvas, build, np.maximum(lungs[-1], lungs[1]), heart_depth, random),
        rest=_rest(canvas, build, np.maximum(lungs[-1], lungs[1]), mediastinum, body, random),
        tone={
            "air": between(random, 0.52, 0.64),
            "heart": between(random, 0.15, 0.23),
            "vessels": between(random, 0.10, 0.17),
        },
    )
    return chest


def _mediastinum(build: Build, random: np.random.Generator) -> np.ndarray:
    """Return the outline of the great vessels over the spine, with the aortic knob at the patient's left."""
    half, cx, level = between(random, 0.046, 0.064), build.centre + 0.5 * build.turn, build.level
    outline = [
        (-0.75 * half, -0.30),
        (-0.80 * half, level(0.20)),
        (-1.10 * half, level(0.36)),
        (-1.00 * half, level(0.60)),
        (-1.00 * half, 1.30),
        (1.00 * half, 1.30),
        (1.10 * half, level(0.60)),
        (1.15 * half, level(0.42)),
        (0.95 * half, level(0.345)),
        (1.42 * half, level(0.305)),
        (1.40 * half, level(0.265)),
        (0.85 * half, level(0.225)),
        (0.70 * half, -0.30),
    ]
    return rounded(np.array([(cx + x, y) for x, y in outline]), rounds=2)


def _body(canvas: Canvas, build: Build, random: np.random.Generator) -> Layer:
    """Return the thickness of trunk, neck, shoulders, arms and breasts."""
    cx, level = build.centre, build.level
    half, shoulder, neck = between(random, 0.43, 0.52), between(random, 0.06, 0.13), between(random, 0.085, 0.12)
    right = [
        (neck, -0.30),
        (neck, shoulder - 0.06),
        (0.20, shoulder - 0.01),
        (0.36, shoulder + 0.03),
        (0.50, shoulder + 0.12),
        (0.56, shoulder + 0.30),
        (half, level(0.42)),
        (half - 0.015, level(0.62)),
        (half + 0.01, 1.30),
    ]
    trunk = np.array([(cx + x, y) for x, y in right] + [(cx - x, y) for x, y in reversed(right)])
    outlines = [rounded(trunk)]
    if canvas.width > canvas.height:  # the arms come into sight
        for side in SIDES:
            arm = [
                (0.46, shoulder + 0.05),
                (0.60, shoulder + 0.14),
                (0.69, 0.55),
                (0.72, 1.30),
                (0.60, 1.30),
                (0.55, 0.5),
            ]
            outlines.append(rounded(np.array([(cx + side * x, y) for x, y in arm])))
    cover = canvas.fill(*outlines)
    deep = canvas.blur(canvas.depth(cover), 0.008)
    body = cover * (0.28 + 0.72 * (1 - np.exp(-deep / 0.07)))
    body *= 0.86 + 0.16 * np.clip((canvas.y - 0.55) / 0.4, 0, 1.3)
    breasts, strength = canvas.zeros(), between(random, 0.03, 0.09)
    wide, high = between(random, 0.13, 0.17), between(random, 0.12, 0.16)
    if random.random() < 0.45:
        for side in SIDES:
            radius = ((canvas.x - cx - build.turn - side * 0.21) / wide) ** 2 + ((canvas.y - level(0.60)) / high) ** 2
            breasts += step(-radius, -1, 0.08) * (0.5 + 0.5 * np.clip((canvas.y - level(0.5)) / 0.15, 0, 1))
        body += strength * breasts
    return body


def _vessels(canvas: Canvas, build: Build, random: np.random.Generator) -> Layer:
    """Return the lungs' arteries and veins: trees that leave the hila and grow thin and pale on their way."""
    trunks, limbs, twigs, forked = [], [], [], []
    branches, points, forks = 20, 13, np.array([3, 6, 8])
    for side in SIDES:
        directions = np.linspace(-1.35, 1.45, branches) + 0.09 * random.standard_normal(branches)
        headings = directions[:, None] + np.cumsum(0.10 * random.standard_normal((branches, points)), 1)
        strides = (0.016 + 0.010 * random.random((branches, 1))) * np.r_[0.3, np.ones(points - 1)]
        paths = np.array(build.hilum(side)) + _walk(headings, strides, side)
        aside = random.choice([-1, 1], (branches, 3)) * (0.35 + 0.35 * random.random((branches, 3)))
        wobbles = np.cumsum(0.1 * random.standard_normal((branches, 3, 7)), 2)
        leaving = (headings[:, forks] + aside)[:, :, None] + wobbles
        trunks.append(paths[::2, :5])
        limbs += [*paths[1::2, :5], *paths[:, 4:9]]
        twigs.append(paths[:, 8:])
        forked.append((paths[:, forks, None] + _walk(leaving, np.full((1, 1, 7), 0.015), side)).reshape(-1, 7, 2))
    drawn = canvas.strokes(
        (np.concatenate(twigs), 0.0040, 0.36),
        (np.concatenate(forked), 0.0040, 0.36),
        (np.stack(limbs), 0.0066, 0.52),
        (np.concatenate(trunks), 0.0100, 0.66),
    )
    return canvas.blur(drawn, 0.0027)


def _walk(angles: np.ndarray, strides: np.ndarray, side: int) -> np.ndarray:
    """Return the (..., n, 2) places that steps in these directions lead to, mirrored for the image's left."""
    steps = np.stack([side * np.cos(angles), np.sin(angles)], -1) * strides[..., None]
    return np.cumsum(steps, -2)


def _bones(canvas: Canvas, build: Build, lung: Layer, heart_depth: Layer, random: np.random.Generator) -> Layer:
    bones = _ribs(canvas, build, lung, random)
    bones += _clavicles(canvas, build, random) + 0.07 * _scapulae(canvas, build, random)
    return bones + 0.11 * _spine(canvas, build, random) * (1 - 0.35 * heart_depth)


def _ribs(canvas: Canvas, build: Build, lung: Layer, random: np.random.Generator) -> Layer:
    """Return posterior and anterior ribs.

    All ribs of a side share a shape, so a pixel's place between two of them is a phase: its height over the shape,
    counted in ribs. What is drawn is a function of that phase alone.
    """
    pitch, slope, half = 0.062 * build.high, between(random, 0.75, 1.2), between(random, 0.15, 0.20)
    strong, weak = between(random, 0.085, 0.135), between(random, 0.040, 0.075)
    cage = canvas.blur(canvas.grow(lung, 0.013), 0.008)
    levels = np.linspace(0, 1.3, 80)
    ribs = canvas.zeros()
    for side in SIDES:
        columns = canvas.x[0] * side > build.centre * side
        u = np.abs(canvas.x[:, columns] - build.centre)
        wall = np.interp(canvas.y[:, 0], levels, build.wall(side, levels))[:, None] + 0.006
        t = np.clip((u - 0.02) / (wall - 0.02), 0, 1.06)
        waver = 0.05 * canvas.noise(random, 6)[:, columns]
        arch = -0.030 * np.sin(np.pi * np.clip(1.5 * t, 0, 1)) + 0.075 * slope * t**2.2
        behind = (canvas.y - build.level(0.115) - arch) / (pitch * (1 + 0.16 * slope * t**2.2)) + waver
        posterior = _band(behind, half) * step(behind, -0.4, 0.03) * step(-behind, -9.5, 0.03)
        fall = 0.125 * slope * np.clip(1 - t, 0, 1) ** 0.8
        front = (canvas.y - build.level(0.115) - 0.075 * slope - fall) / (pitch * (1.16 + 0.10 * (1 - t))) + 0.5 * waver
        anterior = _band(front, 1.15 * half) * step(front, 0.6, 0.03) * step(-front, -7.4, 0.03)
        anterior *= step(t, 0.36, 0.035)  # cartilage takes little of the beam
        rim = 1 + 0.5 * np.exp(-(((t - 0.99) / 0.03) ** 2))
        inside = cage[:, columns] * np.clip((1.05 - t) / 0.03, 0, 1)
        ribs[:, columns] = strong * posterior * rim * (0.30 + 0.70 * inside) * (t < 1.06) + weak * anterior * inside
    return canvas.blur(ribs, 0.0022)


def _band(phase: np.ndarray, half: float) -> np.ndarray:
    """Return a rib's profile around every whole phase: a tube with a dense wall."""
    across = np.abs(phase - np.round(phase)) / half
    return np.clip((1.12 - across) / 0.24, 0, 1) * (0.55 + 0.45 * np.minimum(across, 1) ** 2)


def _clavicles(canvas: Canvas, build: Build, random: np.random.Generator) -> Layer:
    y, thick, tilt = (
        build.level(0.155) + between(random, -0.02, 0.03),
        between(random, 0.024, 0.032),
        between(random, -0.03, 0.05),
    )
    paths = []
    for side in SIDES:
        standard = [(0.035, 0.015), (0.10, -0.005), (0.20, -0.035 - tilt), (0.31, -0.04 - tilt), (0.40, -0.055 - tilt)]
        course = np.array([(build.centre + 1.5 * build.turn + side * dx, y + dy) for dx, dy in standard])
        paths.append(smooth(course, closed=False))
    tube = canvas.strokes((paths, thick, 1.0), (paths, 0.55 * thick, 0.62))
    return between(random, 0.12, 0.19) * canvas.blur(tube, 0.0035)


def _scapulae(canvas: Canvas, build: Build, random: np.random.Generator) -> Layer:
    cx, level = build.centre, build.level
    cover = canvas.zeros()
    for side in SIDES:
        blade = [
            (0.36, level(0.10)),
            (between(random, 0.26, 0.31), level(0.17)),
            (between(random, 0.30, 0.35), level(0.44)),
            (0.40, level(0.30)),
        ]
        cover += canvas.fill(rounded(np.array([(cx + side * x, y) for x, y in blade]), rounds=2))
        head = (canvas.x - cx - side * 0.46) ** 2 + (canvas.y - level(0.13)) ** 2
        cover += 1.2 * step(-np.sqrt(head), -0.055, 0.003)
        if canvas.width > canvas.height:
            shaft = np.array([(0.46, level(0.13)), (0.60, 0.55), (0.66, 1.30)])
            cover += canvas.strokes(([np.stack([cx + side * shaft[:, 0], shaft[:, 1]], 1)], 0.05, 1.0))
    return canvas.blur(cover, 0.0047)


def _spine(canvas: Canvas, build: Build, random: np.random.Generator) -> Layer:
    """Return the vertebrae with their discs, spinous processes and pedicles."""
    pitch, shift = between(random, 0.050, 0.058) * build.high, between(random, 0, 1)
    bodies = 0.75 + 0.25 * np.tanh(3 * np.cos(2 * np.pi * ((canvas.y - build.top) / pitch + shift)) + 1.5)
    u = np.abs(canvas.x - build.centre)
    spine = step(-u, -(0.033 + 0.012 * np.clip(canvas.y, 0, 1.2)), 0.004) * bodies
    spine = spine + 0.35 * np.exp(-((u / 0.006) ** 2)) * (bodies > 0.8)
    pedicles = np.exp(-(((u - 0.022) / 0.006) ** 2)) * (bodies > 0.9)
    lowest = max(build.base_level(side) for side in SIDES)
    spine = spine + 0.25 * canvas.blur(pedicles.astype(np.float32), 0.0027)
    return (spine * (1 - 0.5 * np.clip((canvas.y - lowest) / 0.05, 0, 1))).astype(np.float32)


def _rest(
    canvas: Canvas, build: Build, lung: Layer, mediastinum: Layer, body: Layer, random: np.random.Generator
) -> Layer:
    """Return hila, trachea, the stomach's bubble and unevenness."""
    rest = canvas.zeros()
    inside = (1 - mediastinum) * np.clip(lung, 0, 1)
    for side in SIDES:
        hx, hy = build.hilum(side)
        spread = ((canvas.x - hx) / 0.028) ** 2 + ((canvas.y - hy - 0.005) / 0.055) ** 2
        rest += 0.06 * between(random, 0.6, 1.0) * np.exp(-spread) * inside
    trachea = np.exp(-(((canvas.x - build.centre - 0.004 - 0.7 * build.turn) / 0.016) ** 4))
    rest -= 0.09 * trachea * step(-canvas.y, -build.level(0.36), 0.015)
    bubble = random.random() < 0.6
    x, y = between(random, 0.13, 0.20), between(random, 0.08, 0.11)
    wide, high = between(random, 0.05, 0.08), between(random, 0.025, 0.045)
    if bubble:
        lowest = max(build.base_level(side) for side in SIDES)
        radius = ((canvas.x - build.centre - x) / wide) ** 2 + ((canvas.y - lowest - y) / high) ** 2
        rest -= 0.20 * np.clip(1.3 - radius, 0, 1) * (1 - lung)
    rest += 0.025 * canvas.noise(random, 3) + 0.012 * canvas.noise(random, 8) * body
    return rest
