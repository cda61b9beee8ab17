"""torchxrayvision, imported without what its import does to the rest of the process.

Its import (1.5) silences every warning of the process, and its JF Healthcare classifier puts its own folder on
`sys.path` to import a top-level package named `model`. Both are undone here.

Its whole models, loaded by its own code, are for comparison alone: `validation.upstream`.
"""

import contextlib
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, NoReturn

from torch import nn
from torch.utils import model_zoo as _model_zoo

from ensemble_cam.errors import WeightsError

model_zoo: Any = _model_zoo
_lock = Lock()


@cache
def torchxrayvision() -> ModuleType:
    """Return the torchxrayvision package, imported once, leaving `sys.path`, `model` and the warnings as they were."""
    with _lock, warnings.catch_warnings():
        path = list(sys.path)
        foreign = _take_model_package()
        try:
            import torchxrayvision as xrv
        finally:
            sys.path[:] = path
            _take_model_package()
            sys.modules.update(foreign)
    return xrv


def _take_model_package() -> dict[str, ModuleType]:
    """Remove the top-level package `model` from the imported ones and return what was removed."""
    names = [name for name in sys.modules if name == "model" or name.startswith("model.")]
    return {name: sys.modules.pop(name) for name in names}


_MODELS: Mapping[str, Callable[[Any, str, str], Any]] = {
    "densenet": lambda xrv, name, folder: xrv.models.DenseNet(weights=name, cache_dir=folder),
    "resnet": lambda xrv, name, folder: xrv.models.ResNet(weights=name, cache_dir=folder),
    "jfhealthcare": lambda xrv, name, folder: xrv.baseline_models.jfhealthcare.DenseNet(),  # below the home folder
}
# Where the last spatial stage ends in each: the place of its module, and whether upstream's own in-place ReLU follows.
_LAST_STAGES: Mapping[str, tuple[str, bool]] = {
    "densenet": ("features", True),
    "resnet": ("model.layer4", False),
    "jfhealthcare": ("model.module.backbone.features", True),
}


def upstream_model(model_type: str, name: str, file_name: str, data: bytes) -> nn.Module:
    """Return torchxrayvision's own whole model, filled by its own code; nothing is downloaded.

    That code unpickles a DenseNet without restriction, so `data` has to be what `weights.unpickling` has read before:
    then every name in it is a tensor's or one of torch's or torchxrayvision's own layers'.

    Args:
        model_type: a clinical family.
        name: the weights' name, upstream's as ours.
        file_name: under which they are released.
        data: the file's bytes.

    Raises:
        WeightsError: if upstream's code wants another file than this one.
    """
    xrv = torchxrayvision()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / ".torchxrayvision" / "models_data"
        folder.mkdir(parents=True)
        (folder / file_name).write_bytes(data)
        with _alone(xrv, home):
            model: nn.Module = _MODELS[model_type](xrv, name, str(folder))
    return model.eval().requires_grad_(False)


def without_scores(model: Any) -> nn.Module:
    """Make an upstream model return logits, and return it."""
    model.op_threshs, model.apply_sigmoid = None, False
    whole: nn.Module = model
    return whole


def hooked_layer(model_type: str, model: nn.Module) -> nn.Module:
    """Return the layer of an upstream model whose output is what its head pools: the rectified last stage.

    Upstream rectifies a DenseNet's last stage in place, under the hands of whoever holds it. So a ReLU of its own is
    put before that, which changes no logit, and a copy behind it. What the layer is made of asks for gradients.
    """
    path, is_rectified_later = _LAST_STAGES[model_type]
    stage = model.get_submodule(path)
    list(stage.parameters())[-1].requires_grad_(True)
    if not is_rectified_later:
        return stage
    layer = nn.ReLU(inplace=False)
    stage.add_module("relu_of_its_own", layer)
    stage.add_module("clone", _Clone())
    return layer


class _Clone(nn.Module):
    def forward(self, values: Any) -> Any:
        return values.clone()


@contextlib.contextmanager
def _alone(xrv: Any, home: str) -> Iterator[None]:
    """Keep upstream's constructors from the network, from the user's home and from the terminal."""

    def refuse(url: str, _: str) -> NoReturn:
        raise WeightsError(f"torchxrayvision wanted to download {url}, which these weights are not.")

    names = ("HOME", "USERPROFILE")
    before = {name: os.environ.get(name) for name in names}
    download, load_url = xrv.utils.download, model_zoo.load_url
    with _lock, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            os.environ.update(dict.fromkeys(names, home))
            # JF Healthcare's constructor fills its network with ImageNet's values first, and then with its own.
            xrv.utils.download, model_zoo.load_url = refuse, lambda *_, **__: {}
            yield
        finally:
            xrv.utils.download, model_zoo.load_url = download, load_url
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
