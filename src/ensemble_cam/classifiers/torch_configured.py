"""A classifier of the configuration as any network: its own cut parts, one behind the other, for maps at any layer."""

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn

from ensemble_cam.classifiers.sources import find_source
from ensemble_cam.classifiers.torch_networks import cut, load_network
from ensemble_cam.settings.config import Config, load_config

_HALF_RANGE = 1024  # films run from minus this to this


class ConfiguredClassifier(nn.Sequential):
    """A classifier's backbone and head; its logits are those of a review of the same pixels."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the (n, outputs) logits of (n, 1, side, side) films in [-1024, 1024]."""
        for part in self:
            pixels = part(pixels)
        return pixels


def configured_ids(config: Config | None = None) -> tuple[str, ...]:
    """Return the ids of the configuration's classifiers."""
    return tuple(each.id for each in (config or load_config()).classifiers)


def configured(id: str) -> tuple[ConfiguredClassifier, dict[str, Any], tuple[str, str | None]]:
    """Return a classifier of the default configuration, with its default weights.

    Returns:
        The module; what `Network` takes by keyword; and its weights' name with their SHA-256.

    Raises:
        WeightsMissing: if they are not there.
        WeightsError: if they are not what was promised.
    """
    config = load_config().classifier(id)
    source = find_source(config)
    parts = cut(config, load_network(source))
    labels = {index: label for label, index in config.family.outputs(source.info.name).items()}
    count = len(config.family.labels)
    options: dict[str, Any] = {
        "classes": [labels.get(index, f"(output {index})") for index in range(count)],
        "output": "sigmoid",
        # What is shown to a network are values from 0 to 1: (x - .5) · 2048.
        "mean": 0.5,
        "std": 0.5 / _HALF_RANGE,
        "input_size": config.input_size,
        "channels": 1,
        "name": id,
    }
    module = ConfiguredClassifier(OrderedDict(backbone=parts.backbone, head=parts.head)).eval()
    return module, options, (source.info.name, source.info.sha256)
