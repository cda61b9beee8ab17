"""Makes the teaching networks: `python -m ensemble_cam.teaching.train --out DIR`.

Everything is seeded, and each network is trained by one thread, so that a run gives the same weights whatever else the
machine does (on the same processor and with the same versions of PyTorch and NumPy). README.md here has recipe,
seconds and figures; copying new files into this folder takes new hashes in `config_classifiers.toml`.
"""

import argparse
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.torch_families import TORCH_ARCHITECTURES
from ensemble_cam.phantom import OPERATING_POINT_SEEDS, TRAINING_SEEDS, VERSION
from ensemble_cam.settings.families import TEACHING_LABELS
from ensemble_cam.teaching.films import Films, draw_films
from ensemble_cam.teaching.objective import HEADS, SEE, Objective

_SHIFT = 8  # pixels of a film in a cell of a map
_EVIDENCE, _OVERLAP = 2.0, 2.0  # weights of the objective's second and third part
_WARM_UP, _LEAST_RATE, _DECAY, _LARGEST_GRADIENT = 80, 1e-6, 2e-3, 2.0
_FIRST_LAYERS = {"teaching-densenet": ("features.conv0", "features.norm0"), "teaching-resnet": ("conv1", "bn1")}
_DIVISOR = 64  # of the first convolution, so that the variances behind it fit into float16


@dataclass(frozen=True)
class Recipe:
    """How one network is trained.

    Attributes:
        model_type: which.
        masks: whether it learns from the masks; without them it calls findings for any reason it can find.
        films: how many phantoms.
        epochs: how often each is seen.
        batch: films a step.
        rate: the highest learning rate, of AdamW, on a cosine.
        seed: of initial values, order and variation.
    """

    model_type: str
    masks: bool = True
    films: int = 12_000
    epochs: int = 5
    batch: int = 16
    rate: float = 3e-3
    seed: int = 0


RECIPES: Mapping[str, Recipe] = {
    "teaching-densenet": Recipe("teaching-densenet"),
    "teaching-resnet": Recipe("teaching-resnet"),
    "teaching-jfhealthcare": Recipe("teaching-jfhealthcare", epochs=6),
    "teaching-shortcut": Recipe("teaching-resnet", masks=False, epochs=2),
}
"""Weights name → recipe."""


def train(recipe: Recipe, films: Films, *, log: Path | None = None) -> nn.Module:
    """Train one network and return it, ready to be asked."""
    torch.manual_seed(recipe.seed)
    random = np.random.default_rng(recipe.seed)
    network = _initialised(recipe.model_type)
    objective = Objective(torch.from_numpy(films.labels).float().mean(0), masks=recipe.masks)
    optimiser = torch.optim.AdamW(_groups(network, objective, recipe), weight_decay=_DECAY)
    a_pass = len(films) // recipe.batch
    steps, began, recent = recipe.epochs * a_pass, time.perf_counter(), []
    for step in range(steps):
        if step % a_pass == 0:
            order = random.permutation(len(films))
        chosen = order[step % a_pass * recipe.batch :][: recipe.batch]
        rate = recipe.rate * min(1.0, (step + 1) / _WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = group["gain"] * max(rate, _LEAST_RATE)
        pixels, labels, masks = _varied(films, chosen, random)
        network.train()
        calling, evidence, overlap = objective(SEE[recipe.model_type](network, pixels), labels, masks)
        (calling + _EVIDENCE * evidence + _OVERLAP * overlap).backward()
        nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        recent.append((calling.item(), evidence.item(), overlap.item()))
        if (step + 1) % 100 == 0 and log is not None:
            parts = " ".join(f"{part:.4f}" for part in np.mean(recent, 0))
            seconds = time.perf_counter() - began
            with log.open("a") as lines:
                lines.write(f"step {step + 1} of {steps}: {parts}; {(step + 1) * recipe.batch / seconds:.0f} films/s\n")
            recent.clear()
    return network.eval().requires_grad_(False)


def _groups(network: nn.Module, objective: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    last, gain = HEADS[recipe.model_type]
    head = dict(network.get_submodule(last).named_parameters(prefix=last))
    body = [value for name, value in network.named_parameters() if name not in head]
    return [
        {"params": body, "gain": 1.0},
        {"params": list(head.values()), "gain": gain, "weight_decay": 0.0},
        {"params": list(objective.parameters()), "gain": 1.0, "weight_decay": 0.0},
    ]


def _initialised(model_type: str) -> nn.Module:
    network = TORCH_ARCHITECTURES[model_type].build()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    last, gain = HEADS[model_type]
    nn.init.normal_(network.get_parameter(f"{last}.weight"), 0, 0.05 * gain)
    return network.to(memory_format=torch.channels_last)


def _varied(films: Films, chosen: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return films, shifted by whole cells and changed in contrast and brightness, with their labels and masks."""
    down, right = (int(n) for n in random.integers(-2, 3, 2))
    pixels = torch.from_numpy(films.pixels[chosen]).float()[:, None] / 127.5 - 1
    masks = torch.from_numpy(films.masks[chosen]).float() / 255
    pixels = torch.roll(pixels, (down * _SHIFT, right * _SHIFT), (2, 3))
    masks = torch.roll(masks, (down, right), (2, 3))
    contrast = torch.from_numpy(random.uniform(0.75, 1.25, (len(chosen), 1, 1, 1))).float()
    brightness = torch.from_numpy(random.uniform(-0.2, 0.2, (len(chosen), 1, 1, 1))).float()
    pixels = (pixels * contrast + brightness).clamp(-1, 1) * 1024
    labels = torch.from_numpy(films.labels[chosen]).float()
    return pixels.contiguous(memory_format=torch.channels_last), labels, masks


def half_precision(network: nn.Module, model_type: str) -> dict[str, Tensor]:
    """Return a network's values in float16, scaled where they would overflow so that its outputs stay the same.

    Films of ±1024 give the first batch norm variances of millions, and float16 ends at 65,504.
    """
    values = {key: value.clone() for key, value in network.state_dict().items() if "num_batches" not in key}
    if model_type in _FIRST_LAYERS:
        convolution, norm = _FIRST_LAYERS[model_type]
        values[f"{convolution}.weight"] /= _DIVISOR
        values[f"{norm}.running_mean"] /= _DIVISOR
        values[f"{norm}.running_var"] /= _DIVISOR**2
    halves = {key: value.half().contiguous() for key, value in values.items()}
    strange = [key for key, value in halves.items() if not torch.isfinite(value).all()]
    if strange:
        raise OverflowError(f"{model_type}: {', '.join(strange)} do not fit into float16.")
    return halves


def logits(network: nn.Module, model_type: str, films: Films) -> np.ndarray:
    """Return (n, 8) float32 of unvaried films."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(films), 50):
            pixels = (torch.from_numpy(films.pixels[start : start + 50]).float()[:, None] / 127.5 - 1) * 1024
            found.append(SEE[model_type](network, pixels).logits.numpy())
    return np.concatenate(found)


def operating_points(network: nn.Module, model_type: str, films: Films) -> dict[str, float]:
    """Return label → the probability at which sensitivity + specificity is highest: Youden's index (1950).

    Where several do as well, the middle of them.
    """
    probabilities = 1 / (1 + np.exp(-logits(network, model_type, films).astype(np.float64)))
    return {
        label: _youden(probabilities[:, k], films.labels[:, k].astype(bool)) for k, label in enumerate(TEACHING_LABELS)
    }


def _youden(probabilities: np.ndarray, positive: np.ndarray) -> float:
    ranked = np.sort(probabilities)
    cuts = np.unique(np.concatenate([[1e-6], (ranked[1:] + ranked[:-1]) / 2, [1 - 1e-6]]).clip(1e-6, 1 - 1e-6))
    hit = np.searchsorted(np.sort(probabilities[positive]), cuts) / positive.sum()
    passed = np.searchsorted(np.sort(probabilities[~positive]), cuts) / (~positive).sum()
    index = passed - hit
    best = cuts[index >= index.max() - 1e-12]
    return float(best[len(best) // 2])


def save(path: Path, network: nn.Module, recipe: Recipe, films: Films) -> None:
    """Write a network with its labels, operating points (from `films`) and recipe as safetensors in float16."""
    from safetensors.torch import save_file

    halves = half_precision(network, recipe.model_type)
    # The points belong to the network as it will be read back.
    network.load_state_dict({key: value.float() for key, value in halves.items()}, strict=False)
    about = {
        "model_type": recipe.model_type,
        "labels": list(TEACHING_LABELS),
        "operating_points": operating_points(network, recipe.model_type, films),
        "phantom_version": VERSION,
        "recipe": asdict(recipe),
    }
    save_file(halves, path, metadata={"ensemble-cam": json.dumps(about)})


def _make(task: tuple[str, Path, Path, int]) -> str:
    name, out, cache, count = task
    torch.set_num_threads(1)
    recipe = RECIPES[name]
    films = draw_films(recipe.films, first_seed=TRAINING_SEEDS.start, varied=True, processes=1, cache=cache)
    network = train(recipe, films, log=out / f"{name}.log")
    judged = draw_films(count, first_seed=OPERATING_POINT_SEEDS.start, varied=False, processes=1, cache=cache)
    save(out / f"{name}.safetensors", network, recipe, judged)
    return name


def main() -> None:
    """Train the networks named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all without one")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for the networks, their logs and the films"
    )
    parser.add_argument("--processes", type=int, default=2, help="networks trained side by side (%(default)s)")
    options = parser.parse_args()
    names = options.names or list(RECIPES)
    if strangers := [name for name in names if name not in RECIPES]:
        parser.error(f"got {strangers[0]!r}; known are {', '.join(RECIPES)}.")
    options.out.mkdir(parents=True, exist_ok=True)
    cache, count = options.out / "films", 3000
    print("Drawing films", flush=True)
    for films, seed, varied in (
        (max(RECIPES[name].films for name in names), TRAINING_SEEDS.start, True),
        (count, OPERATING_POINT_SEEDS.start, False),
    ):
        draw_films(films, first_seed=seed, varied=varied, processes=options.processes, cache=cache)
    print(f"Training {', '.join(names)}; their progress is in the .log files of {options.out}", flush=True)
    with get_context("spawn").Pool(options.processes) as pool:
        for name in pool.imap_unordered(_make, [(name, options.out, cache, count) for name in names], chunksize=1):
            print(f"{name}.safetensors is written", flush=True)


if __name__ == "__main__":
    main()
