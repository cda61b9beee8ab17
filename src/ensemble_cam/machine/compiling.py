"""Python's byte code of large packages, made on a core that nobody else uses while they are imported the first time.

Installers do not compile what they install, unless they are told to: for all that is installed here that takes half a
minute in which nothing is shown. What is imported is compiled when it is imported, in one thread, and what is needed
last is compiled meanwhile.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import cache_from_source, find_spec
from pathlib import Path


def compile_beside(packages: Sequence[str]) -> "subprocess.Popen[bytes] | None":
    """Import packages in a process of its own, for their byte code alone, where they were never imported before.

    It has a lower priority, says nothing, and ends by itself.

    Args:
        packages: names of packages that do not import what this process imports meanwhile.

    Returns:
        The process; None where there is nothing to be done, or byte code is not to be written.
    """
    absent = [package for package in packages if not _is_compiled(package.partition(".")[0])]
    if not absent or sys.dont_write_bytecode:
        return None
    code = "; ".join([*(["import os", "os.nice(5)"] if hasattr(os, "nice") else []), *map("import {}".format, absent)])
    nothing = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-c", code], stdin=nothing, stdout=nothing, stderr=nothing)


def _is_compiled(package: str) -> bool:
    spec = find_spec(package)
    return spec is None or spec.origin is None or Path(cache_from_source(spec.origin)).exists()
