"""The exceptions a caller can meet.

Every message is one plain sentence or two: the fact, then the remedy. No message carries anything that a film's header
says of a patient, and none carries a file's name: whoever knows the name (the command line, the app) puts it in front.
Where a name was misspelt, `did_you_mean` is the remedy.
"""

import difflib
import re
import sys
from collections.abc import Iterable


class EnsembleCamError(Exception):
    """Base of all errors that this package raises on purpose; `str(error)` is fit to be shown to a reader."""


class ConfigError(EnsembleCamError):
    """The configuration, or a setting given on the command line or in the app, is not usable."""


class GeometryError(EnsembleCamError):
    """Points, boxes or maps do not fit the geometry they were given to."""


class RadiographError(EnsembleCamError):
    """A file is not a film that can be reviewed."""


class WeightsError(EnsembleCamError):
    """A weights file is broken, is not the one that was promised, or would run code."""


class UnusableWeights(WeightsError):
    """What a weights file holds cannot be taken into its network.

    Attributes:
        fact: the sentence that says why, without the file's name and the remedy.
    """

    def __init__(self, fact: str, *, file_name: str = "", remedy: str = "Delete it and fetch it again."):
        super().__init__(f"{file_name}: {fact} {remedy}" if file_name else f"{fact} {remedy}")
        self.fact = fact


class WeightsMissing(WeightsError):
    """A weights file is not on this machine."""


class DownloadError(WeightsError):
    """A weights file could not be fetched."""


class ClassifierError(EnsembleCamError):
    """A classifier could not be built or could not be run on this film."""


class ExportError(EnsembleCamError):
    """A result could not be written."""


class PacsError(EnsembleCamError):
    """An archive cannot be reached, or did not do what it was asked for."""


class SessionError(EnsembleCamError):
    """What readers said cannot be kept in a session's file, or read from it."""


class Cancelled(EnsembleCamError):
    """The reader stopped the work."""


# What says so by its message alone, as a plain RuntimeError: PyTorch's allocators for the processor and for MPS
# (c10/core/impl/alloc_cpu.cpp, aten/src/ATen/mps/MPSAllocator.mm), cuBLAS and cuDNN for their work space, and C++
# libraries that hand their exceptions on as text.
_OUT_OF_MEMORY = re.compile("DefaultCPUAllocator|out of memory|STATUS_ALLOC_FAILED|bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, the processor's or the graphics card's.

    By class where there is one: `MemoryError` (Python, NumPy, OpenVINO) and `torch.OutOfMemoryError` (CUDA). PyTorch
    is not imported for the question, as an error of its own can only come from where it is loaded.
    """
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error)) is not None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return ' Did you mean "…"?' with the nearest known name, whatever the case; nothing where none is near."""
    if not isinstance(name, str):
        return ""
    by_folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.strip().casefold(), by_folded, n=1)
    return f' Did you mean "{by_folded[close[0]]}"?' if close else ""
