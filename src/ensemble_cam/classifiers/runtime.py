"""What runs a classifier's backbone, and where: OpenVINO or PyTorch on the processor, or PyTorch on CUDA or MPS.

All of it is in float32. PyTorch is imported only where it is asked for, or where this machine could have a card.

The classifiers of a review run one after the other, each with all cores. Side by side, in two threads of one core each,
gains OpenVINO nothing: the three clinical backbones take .24 s either way, on two cores, medians of 15 rounds in turns.
PyTorch would gain a seventh that way (.36 s to .31 s, the best of the same rounds), and it is not taken: the number of
its threads belongs to the whole process, so that what else runs there, heads and other sessions, would change with it,
and who is in a hurry has OpenVINO, which `auto` takes.

Eight-bit integers (INT8), which OpenVINO offers too, are not: scores hardly change with them, and maps lose their order
(rank correlation .75 to .99 with those of float32, the hottest cell elsewhere in 12 to 34 % of them).
"""

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.compilation import is_installed
from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.vocabulary import DEVICES, RUNTIMES

PRECISION = "float32"

# What the drivers of cards that PyTorch computes on put there: NVIDIA's (Linux, Windows with Linux inside), AMD's.
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")


def choose_device(wish: str) -> str:
    """Return the device to run on: the wished one, or for "auto" CUDA, else MPS, else the processor.

    Raises:
        ConfigError: if the device is not one of `DEVICES` or this machine has none such.
    """
    if wish not in DEVICES:
        raise ConfigError(f"device: got {wish!r}, allowed are {', '.join(DEVICES)}.")
    if wish == "cpu" or (wish == "auto" and not _may_have_a_card()):
        return "cpu"
    from ensemble_cam.classifiers.torch_networks import present_devices, promise_float32

    present = present_devices()
    if wish == "auto":
        wish = next(name for name in ("cuda", "mps", "cpu") if name in present)
    if wish not in present:
        raise ConfigError(f"device: this machine has no {wish} that PyTorch can use. Take 'auto' or 'cpu'.")
    if wish == "cuda":
        promise_float32()
    return wish


def _may_have_a_card() -> bool:
    """Whether it is worth PyTorch's import to ask it; a machine without a card's driver has none that it can use."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").exists()
    return any(map(os.path.exists, _DRIVERS))


def choose_runtime(wish: str, device: str) -> str:
    """Return what is to run the backbones: the wished one, or for "auto" OpenVINO where it is installed and can.

    Args:
        wish: one of `RUNTIMES`.
        device: as `choose_device` gave it.

    Raises:
        ConfigError: if the runtime is not one of `RUNTIMES`, is not installed, or does not run on the device.
    """
    if wish not in RUNTIMES:
        raise ConfigError(f"runtime: got {wish!r}, allowed are {', '.join(RUNTIMES)}.")
    if wish == "auto":
        return "openvino" if device == "cpu" and is_installed() else "torch"
    if wish == "openvino" and device != "cpu":
        raise ConfigError(f"runtime: OpenVINO runs on the processor, not on {device}. Take 'auto', or device 'cpu'.")
    if wish == "openvino" and not is_installed():
        raise ConfigError("runtime: OpenVINO is not installed. Install this program again, or take 'torch'.")
    return wish


def runtimes(classifiers: Sequence[Classifier]) -> str:
    """Return what runs the backbones: "torch", "openvino", or "openvino, torch"."""
    return ", ".join(sorted({classifier.runtime for classifier in classifiers}))
