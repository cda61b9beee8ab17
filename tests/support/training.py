"""Small pictures in folders by class that a small network learns in seconds, and that network."""

from pathlib import Path

import numpy as np
import small_network
from PIL import Image

SIDE = 32
TOML = small_network.TOML.replace("input_size = 128", f"input_size = {SIDE}")


def picture(kind: str, seed: int) -> np.ndarray:
    """Return a (64, 64) uint8 picture: noise, and a bright or a dark square somewhere, or none."""
    random = np.random.default_rng(seed)
    values = random.integers(100, 140, (64, 64)).astype(np.uint8)
    if kind != "none":
        values[square(seed)] = 240 if kind == "bright" else 10
    return values


def square(seed: int) -> tuple[slice, slice]:
    """Return where a picture's square lies."""
    top, left = np.random.default_rng((seed, 1)).integers(6, 42, 2)
    return slice(top, top + 16), slice(left, left + 16)


def write_pictures(folder: Path, *, each: int = 14, kinds: tuple[str, ...] = ("bright", "dark", "none")) -> Path:
    """Write pictures into a folder for each class, and return the folder."""
    for number, kind in enumerate(kinds):
        (folder / kind).mkdir(parents=True)
        for index in range(each):
            Image.fromarray(picture(kind, 1000 * number + index)).save(folder / kind / f"{index:02d}.png")
    return folder


def write_network(folder: Path) -> str:
    """Write the small network's table, and return its name."""
    (folder / "small.toml").write_text(TOML)
    return f"file:{folder / 'small.toml'}"
