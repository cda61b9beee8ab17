"""Print what maps owe to what their network learned: one network taught planted findings, and taught labels by chance.

    uv run python benchmarks/chance_labels.py [--films 300] [--epochs 60] [--count 60] [--seed 9600000]

The second sanity check of Adebayo et al. (2018, arXiv:1810.03292). A network that was taught labels by chance knows its
films by heart and no finding: a map that looks the same for both tells of the film, and not of what was learned.

The teaching set's ResNet is trained on labels alone, three times: on phantoms with their labels; on the same with
another seed of initial values and order; and on the same with every film's labels given to another film. The second
says how alike maps are of networks that learned the same. The films are few and seen often, as labels without a reason
can only be learned by heart.

Printed are each network's mean AUC on the labels that it was taught and on the findings of fresh phantoms; and, over
`--count` further phantoms with one finding each, for each method the mean rank correlation of its maps with those of
the first network, and the share whose hottest pixel lies in the planted mask.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from statistics import fmean

# One thread for each network, as in `ensemble_cam.teaching.train`.
for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from ensemble_cam.classifiers.classifier import Classifier, WeightsInfo
from ensemble_cam.classifiers.torch_families import TORCH_ARCHITECTURES
from ensemble_cam.classifiers.torch_networks import in_torch
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.phantom import FINDINGS, TRAINING_SEEDS, draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.methods import Recipe as Method
from ensemble_cam.teaching.films import Films, draw_films
from ensemble_cam.teaching.train import Recipe, logits, train
from ensemble_cam.validation.sanity import on_pixels, similarity
from ensemble_cam.validation.subjects import shown_film
from ensemble_cam.weights.store import Published

ID = "teaching-resnet"
TAUGHT = ("the planted findings", "the same, another seed", "labels by chance")
METHODS = ("gradcam", "gradcam++", "guidedgradcam", "eigencam")
FRESH, FRESH_SEED, MAPS_SEED, SIZE = 300, 9_700_000, 9_600_000, 256


@dataclass(frozen=True)
class Learned:
    """What came of one training.

    Attributes:
        values: of the network, by name.
        taught: mean AUC over the findings, on the labels that it was taught.
        fresh: likewise on fresh phantoms and their planted findings.
    """

    values: Mapping[str, torch.Tensor]
    taught: float
    fresh: float


def by_chance(films: Films, seed: int = 0) -> Films:
    """Return films with each one's labels given to another."""
    order = np.random.default_rng(seed).permutation(len(films))
    return replace(films, labels=films.labels[order], masks=films.masks[order])


def learned(taught: str, films: Films, fresh: Films, *, epochs: int) -> Learned:
    """Train a network, one of `TAUGHT`."""
    torch.set_num_threads(1)
    recipe = Recipe(ID, masks=False, films=len(films), epochs=epochs, seed=int(taught == TAUGHT[1]))
    if taught == TAUGHT[2]:
        films = by_chance(films)
    network = train(recipe, films)
    values = dict(network.state_dict())
    return Learned(values, *(_auc(logits(network, ID, each), each) for each in (films, fresh)))


def _auc(found: np.ndarray, films: Films) -> float:
    """Return the mean AUC over the findings that some films have and others lack."""
    aucs = [
        roc_auc_score(films.labels[:, k], found[:, k])
        for k in range(found.shape[1])
        if 0 < films.labels[:, k].sum() < len(films)
    ]
    return fmean(map(float, aucs))


def classifier(one: Learned) -> Classifier:
    """Return a network that has learned as a classifier."""
    network = TORCH_ARCHITECTURES[ID].build()
    network.load_state_dict(dict(one.values))
    info = WeightsInfo(ID, sha256=None, published=Published.NO)  # whose points are those of other values: no matter
    return in_torch(load_config().classifier(ID), network.eval().requires_grad_(False), info)


def phantoms(count: int, seed: int) -> Iterator[tuple[str, Radiograph, np.ndarray]]:
    """Yield (finding, film, its mask) of phantoms with one finding each."""
    for number in range(count):
        finding = FINDINGS[number % len(FINDINGS)]
        drawn = draw_phantom(seed + number, size=SIZE, findings=[finding])
        yield finding, read_radiograph(phantom_files(drawn, 0)[film_name(0, "png")]), drawn.masks[finding]


def maps(one: Classifier, film: Radiograph, finding: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return method → its map on the network's pixels, (side, side), and where of them the film is."""
    pixels = model_input(film, framing="crop", size=one.config.input_size)
    shown, found = shown_film(one, film, "crop", pixels), {}
    for method in METHODS:
        (grid,) = cam_grids(Method(method), expose(one, pixels), [one.outputs[finding]])
        found[method] = on_pixels(grid, shown), shown.inside
    return found


def compared(networks: Sequence[Classifier], count: int, seed: int) -> dict[str, list[tuple[float | None, float]]]:
    """Return method → for each network the mean rank correlation with the first one's maps, and the hits' share."""
    ranks: dict[tuple[str, int], list[float]] = {}
    hits: dict[tuple[str, int], list[bool]] = {}
    for finding, film, mask in phantoms(count, seed):
        made = [maps(each, film, finding) for each in networks]
        for method in METHODS:
            for number, of_one in enumerate(made):
                own, inside = of_one[method]
                rank = similarity(made[0][method][0], own, inside).rank
                ranks.setdefault((method, number), []).extend([] if rank is None else [rank])
                row, column = np.unravel_index(np.argmax(own), own.shape)
                scale = len(mask) / len(own)
                hits.setdefault((method, number), []).append(bool(mask[int(row * scale), int(column * scale)]))
    return {
        method: [
            (fmean(ranks[method, number]) if ranks[method, number] else None, fmean(hits[method, number]))
            for number in range(len(networks))
        ]
        for method in METHODS
    }


def table(trained: Sequence[Learned], found: Mapping[str, Sequence[tuple[float | None, float]]]) -> str:
    """Return what was found as Markdown."""
    heads = ["taught", "AUC, its own labels", "AUC, fresh films", *(f"{method}: rank, hit" for method in METHODS)]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    for number, (name, one) in enumerate(zip(TAUGHT, trained, strict=True)):
        cells = [name, f"{one.taught:.3f}", f"{one.fresh:.3f}"]
        for method in METHODS:
            rank, hit = found[method][number]
            cells.append(f"{'–' if rank is None else f'{rank:.2f}'}, {hit:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Train, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=MAPS_SEED)
    asked = parser.parse_args()
    processes = os.cpu_count() or 1
    films = draw_films(asked.films, first_seed=TRAINING_SEEDS.start, varied=True, processes=processes)
    fresh = draw_films(FRESH, first_seed=FRESH_SEED, varied=False, processes=processes)
    with get_context("spawn").Pool(min(processes, len(TAUGHT))) as pool:
        trained = pool.map(partial(learned, films=films, fresh=fresh, epochs=asked.epochs), TAUGHT, chunksize=1)
    print("trained", file=sys.stderr)
    print(table(trained, compared([classifier(each) for each in trained], asked.count, asked.seed)))


if __name__ == "__main__":
    main()
