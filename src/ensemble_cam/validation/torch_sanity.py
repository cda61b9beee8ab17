"""Networks whose values are shuffled, and the gradient of a logit by the film; see `sanity`."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.arrays import as_numpy
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.torch_any_network import Network
from ensemble_cam.classifiers.torch_families import TorchNetwork
from ensemble_cam.classifiers.torch_networks import TorchBackbone
from ensemble_cam.classifiers.torch_twins import private_twin
from ensemble_cam.errors import ClassifierError
from ensemble_cam.explanation.torch_layer_maps import expose as expose_layer
from ensemble_cam.explanation.torch_layer_maps import gradients_of, layer_maps
from ensemble_cam.maps.cams import Exposure, cam_grids, expose
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.methods import METHODS, Recipe

_LAST = 3  # at most a third of a network's layers are its last stage, where all have one size


class PeerOfClassifier:
    """One of the program's own classifiers; see `sanity.Peer`.

    Args:
        classifier: the classifier.
        recipe: how maps are made.
        kept: what was shuffled before, for other methods of the same film: depth and seed → classifier.
    """

    def __init__(self, classifier: Classifier, recipe: Recipe, kept: dict[tuple[str, int], Classifier] | None = None):
        self._classifier, self._recipe = classifier, recipe
        self._kept = {} if kept is None else kept

    def grid(self, pixels: np.ndarray, output: int) -> np.ndarray:
        """See `sanity.Peer`."""
        return cam_grids(self._recipe, self._exposed(pixels), [output])[0]

    def _exposed(self, pixels: np.ndarray) -> Exposure:
        return expose(self._classifier, pixels[None])

    def shuffled(self, depth: str, pixels: np.ndarray, seed: int) -> "PeerOfClassifier":
        """See `sanity.Peer`."""
        if (depth, seed) not in self._kept:
            self._kept[depth, seed] = _shuffled_classifier(self._classifier, depth, pixels, seed)
        return PeerOfClassifier(self._kept[depth, seed], self._recipe)

    def gradient(self, pixels: np.ndarray, output: int) -> np.ndarray:
        """See `sanity.Peer`."""
        network = self._classifier.network()
        seen = torch.from_numpy(pixels[None]).to(self._classifier.device)
        return _gradient(lambda each: network.head(network.backbone(each)), seen, output)

    def lowest(self, logits: np.ndarray, output: int) -> int:
        """See `sanity.Peer`."""
        scores = self._classifier.scores(logits.tolist())
        others = {self._classifier.outputs[label]: score for label, score in scores.items()}
        return _lowest(others, output)


class PeerOfNetwork:
    """Any network; see `sanity.Peer`.

    Args:
        network: the network, of one layer.
        options: how maps are made; no rollout.
    """

    def __init__(self, network: Network, options: ExplainOptions):
        self._network, self._options = network, options

    def grid(self, pixels: np.ndarray, output: int) -> np.ndarray:
        """See `sanity.Peer`."""
        with torch.inference_mode(False), torch.enable_grad():
            seen = expose_layer(self._network.cut, self._as_seen(pixels))
            gradients = None
            if METHODS[self._options.method].kind == "gradient":
                (gradients,) = gradients_of([seen.outputs[0, output]], [seen.leaf])
            found, _ = layer_maps(seen, gradients, [output], self._options)
        return as_numpy(found[0]).astype(np.float32)

    def shuffled(self, depth: str, pixels: np.ndarray, seed: int) -> "PeerOfNetwork":
        """See `sanity.Peer`."""
        network, given = self._network, self._network.input
        module = copy.deepcopy(network.module).eval()
        seen = self._as_seen(pixels)
        _shuffle(module, _of_depth(module, seen, network.cut.layer, depth), seed, lambda: module(_turned(seen)))
        other = Network(
            module,
            layer=network.cut.layer,
            classes=network.classes,
            output=network.output,
            mean=given.mean,
            std=given.std,
            input_size=given.size,
            channels=given.channels,
            name=network.name,
        )
        return PeerOfNetwork(other, self._options)

    def gradient(self, pixels: np.ndarray, output: int) -> np.ndarray:
        """See `sanity.Peer`."""
        return _gradient(private_twin(self._network.module), self._as_seen(pixels), output)

    def lowest(self, logits: np.ndarray, output: int) -> int:
        """See `sanity.Peer`."""
        return _lowest(dict(enumerate(logits.tolist())), output)

    def _as_seen(self, pixels: np.ndarray) -> Tensor:
        (first, *_) = self._network.module.parameters()
        return torch.from_numpy(pixels[None].copy()).to(device=first.device, dtype=first.dtype)


def _lowest(values: dict[int, float], output: int) -> int:
    others = {each: value for each, value in values.items() if each != output}
    if not others:
        raise ClassifierError("The network has one output, and no other to set beside it.")
    return min(others, key=lambda each: others[each])


def _gradient(run: Callable[[Tensor], Tensor], pixels: Tensor, output: int) -> np.ndarray:
    with torch.inference_mode(False), torch.enable_grad():
        seen = pixels.clone().requires_grad_()
        (found,) = torch.autograd.grad(run(seen)[0, output], seen)
    return as_numpy(found[0].float())


def _shuffled_classifier(classifier: Classifier, depth: str, pixels: np.ndarray, seed: int) -> Classifier:
    """Return a classifier whose head, and at other depths its backbone, has its own values in another order."""
    random = np.random.default_rng(seed)
    head = classifier.head.on(as_numpy)
    head = head.on(lambda each: random.permutation(each.ravel()).reshape(each.shape).astype(np.float32))
    network, device = classifier.network(), classifier.device
    own = TorchNetwork(copy.deepcopy(network.backbone), copy.deepcopy(network.head))
    _shuffle(own.head, own.head.modules(), seed, lambda: None)
    if depth == "head":
        if classifier.runtime == "torch":
            head = head.on(lambda each: torch.from_numpy(each).to(device))
        return replace(classifier, head=head, network=lambda: own)
    seen = torch.from_numpy(pixels[None]).to(device)
    chosen = own.backbone.modules() if depth == "all" else _last_stage(own.backbone, seen)
    _shuffle(own.backbone, chosen, seed, lambda: own.backbone(_turned(seen)))
    return replace(
        classifier,
        backbone=TorchBackbone(own.backbone, device),
        head=head.on(lambda each: torch.from_numpy(each).to(device)),
        network=lambda: own,
        runtime="torch",
    )


def _turned(pixels: Tensor) -> Tensor:
    """Return a film as it is, mirrored, and both upside down: a norm behind a global average needs more than one."""
    mirrored = torch.cat([pixels, pixels.flip(3)])
    return torch.cat([mirrored, mirrored.flip(2)])


@torch.no_grad()
def _shuffle(module: nn.Module, chosen: Iterable[nn.Module], seed: int, run: Callable[[], object]) -> None:
    """Put the values of some of a network's modules in another order, and settle their norms on what is run.

    A batch norm's statistics belong to the values before it: kept, they would make nothing but zeros of the new ones.
    """
    generator = torch.Generator().manual_seed(seed)
    norms: list[nn.modules.batchnorm._BatchNorm] = []
    for each in chosen:
        for parameter in each.parameters(recurse=False):
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
        if isinstance(each, nn.modules.batchnorm._BatchNorm) and each.track_running_stats:
            each.reset_running_stats()
            each.momentum = None  # a plain average of what it is shown
            norms.append(each.train())
    if norms:
        run()
        for norm in norms:
            norm.eval()


def _sizes(module: nn.Module, pixels: Tensor) -> list[tuple[str, nn.Module, tuple[int, ...]]]:
    """Return a network's layers with values in the order in which they run, and the grid that each gives."""
    found: list[tuple[str, nn.Module, tuple[int, ...]]] = []
    handles = []
    private = copy.deepcopy(module)
    own = dict(module.named_modules())

    def note(name: str) -> Callable[..., None]:
        def heard(_: nn.Module, __: object, output: object) -> None:
            if isinstance(output, Tensor):
                found.append((name, own[name], tuple(output.shape[2:] if output.ndim == 4 else output.shape[1:-1])))

        return heard

    for name, each in private.named_modules():
        if any(True for _ in each.parameters(recurse=False)) and not any(True for _ in each.children()):
            handles.append(each.register_forward_hook(note(name)))
    with torch.no_grad():
        private(pixels)
    for handle in handles:
        handle.remove()
    return found


def _last_stage(module: nn.Module, pixels: Tensor) -> list[nn.Module]:
    """Return the layers behind the last change of the grid's size, at most a third of all."""
    layers = _sizes(module, pixels)
    last = layers[-1][2]
    stage = [each for _, each, size in layers if size == last]
    return stage[-max(1, len(layers) // _LAST) :] if len(stage) > len(layers) // 2 else stage


def _of_depth(module: nn.Module, pixels: Tensor, layer: str, depth: str) -> list[nn.Module]:
    """Return the modules of any network that are shuffled at a depth; see `sanity.DEPTHS`."""
    if depth == "all":
        return list(module.modules())
    layers = _sizes(module, pixels)
    inside = [number for number, (name, _, _) in enumerate(layers) if name == layer or name.startswith(f"{layer}.")]
    # Where the layer is timm's own part, or has no values, the head is what gives no grid any more.
    end = inside[-1] + 1 if inside else next((n for n, (_, _, size) in enumerate(layers) if not size), len(layers) - 1)
    head = [each for _, each, _ in layers[end:]] or [layers[-1][1]]
    if depth == "head":
        return head
    before = layers[:end]
    stage = [each for _, each, size in before if size == before[-1][2]] if before else []
    return [*stage[-max(1, len(layers) // _LAST) :], *head]
