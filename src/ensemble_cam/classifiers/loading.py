"""A configured classifier, found, filled with its weights and made ready for its runtime.

OpenVINO's needs no PyTorch: the teaching set's networks are drawn from their files, and a released file, which only
PyTorch can read, is drawn once, compiled, and kept in the cache folder with the numbers of its head.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.compilation import compiled, openvino
from ensemble_cam.classifiers.drawing import Drawing
from ensemble_cam.classifiers.families import ARCHITECTURES
from ensemble_cam.classifiers.sources import (
    TEACHING_REMEDY,
    Source,
    find_source,
    of_file,
    operating_points_of,
    outputs_of,
)
from ensemble_cam.classifiers.values import Values
from ensemble_cam.settings.config import ClassifierConfig
from ensemble_cam.weights.store import LocatedWeights, Published

if TYPE_CHECKING:
    from ensemble_cam.classifiers.torch_families import TorchNetwork

logger = logging.getLogger(__name__)


def load_classifier(
    config: ClassifierConfig,
    *,
    weights: str | None = None,
    weights_dir: Path | None = None,
    device: str = "cpu",
    runtime: str = "torch",
    report: Callable[[str], None] = lambda _: None,
) -> Classifier:
    """Build a classifier, fill it with its weights and make its backbone ready.

    Args:
        config: its table of the configuration.
        weights: one of the table's weights or "untrained"; None for the table's default.
        weights_dir: a folder to look in before the usual ones, see `weights.released.search_folders`.
        device: where it is to run, as `runtime.choose_device` gives it.
        runtime: what is to run its backbone, "torch" or "openvino". Where OpenVINO fails, and for networks of the
            site's own, PyTorch does: `Classifier.runtime` tells which it was.
        report: told what takes long, and only once.

    Raises:
        ClassifierError: if the configuration's operating points are not those of the labels that the network knows.
        WeightsMissing: if the file is not on this machine.
        WeightsError: if the file is not what was promised, would run code, or does not fit the network.
    """
    source = find_source(config, weights=weights, weights_dir=weights_dir)
    if config.own is not None:
        from ensemble_cam.classifiers.torch_own import load_own

        return load_own(source, device=device)
    if runtime == "openvino":
        try:
            return _in_openvino(source, report)
        except (ImportError, RuntimeError) as error:
            logger.error("%s: OpenVINO could not take its network; PyTorch runs it", config.id, exc_info=error)
    from ensemble_cam.classifiers.torch_networks import in_torch, load_network

    network = load_network(source)
    return in_torch(source.config, network, source.info, operating_points=source.points, device=device)


def check_fits(config: ClassifierConfig, name: str, path: Path, sha256: str) -> None:
    """Fill a classifier's network with a file's values, and let go of it: `weights.store.Fits`.

    Raises:
        UnusableWeights: if the file does not fit, is damaged or would run code.
        WeightsError: if it cannot be read or has another hash.
    """
    from ensemble_cam.classifiers.torch_networks import load_network

    located = LocatedWeights(name, path, sha256, Published.UNKNOWN, held=True)
    load_network(of_file(config, located))


def _in_openvino(source: Source, report: Callable[[str], None]) -> Classifier:
    """Return a classifier whose backbone OpenVINO runs.

    Raises:
        ImportError, RuntimeError: if OpenVINO cannot be loaded or refuses the network.
    """
    config, info = source.config, source.info
    points = operating_points_of(config, info, source.points)
    values = _values(source) if info.sha256 is None else None

    def draw() -> tuple[Any, Mapping[str, np.ndarray]]:
        report(f"Preparing {config.name} for this processor; it takes longer only once")
        return _drawn(source, _values(source) if values is None else values)

    made = compiled(
        draw,
        model_type=config.model_type,
        side=config.input_size,
        weights=info.sha256 or _hash_of(values or {}),
    )
    source.pin()
    return Classifier(
        config=config,
        weights=info,
        backbone=made.backbone,
        head=ARCHITECTURES[config.model_type].head(made.numbers),
        outputs=outputs_of(config, info, points),
        operating_points=points,
        network=lru_cache(maxsize=1)(lambda: _torch_network(source)),
        runtime="openvino",
    )


def _drawn(source: Source, values: Mapping[str, np.ndarray]) -> tuple[Any, dict[str, np.ndarray]]:
    """Return a network's backbone as OpenVINO's model, and the numbers of its head.

    Raises:
        UnusableWeights: if the values are not those of the network.
    """
    architecture, info = ARCHITECTURES[source.config.model_type], source.info
    held = Values(values, spare=architecture.spare)
    drawing = Drawing(held, openvino())
    pixels = drawing.pixels(source.config.input_size)
    model = drawing.model(pixels, architecture.draw(drawing, pixels))
    numbers = architecture.numbers(held)
    held.check(file_name=source.file_name, name=info.name, remedy=TEACHING_REMEDY)
    return model, numbers


def _values(source: Source) -> Mapping[str, np.ndarray]:
    """Return the values of a whole network; all but the teaching set's are read, and held to it, by PyTorch."""
    if source.teaching is not None:
        return source.teaching.values
    from ensemble_cam.classifiers.torch_networks import load_network

    return {name: value.numpy() for name, value in load_network(source).state_dict().items()}


def _hash_of(values: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, value in values.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(value).data)
    return digest.hexdigest()


def _torch_network(source: Source) -> "TorchNetwork":
    from ensemble_cam.classifiers.torch_networks import cut, load_network

    return cut(source.config, load_network(source))
