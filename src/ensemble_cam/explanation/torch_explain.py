"""Any network's explanation of a picture: what it says, and its maps at the layers that were asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ensemble_cam.classifiers.arrays import as_numpy
from ensemble_cam.classifiers.heads import Step, go_on, part
from ensemble_cam.classifiers.torch_any_network import CUT_LINES, Network, cut_line
from ensemble_cam.classifiers.torch_branches import BranchCut
from ensemble_cam.classifiers.torch_cuts import FAILURES, Cut, checked_logits
from ensemble_cam.classifiers.torch_inputs import Input
from ensemble_cam.classifiers.torch_twins import private_twin
from ensemble_cam.errors import ClassifierError, ConfigError, did_you_mean, is_out_of_memory
from ensemble_cam.explanation.result import UNTRAINED_LINE, ClassMap, Explained, Explainer, Place
from ensemble_cam.explanation.sizing import combined, normalised, sized
from ensemble_cam.explanation.torch_layer_maps import Exposed, expose, gradients_of, layer_maps, smoothed
from ensemble_cam.explanation.torch_pixels import pixel_maps
from ensemble_cam.explanation.torch_rollout import attention_of, check_attention, rollout
from ensemble_cam.film.picture import Picture
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.methods import METHODS, METHODS_OF_ANY_NETWORK, ROLLOUT
from ensemble_cam.settings.vocabulary import ALL, PREDICTED

Target = str | int | np.integer[Any] | Callable[[Any], Tensor]

_READ = {"rollout": "whose attention is read", "pixels": "whose pixels have gradients"}

MANY_AT_ONCE = ("ablation", "score", "pixels")
"""Kinds of methods that show the network many changed activations or pictures."""


@dataclass(frozen=True, eq=False)
class _Found:
    """What the network gave: the logits, the maps, and what has to be said of these."""

    logits: np.ndarray
    maps: list[ClassMap]
    cautions: list[str]
    value: float | None = None  # of a target that is no class


def explain_picture(
    network: Network,
    picture: Picture | Mapping[str, Picture],
    target: Target = PREDICTED,
    options: ExplainOptions | None = None,
    *,
    step: Step = go_on,
) -> Explained:
    """Explain what a network says of a picture, or of one for each of its inputs.

    Args:
        network: any number of threads may explain with it.
        picture: the picture; of several inputs one by the name of each.
        target: a class's name or index, "predicted", or "all"; or a function of what the network returns for a batch of
            one picture, which returns a number.
        options: how the maps are made.
        step: told how much is done, and may raise `Cancelled`; asked often where a method takes long.

    Raises:
        ConfigError: if there is no such class, or an option does not go with the network.
        ClassifierError: if no map can be made at a layer, or the network fails on the picture, or gives no numbers.
    """
    options = options or ExplainOptions()
    network = check_asked(network, target, options)
    pictures = checked_pictures(network, picture)
    pixels = {each.name: _pixels(network, each, pictures[each.name]) for each in network.inputs}
    # Lightning's `predict_step` runs in inference mode, where nothing has gradients.
    with torch.inference_mode(False), torch.enable_grad():
        try:
            # What was made in inference mode may not enter autograd; its copy may.
            own = {name: each.clone() for name, each in pixels.items()}
            found = _within_memory(network, own, target, options, step)
        except FAILURES as error:
            raise ClassifierError(f"The network failed on this picture ({str(error)[:200]}).") from error
    shares = network.probabilities(torch.from_numpy(found.logits)).tolist() if len(found.logits) else []
    predicted = network.classes[int(np.argmax(found.logits))] if len(found.logits) else None
    classes = [each.name for each in found.maps]
    return Explained(
        pictures=pictures,
        by=_explainer(network, options),
        predicted=predicted,
        target=predicted if predicted in classes else classes[0],
        probabilities=dict(zip(network.classes, shares, strict=True)),
        logits=dict(zip(network.classes, found.logits.tolist(), strict=True)),
        value=found.value,
        maps=_finished(found.maps, pictures, options),
        cautions=(*_cautions(network, options.method), *dict.fromkeys(found.cautions), *_warnings(pictures)),
    )


def _finished(
    maps: Sequence[ClassMap], pictures: Mapping[str, Picture], options: ExplainOptions
) -> tuple[ClassMap, ...]:
    """Return maps in the size and on the scale that were asked for; those of several inputs share one scale."""
    found = []
    for _, own in groupby(maps, key=lambda each: (each.name, each.layer)):
        together = list(own)
        sizes = [pictures[each.input or next(iter(pictures))].size for each in together]
        grids = [sized(each.grid, size, options) for each, size in zip(together, sizes, strict=True)]
        grids = normalised(grids, options.normalisation)
        highest = max(float(grid.max()) for grid in grids) if len(grids) > 1 else None
        for each, grid in zip(together, grids, strict=True):
            grid.setflags(write=False)
            found.append(replace(each, grid=grid, highest=highest))
    return tuple(found)


def checked_pictures(network: Network, given: object) -> dict[str, Any]:
    """Return the pictures of a network by the names of its inputs, in their order.

    Raises:
        ConfigError: if they are not one for each of several inputs.
    """
    names = [each.name for each in network.inputs]
    if network.branches is None and not isinstance(given, Mapping):
        return {names[0]: given}
    if network.branches is None:
        raise ConfigError("The network takes one picture. Hand it over alone, and no dictionary.")
    if not isinstance(given, Mapping) or set(given) != set(names):
        got = ", ".join(map(str, given)) if isinstance(given, Mapping) else "one picture"
        raise ConfigError(f"The network takes a picture for each of {', '.join(names)}; got {got}. Name all of them.")
    return {name: given[name] for name in names}


def _pixels(network: Network, given: Input, picture: Picture) -> Tensor:
    """Return a picture as a network takes it, (1, channels, side, side)."""
    if picture.prepared is None:
        return network.pixels(torch.from_numpy(picture.resized(given.size, given.channels)), of=given)
    expected = (given.channels, given.size, given.size)
    if picture.prepared.shape != expected:
        raise ConfigError(f"The tensor has the shape {picture.prepared.shape}, and the network takes {expected}.")
    return network.prepared(torch.from_numpy(picture.prepared))


def _warnings(pictures: Mapping[str, Picture]) -> list[str]:
    told = [(name, line) for name, each in pictures.items() for line in each.warnings]
    return [line if len(pictures) == 1 else f"{name}: {line}" for name, line in told]


def _within_memory(
    network: Network, pixels: Mapping[str, Tensor], target: Target, options: ExplainOptions, step: Step
) -> _Found:
    """Return what the network gave; where memory ran out, with half as much at once, and at last on the processor.

    Raises:
        ClassifierError: if it runs out on the processor with one at once.
    """
    cautions: list[str] = []
    while True:
        try:
            found = _found_by(network, pixels, target, options, step)
            return replace(found, cautions=[*found.cautions, *cautions])
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        if options.batch_size > 1 and METHODS_OF_ANY_NETWORK[options.method].kind in MANY_AT_ONCE:
            options = replace(options, batch_size=options.batch_size // 2)
            cautions = [f"Memory ran out: the network was shown {options.batch_size} at once, and no more."]
        elif network.device.type != "cpu":
            network = network.on_processor()
            pixels = {name: each.cpu() for name, each in pixels.items()}
            cautions = ["Memory ran out on the graphics card: the processor went on."]
        else:
            raise ClassifierError("There is not enough memory for this network. Close other programs.")


def _found_by(
    network: Network, pixels: Mapping[str, Tensor], target: Target, options: ExplainOptions, step: Step
) -> _Found:
    if network.branches is not None:
        return _found_in_branches(network, network.branches, pixels, target, options)
    (alone,) = pixels.values()
    if options.told.kind == "pixels":
        return _of_pixels(network, alone, target, options, step)
    if options.rollout is not None:
        return _rolled(network, alone, target, options)
    return _found(network, alone, target, options, step)


def check_asked(network: Network, target: object, options: ExplainOptions) -> Network:
    """Return the network, cut at the layers that were asked for.

    Raises:
        ConfigError: if there is no such class, or an option does not go with the network.
        ClassifierError: if no map can be made at a layer, or there is no attention to roll out.
        TypeError: if the target is neither name nor index.
    """
    check_target(network, target)
    if callable(target) and options.told.kind in ("ablation", "score"):
        raise ConfigError("target: a function is explained by gradients alone. Take another method, as gradcam.")
    told = METHODS_OF_ANY_NETWORK[options.method]
    if network.branches is not None and told.kind not in ("gradient", "activation"):
        raise ConfigError(f"method: {told.title} is made of networks with one input alone. Take another, as gradcam.")
    if options.method == ROLLOUT.name and callable(target):
        raise ConfigError("target: a rollout is the same for every target. Leave it out.")
    if options.method == ROLLOUT.name:
        check_attention(network.module)
        return network
    if options.told.kind == "pixels":
        return network
    network = network.at(options.layers)
    if options.aug_smooth and network.branches is not None:
        raise ConfigError("aug_smooth: it mirrors a picture, and several inputs may have sides. Leave it out.")
    if options.combine is not None and network.branches is not None:
        raise ConfigError("combine: maps of several inputs lie in different pictures. Leave it out.")
    if options.combine is not None and len(network.cuts) == 1:
        raise ConfigError(f"combine: there is one layer, {network.layer.name}, and nothing to combine. Name several.")
    return network


def check_target(network: Network, target: object) -> None:
    """Refuse what is no class of a network.

    Raises:
        ConfigError: if it is none.
        TypeError: if it is neither name nor index.
    """
    if callable(target):
        return
    if not network.returns_logits:
        raise ConfigError("target: the network returns no logits of classes. Hand over a function of what it returns.")
    if isinstance(target, str):
        known = (*network.classes, PREDICTED, ALL)
        if target not in known:
            shown = ", ".join(known[:20]) + (" …" if len(known) > 20 else "")
            raise ConfigError(f"target: got {target!r}; allowed: one of {shown}.{did_you_mean(target, known)}")
    elif isinstance(target, bool) or not isinstance(target, int | np.integer):
        raise TypeError(
            f"target: a class's name or index, {PREDICTED!r}, {ALL!r} or a function; got {type(target).__name__}."
        )
    elif not 0 <= target < len(network.classes):
        raise ConfigError(f"target: got {target}; allowed: 0 to {len(network.classes) - 1}.")


@dataclass(frozen=True)
class _Asked:
    """What of a network's output is explained.

    Attributes:
        names: what results call it: classes, or a function's name.
        indices: of the classes; empty for a function.
        function: what gives the number that is explained instead.
    """

    names: tuple[str, ...]
    indices: tuple[int, ...]
    function: Callable[[Any], Tensor] | None = None

    def numbers(self, outputs: Any) -> list[Tensor]:
        """Return what is explained of an output, each a tensor of one element."""
        if self.function is None:
            return [outputs[0, index] for index in self.indices]
        found = self.function(outputs)
        if not isinstance(found, Tensor) or found.numel() != 1 or not found.is_floating_point():
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ConfigError(
                f"target: the function returned {shape}; one number is explained, a tensor of autograd's."
            )
        if not found.requires_grad:
            raise ConfigError(
                "target: the function's number does not come from the layer. Detach nothing, or take another."
            )
        if not bool(torch.isfinite(found)):
            raise ClassifierError("The function's number is none for this picture (NaN or infinite).")
        return [found.reshape(())]


def _asked(network: Network, target: Target, logits: np.ndarray) -> _Asked:
    if callable(target):
        name = getattr(target, "__name__", "")
        return _Asked((name if name.isidentifier() else "target",), (), target)
    indices = _targets(network, target, int(np.argmax(logits)))
    return _Asked(tuple(network.classes[each] for each in indices), tuple(indices))


def _found(network: Network, pixels: Tensor, target: Target, options: ExplainOptions, step: Step) -> _Found:
    seen = [
        expose(cut, pixels, of_logits=network.returns_logits, step=part(step, number, len(network.cuts)))
        for number, cut in enumerate(network.cuts)
    ]
    logits = _numbers(seen[-1].outputs) if network.returns_logits else np.zeros(0, np.float32)
    asked = _asked(network, target, logits)
    names, grids, cautions = asked.names, [], []
    for cut, each in zip(network.cuts, seen, strict=True):
        if options.aug_smooth:
            maps, told = _smoothed(network, cut, each, asked, options)
        else:
            maps, told = _maps_of(each, asked, options)
        grids.append(_grids(maps, options.method))
        cautions += told if len(network.cuts) == 1 else [f"{cut.layer}: {line}" for line in told]
    value = None if asked.function is None else float(asked.numbers(seen[-1].outputs)[0].detach())
    if options.combine is not None:
        joint = [combined([of[index] for of in grids], options.combine) for index in range(len(names))]
        return _Found(logits, _class_maps(names, [joint], [None]), cautions, value)
    layers = [None] if len(grids) == 1 else [cut.layer for cut in network.cuts]
    return _Found(logits, _class_maps(names, grids, layers), cautions, value)


def _maps_of(exposed: Exposed, asked: _Asked, options: ExplainOptions) -> tuple[Tensor, list[str]]:
    """Return the maps of several classes at a layer, (n, h, w), at least 0, and what has to be said of them."""
    count = range(len(asked.names))
    if METHODS[options.method].kind != "gradient":
        return layer_maps(exposed, None, asked.indices or count, options)
    (gradients,) = gradients_of(asked.numbers(exposed.outputs), [exposed.leaf])
    maps, told = layer_maps(exposed, gradients, asked.indices or count, options)
    return maps, told + _silent(asked.names, gradients)


def _smoothed(
    network: Network, cut: Cut, seen: Exposed, asked: _Asked, options: ExplainOptions
) -> tuple[Tensor, list[str]]:
    """Return what `_maps_of` does, over six changed pictures."""

    def made(changed: Tensor, step: Step) -> tuple[Tensor, list[str]]:
        return _maps_of(expose(cut, changed, of_logits=network.returns_logits, step=step), asked, options)

    return smoothed(made, seen.pixels, seen.step)


def _found_in_branches(
    network: Network, branches: BranchCut, pixels: Mapping[str, Tensor], target: Target, options: ExplainOptions
) -> _Found:
    """Return what `_found` does of a network with several inputs: a map for each of them, from one pass."""
    outputs, leaves = branches.run(pixels)
    logits = _numbers(outputs)
    asked = _asked(network, target, logits)
    numbers = asked.numbers(outputs)
    gradients = dict(zip(leaves, gradients_of(numbers, list(leaves.values())), strict=True))
    grids: dict[str, list[np.ndarray]] = {}
    cautions = []
    for name, leaf in leaves.items():
        own = gradients[name] if METHODS[options.method].kind == "gradient" else None
        maps, told = layer_maps(Exposed(leaf, outputs, pixels[name]), own, range(len(numbers)), options)
        grids[name] = _grids(maps, options.method)
        cautions += [f"{name}: {line}" for line in told]
    sums = {name: (leaves[name].detach() * each).abs().sum((1, 2, 3)) for name, each in gradients.items()}
    found = []
    for index, called in enumerate(asked.names):
        whole = float(sum(each[index] for each in sums.values()))
        for name, of in grids.items():
            share = float(sums[name][index]) / whole if whole else None
            found.append(ClassMap(called, of[index], input=name, share=share))
        if not whole:
            cautions.append(f"The gradient of {called} is 0 at all layers: no input moves it.")
    return _Found(logits, found, cautions, None if asked.function is None else float(numbers[0].detach()))


def _class_maps(
    names: Sequence[str], grids: Sequence[Sequence[np.ndarray]], layers: Sequence[str | None]
) -> list[ClassMap]:
    """Return the maps, a class's together, of each layer's grids."""
    return [
        ClassMap(name, of[index], layer=layer)
        for index, name in enumerate(names)
        for of, layer in zip(grids, layers, strict=True)
    ]


def _silent(names: Sequence[str], gradients: Tensor) -> list[str]:
    silent = [name for name, of in zip(names, gradients, strict=True) if not of.any()]
    if not silent:
        return []
    return [f"The gradient of {', '.join(silent[:3])} is 0 at this layer: no method that uses it has a map."]


def _grids(maps: Tensor, method: str) -> list[np.ndarray]:
    """Return maps as they are kept, (h, w) float32.

    Raises:
        ClassifierError: if one holds what is no number.
    """
    grids = as_numpy(maps).astype(np.float32)
    if not np.isfinite(grids).all():
        raise ClassifierError(
            f"{METHODS_OF_ANY_NETWORK[method].title} gives no numbers at this layer. Take another method."
        )
    return [grid.copy() for grid in grids]


def _of_pixels(network: Network, pixels: Tensor, target: Target, options: ExplainOptions, step: Step) -> _Found:
    """Return what `_found` does of a method whose maps are of pixels."""
    twin = private_twin(network.module)
    with torch.no_grad():
        outputs = twin(pixels)
    logits = _numbers(checked_logits(outputs, 1)) if network.returns_logits else np.zeros(0, np.float32)
    asked = _asked(network, target, logits)
    channels, side = pixels.shape[1], pixels.shape[-1]
    black = network.pixels(torch.zeros(channels, side, side))

    def numbers(found: Any) -> Sequence[Tensor]:
        if asked.function is not None:
            return [each[None] for each in asked.numbers(found)]
        return [found[:, index] for index in asked.indices]

    # A function takes one picture's output.
    at_once = 1 if asked.function is not None else options.batch_size
    maps, told = pixel_maps(twin, numbers, pixels, black, options, at_once, step)
    value = None if asked.function is None else float(asked.numbers(twin(pixels.clone().requires_grad_()))[0].detach())
    return _Found(logits, _class_maps(asked.names, [_grids(maps, options.method)], [None]), told, value)


def _rolled(network: Network, pixels: Tensor, target: Target, options: ExplainOptions) -> _Found:
    """Return what `_found` does of a rollout, which is one map for all classes."""
    assert options.rollout is not None
    outputs = checked_logits(network.cut.whole(pixels), 1)
    logits = _numbers(outputs)
    asked = _asked(network, target, logits)
    cells = rollout(attention_of(network.module, pixels), options.rollout)
    grid = as_numpy(cells).astype(np.float32)
    if not np.isfinite(grid).all():
        raise ClassifierError(f"{ROLLOUT.title} gives no numbers here: every head leaves some row nothing. Take mean.")
    return _Found(logits, _class_maps(asked.names, [[grid.copy() for _ in asked.names]], [None]), [])


def _numbers(outputs: Tensor) -> np.ndarray:
    """Return a picture's (1, classes) logits as (classes,) float32."""
    logits = as_numpy(outputs[0].detach().float())
    if not np.isfinite(logits).all():
        raise ClassifierError("The network gives logits that are no numbers for this picture. Check its weights.")
    return logits


def _targets(network: Network, target: str | int | np.integer[Any], predicted: int) -> list[int]:
    if not isinstance(target, str):
        return [int(target)]
    if target in network.classes:
        return [network.classes.index(target)]
    return [predicted] if target == PREDICTED else list(range(len(network.classes)))


def _explainer(network: Network, options: ExplainOptions) -> Explainer:
    cuts = network.cuts or [network.branches] * len(network.chosen)
    places = tuple(
        Place(layer.name, layer.channels, cut.way, cut_line(cut), layer.input, layer.exact, layer.unstable)
        for cut, layer in zip(cuts, network.chosen, strict=True)
        if cut is not None
    )
    inputs = {
        each.name: {"size": each.size, "channels": each.channels, "mean": list(each.mean), "std": list(each.std)}
        for each in network.inputs
    }
    return Explainer(
        network=network.name,
        weights=network.weights,
        weights_sha256=network.weights_sha256,
        untrained=network.untrained,
        places=places if options.has_layers else (),
        cut_line=_cut_lines(places) if options.has_layers else f"{CUT_LINES['twin']}, {_READ[options.told.kind]}",
        output=network.output,
        options=options,
        input=inputs[network.input.name] if network.branches is None else inputs,
    )


def _cut_lines(places: Sequence[Place]) -> str:
    if len({each.cut_line for each in places}) == 1:
        return places[0].cut_line
    return "; ".join(f"{each.layer}: {each.cut_line}" for each in places)


def _cautions(network: Network, method: str) -> list[str]:
    found = []
    if network.untrained:
        found.append(UNTRAINED_LINE)
    if network.input.assumed:
        found.append("No mean and std were given: the network was shown the values from 0 to 1 as they are.")
    if not network.has_named_classes:
        found.append("Nobody named the classes: class_0 is the first output.")
    told = METHODS_OF_ANY_NETWORK[method]
    if not told.by_label:
        found.append(f"{told.title} is the same for every class, so it explains none of them.")
    return found
