"""Any network's explanation of a picture, as a caller gets it."""

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

import numpy as np
from PIL import Image

from ensemble_cam.api.source import Source, file_of, name_of
from ensemble_cam.archive.films import checked_case
from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.explanation.result import ClassMap, Explained
from ensemble_cam.export.explained import (
    explained_figure,
    explained_overlay,
    explanation_record,
    score_line,
    write_explanation,
)
from ensemble_cam.film.picture import (
    Picture,
    picture_of_array,
    picture_of_file,
    picture_of_film,
    picture_of_prepared,
)
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.explain_options import ExplainOptions

if TYPE_CHECKING:
    import torch

    from ensemble_cam.classifiers.torch_any_network import Network
    from ensemble_cam.classifiers.torch_inputs import Input

PictureSource: TypeAlias = "Source | Image.Image | torch.Tensor"
"""What a picture is read from."""


class Explanation:
    """What a network says of a picture, and where it looks, as `explain` returns it. It is never changed."""

    # No dataclass: Lightning looks into those that `predict_step` returns, and refuses frozen ones.
    __slots__ = ("_explained", "_name", "_network")

    def __init__(self, explained: Explained, network: "Network", name: str | None = None):
        self._explained, self._network, self._name = explained, network, name

    @property
    def predicted(self) -> str | None:
        """The class with the highest probability; None where the network has no classes."""
        return self._explained.predicted

    @property
    def target(self) -> str:
        """The class that `map` explains; of all classes the predicted one; of a function its name."""
        return self._explained.target

    @property
    def probabilities(self) -> Mapping[str, float]:
        """Every class with the softmax, or the sigmoid, of its logit, in [0, 1] and not calibrated; in their order."""
        return MappingProxyType(dict(self._explained.probabilities))

    @property
    def map(self) -> np.ndarray:
        """The target's map on the grid of the layer, (rows, columns) float32, at least 0, as the method gives it.

        Raises:
            ConfigError: if there are several, of layers or inputs: take them from `maps`.
        """
        return self._one(None).grid

    @property
    def maps(self) -> Mapping[str, np.ndarray]:
        """The target's maps, each as `map`: by input, where the network has several; else by layer.

        Where one map is of no layer, or of several together, its key is the method.
        """
        by, own = self._explained.by, self._explained.of_class(self.target)
        alone = by.places[0].layer if len(by.places) == 1 else by.method
        return MappingProxyType({each.of or alone: each.grid for each in own})

    @property
    def shares(self) -> Mapping[str, float]:
        """Of several inputs, each one's share of the target's activation × gradient, sizes summed; they add up to 1.

        Empty for one input, and where nothing moves the target.
        """
        own = self._explained.of_class(self.target)
        return MappingProxyType({each.input: each.share for each in own if each.input and each.share is not None})

    @property
    def value(self) -> float | None:
        """What the function that was explained gave; None for classes."""
        return self._explained.value

    @property
    def class_maps(self) -> Mapping[str, np.ndarray]:
        """The maps of all classes that were asked for, by class; each as `map`.

        Raises:
            ConfigError: if a class has several, of layers or inputs: take the target's from `maps`.
        """
        return MappingProxyType({name: self._one(None, name).grid for name in self._explained.classes})

    @property
    def cautions(self) -> tuple[str, ...]:
        """What has to be known first, one plain sentence each."""
        return self._explained.cautions

    @property
    def record(self) -> dict[str, Any]:
        """What `explanation.json` holds."""
        return explanation_record(self._explained)

    def map_in_picture(self, of: str | None = None) -> np.ndarray:
        """Return the target's relative activation at every pixel of the picture, (height, width) float32 in [0, 1].

        It is bilinear between the cells' centres. An empty map is 0 throughout. Of several inputs it is a share of the
        highest value of all.

        Args:
            of: the layer or the input, where there are several maps.

        Raises:
            ConfigError: if there is no such map, or none is named of several.
        """
        return self._explained.in_picture(self._one(of))

    def overlay(
        self,
        alpha: float = 0.5,
        colormap: str = "inferno",
        *,
        of: str | None = None,
        threshold: float = 0.4,
        bare: bool = False,
    ) -> Image.Image:
        """Return the target's map over the picture, RGB in the picture's pixels, with its words below it.

        Args:
            alpha: of the colours over the picture, 0 to 1.
            colormap: "inferno", "viridis", "magma", "cividis", "turbo" or "jet".
            of: the layer or the input, where there are several maps.
            threshold: relative activation below it is not drawn.
            bare: leave the words out; they then stand in the picture's `info` alone.

        Raises:
            ConfigError: if a value is not allowed.
        """
        display = Display(threshold=threshold, opacity=alpha, colormap=colormap, bare=bare)
        return _picture(explained_overlay(self._explained, self._one(of), display))

    def figure(self) -> Image.Image:
        """Return picture, bare map and overlay side by side, RGB, with class and probability above and words below.

        Of several layers or inputs there is a row for each.
        """
        return _picture(self._repr_png_())

    def save(self, out: str | os.PathLike[str], *, name: str | None = None) -> Path:
        """Write the explanation's folder: `<class>.png`, `<class>.npy` for each map, and `explanation.json`.

        Of several inputs they are `<input>_<class>`, of several layers `<class>_<layer>`.

        Nothing is overwritten: where a folder of the name is there, a number is added. It appears whole or not at all.

        Args:
            out: the folder in which it is made; it need not be there.
            name: what it is called; without, by the picture's file, else by its hash.

        Returns:
            The explanation's folder.

        Raises:
            ExportError: if it cannot be written.
            ConfigError: if the name is none for a folder.
        """
        own = self._name or next(iter(self._explained.pictures.values())).sha256[:16]
        return write_explanation(
            self._explained, Path(out), own if name is None else checked_case(name, of="name"), Display()
        )

    def __repr__(self) -> str:
        by = self._explained.by
        return f"Explanation({score_line(self._explained, self.target)}; {by.method_line()} of {by.network})"

    def _repr_png_(self) -> bytes:
        """The figure."""
        return explained_figure(self._explained, self._explained.of_class(self.target), Display())

    def _one(self, of: str | None, name: str | None = None) -> ClassMap:
        """Return the one map of a class, or that of a layer or an input."""
        own = self._explained.of_class(name or self.target)
        known = [each.of for each in own if each.of]
        if of is None and len(own) == 1:
            return own[0]
        if of not in known:
            named = ", ".join(known) or "none: there is one map"
            raise ConfigError(f"of: got {of!r}; allowed: one of {named}.{did_you_mean(of, known)}")
        return own[known.index(of)]


class Keywords(TypedDict, total=False):
    """The fields of `ExplainOptions`, by keyword."""

    method: str
    layer: str | Sequence[str] | None
    combine: str | None
    size: int | str
    interpolation: str
    normalisation: str
    gradients: str
    aug_smooth: bool
    eigen_smooth: bool
    batch_size: int
    fusion: str | None
    discard: float | None
    samples: int | None
    noise: float | None
    seed: int | None


def explain(
    network: "Network",
    picture: "PictureSource | Mapping[str, PictureSource]",
    *,
    target: "str | int | np.integer[Any] | Callable[[Any], torch.Tensor]" = "predicted",
    options: ExplainOptions | None = None,
    **given: Unpack[Keywords],
) -> Explanation:
    """Explain what a network says of a picture.

    Several threads may explain with one network: nothing of it is hooked or changed.

    Args:
        network: of `Network` or `load_network`.
        picture: a file's path or bytes, a PIL image, an array ((h, w) grey or (h, w, 3) RGB: uint8, uint16, or floats
            from 0 to 1), what `read_film` returned, or a `Phantom`. The whole of it is stretched to the network's
            square. A tensor, (channels, side, side) or in a batch of one, is what the network takes, resized and scaled
            already. Of a network with several inputs a dictionary: for each by its name.
        target: the class to explain, by name or index; "predicted", or "all". Or a function that takes what the network
            returns for a batch of one picture, and returns the number to explain: a box's score, a mask's sum, the
            difference of two logits.
        options: how the maps are made.
        **given: fields of `ExplainOptions`, in the place of those: `method`, `layer`, `combine` …

    Raises:
        ConfigError: if there is no such class or method, or a value is not allowed.
        RadiographError: if this is no picture that can be read.
        ClassifierError: if no map can be made at a layer, the network fails on the picture, or has no attention to roll
            out.
        TypeError: if an argument is of another type, or there is no option of a name.
    """
    from ensemble_cam.classifiers.torch_any_network import Network
    from ensemble_cam.explanation.torch_explain import check_asked, checked_pictures, explain_picture

    if not isinstance(network, Network):
        raise TypeError(
            f"network: got {type(network).__name__}; hand over ec.Network(module, …) or ec.load_network(…)."
        )
    asked = ExplainOptions.of(options, given)
    check_asked(network, target, asked)
    given_pictures = checked_pictures(network, picture)
    pictures = {each.name: _picture_for(each, given_pictures[each.name]) for each in network.inputs}
    explained = explain_picture(network, pictures if network.branches else pictures["picture"], target, asked)
    return Explanation(explained, network, _name_of(next(iter(given_pictures.values()))))


def explained_by(explanation: Explanation) -> Explained:
    """Return the numbers behind an explanation."""
    return explanation._explained


def explain_pictures(
    network: "Network",
    pictures: Iterable[Any],
    *,
    targets: "Sequence[str | int | np.integer[Any]] | None" = None,
    only: int | None = None,
    options: ExplainOptions | None = None,
    **given: Unpack[Keywords],
) -> Iterator[Explanation]:
    """Explain many pictures, one after the other, as they are asked for.

    Args:
        network: of `Network` or `load_network`.
        pictures: any of what `explain` takes; batches of tensors, (n, channels, side, side), which are taken apart; or
            a data loader's pairs of such a batch and class indices, each of which is the target of its picture.
        targets: a class for each picture, by name or index; without, a loader's own, else "predicted".
        only: stop after so many pictures.
        options: as of `explain`.
        **given: as of `explain`.

    Raises:
        ConfigError: if there are fewer targets than pictures, and all that `explain` raises.
    """
    from itertools import islice

    for number, (picture, own) in enumerate(islice(_one_by_one(pictures), only)):
        if targets is not None and number >= len(targets):
            raise ConfigError(f"targets: got {len(targets)}, and there are more pictures. Give one for each.")
        target = own if targets is None else targets[number]
        yield explain(network, picture, target="predicted" if target is None else target, options=options, **given)


def _one_by_one(pictures: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each picture with its class index, where a loader gives one."""
    for each in pictures:
        batch, labels = each if isinstance(each, tuple | list) and len(each) == 2 else (each, None)
        if not _is_tensor(batch) or batch.ndim != 4:
            yield batch, None if labels is None else int(labels)
            continue
        if labels is not None and len(labels) != len(batch):
            raise ConfigError(f"The loader gives {len(batch)} pictures with {len(labels)} class indices. Mend it.")
        for index in range(len(batch)):
            yield batch[index], None if labels is None else int(labels[index])


def _is_tensor(given: object) -> bool:
    # Whoever hands over a tensor has imported PyTorch.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(given, torch.Tensor)


def _picture_for(given: "Input", source: Any) -> Picture:
    """Read a picture for an input; a tensor is taken as it is."""
    if not _is_tensor(source):
        return read_picture(source)
    alone = source[0] if source.ndim == 4 and len(source) == 1 else source
    return picture_of_prepared(alone.detach().cpu().float().numpy(), given.mean, given.std)


def read_picture(source: PictureSource) -> Picture:
    """Read a picture; see `explain`.

    Raises:
        RadiographError: if it is none that can be read.
        TypeError: if `source` is of another type.
    """
    if isinstance(source, Radiograph):
        return picture_of_film(source)
    if isinstance(source, np.ndarray):
        return picture_of_array(source)
    if isinstance(source, Image.Image):
        grey = source.mode in ("1", "L", "LA")
        return picture_of_array(np.asarray(source.convert("L" if grey else "RGB")))
    data = file_of(source)
    if data is None:
        raise TypeError(f"A picture is a path, bytes, an array, a PIL image or a film; got {type(source).__name__}.")
    return picture_of_file(read_radiograph(data), data)


def _name_of(source: Any) -> str | None:
    return None if isinstance(source, Image.Image) or _is_tensor(source) else name_of(source)


def _picture(encoded: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(encoded))
    picture.load()
    return picture
