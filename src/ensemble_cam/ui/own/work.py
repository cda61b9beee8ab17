"""What a session's page of its own network holds, and what it computes: loading the network, explaining a picture."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.errors import Cancelled, ClassifierError, ConfigError
from ensemble_cam.film.picture import picture_of_file
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.methods import METHODS_OF_ANY_NETWORK, ROLLOUT
from ensemble_cam.ui.session.jobs import Job
from ensemble_cam.ui.session.slot import Slot

if TYPE_CHECKING:
    from ensemble_cam.classifiers.torch_any_network import Network
    from ensemble_cam.explanation.result import Explained

_OWN = "own network"
_KINDS = ("torchvision:", "timm:")


@dataclass(frozen=True)
class File:
    """A file that the reader handed over.

    Attributes:
        name: its own.
        data: its bytes.
    """

    name: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """Hash of its bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Wish:
    """Which network to load.

    Attributes:
        spec: its name, torchvision's or timm's.
        classes: what its outputs are called; None for what the checkpoint says.
        output: "softmax" or "sigmoid".
        input_size: in pixels; None for what is known of it.
        checkpoint: the file of its weights; None for seeded values.
        names: a file of class names beside that; None without.
    """

    spec: str
    classes: tuple[str, ...] | None
    output: str
    input_size: int | None
    checkpoint: File | None = None
    names: File | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What the network follows from."""
        files = tuple(None if each is None else each.sha256 for each in (self.checkpoint, self.names))
        return self.spec, self.classes, self.output, self.input_size, files


@dataclass(eq=False)
class Held:
    """What a session's page holds.

    Attributes:
        wish: the network that is wanted; None before the first.
        network: it, and its loading.
        pictures: what was handed over, by hash, in order.
        explaining: of each method that was asked for the explanation of the picture on the screen.
        shown_anyway: (network, picture) whose maps are to be seen though they mean nothing.
    """

    wish: Wish | None = None
    network: "Slot[Network]" = field(default_factory=partial(Slot, "loading"))
    pictures: dict[str, File] = field(default_factory=dict)
    explaining: "Slot[tuple[Explained | str, ...]]" = field(default_factory=partial(Slot, "explanation"))
    shown_anyway: object = None

    def clear(self) -> None:
        """Let go of everything, for good."""
        self.wish, self.pictures = None, {}
        self.network.close()
        self.explaining.close()


def session_own() -> Held:
    """Return what this session's page holds."""
    return st.session_state.setdefault(_OWN, Held())


def loading(wish: Wish) -> "Callable[[Job[Network]], Network]":
    """Return the work that loads a network. The checkpoint lies in a folder of its own as long as it is read."""

    def work(job: "Job[Network]") -> "Network":
        if not wish.spec.startswith(_KINDS):
            raise ConfigError(
                f"Network: got {wish.spec!r}; allowed here: torchvision:NAME or timm:NAME. A network of your own code "
                "is explained by `ensemble-cam explain --network file:PATH.toml`, on your own machine."
            )
        job.report("Loading the network", 0.1)
        from ensemble_cam.classifiers.torch_named_networks import load_network

        given = {"classes": wish.classes, "input_size": wish.input_size}
        asked = {name: value for name, value in given.items() if value is not None}
        with TemporaryDirectory() as folder:
            path = _written(wish, Path(folder))
            job.report("Filling and cutting the network", 0.4)
            if job.stopped():
                raise Cancelled("Stopped before the network was loaded.")
            return load_network(wish.spec, checkpoint=path, output=wish.output, **asked)  # type: ignore[arg-type]

    return work


def _written(wish: Wish, folder: Path) -> Path | None:
    """Write a wish's files and return where the checkpoint lies; no name of the reader's is a path."""
    from ensemble_cam.classifiers.checkpoints import CLASSES

    if wish.checkpoint is None:
        return None
    path = folder / (Path(wish.checkpoint.name).name[:100] or "checkpoint")
    path.write_bytes(wish.checkpoint.data)
    if wish.names is not None:
        path.with_name(f"{path.stem}{CLASSES}").write_bytes(wish.names.data)
    return path


def explaining(
    network: "Network", file: File, target: str, layers: Sequence[str], methods: Sequence[str]
) -> "Callable[[Job[tuple[Explained | str, ...]]], tuple[Explained | str, ...]]":
    """Return the work that explains a picture by several methods; one that cannot be is a sentence."""

    def work(job: "Job[tuple[Explained | str, ...]]") -> "tuple[Explained | str, ...]":
        from ensemble_cam.explanation.torch_explain import explain_picture

        job.report("Reading the picture", 0.0)
        picture = picture_of_file(read_radiograph(file.data, cancelled=job.stopped), file.data)
        found: list[Explained | str] = []
        for number, method in enumerate(methods):
            title = METHODS_OF_ANY_NETWORK[method].title

            def step(share: float, title: str = title, number: int = number) -> None:
                job.report(title, (number + share) / len(methods))
                if job.stopped():
                    raise Cancelled("Stopped before the maps were done.")

            step(0)
            options = ExplainOptions(method=method, layer=None if method == ROLLOUT.name else (tuple(layers) or None))
            try:
                found.append(explain_picture(network, picture, target, options, step=step))
            except (ClassifierError, ConfigError) as error:
                found.append(f"{title}: {error}")
        return tuple(found)

    return work
