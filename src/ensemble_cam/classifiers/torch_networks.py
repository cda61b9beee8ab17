"""A classifier's network in PyTorch: filled with its weights, and run by PyTorch or asked for gradients."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.arrays import Array
from ensemble_cam.classifiers.classifier import Classifier, WeightsInfo
from ensemble_cam.classifiers.families import ARCHITECTURES
from ensemble_cam.classifiers.sources import TEACHING_REMEDY, Source, operating_points_of, outputs_of
from ensemble_cam.classifiers.torch_families import TORCH_ARCHITECTURES, TorchNetwork, upstream_network
from ensemble_cam.classifiers.torch_untrained import fill_untrained
from ensemble_cam.classifiers.values import Values, does_not_fit, is_counter, misfit
from ensemble_cam.settings.config import ClassifierConfig
from ensemble_cam.weights.released import weights_file
from ensemble_cam.weights.unpickling import load_state_dict

_REMEDY = "Fetch the file again, or put these weights under another classifier."


class TorchBackbone:
    """A backbone that PyTorch runs; any number of threads may call it at once.

    Attributes:
        module: the network, in eval mode and never changed.
    """

    def __init__(self, module: nn.Module, device: str) -> None:
        self.module, self._device = module, device

    def __call__(self, pixels: Array) -> Tensor:
        """Return the activations of (n, 1, side, side) float32 films, on the device."""
        seen = torch.as_tensor(pixels).to(device=self._device, memory_format=torch.channels_last)
        with torch.inference_mode():
            activation: Tensor = self.module(seen)
        # A tensor made in inference mode may not enter autograd; its copy may.
        return activation.clone()


def load_network(source: Source) -> nn.Module:
    """Build a classifier's whole, uncut network and fill it with its weights, or with seeded values.

    Raises:
        WeightsError: if the file is not what was promised, would run code, or does not fit the network.
    """
    network = upstream_network(source.config.model_type)
    if source.located is None:
        fill_untrained(network)
        return network
    name, path = source.located.name, source.located.path
    if source.teaching is not None:
        values, remedy = {key: torch.from_numpy(each) for key, each in source.teaching.values.items()}, TEACHING_REMEDY
    else:
        most = weights_file(name).most_bytes
        values, remedy = load_state_dict(path, expected_sha256=source.located.sha256, most=most), _REMEDY
    if found := _misfit(network, values):
        raise does_not_fit(name, found, file_name=path.name, remedy=remedy)
    network.load_state_dict(values, strict=False)
    source.pin()
    return network


def cut(config: ClassifierConfig, network: nn.Module, *, device: str = "cpu") -> TorchNetwork:
    """Cut a family's whole network; its modules are used, not copied."""
    network.eval().requires_grad_(False)
    parts = TORCH_ARCHITECTURES[config.model_type].cut(network)
    # As the processor's and the card's convolutions want it: the three take .46 instead of .66 s on two cores.
    backbone = parts.backbone.eval().to(device).to(memory_format=torch.channels_last)
    return TorchNetwork(backbone, parts.head.eval().to(device))


def in_torch(
    config: ClassifierConfig,
    network: nn.Module,
    weights: WeightsInfo,
    *,
    operating_points: Mapping[str, float] | None = None,
    device: str = "cpu",
) -> Classifier:
    """Return a classifier whose backbone PyTorch runs.

    Args:
        config: its table of the configuration.
        network: as `upstream_network` builds it, filled; its modules are used, not copied.
        weights: what it was filled with.
        operating_points: label → the probability that came with the weights, if any did; the configuration's and
            upstream's go before them.
        device: where it is to run.

    Raises:
        ClassifierError: if the configuration's operating points are not those of the labels that the network knows.
    """
    points = operating_points_of(config, weights, operating_points)
    architecture = ARCHITECTURES[config.model_type]
    values = Values({name: value.numpy() for name, value in network.state_dict().items()}, spare=architecture.spare)
    head = architecture.head(architecture.numbers(values)).on(lambda each: torch.from_numpy(each).to(device))
    parts = cut(config, network, device=device)
    return Classifier(
        config=config,
        weights=weights,
        backbone=TorchBackbone(parts.backbone, device),
        head=head,
        outputs=outputs_of(config, weights, points),
        operating_points=points,
        network=lambda: parts,
        runtime="torch",
        device=device,
    )


def present_devices() -> tuple[str, ...]:
    """Return which of "cpu", "cuda" and "mps" PyTorch can use here."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return tuple(name for name, is_there in present.items() if is_there)


def promise_float32() -> None:
    """Keep CUDA from convolutions in TF32, as it would by itself; every output promises float32."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _misfit(network: nn.Module, values: Mapping[str, Tensor]) -> str | None:
    """Say what of a network's values is missing, strange or of another shape; None where all is right."""
    own = network.state_dict()
    missing = [key for key in own if key not in values and not is_counter(key)]
    strange = [key for key in values if key not in own]
    misshapen = [key for key in values if key in own and values[key].shape != own[key].shape]
    return misfit(missing, strange, misshapen)
