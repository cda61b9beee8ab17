"""The training: of one class of all, by AdamW, with early stopping, the same for the same seed on one machine."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ensemble_cam.classifiers.torch_any_network import Network
from ensemble_cam.classifiers.torch_named_networks import load_network
from ensemble_cam.errors import ClassifierError, ConfigError, is_out_of_memory
from ensemble_cam.training.folders import STOP, TEST, TRAIN

PATIENCE = 8
"""Epochs without a lower loss, after which training stops."""

_RATE, _TRANSFER_RATE, _DECAY = 2e-3, 3e-4, 1e-2
# Pictures that are learned from at once, and how many times at least in an epoch, where there are few pictures.
_BATCH, _LEAST_BATCH, _STEPS = 32, 4, 8
_WARM = 1  # epochs of a rising rate
# Pictures are shifted, turned and resized by so much at most, and changed in contrast: what a film may be taken like.
# Left and right are never exchanged, as the heart lies on one side.
_SHIFT, _TURN, _ZOOM, _CONTRAST = 0.05, math.radians(5), 0.06, 0.15


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        epochs: at most.
        seed: of the order and the changes of pictures.
        device: "cpu", "cuda" or "mps".
        transfers: whether the network begins with weights that were trained before.
    """

    epochs: int
    seed: int
    device: str = "cpu"
    transfers: bool = False


@dataclass(frozen=True)
class Epoch:
    """One pass over the pictures that are learned from.

    Attributes:
        number: from 1.
        train_loss: cross entropy over the pictures as they were changed.
        loss: over the pictures to stop by.
        accuracy: of these, the share that is called right.
        seconds: since the training began.
    """

    number: int
    train_loss: float
    loss: float
    accuracy: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Trained:
    """A network that was trained.

    Attributes:
        epochs: all of them.
        best: the number of the one whose weights were kept, that of the lowest loss.
        stopped_early: whether it was stopped before the last epoch.
        probabilities: (pictures of the test, classes) float64, the softmax of the kept weights.
        values: the kept weights, by name, on the processor.
    """

    epochs: tuple[Epoch, ...]
    best: int
    stopped_early: bool
    probabilities: np.ndarray
    values: Mapping[str, Tensor]


Told = Callable[[Epoch, int], None]
"""Told of each epoch and of how many there are at most."""


@dataclass(frozen=True, eq=False)
class Start:
    """The network to train.

    Attributes:
        network: it.
        told: what it begins with, in words.
        new: names of values that the checkpoint has in another shape, or not at all, and that begin anew.
        sha256: of the checkpoint; None where it begins from scratch.
    """

    network: Network
    told: str
    new: tuple[str, ...] = ()
    sha256: str | None = None


def start_network(spec: str, classes: Sequence[str], checkpoint: str | None, **options: object) -> Start:
    """Build the network to train.

    Args:
        spec: as of `load_network`.
        classes: what it is to tell apart.
        checkpoint: a file of weights to begin with, which may be for other classes; None for seeded values.
        **options: further ones of `load_network`.

    Raises:
        ConfigError, ClassifierError: if it cannot be built or explained.
        WeightsError: if the checkpoint is missing or is none of this network.
    """
    if ":" not in spec:
        raise ConfigError(
            f"network: got {spec!r}; allowed: torchvision:NAME, timm:NAME or file:PATH.toml. A classifier of the "
            "configuration has its labels, and is not trained again."
        )
    network = load_network(spec, classes=classes, output="softmax", **options)  # type: ignore[arg-type]
    if checkpoint is None:
        return Start(network, "seeded values" if network.untrained else network.weights)
    donor = load_network(spec, checkpoint=checkpoint, **options)  # type: ignore[arg-type]
    own, given = network.module.state_dict(), donor.module.state_dict()
    taken = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    network.module.load_state_dict(taken, strict=False)
    new = tuple(name for name in own if name not in taken)
    return Start(network, donor.weights, new, donor.weights_sha256)


def train(
    network: Network,
    pixels: np.ndarray,
    labels: np.ndarray,
    parts: Mapping[str, np.ndarray],
    plan: Plan,
    *,
    report: Told = lambda epoch, epochs: None,
) -> Trained:
    """Train a network; its module is changed, and left in eval mode with the kept weights.

    Args:
        network: of `load_network`, of as many classes as there are labels.
        pixels: (n, channels, size, size) uint8.
        labels: (n,) the number of each picture's class.
        parts: of `folders.split`.
        plan: how.
        report: see `Told`.

    Raises:
        ClassifierError: if the loss is no number any more, or memory does not suffice.
    """
    devices = [torch.cuda.current_device()] if plan.device == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        torch.manual_seed(plan.seed)
        try:
            return _Training(network, pixels, labels, plan).run(parts, report)
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise ClassifierError(
                    "There is not enough memory for this training. Close other programs, or take a smaller input_size."
                ) from None
            raise ClassifierError(f"The network cannot be trained ({str(error)[:200]}).") from error
        finally:
            network.module.eval()


class _Training:
    def __init__(self, network: Network, pixels: np.ndarray, labels: np.ndarray, plan: Plan):
        self._network, self._plan = network, plan
        self._module = network.module.to(plan.device)
        self._pixels, self._labels = pixels, torch.from_numpy(labels).long()
        self._generator = torch.Generator().manual_seed(plan.seed)
        rate = _TRANSFER_RATE if plan.transfers else _RATE
        self._optimizer = torch.optim.AdamW(self._module.parameters(), lr=rate, weight_decay=_DECAY)

    def run(self, parts: Mapping[str, np.ndarray], report: Told) -> Trained:
        train = parts[TRAIN]
        steps = math.ceil(len(train) / _batch(len(train)))
        schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, _rate_of(steps, self._plan.epochs))
        # A class with few pictures counts as much as one with many.
        counts = torch.bincount(self._labels[train], minlength=len(self._network.classes)).float()
        weights = (counts.sum() / (len(counts) * counts.clamp(min=1))).to(self._plan.device)
        epochs: list[Epoch] = []
        kept, began = self._values(), time.monotonic()
        for number in range(1, self._plan.epochs + 1):
            train_loss = self._pass(train, weights, schedule)
            logits = self._logits(parts[STOP])
            truth = self._labels[parts[STOP]]
            loss = float(F.cross_entropy(logits, truth, weight=weights.cpu()))
            if not math.isfinite(train_loss + loss):
                raise ClassifierError("The loss is no number any more. This network cannot learn from these pictures.")
            accuracy = float((logits.argmax(1) == truth).double().mean())
            epoch = Epoch(number, train_loss, loss, accuracy, time.monotonic() - began)
            if all(loss < each.loss for each in epochs):
                kept = self._values()
            epochs.append(epoch)
            report(epoch, self._plan.epochs)
            if number - _best(epochs) >= PATIENCE:
                break
        self._module.load_state_dict(kept)
        return Trained(
            epochs=tuple(epochs),
            best=_best(epochs),
            stopped_early=len(epochs) < self._plan.epochs,
            probabilities=self._logits(parts[TEST]).double().softmax(1).numpy(),
            values=kept,
        )

    def _pass(self, indices: np.ndarray, weights: Tensor, schedule: torch.optim.lr_scheduler.LRScheduler) -> float:
        """Learn from each picture once, and return the mean loss."""
        self._module.train()
        order = torch.randperm(len(indices), generator=self._generator).numpy()
        total, seen, batch = 0.0, 0, _batch(len(indices))
        for first in range(0, len(order), batch):
            some = indices[order[first : first + batch]]
            if len(some) == 1 and seen:
                break  # batch norm has no spread of one picture
            pictures = self._network.pixels(changed(_values(self._pixels[some]), self._generator))[0]
            loss = F.cross_entropy(self._module(pictures), self._labels[some].to(self._plan.device), weight=weights)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._module.parameters(), 1.0)
            self._optimizer.step()
            schedule.step()
            total, seen = total + loss.item() * len(some), seen + len(some)
        return total / seen

    @torch.no_grad()
    def _logits(self, indices: np.ndarray) -> Tensor:
        self._module.eval()
        found = [
            self._module(self._network.pixels(_values(self._pixels[indices[first : first + _BATCH]]))[0]).float().cpu()
            for first in range(0, len(indices), _BATCH)
        ]
        return torch.cat(found)

    def _values(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self._module.state_dict().items()}


def changed(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Return (n, channels, size, size) pictures from 0 to 1, each changed at random as another film might be taken."""
    shift, turn, zoom, contrast = (
        (2 * torch.rand(len(pictures), count, generator=generator) - 1) * most
        for count, most in ((2, 2 * _SHIFT), (1, _TURN), (1, _ZOOM), (1, _CONTRAST))
    )
    scale = 1 + zoom[:, 0]
    cosine, sine = torch.cos(turn[:, 0]) * scale, torch.sin(turn[:, 0]) * scale
    rows = [torch.stack([cosine, -sine, shift[:, 0]], 1), torch.stack([sine, cosine, shift[:, 1]], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    return ((moved - 0.5) * (1 + contrast[:, :, None, None]) + 0.5).clamp(0, 1)


def _batch(count: int) -> int:
    return min(_BATCH, max(_LEAST_BATCH, count // _STEPS))


def _values(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).float() / 255


def _best(epochs: Sequence[Epoch]) -> int:
    return min(epochs, key=lambda epoch: epoch.loss).number


def _rate_of(steps: int, epochs: int) -> Callable[[int], float]:
    """Return step → share of the rate: rising over the first epoch, then falling as a cosine."""
    warm, whole = _WARM * steps, epochs * steps

    def share(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.02 + 0.98 * (1 + math.cos(math.pi * (step - warm) / max(1, whole - warm))) / 2

    return share


def without_seconds(epochs: Sequence[Epoch]) -> tuple[Epoch, ...]:
    """Return epochs without what no two runs have alike."""
    return tuple(replace(epoch, seconds=0.0) for epoch in epochs)
