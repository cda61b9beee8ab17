"""Which weights files there are, the folders they are looked for in, and how to get one that is in none of them.

The teaching networks' files come with the package and lie in its folder `teaching`, and nowhere else.
"""

import os
import shlex
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from ensemble_cam.errors import WeightsError
from ensemble_cam.machine.names import escaped, one_line
from ensemble_cam.settings.families import FAMILIES, WeightsFile

ENVIRONMENT_VARIABLE = "ENSEMBLE_CAM_WEIGHTS"
"""Names a folder that is searched before torchxrayvision's own."""

PACKAGED_FOLDER = Path(str(files("ensemble_cam"))) / "teaching"
"""Where the files lie that come with the package."""

_FILES = {file.name: file for family in FAMILIES.values() for file in family.files}


def weights_file(name: str) -> WeightsFile:
    """Return the released file that a weights name stands for.

    Raises:
        WeightsError: if no file is released under this name.
    """
    if name not in _FILES:
        raise WeightsError(f'weights "{name}": no file is released under this name; known: {", ".join(_FILES)}.')
    return _FILES[name]


def search_folders(weights_dir: Path | None) -> tuple[Path, ...]:
    """Return the folders that weights are looked for in, first to last; new files go to the first.

    They are `weights_dir` if it is given, `$ENSEMBLE_CAM_WEIGHTS` if it is set, and torchxrayvision's own folder.
    """
    given = (weights_dir, os.environ.get(ENVIRONMENT_VARIABLE), "~/.torchxrayvision/models_data")
    return tuple(dict.fromkeys(Path(os.path.expanduser(folder)) for folder in given if folder))


def find(file: WeightsFile, folders: Sequence[Path]) -> Path | None:
    """Return where a file lies, in the first of the folders that has it, or in the package; None if it is nowhere.

    Whatever has the name counts: a pipe or a folder is no missing file, and whoever reads it says so.
    """
    if file.path is not None:
        return file.path if file.path.exists() else None
    searched = (PACKAGED_FOLDER,) if file.packaged else folders
    return next((path for folder in searched if (path := folder / file.file_name).exists()), None)


def how_to_get(file: WeightsFile, weights_dir: Path | None) -> str:
    """Return, for people, what to do about a file that is not on this machine."""
    if file.path is not None:
        return (
            f"{file.name}: the checkpoint that the configuration names is not there. Put it at "
            f"{escaped(str(file.path))}, or name another."
        )
    if file.packaged:
        return f"{file.name}: {file.file_name} should have come with this program and is not there. Install it again."
    size = f"{'about ' if file.approximate else ''}{round(file.size / 1e6)} MB, " if file.size else ""
    command = f"ensemble-cam weights fetch {file.name}"
    if weights_dir is not None:
        command += f" --weights-dir {one_line(shlex.quote(str(weights_dir)))}"
    return (
        f"{file.name}: its file is not on this machine. Fetch it with `{command}`, or download {file.url} "
        f"({size}keep the name) into {escaped(str(search_folders(weights_dir)[0]))}."
    )
