"""From attenuation to a film: how the patient stands, the tube's exposure, noise, markers and collimation."""

from dataclasses import dataclass

import numpy as np

from .anatomy import SIDES, between
from .canvas import Canvas, Layer, smooth

_TALL, _THICK = 0.0455, 0.0068  # of the side marker's letter, lengths


def _arc(x: float, y: float, radius: float) -> np.ndarray:
    """Return the half of a circle that opens to the left, from its top to its foot."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, 13)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1)


# Lines of letters one unit tall, from the left end of their foot. They are drawn as all else is: text differs from one
# version of OpenCV to the next, which would show in a film that several machines are to draw alike.
_LETTERS = {
    -1: (
        np.array([(0.0, 0.0), (0.0, -1.0)]),
        np.concatenate([[(0.0, -1.0)], _arc(0.4, -0.74, 0.26), [(0.0, -0.48)]]),
        np.array([(0.36, -0.48), (0.70, 0.0)]),
    ),
    1: (np.array([(0.0, -1.0), (0.0, 0.0), (0.60, 0.0)]),),
}


@dataclass(frozen=True, eq=False)
class Pose:
    """A shift, turn and slight warp of everything that is drawn; (h, w) float32 pixel positions to read from."""

    from_x: np.ndarray
    from_y: np.ndarray

    @classmethod
    def drawn(cls, canvas: Canvas, random: np.random.Generator) -> "Pose":
        """Draw a pose."""
        angle, scale = np.deg2rad(2.2 * random.standard_normal()), between(random, 0.98, 1.20)
        right, down = 0.018 * random.standard_normal(), 0.010 + 0.018 * random.standard_normal()
        x, y = (canvas.x - 0.5 - right) / scale, (canvas.y - 0.5 - down) / scale
        warp = 0.00625
        from_x = x * np.cos(angle) + y * np.sin(angle) + 0.5 + warp * canvas.noise(random, 4)
        from_y = -x * np.sin(angle) + y * np.cos(angle) + 0.5 + warp * canvas.noise(random, 4)
        return cls(canvas.column(from_x), canvas.row(from_y))

    def apply(self, layer: Layer) -> Layer:
        """Return a layer as it comes to lie on the film, bilinear, its rim repeated beyond it.

        With floats throughout: OpenCV's `remap` reads at 32nds of a pixel or not, by its version, which is seen in a
        film that several machines are to draw alike.
        """
        height, width = layer.shape
        x, y = np.clip(self.from_x, 0, width - 1), np.clip(self.from_y, 0, height - 1)
        left, top = np.minimum(x.astype(np.intp), width - 2), np.minimum(y.astype(np.intp), height - 2)
        right, down = x - left.astype(np.float32), y - top.astype(np.float32)
        at, flat = top * width + left, layer.ravel()
        upper = flat[at] + right * (flat[at + 1] - flat[at])
        lower = flat[at + width] + right * (flat[at + width + 1] - flat[at + width])
        return upper + down * (lower - upper)


def hang_on(canvas: Canvas, random: np.random.Generator) -> Layer:
    """Return the attenuation of lines and electrodes that lie on some patients and are no finding."""
    added = canvas.zeros()
    if random.random() >= 0.30:
        return added
    lines, ends = [], []
    for _ in range(int(random.integers(1, 4))):
        start, bend = 0.15 + 0.70 * random.random(2), 0.2 + 0.6 * random.random(2)
        end = np.array([random.random(), random.choice([-0.1, 1.1])])
        lines.append(smooth(np.array([start, bend, end]), closed=False, steps=12))
        ends.append(start)
    drawn = canvas.strokes((lines, 0.0042, 1.0))
    for x, y in ends:
        drawn = np.maximum(drawn, 0.8 * ((canvas.x - x) ** 2 + (canvas.y - y) ** 2 < 0.0117**2))
    return between(random, 0.08, 0.25) * canvas.blur(drawn, 0.0016)


def expose(attenuation: Layer, random: np.random.Generator) -> Layer:
    """Return the film's brightness, 0 (black) to 1, by a characteristic curve of a drawn exposure and contrast."""
    low, high = between(random, 0.10, 0.26), between(random, 1.12, 1.30)
    gamma = between(random, 0.75, 1.15)
    x = np.clip((attenuation - low) / (high - low), 0, 1.15) ** gamma
    return 0.88 * x + 0.12 * np.clip(3 * x**2 - 2 * x**3, 0, 1)


def grain(canvas: Canvas, film: Layer, random: np.random.Generator) -> Layer:
    """Return the film with its noise, more of it where it is bright: less of the beam has come there."""
    strength = between(random, 0.005, 0.019)
    noise = random.standard_normal(film.shape, dtype=np.float32)
    if canvas.short > 512:
        # A finer detector counts fewer quanta a pixel, and its light spreads over some of them.
        noise = 1.6 * canvas.blur(noise, 0.0009) * (canvas.short * 0.0009 * 2 * np.sqrt(np.pi)) ** 0.5
    return film + strength * (0.6 + 0.6 * film) * noise


def mark(canvas: Canvas, film: Layer, random: np.random.Generator) -> Layer:
    """Return the film with a lead side marker and, on some, a black collimated rim."""
    has_marker, side = random.random() < 0.6, SIDES[int(random.integers(2))]
    x, y = 0.06 if side < 0 else 0.88, between(random, 0.06, 0.20)
    has_rim, rim = random.random() < 0.25, 0.04 * random.random(4)
    film = film.copy()
    if has_marker:
        lines = [np.array([x, y]) + _TALL * line for line in _LETTERS[side]]
        letter = canvas.strokes((lines, _THICK, 1.0))
        film = np.maximum(film, letter * np.float32(0.95))
    if has_rim:
        left, top, right, bottom = (
            round(share * n) for share, n in zip(rim, (canvas.width, canvas.height) * 2, strict=True)
        )
        outside = np.ones(film.shape, bool)
        outside[top : canvas.height - bottom, left : canvas.width - right] = False
        film[outside] = 0.02
    return film
