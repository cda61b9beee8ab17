"""The sidecar of a weights file: the hash that it is held to where no published one is known.

The sidecar of `w.pt` is `w.pt.sha256`, a line as `sha256sum` writes it. Whoever can write beside the weights can write
a sidecar too: it guards against mix-ups and damage, and it is `unpickling` that guards against hostile files.
"""

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

from ensemble_cam.errors import WeightsError
from ensemble_cam.machine.files import read_file, why_unreadable

_MOST_BYTES = 2**20  # of a whole folder, as `sha256sum *` writes it


def sidecar_of(path: Path) -> Path:
    """Return where the sidecar of a weights file lies, whether there is one or not."""
    return path.with_name(f"{path.name}.sha256")


def read_sidecar(path: Path) -> str | None:
    """Return the hash that the sidecar of `path` names for it, 64 lower-case hex digits; None if there is no sidecar.

    Raises:
        WeightsError: if the sidecar cannot be read, or names no hash for this file.
    """
    sidecar = sidecar_of(path)
    try:
        lines = read_file(sidecar, most=_MOST_BYTES).decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WeightsError(f"{sidecar.name}: {why_unreadable(error)}. Write it anew or delete it.") from None
    except UnicodeDecodeError:
        raise WeightsError(f"{sidecar.name}: the file is no text. Write it anew or delete it.") from None
    for line in lines:
        found = re.fullmatch(r"([0-9a-fA-F]{64})(?: [ *](.+))?", line.strip())
        if found and (found[2] is None or Path(found[2]).name == path.name):
            return found[1].lower()
    raise WeightsError(
        f"{sidecar.name}: got no line `<64 hex digits>  {path.name}`, as sha256sum prints it. "
        "Write it anew or delete it."
    )


def write_sidecar(path: Path, sha256: str) -> None:
    """Write the sidecar, if there is none; where the folder cannot be written, every use stays a first one."""
    sidecar = sidecar_of(path)
    draft = sidecar.with_name(f"{sidecar.name}.{os.getpid()}-{threading.get_ident()}")
    if sidecar.exists():
        return
    with suppress(OSError):
        try:
            draft.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
            os.replace(draft, sidecar)
        finally:
            draft.unlink(missing_ok=True)
