"""torchxrayvision, imported without what its import does to the rest of the process.

Its import (1.5) silences every warning of the process, and its JF Healthcare classifier puts its own folder on
`sys.path` to import a top-level package named `model`. Both are undone here.
"""

import sys
import warnings
from functools import cache
from threading import Lock
from types import ModuleType

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
