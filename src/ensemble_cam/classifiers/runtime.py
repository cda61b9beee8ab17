"""Runs a classifier's backbone: PyTorch on the processor, CUDA or MPS, or OpenVINO on the processor; in float32.

The classifiers of a review run one after the other, each with all cores. Side by side, in two threads of one core each,
gains OpenVINO nothing: the three clinical backbones take .24 s either way, on two cores, medians of 15 rounds in turns.
PyTorch would gain a seventh that way (.36 s to .31 s, the best of the same rounds), and it is not taken: the number of
its threads belongs to the whole process, so that what else runs there, heads and other sessions, would change with it,
and who is in a hurry has OpenVINO, which `auto` takes.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.compilation import compiled_backbone, is_installed
from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.vocabulary import DEVICES, RUNTIMES

logger = logging.getLogger(__name__)

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


def choose_runtime(wish: str, device: torch.device) -> str:
    """Return what is to run the backbones: the wished one, or for "auto" OpenVINO where it is installed and can.

    Raises:
        ConfigError: if the runtime is not one of `RUNTIMES`, is not installed, or does not run on the device.
    """
    if wish not in RUNTIMES:
        raise ConfigError(f"runtime: got {wish!r}, allowed are {', '.join(RUNTIMES)}.")
    if wish == "auto":
        return "openvino" if device.type == "cpu" and is_installed() else "torch"
    if wish == "openvino" and device.type != "cpu":
        raise ConfigError(
            f"runtime: OpenVINO runs on the processor, not on {device.type}. Take 'auto', or device 'cpu'."
        )
    if wish == "openvino" and not is_installed():
        raise ConfigError('runtime: OpenVINO is not installed. Install it with `pip install "ensemble-cam[openvino]"`.')
    return wish


def prepare(classifier: Classifier, runtime: str) -> Classifier:
    """Return a classifier whose backbone runs in a runtime, "torch" or "openvino".

    Where OpenVINO fails, the classifier is returned as it is, for PyTorch to run: `runtimes` tells which it was.
    """
    if runtime == "torch":
        return classifier
    try:
        compiled = compiled_backbone(
            classifier.backbone, side=classifier.config.input_size, weights=classifier.weights.sha256
        )
    except (ImportError, RuntimeError) as error:
        logger.error("%s: OpenVINO could not take its network; PyTorch runs it", classifier.id, exc_info=error)
        return classifier
    return replace(classifier, compiled=compiled)


def runtimes(classifiers: Sequence[Classifier]) -> str:
    """Return what runs the backbones: "torch", "openvino", or "openvino, torch"."""
    return ", ".join(sorted({"torch" if each.compiled is None else "openvino" for each in classifiers}))


def run_backbone(classifier: Classifier, pixels: Tensor) -> Tensor:
    """Return the activation that a classifier's head pools.

    Args:
        classifier: shared and left as it is.
        pixels: (n, 1, side, side) float32 in [-1024, 1024].

    Returns:
        (n, channels, cells, cells) float32, at least 0, on the classifier's device and free of any autograd graph.
    """
    if classifier.compiled is not None:
        return classifier.compiled(pixels)
    seen = pixels.to(device=classifier.device, memory_format=torch.channels_last)
    with torch.inference_mode():
        activation = classifier.backbone(seen)
    # A tensor made in inference mode may not enter autograd; its copy may.
    return activation.clone()
