"""The teaching networks' weights files: tensors in half precision, with what was measured of them beside.

A file is in safetensors' format, which holds numbers and nothing that could run. Its metadata has one entry,
`ensemble-cam`, a JSON object:

    model_type          what it was trained as, a key of `settings.families.FAMILIES`
    labels              what the outputs are called, in their order: `settings.families.TEACHING_LABELS`
    operating_points    label → the probability, above 0 and below 1, that becomes a score of 0.5
    phantom_version     of the phantoms it was trained on
    recipe              how it was trained; for people

Counters of batches are left out, as nothing reads them.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from ensemble_cam.errors import WeightsError
from ensemble_cam.settings.families import TEACHING_LABELS
from ensemble_cam.weights.unpickling import read_checked

METADATA_KEY = "ensemble-cam"
_REMEDY = "Install this program again."


@dataclass(frozen=True, eq=False)
class TeachingWeights:
    """What a teaching network is filled with.

    Attributes:
        values: name, as upstream's network knows it, → float32, every value finite.
        operating_points: label → the probability at which it is called, in (0, 1), one for each of `TEACHING_LABELS`.
    """

    values: Mapping[str, np.ndarray]
    operating_points: Mapping[str, float]


def load_teaching_weights(path: Path, *, expected_sha256: str, model_type: str, most: int) -> TeachingWeights:
    """Read a teaching network's weights file to the CPU.

    The hash is taken of the very bytes that are then read, so a file swapped in between is noticed.

    Args:
        path: the file.
        expected_sha256: the hash that `weights.store.locate` found, 64 lower-case hex digits.
        model_type: what the file must have been trained as.
        most: how many bytes it may have.

    Raises:
        WeightsError: if the file cannot be read, has another hash, is damaged, holds values that are not finite, or its
            metadata are not those of such a network.
    """
    data = read_checked(path, expected_sha256, most=most)
    try:
        return TeachingWeights(_values(data), _operating_points(data, model_type))
    except WeightsError as error:
        raise WeightsError(f"{path.name}: {error} {_REMEDY}") from None


def _values(data: bytes) -> dict[str, np.ndarray]:
    try:
        stored = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:  # KeyError: a kind of number NumPy lacks
        raise WeightsError(f"the file is damaged, or is no safetensors file ({str(error)[:120]}).") from None
    if not stored:
        raise WeightsError("the file holds no tensors.")
    for name, value in stored.items():
        if not np.issubdtype(value.dtype, np.floating):
            raise WeightsError(f"{name[:60]} is of {value.dtype}, where half or single precision belongs.")
        if not np.isfinite(value).all():
            raise WeightsError(f"{name[:60]} has values that are not finite.")
    return {name: value.astype(np.float32) for name, value in stored.items()}


def _operating_points(data: bytes, model_type: str) -> dict[str, float]:
    """Return the operating points of a file that `_values` could read, in the order of the labels."""
    told = _metadata(data)
    if told.get("model_type") != model_type:
        raise WeightsError(f"the file holds a {told.get('model_type')!s:.60}, where a {model_type} belongs.")
    if told.get("labels") != list(TEACHING_LABELS):
        raise WeightsError(f"the labels are {told.get('labels')!s:.120}, expected {', '.join(TEACHING_LABELS)}.")
    points = told.get("operating_points")
    if not isinstance(points, dict) or set(points) != set(TEACHING_LABELS):
        raise WeightsError("the operating points are not those of its labels, one for each.")
    for label, point in points.items():
        if not isinstance(point, float) or not 0 < point < 1:
            raise WeightsError(f"the operating point of {label} is {point!s:.60}, expected a number between 0 and 1.")
    return {label: points[label] for label in TEACHING_LABELS}


def _metadata(data: bytes) -> dict[str, object]:
    # safetensors reads metadata from a path only, and what was hashed are these bytes. Its format: the length of the
    # header as eight bytes, the lowest first, then the header in JSON.
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    try:
        told = json.loads(header["__metadata__"][METADATA_KEY])
    except (KeyError, ValueError):
        told = None
    if not isinstance(told, dict):
        raise WeightsError(f"the file has no metadata called {METADATA_KEY}, so its labels are not known.")
    return told
