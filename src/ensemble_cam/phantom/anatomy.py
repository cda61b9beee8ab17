"""The chest without any finding: what stands where, and how much of the beam it takes.

Everything follows from a `Build`, drawn from the phantom's seed, and is the same whichever findings are planted (but
for the heart's size, which is a finding). Layers hold attenuation in arbitrary units, about 1 for the thickest part.
Lengths are fractions of the film's shorter side, some 400 mm; -1 is the image's left, the patient's right.
"""

from dataclasses import dataclass

import numpy as np

from .canvas import smooth

SIDES = (-1, 1)
_LUNG_HALF_WIDTH = 0.350

# Half of a lung's outline, from the apex's medial side over the chest wall to the hilum: (from the midline, height).
_LUNG = np.array(
    [
        (0.050, 0.165),
        (0.085, 0.120),
        (0.135, 0.105),
        (0.195, 0.130),
        (0.250, 0.205),
        (0.292, 0.310),
        (0.322, 0.430),
        (0.336, 0.550),
        (0.344, 0.660),
    ]
)
_LUNG_MEDIAL = np.array([(0.048, 0.620), (0.048, 0.500), (0.052, 0.380), (0.052, 0.260)])
_LUNG_POINTS = len(_LUNG) + 10 + len(_LUNG_MEDIAL)  # ten follow the diaphragm


def between(random: np.random.Generator, low: float, high: float) -> float:
    """Draw a number evenly from low to high."""
    return low + (high - low) * float(random.random())


@dataclass(frozen=True)
class Build:
    """A patient's measures and how they stand before the film.

    Attributes:
        centre: x of the spine.
        turn: how far structures in front lie beside those behind, as when the patient stands turned.
        top: y of the lungs' apices.
        wide, high: factors of the lungs' width and height.
        base: side → how much lower than usual its diaphragm stands.
        dome: side → how high its diaphragm arches.
        lung_jitter: side → (n, 2) small shifts of the lungs' outlines.
        heart: (right, left) extents of the heart's outline from the midline.
    """

    centre: float
    turn: float
    top: float
    wide: float
    high: float
    base: dict[int, float]
    dome: dict[int, float]
    lung_jitter: dict[int, np.ndarray]
    heart: tuple[float, float]

    @classmethod
    def drawn(cls, random: np.random.Generator, *, heart_ratio: float) -> "Build":
        """Draw a build; `heart_ratio` is the cardiothoracic ratio that its heart is to have."""
        wide = between(random, 0.92, 1.10)
        width = heart_ratio * 2 * _LUNG_HALF_WIDTH * wide
        right = width * between(random, 0.30, 0.38)
        return cls(
            centre=0.5,
            turn=0.008 * float(random.standard_normal()),
            top=between(random, 0.09, 0.14),
            wide=wide,
            high=between(random, 0.90, 1.08),
            base={side: (0.026 if side > 0 else 0.0) + between(random, -0.012, 0.012) for side in SIDES},
            dome={side: between(random, 0.0, 0.03) for side in SIDES},
            lung_jitter={side: 0.0035 * random.standard_normal((_LUNG_POINTS, 2)) for side in SIDES},
            heart=(right, width - right),
        )

    def level(self, v: float) -> float:
        """Return y of a height `v` of the standard chest, whose apices stand at .105 and whose bases at .735."""
        return self.top + (v - 0.105) * self.high

    def base_level(self, side: int) -> float:
        """Return y of one side's diaphragm."""
        return self.level(0.735 + self.base[side])

    def lung_outline(self, side: int) -> np.ndarray:
        """Return a lung's outline, (n, 2) in film coordinates; the costophrenic angle is a sharp corner."""
        b, dome = 0.735 + self.base[side], self.dome[side]
        below = np.array(
            [
                (0.348, b + 0.045),
                (0.350, b + 0.085),
                (0.350, b + 0.088),
                (0.345, b + 0.082),
                (0.315, b + 0.030),
                (0.245, b - 0.015 - dome),
                (0.165, b - 0.022 - dome),
                (0.105, b - 0.005),
                (0.060, b + 0.022),
                (0.050, b + 0.018),
            ]
        )
        standard = np.concatenate([_LUNG, below, _LUNG_MEDIAL]) + self.lung_jitter[side]
        return np.stack(
            [self.centre + side * standard[:, 0] * self.wide, self.top + (standard[:, 1] - 0.105) * self.high], 1
        )

    def wall(self, side: int, y: np.ndarray) -> np.ndarray:
        """Return the chest wall's distance from the midline at heights y."""
        outline = self.lung_outline(side)[2 : len(_LUNG) + 2]
        return np.interp(y, outline[:, 1], np.abs(outline[:, 0] - self.centre)).astype(np.float32)

    def hilum(self, side: int) -> tuple[float, float]:
        """Return where a lung's vessels enter."""
        return (
            self.centre + side * 0.085 * self.wide + 0.5 * self.turn,
            self.level(0.44) + (-0.012 if side > 0 else 0.008),
        )

    def heart_outline(self) -> np.ndarray:
        """Return the heart's outline: right atrium, apex, left ventricle, waist."""
        right, left = self.heart
        bottom = max(self.base_level(side) for side in SIDES) + 0.015
        size = (right + left) / (2 * _LUNG_HALF_WIDTH * self.wide)
        top = bottom - (0.285 + 0.28 * max(0.0, size - 0.46)) * self.high
        tall = bottom - top
        fuller = min(1.0, max(0.0, (size - 0.48) / 0.2))  # an enlarged heart loses its waist
        relative = np.array(
            [
                (-0.030, -0.02),
                (-0.58 * right, 0.17),
                (-0.88 * right, 0.36),
                (-1.00 * right, 0.60),
                (-0.94 * right, 0.82),
                (-0.66 * right, 0.98),
                (-0.10 * right, 1.05),
                (0.45 * left, 1.08),
                (0.80 * left, 1.03),
                (0.97 * left, 0.90),
                (1.00 * left, 0.76),
                ((0.92 + 0.03 * fuller) * left, 0.58),
                ((0.73 + 0.09 * fuller) * left, 0.39),
                ((0.52 + 0.12 * fuller) * left, 0.21),
                ((0.34 + 0.10 * fuller) * left, 0.06),
                (0.030, -0.05),
            ]
        )
        return smooth(np.stack([self.centre + self.turn + relative[:, 0], top + tall * relative[:, 1]], 1))
