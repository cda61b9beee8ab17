"""The machine that something is measured on."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ensemble_cam import __version__
from ensemble_cam.machine.allotted import cores


def machine_facts(software: Mapping[str, str]) -> dict[str, object]:
    """Return processor, usable cores, system, and the versions of `software` beside this program's own."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "system": platform.system(),
        "software": {"ensemble-cam": __version__, **software},
    }


def machine_line(machine: Mapping[str, Any]) -> str:
    """Return the facts as a line."""
    software = ", ".join(f"{name} {number}" for name, number in machine["software"].items())
    return f"{machine['processor']}, {machine['cores']} cores; {software}"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
