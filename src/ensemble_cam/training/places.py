"""Where what a training leaves lies, and that nothing lies there already; asked before anything heavy is loaded."""

import os
from pathlib import Path

from ensemble_cam.classifiers.checkpoints import CLASSES
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.names import escaped

RECORD = "training.json"
_ENDING = ".safetensors"


def check_free(out: Path) -> None:
    """Refuse a place where something lies already, or that is no name for weights.

    Raises:
        ConfigError: if it is one.
    """
    if out.suffix != _ENDING or not out.stem:
        raise ConfigError(f"--out: got {escaped(out.name)!r}; allowed: a name that ends in {_ENDING}.")
    for path in places(out):
        if os.path.lexists(path):
            raise ConfigError(f"--out: {escaped(path.name)} is there already. Choose another name, or move it away.")


def places(out: Path) -> tuple[Path, Path, Path]:
    """Return where the weights lie, their classes, and the folder."""
    return out, out.with_name(f"{out.stem}{CLASSES}"), out.with_name(f"{out.stem}_training")
