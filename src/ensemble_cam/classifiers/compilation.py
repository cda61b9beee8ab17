"""Backbones compiled by OpenVINO for this machine's processor, and the folder in which they are kept.

OpenVINO is an extra (`pip install "ensemble-cam[openvino]"`). It runs the same float32 network in half of PyTorch's
time. Compiling takes a second or two for each network, so the result is kept in the user's cache folder under a name
made of all that it depends on; a second start reads it back in a quarter of a second. A file that is damaged, or was
compiled for another processor, is made anew. Nothing of a film is ever in there.

Its `import` would report to its maker over the network, unasked: the package that does so is kept from loading.
"""

import hashlib
import logging
import os
import queue
import sys
import uuid
import warnings
from collections.abc import MutableMapping
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import platformdirs
import torch
from torch import Tensor, nn

from ensemble_cam.machine.files import read_file

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "ENSEMBLE_CAM_CACHE"
"""Names the folder that compiled networks are kept in, instead of the user's own cache folder."""

_SUFFIX, _KEPT = ".openvino", 16
_MOST_BYTES = 2**30  # of one compiled network; the largest of ours has 95 MB
# Without the first, processors that can would compute in bfloat16. The second is for one film at a time.
_PROPERTIES = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


def is_installed() -> bool:
    """Whether OpenVINO is here; loads nothing."""
    return find_spec("openvino") is not None


@cache
def openvino() -> ModuleType:
    """Return the openvino package, imported once and without its telemetry.

    Raises:
        ImportError: if it is not installed or cannot be loaded.
    """
    # `import openvino` starts a session with Google Analytics and leaves an identifier in the user's home; where the
    # package that does it cannot be imported, OpenVINO goes on with a stand-in of its own that does nothing.
    modules: MutableMapping[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino


def cache_folder() -> Path:
    """Return the folder that compiled networks are kept in; it need not be there yet."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("ensemble-cam", appauthor=False)


class CompiledBackbone:
    """A compiled network for films of one size; any number of threads may call it at once."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        # A request serves one call at a time; there are as many as there ever were calls at once.
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the activations of (n, 1, side, side) float32 films, one film after the other."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            found = []
            for film in pixels.cpu().contiguous().split(1):
                result = request.infer([film.numpy()], share_inputs=True, share_outputs=True)
                found.append(torch.from_numpy(result[0].copy()))
        finally:
            self._idle.put(request)
        return torch.cat(found) if len(found) > 1 else found[0]


def compiled_backbone(backbone: nn.Module, *, side: int, weights: str | None) -> CompiledBackbone:
    """Return a backbone compiled for films of `side` pixels, from the cache folder where it is there.

    Args:
        backbone: the network, in eval mode on the processor.
        side: of the films.
        weights: the SHA-256 of its weights' file; None to take one of its values.

    Raises:
        ImportError, RuntimeError: if OpenVINO cannot be loaded or refuses the network.
    """
    path = cache_folder() / _name(backbone, side, weights)
    with _lock_for(path):
        kept = _read(path)
        if kept is None:
            kept = openvino().Core().compile_model(_converted(backbone, side), "CPU", _PROPERTIES)
            _write(path, kept.export_model())
        return CompiledBackbone(kept)


_locks: dict[Path, Lock] = {}


def _lock_for(path: Path) -> Lock:
    return _locks.setdefault(path, Lock())


def _name(backbone: nn.Module, side: int, weights: str | None) -> str:
    """Return a file name that differs wherever the compiled network would."""
    parts = [
        weights or _hash_of_values(backbone),
        side,
        version("openvino"),
        torch.__version__,
        _PROPERTIES,
        version("ensemble-cam"),
        [(name, type(module).__name__) for name, module in backbone.named_modules()],
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:40] + _SUFFIX


def _hash_of_values(backbone: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in backbone.state_dict().items():
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()


def _converted(backbone: nn.Module, side: int) -> Any:
    """Return the network as OpenVINO's model, by its frontend: `openvino.convert_model` traces it three times."""
    openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    film = torch.zeros(1, 1, side, side)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # PyTorch deprecates what the frontend reads
        traced = torch.jit.freeze(torch.jit.trace(backbone, film, check_trace=False))
        decoder = TorchScriptPythonDecoder(traced, example_input=film)
        frontend = FrontEndManager().load_by_framework("pytorch")
        model = frontend.convert(frontend.load(decoder))
    model.inputs[0].get_node().set_element_type(openvino().Type.f32)
    model.reshape(list(film.shape))
    return model


def _read(path: Path) -> Any:
    """Return the compiled network in a cache file; None where there is none that can be used."""
    try:
        data = read_file(path, most=_MOST_BYTES)
    except OSError:
        return None
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        return None
    try:
        kept = openvino().Core().import_model(data[32:], "CPU", _PROPERTIES)
    except RuntimeError as error:  # made on another processor
        logger.info("The compiled network in the cache is made anew: %s", str(error).splitlines()[-1][:200])
        return None
    with suppress(OSError):
        os.utime(path)
    return kept


def _write(path: Path, exported: BytesIO) -> None:
    """Keep a compiled network, whole or not at all; where the folder cannot be written, every start compiles anew."""
    data = exported.getvalue()
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(hashlib.sha256(data).digest() + data)
        os.replace(draft, path)
        _drop_oldest(path.parent)
    except OSError as error:
        logger.warning("A compiled network could not be kept (%s); the next start compiles it anew.", error.strerror)
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _drop_oldest(folder: Path) -> None:
    used = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in used[_KEPT:]:
        path.unlink(missing_ok=True)
