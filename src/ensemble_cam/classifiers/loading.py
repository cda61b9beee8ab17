"""A configured classifier, found, filled with its weights and cut."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.classifier import Classifier, WeightsInfo
from ensemble_cam.classifiers.families import ARCHITECTURES, upstream_network
from ensemble_cam.classifiers.teaching_weights import load_teaching_weights
from ensemble_cam.classifiers.untrained import fill_untrained
from ensemble_cam.errors import ClassifierError, UnusableWeights
from ensemble_cam.settings.config import ClassifierConfig
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.weights.released import weights_file
from ensemble_cam.weights.store import Published, locate, pin
from ensemble_cam.weights.unpickling import load_state_dict


def load_classifier(
    config: ClassifierConfig,
    *,
    weights: str | None = None,
    weights_dir: Path | None = None,
    device: torch.device | str = "cpu",
) -> Classifier:
    """Build a classifier and fill it with its weights.

    Args:
        config: its table of the configuration.
        weights: one of the table's weights or "untrained"; None for the table's default.
        weights_dir: a folder to look in before the usual ones, see `weights.released.search_folders`.
        device: where it is to run.

    Raises:
        WeightsMissing: if the file is not on this machine.
        WeightsError: if the file is not what was promised, would run code, or does not fit the network.
    """
    network, info, points = load_network(config, weights=weights, weights_dir=weights_dir)
    return cut_classifier(config, network, info, operating_points=points, device=device)


def load_network(
    config: ClassifierConfig, *, weights: str | None = None, weights_dir: Path | None = None
) -> tuple[nn.Module, WeightsInfo, Mapping[str, float] | None]:
    """Build and fill a classifier's whole, uncut network; see `load_classifier`.

    Returns:
        The network, what it was filled with, and the operating points that came with that, if any did.
    """
    name = weights or config.default_weight
    if name == UNTRAINED:
        network = upstream_network(config.model_type)
        fill_untrained(network)
        return network, WeightsInfo(UNTRAINED, sha256=None, published=Published.NO), None
    located = locate(config, name, weights_dir=weights_dir)
    network, points = _filled(config, name, located.path, located.sha256)
    pin(located)
    return network, WeightsInfo(name, sha256=located.sha256, published=located.published), points


def check_fits(config: ClassifierConfig, name: str, path: Path, sha256: str) -> None:
    """Fill a classifier's network with a file's values, and let go of it: `weights.store.Fits`.

    Raises:
        UnusableWeights: if the file does not fit, is damaged or would run code.
        WeightsError: if it cannot be read or has another hash.
    """
    _filled(config, name, path, sha256)


def cut_classifier(
    config: ClassifierConfig,
    network: nn.Module,
    weights: WeightsInfo,
    *,
    operating_points: Mapping[str, float] | None = None,
    device: torch.device | str = "cpu",
) -> Classifier:
    """Cut a family's whole network into a `Classifier`; its modules are used, not copied.

    Args:
        config: its table of the configuration.
        network: as `upstream_network` builds it, filled.
        weights: what it was filled with.
        operating_points: label → the probability that came with the weights, if any did; the configuration's and
            upstream's go before them.
        device: where it is to run.

    Raises:
        ClassifierError: if the configuration's operating points are not those of the labels that the network knows.
    """
    network.eval().requires_grad_(False)
    backbone, head = ARCHITECTURES[config.model_type].cut(network)
    known, published = config.family.outputs(weights.name), config.family.operating_points(weights.name)
    if config.operating_points is not None:
        if set(config.operating_points) != set(known):
            raise ClassifierError(
                f"{config.name}: operating points are given for {', '.join(config.operating_points)}. "
                f"Give one for each label it knows and for no other: {', '.join(known)}."
            )
        operating_points = dict(config.operating_points)
    elif published is not None:
        operating_points = published
    if weights.untrained:
        # No operating point was ever found for seeded values.
        operating_points = None
    return Classifier(
        config=config,
        weights=weights,
        # As the processor's and the card's convolutions want it: the three take .46 instead of .66 s on two cores.
        backbone=backbone.eval().to(device).to(memory_format=torch.channels_last),
        head=head.eval().to(device),
        outputs=known,
        operating_points=operating_points,
        device=torch.device(device),
    )


def _filled(
    config: ClassifierConfig, name: str, path: Path, sha256: str
) -> tuple[nn.Module, Mapping[str, float] | None]:
    """Return a classifier's network filled from a file, and the operating points that came with it, if any did."""
    most = weights_file(name).most_bytes
    network = upstream_network(config.model_type)
    points: Mapping[str, float] | None = None
    if config.family.points_in_file:
        file = load_teaching_weights(path, expected_sha256=sha256, model_type=config.model_type, most=most)
        values, points, remedy = file.tensors, file.operating_points, "Install this program again."
    else:
        values = load_state_dict(path, expected_sha256=sha256, most=most)
        remedy = "Fetch the file again, or put these weights under another classifier."
    if misfit := _misfit(network, values):
        raise UnusableWeights(f"it does not fit the {name} network: it {misfit}.", file_name=path.name, remedy=remedy)
    network.load_state_dict(values, strict=False)
    return network, points


def _misfit(network: nn.Module, values: Mapping[str, Tensor]) -> str | None:
    """Say what of a network's values is missing, strange or of another shape; None where all is right."""
    own = network.state_dict()
    # `num_batches_tracked` came with a later PyTorch than some of the released files; it plays no part in eval mode.
    missing = [key for key in own if key not in values and not key.endswith("num_batches_tracked")]
    strange = [key for key in values if key not in own]
    misshapen = [key for key in values if key in own and values[key].shape != own[key].shape]
    for what, keys in (("lacks", missing), ("has unknown", strange), ("has another shape of", misshapen)):
        if keys:
            return f"{what} {keys[0][:60]} ({len(keys)} such values)"
    return None
