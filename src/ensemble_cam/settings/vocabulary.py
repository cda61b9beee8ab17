"""Names that several rooms must spell alike: in the configuration, on the command line, in files and on the screen."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ensemble_cam.film.geometry import Framing
    from ensemble_cam.film.radiograph import Intensity

UNTRAINED = "untrained"
"""The weights name that stands for no file: the architecture with seeded values."""

TORCH = "torch"
"""The `model_type` of a network of the site's own: any of PyTorch's."""

ENSEMBLE = "ensemble"
"""Stands where a classifier's id stands, for what belongs to all of them: in file names, arrays and `review.json`."""

DISAGREEMENT = "disagreement"
"""Stands there for the largest less the smallest of a finding's maps."""

COLORMAPS = ("inferno", "viridis", "magma", "cividis", "turbo", "jet")

FRAMINGS: tuple["Framing", ...] = ("crop", "pad")
"""What the networks see of a film: the centre square, as they were trained, or the whole film with black beside it."""

INTENSITIES: tuple["Intensity", ...] = ("stored", "windowed")
"""Which pixels of a DICOM the networks see: the stored values, as they were trained, or the picture on the screen."""

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where the networks run; `auto` is CUDA, else MPS, else the processor."""

RUNTIMES = ("auto", "torch", "openvino")
"""What runs the backbones; `auto` is OpenVINO on the processor, PyTorch on a card."""

OUTPUTS = ("softmax", "sigmoid")
"""What turns any network's logits into probabilities: one class of all, or each class by itself."""

ANY = "any"
"""In their place, of a network that returns no logits, as a detector: a function's number is explained."""

PREDICTED, ALL = "predicted", "all"
"""What of any network is explained, where no class is named: the one with the highest probability, or each."""

COMBINATIONS = ("mean", "max", "weighted")
"""What makes one map of several layers'; `weighted` is a mean in which later layers count more: 1, 2, 3 …"""

DICOM_OBJECTS = ("sc", "sr", "seg", "gsps")
"""What a review is written as for the film's study: Secondary Capture, report, segmentation, presentation state."""

INTERPOLATIONS = ("bilinear", "nearest", "bicubic")
"""How any network's map is enlarged, between its cells' centres."""

NORMALISATIONS = ("none", "max", "minmax")
"""What any network's map is divided by: nothing, its maximum, or that less its minimum, which is subtracted."""

GRADIENTS = ("signed", "positive", "absolute")
"""What of any network's gradients goes into a map: all as they are, those above 0 (a ReLU), or their sizes."""

GRID, PICTURE = "grid", "picture"
"""The sizes of any network's map that have a name: the layer's cells, and the picture's pixels."""

ENGINES = ("local", "dask")
"""What runs an archive: processes of this machine, or workers of a Dask cluster."""

FILMS, SCORES, FINDINGS, MAPS = "films", "scores", "findings", "maps"
"""The tables of an archive, each a file `<name>.parquet`."""

GREY_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
"""Of a film's stored values, in its row of `films`."""

ARCHIVE_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        FILMS: (
            *("film", "sha256", "state", "reason", "width", "height", "bits", "view", "device", "meaningless"),
            *("warnings", *(f"grey_p{percentile:02d}" for percentile in GREY_PERCENTILES), "known_by"),
        ),
        SCORES: ("film", "classifier", "finding", "score", "error"),
        FINDINGS: (
            *("film", "finding", "classifier", "rank", "call", "split", "agreement"),
            *("hottest_x", "hottest_y", "box", "area"),
        ),
        MAPS: ("film", "finding", "classifier", "rows", "columns", "grid"),
    }
)
"""Table → its columns, in their order."""
