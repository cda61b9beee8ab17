"""Ensemble-CAM: clinical review of chest radiographs.

    import ensemble_cam as ec

    review = ec.review("film.png", set="teaching")

What `__all__` names is promised; it is loaded when it is first used, so that importing this costs nothing. One film's
way: bytes → `Radiograph` → (tensor, `Geometry`) → activation and logits → `CamMap` on the model's grid → source pixels
→ ensemble → `Analysis` → overlays, figure, `review.json`.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensemble_cam.api.explaining import Explanation, explain, explain_pictures
    from ensemble_cam.api.films import review, review_films
    from ensemble_cam.api.measuring import Measures, measure
    from ensemble_cam.api.result import Review
    from ensemble_cam.api.source import read_film
    from ensemble_cam.api.validating import Validation, validate
    from ensemble_cam.classifiers.torch_any_network import Network, layers, recommended_layers
    from ensemble_cam.classifiers.torch_layers import Layer
    from ensemble_cam.classifiers.torch_named_networks import load_network
    from ensemble_cam.errors import (
        Cancelled,
        ClassifierError,
        ConfigError,
        DownloadError,
        EnsembleCamError,
        ExportError,
        GeometryError,
        RadiographError,
        UnusableWeights,
        WeightsError,
        WeightsMissing,
    )
    from ensemble_cam.film.radiograph import Radiograph
    from ensemble_cam.phantom import Phantom, draw_phantom
    from ensemble_cam.settings.explain_options import ExplainOptions

# Where the log goes is for the program to say: `review --log`, or the app's terminal.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = "0.1.0"

__all__ = [
    "Cancelled",
    "ClassifierError",
    "ConfigError",
    "DownloadError",
    "EnsembleCamError",
    "ExplainOptions",
    "Explanation",
    "ExportError",
    "GeometryError",
    "Layer",
    "Measures",
    "Network",
    "Phantom",
    "Radiograph",
    "RadiographError",
    "Review",
    "UnusableWeights",
    "Validation",
    "WeightsError",
    "WeightsMissing",
    "__version__",
    "draw_phantom",
    "explain",
    "explain_pictures",
    "layers",
    "load_network",
    "measure",
    "read_film",
    "recommended_layers",
    "review",
    "review_films",
    "validate",
]

_HOMES = {
    "ensemble_cam.api.explaining": ("Explanation", "explain", "explain_pictures"),
    "ensemble_cam.api.films": ("review", "review_films"),
    "ensemble_cam.api.measuring": ("Measures", "measure"),
    "ensemble_cam.api.result": ("Review",),
    "ensemble_cam.api.source": ("read_film",),
    "ensemble_cam.api.validating": ("Validation", "validate"),
    "ensemble_cam.classifiers.torch_any_network": ("Network", "layers", "recommended_layers"),
    "ensemble_cam.classifiers.torch_layers": ("Layer",),
    "ensemble_cam.classifiers.torch_named_networks": ("load_network",),
    "ensemble_cam.film.radiograph": ("Radiograph",),
    "ensemble_cam.phantom": ("Phantom", "draw_phantom"),
    "ensemble_cam.settings.explain_options": ("ExplainOptions",),
}
_ELSEWHERE = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that it lives in (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_ELSEWHERE.get(name, "ensemble_cam.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
