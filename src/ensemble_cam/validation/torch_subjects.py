"""Any network's maps of a picture, ready to be measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from ensemble_cam.classifiers.arrays import as_numpy
from ensemble_cam.classifiers.torch_any_network import Network, cut_line
from ensemble_cam.classifiers.torch_cuts import FAILURES, checked_logits
from ensemble_cam.errors import ClassifierError, is_out_of_memory
from ensemble_cam.explanation.result import UNTRAINED_LINE, Explained
from ensemble_cam.explanation.torch_explain import explain_picture
from ensemble_cam.film.picture import Picture, picture_of_file
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.vocabulary import PREDICTED
from ensemble_cam.validation.shown import Shown
from ensemble_cam.validation.subjects import MapOf, Subject
from ensemble_cam.validation.torch_sanity import PeerOfNetwork


def shown_to_network(network: Network, picture: Picture) -> Shown:
    """Return a picture as any network sees it, stretched to its square."""
    values = torch.from_numpy(picture.resized(network.input.size, network.input.channels))
    pixels = network.pixels(values)

    def logits(pictures: np.ndarray) -> np.ndarray:
        try:
            with torch.inference_mode(False), torch.no_grad():
                found = network.cut.whole(torch.from_numpy(pictures).to(device=pixels.device, dtype=pixels.dtype))
                return as_numpy(checked_logits(found, len(pictures)).detach().float()).astype(np.float64)
        except FAILURES as error:
            if is_out_of_memory(error):
                raise ClassifierError("There is not enough memory for this network. Close other programs.") from None
            raise ClassifierError(f"The network failed on a changed picture ({str(error)[:200]}).") from error

    def score(found: np.ndarray, output: int) -> np.ndarray:
        return np.array([float(network.probabilities(torch.from_numpy(each))[output]) for each in found])

    square = as_numpy(pixels[0].float())
    mean, std = (np.array(each, np.float32)[:, None, None] for each in (network.input.mean, network.input.std))
    limits = (0 - mean) / std, (1 - mean) / std
    return Shown(square, logits, score, np.ones(square.shape[1:], dtype=bool), limits)


def subject_of_explained(network: Network, explained: Explained) -> Subject:
    """Return an explained picture with its maps.

    Raises:
        ClassifierError: if the network takes several pictures.
    """
    if len(explained.pictures) > 1:
        raise ClassifierError("A network of several inputs is not measured: a map is changed in one picture at a time.")
    (picture,) = explained.pictures.values()
    classes, cautions = explained.classes, explained.cautions
    maps = _maps(network, shown_to_network(network, picture), explained)
    return Subject(picture.sha256, network.untrained, cautions, maps, len(classes), len(explained.maps) // len(classes))


def _maps(network: Network, shown: Shown, explained: Explained) -> Iterator[MapOf]:
    options = explained.by.options
    can_be_made_anew = options.has_layers and len(network.cuts) == 1 and not options.layers
    for each in explained.maps:
        peer = partial(PeerOfNetwork, network, options) if can_be_made_anew else None
        method = f"{explained.by.method} at {each.layer}" if each.layer else explained.by.method
        yield MapOf(each.name, network.name, method, shown, network.classes.index(each.name), each.grid, peer)


@dataclass(frozen=True, eq=False)
class OfNetwork:
    """Makes the maps of any network's classes; see `subjects.Maker`.

    Attributes:
        network: the network.
        classes: those that are explained; without any, the one with the highest probability.
        methods: how, each by itself.
    """

    network: Network
    classes: Sequence[str]
    methods: Sequence[str]

    @property
    def notice(self) -> str:
        """See `subjects.Maker`."""
        return UNTRAINED_LINE.rstrip(".") if self.network.untrained else ""

    @property
    def records(self) -> list[dict[str, Any]]:
        """See `subjects.Maker`."""
        network = self.network
        return [
            {
                "id": network.name,
                "name": network.name,
                "weights": network.weights,
                "weights_sha256": network.weights_sha256,
                "layer": network.cut.layer,
                "cut": cut_line(network.cut),
                "output": network.output,
            }
        ]

    @property
    def settings(self) -> dict[str, Any]:
        """See `subjects.Maker`."""
        return {"methods": list(self.methods), "framing": "the whole picture, stretched to a square"}

    def subject(self, data: bytes) -> Subject:
        """See `subjects.Maker`."""
        picture = picture_of_file(read_radiograph(data), data)
        options = [ExplainOptions(method=each) for each in self.methods]
        first = [explain_picture(self.network, picture, each, options[0]) for each in self.classes or (PREDICTED,)]
        cautions = tuple(dict.fromkeys(caution for each in first for caution in each.cautions))
        maps = self._made(picture, first, options[1:])
        return Subject(picture.sha256, self.network.untrained, cautions, maps, len(first), len(options))

    def _made(self, picture: Picture, first: Sequence[Explained], options: Sequence[ExplainOptions]) -> Iterator[MapOf]:
        shown = shown_to_network(self.network, picture)
        for explained in first:
            yield from _maps(self.network, shown, explained)
            for each in options:
                again = explain_picture(self.network, picture, explained.target, each)
                yield from _maps(self.network, shown, again)
