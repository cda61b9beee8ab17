"""Maps of a classifier's layers by name: `denseblock4` of a DenseNet, `layer4.2` of a ResNet, one or several of them.

A classifier's own two parts, one behind the other, are a network like any other, and are cut at the named layers as
`torch_any_network` cuts any. What the cut costs is paid once for a classifier and its layers.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import torch

from ensemble_cam.classifiers.arrays import as_numpy
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.heads import Gradients, Step
from ensemble_cam.classifiers.torch_any_network import Network, cut_logits
from ensemble_cam.classifiers.torch_configured import ConfiguredClassifier
from ensemble_cam.errors import ClassifierError, ConfigError, did_you_mean
from ensemble_cam.maps.torch_maps import enlarged, one_layer, relative_maps
from ensemble_cam.settings.methods import METHODS, Recipe

if TYPE_CHECKING:
    from ensemble_cam.maps.cams import Exposure

_PARTS = ("backbone", "lower", "upper")  # of `ConfiguredClassifier` and of `Stages`

_networks: WeakKeyDictionary[Classifier, Network] = WeakKeyDictionary()
_making = threading.Lock()


def check_named_layers(recipe: Recipe, classifiers: Sequence[Classifier]) -> None:
    """Refuse names within stages that lead to no map of a classifier, before the first film.

    Raises:
        ConfigError: if a classifier's network has a map at none of the names, or none has one at a name.
    """
    found = {each.id: _found(each, recipe.names) for each in classifiers}
    for name in recipe.names:
        if not any(name in layers for layers in found.values()):
            meant = did_you_mean(
                name, {_short(each.name): None for one in classifiers for each in _network(one).layers}
            )
            raise ConfigError(f"layers: no classifier here has a layer {name} that a map can be made at.{meant}")
    for id, layers in found.items():
        if not layers:
            raise ConfigError(f"layers: {id} has none of {', '.join(recipe.names)}. Name one of its own, too.")


def named_layers(recipe: Recipe, exposure: "Exposure", outputs: Sequence[int], step: Step) -> np.ndarray:
    """Return the mean of the relative maps of the named layers, on the finest of their grids.

    Args:
        recipe: with `names`, of which the classifier takes those of its own.
        exposure: the film as the classifier saw it.
        outputs: indices of the logits.
        step: told how much is done.

    Returns:
        (len(outputs), h, w) float32, at least 0; of one layer as its formula gives them, of several relative.

    Raises:
        ClassifierError: if none of the names is a layer of the classifier's.
    """
    classifier = exposure.classifier
    layers = _found(classifier, recipe.names)
    if not layers:
        raise ClassifierError(f"none of {', '.join(recipe.names)} is a layer of its network")
    network = _network(classifier).at(list(layers.values()))
    pixels, found = torch.as_tensor(exposure.pixels, device=classifier.device), []
    for number, cut in enumerate(network.cuts):
        leaf = cut.activation(pixels).detach().clone()
        gradients = None
        if METHODS[recipe.method].kind == "gradient":
            with torch.enable_grad():
                leaf.requires_grad_()
                logits = cut_logits(cut, leaf, pixels)[0]
                by_output = []
                for done, output in enumerate(outputs):
                    step((number + done / len(outputs)) / len(network.cuts))
                    by_output.append(torch.autograd.grad(logits[output], leaf, retain_graph=True)[0][0])
            gradients = Gradients(torch.stack(by_output))
        found.append(one_layer(recipe, leaf.detach(), gradients, len(outputs)).clamp(min=0))
    if len(found) == 1:
        return as_numpy(found[0])
    size = max(maps.shape[-1] for maps in found)
    return as_numpy(torch.stack([relative_maps(enlarged(maps, size)) for maps in found]).mean(0))


def layers_of(classifier: Classifier) -> dict[str, float]:
    """Return the names of a classifier's layers, each with the least value of its activation of a picture of noise."""
    known = {_short(each.name): each.lowest for each in _network(classifier).layers}
    return {name: lowest for name, lowest in known.items() if name.partition(".")[0] in classifier.config.family.stages}


def _found(classifier: Classifier, names: Sequence[str]) -> dict[str, str]:
    """Return which of the names are layers of a classifier's, each with the name that it has in `_network`."""
    known = {_short(each.name): each.name for each in _network(classifier).layers}
    return {name: known[name] for name in names if name in known}


def _short(name: str) -> str:
    """Return a layer's name as its family calls it, without the parts that the network was cut into.

    `backbone.lower.layer3.5` → `layer3.5`, `backbone.upper.0.denseblock4` → `denseblock4`.
    """
    parts = name.split(".")
    while len(parts) > 1 and (parts[0] in _PARTS or parts[0].isdigit()):
        parts = parts[1:]
    return ".".join(parts)


def _network(classifier: Classifier) -> Network:
    """Return a classifier's network, ready to be cut anywhere; made once."""
    with _making:
        if classifier not in _networks:
            parts, config = classifier.network(), classifier.config
            module = ConfiguredClassifier(OrderedDict(backbone=parts.backbone, head=parts.head)).eval()
            _networks[classifier] = Network(
                module,
                output="sigmoid",
                mean=0.0,
                std=1.0,
                input_size=config.input_size,
                channels=1,
                name=config.id,
            )
        return _networks[classifier]
