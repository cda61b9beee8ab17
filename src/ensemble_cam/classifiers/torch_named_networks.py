"""Networks by name: torchvision's, timm's, and those that a user's own function makes; filled from a checkpoint."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ensemble_cam.classifiers.checkpoints import DoesNotFit
from ensemble_cam.classifiers.torch_any_network import Network, survey_of, survey_of_branches
from ensemble_cam.classifiers.torch_branches import BranchSurvey
from ensemble_cam.classifiers.torch_checkpoints import Checkpoint, fill, read_checkpoint
from ensemble_cam.classifiers.torch_configured import configured, configured_ids
from ensemble_cam.classifiers.torch_inputs import IMAGENET_MEAN, IMAGENET_STD, checked_classes, input_of
from ensemble_cam.classifiers.torch_layers import Survey
from ensemble_cam.errors import ClassifierError, ConfigError, did_you_mean
from ensemble_cam.machine.names import escaped
from ensemble_cam.settings.config import load_config, read_toml
from ensemble_cam.settings.vocabulary import UNTRAINED

SPECS = "torchvision:NAME, timm:NAME, file:PATH.toml, or the id of a classifier of the configuration"
_KEYS = (
    *("architecture", "factory", "checkpoint", "classes", "output", "layer", "inputs"),
    *("mean", "std", "input_size", "channels", "prefix"),
)
_DEFAULT_OUTPUTS = 1000


@dataclass(frozen=True)
class _Plan:
    """What `load_network` was asked for.

    Attributes:
        spec: the network, by name.
        build: makes it, for a number of classes; None for as many as it has by itself.
        options: what `Network` takes by keyword.
        checkpoint: the file of its weights.
        prefix: what stands before its names in that.
        has_own_weights: whether the network comes with weights of its own, of which nothing is known here.
    """

    spec: str
    build: Callable[[int | None], nn.Module]
    options: Mapping[str, Any]
    checkpoint: Path | None
    prefix: str | None
    has_own_weights: bool = False


def load_network(
    spec: str,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    prefix: str | None = None,
    classes: Sequence[str] | os.PathLike[str] | None = None,
    output: str | None = None,
    layer: str | Sequence[str] | Mapping[str, str] | None = None,
    inputs: Sequence[str | Mapping[str, Any]] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    input_size: int | None = None,
    channels: int | None = None,
) -> Network:
    """Build a network by its name, fill it with weights, and cut it at a layer.

    Args:
        spec: "torchvision:NAME", "timm:NAME" (where timm is installed), or "file:PATH.toml", whose table `[network]`
            has any of these arguments as keys, `architecture` for one of the names above or
            `factory = "module:function"` for a function that returns your own module. Or a classifier of the
            configuration by its id, as "densenet121", with its own weights; of the arguments it takes `layer` alone.
        checkpoint: a file of weights, as PyTorch, timm, Lightning or safetensors save them, bare or with all else that
            a training keeps. None of its code is run. All of the network's values must be in it. Without a checkpoint
            the values are seeded ones and mean nothing.
        prefix: what stands before the network's names in the file; `module.`, `model.`, `net.`, `network.`,
            `_orig_mod.` and those of averaged weights (EMA, which are taken first) are found without.
        classes: as of `Network`; without, those that the checkpoint tells (Lightning's hyper-parameters, `classes`,
            `class_to_idx`), or a file `<checkpoint>.classes.json` beside it.
        output: "softmax", which it is without, or "sigmoid".
        layer: as of `Network`.
        inputs: as of `Network`, of a module of your own.
        mean: as of `Network`; without, that of the published weights.
        std: likewise.
        input_size: likewise.
        channels: 1 for grey, 3 for colour; the first convolution is built for them.

    Raises:
        ConfigError: if the name or a value is not allowed.
        WeightsMissing: if the checkpoint is not there.
        WeightsError: if it cannot be read, would run code, or does not fit; the message says what is missing.
        ClassifierError: if the network cannot be explained, or not at this layer.
        TypeError: if the name is no text.
    """
    if not isinstance(spec, str):
        raise TypeError(f"A network's name is a text, {SPECS}; got {type(spec).__name__}.")
    given: dict[str, Any] = {
        "checkpoint": checkpoint,
        "prefix": prefix,
        "classes": classes,
        "output": output,
        "layer": layer,
        "inputs": inputs,
    }
    given |= {"mean": mean, "std": std, "input_size": input_size, "channels": channels}
    asked = {key: value for key, value in given.items() if value is not None}
    return _of_configuration(spec, asked) if spec in configured_ids() else _loaded(_plan(spec, asked))


def _of_configuration(id: str, asked: Mapping[str, Any]) -> Network:
    for key in asked:
        if key != "layer":
            raise ConfigError(f"{key}: the classifier {id} has its own. Leave it out.")
    own = load_config().classifier(id).own
    if own is not None:
        mean, std = (None if each is None else list(each) for each in (own.mean, own.std))
        told: dict[str, Any] = {"classes": [name or f"(output {number})" for number, name in enumerate(own.classes)]}
        told |= {"checkpoint": own.checkpoint, "output": own.output, "channels": own.channels, "mean": mean, "std": std}
        return load_network(own.architecture, layer=asked.get("layer", own.layer), **told)
    module, options, (weights, sha256) = configured(id)
    network = Network(module, **options, **asked)
    network.weights, network.weights_sha256, network.untrained = weights, sha256, weights == UNTRAINED
    return network


def survey_network(spec: str, *, input_size: int | None = None) -> Survey | BranchSurvey:
    """Return what the layers of a network are, by its name; no checkpoint is read and no layer is chosen.

    Raises:
        ConfigError: if the name or the size is not allowed.
        ClassifierError: if the network cannot be built or run.
    """
    if spec in configured_ids():
        of_id, own, _ = configured(spec)
        return survey_of(of_id, input_of(of_id, own["mean"], own["std"], own["input_size"], own["channels"]))
    plan = _plan(spec, {} if input_size is None else {"input_size": input_size})
    classes = None if plan.options.get("classes") is None else checked_classes(plan.options["classes"])
    module = _built(plan, None if classes is None else len(classes))
    size, channels = plan.options.get("input_size"), plan.options.get("channels")
    if (inputs := plan.options.get("inputs")) is not None:
        return survey_of_branches(module, inputs, size, channels)
    return survey_of(module, input_of(module, None, None, size, channels))


def _plan(spec: str, options: Mapping[str, Any], *, inside: bool = False) -> _Plan:
    kind, colon, name = spec.partition(":")
    builders = {"torchvision": _torchvision, "timm": _timm}
    if colon and name and kind == "file" and not inside:
        return _plan_of_file(Path(name), options)
    if not colon or not name or kind not in builders:
        raise ConfigError(f"network: got {spec!r}; allowed: {SPECS}.")
    build, known = builders[kind](name, options.get("channels"), options.get("input_size"))
    chosen = {**known, **options}
    if "mean" in options or "std" in options:
        chosen = {**{key: each for key, each in known.items() if key not in ("mean", "std")}, **options}
    checkpoint, prefix = chosen.pop("checkpoint", None), chosen.pop("prefix", None)
    return _Plan(spec, build, chosen, _path(checkpoint), prefix)


def _path(checkpoint: object) -> Path | None:
    if checkpoint is None or isinstance(checkpoint, str | os.PathLike):
        return None if checkpoint is None else Path(checkpoint)
    raise ConfigError(f"checkpoint: got {checkpoint!r}; hand over a path.")


def _plan_of_file(path: Path, options: Mapping[str, Any]) -> _Plan:
    shown = escaped(path.name)
    table = read_toml(path)
    told = table.get("network")
    if set(table) != {"network"} or not isinstance(told, dict):
        raise ConfigError(f"{shown}: allowed: one table, [network].")
    for key in told:
        if key not in _KEYS:
            raise ConfigError(f"{shown}: [network] has {key!r}; allowed: {', '.join(_KEYS)}.{did_you_mean(key, _KEYS)}")
    if ("factory" in told) == ("architecture" in told):
        raise ConfigError(f"{shown}: [network] needs either architecture, a name, or factory, a function of your own.")
    if isinstance(told.get("checkpoint"), str):
        told["checkpoint"] = path.parent / told["checkpoint"]
    chosen = {**told, **options}
    architecture, factory = (chosen.pop(key, None) for key in ("architecture", "factory"))
    if architecture is not None:
        return _plan(str(architecture), chosen, inside=True)
    checkpoint, prefix = chosen.pop("checkpoint", None), chosen.pop("prefix", None)
    build = _made_by(factory, path.parent)
    return _Plan(str(factory), build, chosen, _path(checkpoint), prefix, has_own_weights=True)


def _made_by(factory: object, folder: Path) -> Callable[[int | None], nn.Module]:
    """Return what calls a user's own function, whose module may lie in a folder."""
    module, colon, function = str(factory).partition(":")
    if not isinstance(factory, str) or not colon or not module or not function:
        raise ConfigError(f'factory: got {factory!r}; allowed: "module:function".')

    def build(classes: int | None) -> nn.Module:
        with _importable(folder):
            try:
                made = getattr(import_module(module), function)()
            except (ImportError, AttributeError, TypeError) as error:
                raise ConfigError(
                    f"factory: {factory} cannot be called without arguments ({error}). Mend it."
                ) from None
        if not isinstance(made, nn.Module):
            raise ConfigError(f"factory: {factory} returns a {type(made).__name__}, and no torch module.")
        return made

    return build


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))


Builder = Callable[[int | None], nn.Module]
"""Makes a network for a number of classes; None for as many as it has by itself."""


def _torchvision(name: str, channels: int | None, size: int | None) -> tuple[Builder, dict[str, Any]]:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        if name in models.list_models():
            raise ConfigError(f"network: {name} is no classifier, and no other network can be explained yet.")
        raise ConfigError(f"network: torchvision has no classifier {name!r}.{did_you_mean(name, known)}")
    # The published weights' own preparation; nothing is fetched for it.
    published = models.get_model_weights(name).DEFAULT.transforms()
    cropped, mean, std = (getattr(published, key, None) for key in ("crop_size", "mean", "std"))
    spread = {"mean": tuple(mean or IMAGENET_MEAN), "std": tuple(std or IMAGENET_STD)}
    if channels == 1:
        spread = {key: (sum(values) / len(values),) for key, values in spread.items()}
    told = {"input_size": int(cropped[0]) if isinstance(cropped, Sequence) else 224, **spread}
    more: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name.startswith("vit_") and size is not None:  # its places are learned for one size
        more = {"image_size": size}

    def build(classes: int | None) -> nn.Module:
        network: nn.Module = models.get_model(name, weights=None, num_classes=classes or _DEFAULT_OUTPUTS, **more)
        if channels is not None and channels != 3:
            _take_channels(network, channels)
        return network

    return build, told


def _take_channels(network: nn.Module, channels: int) -> None:
    """Put a first convolution for other channels in the place of a new network's."""
    path, first = next((path, each) for path, each in network.named_modules() if isinstance(each, nn.Conv2d))
    # Its own numbers of everything but the channels.
    new = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]  # of two numbers
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        first.dilation,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    parent, _, own = path.rpartition(".")
    setattr(network.get_submodule(parent), own, new)


def _timm(name: str, channels: int | None, size: int | None) -> tuple[Builder, dict[str, Any]]:
    try:
        import timm
    except ImportError:
        raise ConfigError('network: timm is not installed. Install it by `pip install "ensemble-cam[timm]"`.') from None
    bare = name.partition(".")[0]
    if not timm.is_model(bare):
        raise ConfigError(f"network: timm has no network {name!r}.{did_you_mean(bare, timm.list_models())}")

    def build(classes: int | None) -> nn.Module:
        more: dict[str, Any] = {} if classes is None else {"num_classes": classes}
        # Transformers are built for one size; the others take any, and no such argument.
        if size is not None and getattr(timm.models.get_pretrained_cfg(name), "fixed_input_size", False):
            more["img_size"] = size
        network: nn.Module = timm.create_model(name, pretrained=False, in_chans=channels or 3, **more)
        return network

    return build, {}


def _loaded(plan: _Plan) -> Network:
    options = dict(plan.options)
    classes = None if options.get("classes") is None else checked_classes(options["classes"])
    module = _built(plan, None if classes is None else len(classes))
    if plan.checkpoint is None:
        network = Network(module, **options, name=plan.spec)
        if plan.has_own_weights:
            network.weights = "the factory's own"
        else:
            network.weights, network.untrained = "untrained: seeded values", True
        return network
    size = sum(value.numel() * value.element_size() for value in module.state_dict().values())
    checkpoint = read_checkpoint(plan.checkpoint, network_bytes=size)
    if classes is None and checkpoint.classes is not None:
        classes = options["classes"] = checked_classes(checkpoint.classes)
        module = _built(plan, len(classes))
    module, told = _filled(plan, module, checkpoint, classes)
    network = Network(module, **options, name=plan.spec)
    network.weights, network.weights_sha256 = f"{checkpoint.name}: {told}", checkpoint.sha256
    return network


def _filled(
    plan: _Plan, module: nn.Module, checkpoint: Checkpoint, classes: tuple[str, ...] | None
) -> tuple[nn.Module, str]:
    """Return a plan's network with the checkpoint's values, and which they are, in words.

    Where nobody named the classes, there are as many as the checkpoint was trained for.
    """
    try:
        found = checkpoint.match(module, prefix=plan.prefix)
    except DoesNotFit as misfit:
        if classes is not None or misfit.classes is None or plan.has_own_weights:
            raise checkpoint.misfit(misfit) from None
        module = _built(plan, misfit.classes)
        try:
            found = checkpoint.match(module, prefix=plan.prefix)
        except DoesNotFit as again:
            raise checkpoint.misfit(again) from None
    fill(module, found.values)
    return module, found.told


def _built(plan: _Plan, classes: int | None) -> nn.Module:
    """Build a plan's network, in eval mode, with seeded values; the process's random state is not moved."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            return plan.build(classes).eval()
        except (RuntimeError, TypeError, ValueError) as error:
            raise ClassifierError(f"{plan.spec} cannot be built ({str(error)[:200]}). Name another network.") from None
