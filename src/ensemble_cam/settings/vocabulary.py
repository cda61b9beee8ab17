"""Names that several rooms must spell alike: in the configuration, on the command line, in files and on the screen."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ensemble_cam.film.geometry import Framing
    from ensemble_cam.film.radiograph import Intensity

UNTRAINED = "untrained"
"""The weights name that stands for no file: the architecture with seeded values."""

ENSEMBLE = "ensemble"
"""Stands where a classifier's id stands, for what belongs to all of them: in file names, arrays and `review.json`."""

COLORMAPS = ("inferno", "viridis", "magma", "cividis", "turbo", "jet")

FRAMINGS: tuple["Framing", ...] = ("crop", "pad")
"""What the networks see of a film: the centre square, as they were trained, or the whole film with black beside it."""

INTENSITIES: tuple["Intensity", ...] = ("stored", "windowed")
"""Which pixels of a DICOM the networks see: the stored values, as they were trained, or the picture on the screen."""

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where the networks run; `auto` is CUDA, else MPS, else the processor."""

RUNTIMES = ("auto", "torch", "openvino")
"""What runs the backbones; `auto` is OpenVINO on the processor, PyTorch on a card."""
