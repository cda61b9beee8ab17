"""Runs a classifier's backbone: eager torch on the processor, CUDA or MPS, in float32."""

import torch
from torch import Tensor

from ensemble_cam.classifiers import Classifier
from ensemble_cam.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda", "mps")
RUNTIME = "torch"
PRECISION = "float32"


def choose_device(wish: str) -> torch.device:
    """Return the device to run on: the wished one, or for "auto" CUDA, else MPS, else the processor.

    Raises:
        ConfigError: if the device is not one of `DEVICES` or this machine has none such.
    """
    if wish not in DEVICES:
        raise ConfigError(f"device: got {wish!r}, allowed are {', '.join(DEVICES)}.")
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wish == "auto":
        wish = next(name for name in ("cuda", "mps", "cpu") if present[name])
    if not present[wish]:
        raise ConfigError(f"device: this machine has no {wish} that PyTorch can use. Take 'auto' or 'cpu'.")
    if wish == "cuda":
        # Convolutions run in TF32 unless told not to; every output promises float32.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device(wish)


def run_backbone(classifier: Classifier, pixels: Tensor) -> Tensor:
    """Return the activation that a classifier's head pools.

    Args:
        classifier: shared and left as it is.
        pixels: (n, 1, side, side) float32 in [-1024, 1024].

    Returns:
        (n, channels, cells, cells) float32, at least 0, on the classifier's device and free of any autograd graph.
    """
    with torch.inference_mode():
        activation = classifier.backbone(pixels.to(classifier.device))
    # A tensor made in inference mode may not enter autograd; its copy may.
    return activation.clone()
