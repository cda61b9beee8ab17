"""The phantoms that the teaching networks learn from, as the networks see them, with their truth on the maps' grid."""

from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from ensemble_cam.classifiers.families import TEACHING_CELLS, TEACHING_SIDE
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.greyscale import to_networks
from ensemble_cam.phantom import VERSION, draw_phantom
from ensemble_cam.settings.families import TEACHING_LABELS

_MANY = {"Nodule": 0.50}  # on half of the training films; small, so that more of them are needed
_OFTEN = 0.22


@dataclass(frozen=True, eq=False)
class Films:
    """Films as networks see them.

    Attributes:
        pixels: (n, side, side) uint8, from black to white.
        labels: (n, 8) uint8, 1 where planted.
        masks: (n, 8, cells, cells) uint8, each cell's share of the mask in 255ths.
    """

    pixels: np.ndarray
    labels: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)


def draw_films(count: int, *, first_seed: int, varied: bool, processes: int, cache: Path | None = None) -> Films:
    """Draw films, or take them from an earlier run's cache.

    Args:
        count: how many.
        first_seed: of the first film; the others follow.
        varied: more findings a film, and films of several sizes, as training wants them; else as they come by default.
        processes: how many draw side by side; the films are the same for any number.
        cache: a folder.
    """
    kept = None if cache is None else cache / f"films_v{VERSION}_{first_seed}_{count}_{int(varied)}.npz"
    if kept is not None and kept.exists():
        with np.load(kept) as arrays:
            return Films(arrays["pixels"], arrays["labels"], arrays["masks"])
    tasks = [(first_seed + i, varied) for i in range(count)]
    if processes == 1:
        drawn = list(map(_drawn, tasks))
    else:
        with get_context("spawn").Pool(processes, cv2.setNumThreads, (1,)) as pool:
            drawn = pool.map(_drawn, tasks, chunksize=20)
    films = Films(*(np.stack(each) for each in zip(*drawn, strict=True)))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, pixels=films.pixels, labels=films.labels, masks=films.masks)
    return films


def _drawn(task: tuple[int, bool]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    seed, varied = task
    findings, size = None, 256
    if varied:
        random = np.random.default_rng((seed, 99))
        chances = np.array([_MANY.get(name, _OFTEN) for name in TEACHING_LABELS])
        chosen = [name for name, hit in zip(TEACHING_LABELS, random.random(8) < chances, strict=True) if hit]
        findings = chosen if random.random() < 0.5 else None
        size = 400 if random.random() < 0.25 else 256
    phantom = draw_phantom(seed, findings=findings, size=size)
    geometry = Geometry.framed((size, size), framing="crop", cells=TEACHING_SIDE)
    seen = geometry.to_model_pixels(to_networks(phantom.pixels, 255))
    masks = np.zeros((len(TEACHING_LABELS), TEACHING_CELLS, TEACHING_CELLS), np.uint8)
    for name, mask in phantom.masks.items():
        share = cv2.resize(mask.astype(np.float32), (TEACHING_CELLS, TEACHING_CELLS), interpolation=cv2.INTER_AREA)
        masks[TEACHING_LABELS.index(name)] = np.rint(255 * share)
    labels = np.array([name in phantom.masks for name in TEACHING_LABELS], np.uint8)
    return np.rint((seen / 1024 + 1) * 127.5).clip(0, 255).astype(np.uint8), labels, masks
