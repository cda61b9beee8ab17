"""Phantoms as files: the film, a mask for each planted finding, and the truth in numbers.

    phantom_003.png             the film, or phantom_003.dcm
    phantom_003_Effusion.png    where the effusion was drawn: 255, elsewhere 0
    phantom_003.json            the truth; it is written last, so that a film with its truth is whole

Every picture carries the phantom's mark. The same phantom gives the same bytes: nothing is written of the day, the
machine or the folder.
"""

import io
import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ensemble_cam.errors import ConfigError, ExportError, RadiographError
from ensemble_cam.film.decoding import decode_apart
from ensemble_cam.film.intake import MAX_FILE_BYTES
from ensemble_cam.machine.files import NotAFile, TooLarge, read_file, why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.purpose import PHANTOM_MARK, PURPOSE

from .drawing import FINDINGS, Phantom

Format = Literal["png", "dicom"]
SCHEMA = 1

_MOST_TRUTH_BYTES = 2**20

_MASK_MARK = "Ensemble-CAM mask of a finding"  # not the phantoms' own mark: a mask is no film to review
_SUFFIXES = {"png": ".png", "dicom": ".dcm"}
_TRUTH_NAME = re.compile(r"phantom_(\d{3,})\.json")


def film_name(index: int, format: Format) -> str:
    """Return the file name of a series' film."""
    return _stem(index) + _SUFFIXES[format]


def phantom_files(phantom: Phantom, index: int, *, format: Format = "png") -> dict[str, bytes]:
    """Return file name → bytes of everything that is written of a phantom: masks, film, truth."""
    stem = _stem(index)
    film = film_name(index, format)
    mark, description = _mark(phantom), _description(phantom)
    files = {}
    for label, mask in phantom.masks.items():
        of_mask = f"Where {label} was drawn. {description}"
        files[_mask_name(stem, label)] = _png(
            mask.astype(np.uint8) * 255, {"Software": _MASK_MARK, "Description": of_mask}
        )
    files[film] = film_bytes(phantom, format=format)
    record = _record(phantom, stem, film=film, mark=mark)
    files[f"{stem}.json"] = (json.dumps(record, indent=1, allow_nan=False) + "\n").encode()
    return files


def film_bytes(phantom: Phantom, *, format: Format = "png") -> bytes:
    """Return a phantom's film as a file, which carries the phantoms' mark."""
    mark, description = _mark(phantom), _description(phantom)
    if format == "png":
        return _png(phantom.pixels, {"Software": mark, "Description": description})
    from .dicom import dicom_bytes  # here, as pydicom takes longer to load than a PNG to write

    return dicom_bytes(phantom, mark=mark, description=description)


def _mark(phantom: Phantom) -> str:
    return f"{PHANTOM_MARK}, version {phantom.version}"


def _description(phantom: Phantom) -> str:
    return f"Synthetic chest film, drawn by code from seed {phantom.seed}; it shows no patient. {PURPOSE}"


def write_phantom(phantom: Phantom, folder: Path, index: int, *, format: Format = "png") -> bool:
    """Write a phantom's files into `folder`, each whole or not at all; those that lie there already stay.

    Returns:
        False if the same phantom was there already, with all its files.

    Raises:
        ConfigError: if a file of another phantom with this index is there; nothing is written then.
        ExportError: if a file cannot be written.
    """
    files = phantom_files(phantom, index, format=format)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = _there_already(folder, index, files)
        missing = {name: data for name, data in files.items() if name not in there}
        for name, data in missing.items():
            _write_whole(folder / name, data)
    except OSError as error:
        raise ExportError(
            f"The phantom could not be written ({error.strerror}). Free space, or choose another folder."
        ) from None
    return bool(missing)


def _there_already(folder: Path, index: int, files: Mapping[str, bytes]) -> set[str]:
    """Return which of the files are there, after a look at every name that this index can have."""
    stem = _stem(index)
    possible = (*(stem + suffix for suffix in _SUFFIXES.values()), f"{stem}.json")
    there = {name for name in (*possible, *(_mask_name(stem, label) for label in FINDINGS)) if (folder / name).exists()}
    for name in sorted(there):
        if name not in files or not _is(folder / name, files[name]):
            raise ConfigError(
                f"{name}: a file of another phantom has this name, and nothing is overwritten. "
                "Choose another folder, or move it away."
            )
    return there


def _is(path: Path, data: bytes) -> bool:
    try:
        return read_file(path, most=len(data)) == data
    except (NotAFile, TooLarge):
        return False


def _write_whole(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _stem(index: int) -> str:
    return f"phantom_{index:03d}"


def _mask_name(stem: str, label: str) -> str:
    return f"{stem}_{label}.png"


def _png(pixels: np.ndarray, text: Mapping[str, str]) -> bytes:
    """Encode (h, w) uint8 or uint16 as grey PNG with text chunks."""
    info = PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


# The truth


@dataclass(frozen=True)
class PlantedFinding:
    """Where a finding was drawn, in source pixels.

    Attributes:
        label: its upstream name.
        mask: its mask's file name.
        box: [x0, y0, x1, y1), half-open, around all of its pixels.
        centroid: (x, y), the mean of its pixels' indices; (0, 0) is the centre of the upper left pixel.
        pixels: how many they are.
        share: of the film's pixels.
    """

    label: str
    mask: str
    box: tuple[int, int, int, int]
    centroid: tuple[float, float]
    pixels: int
    share: float

    @classmethod
    def of(cls, label: str, mask: np.ndarray, *, file: str) -> "PlantedFinding":
        """Measure an (h, w) bool mask.

        Raises:
            ValueError: if it has no pixel.
        """
        y, x = np.nonzero(mask)
        if not len(x):
            raise ValueError(f"{label} was planted, and its mask has no pixel")
        return cls(
            label=label,
            mask=file,
            box=(int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1),
            centroid=(round(float(x.mean()), 3), round(float(y.mean()), 3)),
            pixels=len(x),
            share=round(len(x) / mask.size, 6),
        )


@dataclass(frozen=True)
class Truth:
    """What is known of a written phantom.

    Attributes:
        film: its file.
        seed: what it was drawn from.
        version: of the drawing code.
        difficulty: from 0, plain findings, to 1, borderline ones.
        size: (width, height) in source pixels.
        bits: 8 or 16.
        pixel_spacing: millimetres a pixel, at the film.
        findings: what was planted, in the order of `FINDINGS`; none for a normal film.
        measures: what can be told in numbers, by name.
    """

    film: Path
    seed: int
    version: int
    difficulty: float
    size: tuple[int, int]
    bits: int
    pixel_spacing: float
    findings: tuple[PlantedFinding, ...]
    measures: Mapping[str, float]

    def masks(self) -> dict[str, np.ndarray]:
        """Read planted finding → (h, w) bool, where it was drawn.

        Raises:
            RadiographError: if a mask cannot be read, or is not of the film's size.
        """
        masks = {finding.label: _read_mask(self.film.with_name(finding.mask)) for finding in self.findings}
        for finding in self.findings:
            if masks[finding.label].shape != self.size[::-1]:
                raise RadiographError(f"{finding.mask}: the mask is not of its film's size. Draw the phantom again.")
        return masks


def _record(phantom: Phantom, stem: str, *, film: str, mark: str) -> dict[str, Any]:
    """Return the truth as it is written to JSON."""
    height, width = phantom.pixels.shape
    planted = [PlantedFinding.of(label, mask, file=_mask_name(stem, label)) for label, mask in phantom.masks.items()]
    return {
        "schema": SCHEMA,
        "mark": mark,
        "purpose": PURPOSE,
        "version": phantom.version,
        "seed": phantom.seed,
        "difficulty": float(phantom.difficulty),
        "film": film,
        "width": width,
        "height": height,
        "bits": phantom.bits,
        "pixel_spacing": float(phantom.pixel_spacing),
        "findings": [
            {
                "label": finding.label,
                "mask": finding.mask,
                "box": list(finding.box),
                "centroid": dict(zip("xy", finding.centroid, strict=True)),
                "pixels": finding.pixels,
                "share": finding.share,
            }
            for finding in planted
        ],
        "measures": {name: round(float(value), 6) for name, value in phantom.measures.items()},
    }


def read_truth(path: Path) -> tuple[Truth, ...]:
    """Read the truth of a phantom from its JSON file, or of all phantoms in a folder, in the order of their indices.

    Raises:
        RadiographError: if a file is no phantom's truth or cannot be read, or the folder holds none.
    """
    if not path.is_dir():
        return (_read_one(path),)
    found = [(int(name[1]), file) for file in path.iterdir() if (name := _TRUTH_NAME.fullmatch(file.name))]
    if not found:
        raise RadiographError("The folder holds no phantoms. Draw some with `ensemble-cam phantom`.")
    return tuple(_read_one(file) for _, file in sorted(found))


def _read_one(path: Path) -> Truth:
    try:
        record = json.loads(read_file(path, most=_MOST_TRUTH_BYTES))
        if record["schema"] != SCHEMA or not record["mark"].startswith(PHANTOM_MARK):
            raise _no_truth(path)
        return Truth(
            film=path.with_name(record["film"]),
            seed=record["seed"],
            version=record["version"],
            difficulty=record["difficulty"],
            size=(record["width"], record["height"]),
            bits=record["bits"],
            pixel_spacing=record["pixel_spacing"],
            findings=tuple(
                PlantedFinding(
                    **each | {"box": tuple(each["box"]), "centroid": (each["centroid"]["x"], each["centroid"]["y"])}
                )
                for each in record["findings"]
            ),
            measures=record["measures"],
        )
    except OSError as error:
        raise RadiographError(f"{escaped(path.name)}: {why_unreadable(error)}. Check its name and place.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _no_truth(path) from None


def _no_truth(path: Path) -> RadiographError:
    return RadiographError(
        f"{escaped(path.name)}: this is no phantom's truth that is read here. Draw the phantom again."
    )


def _read_mask(path: Path) -> np.ndarray:
    try:
        return decode_apart(read_file(path, most=MAX_FILE_BYTES)).pixels > 127
    except OSError as error:
        raise RadiographError(f"{escaped(path.name)}: {why_unreadable(error)}. Draw the phantom again.") from None
