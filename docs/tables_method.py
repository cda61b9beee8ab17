"""Tables of the pages on the method: where networks are cut, operating points, and methods beside the package's."""

import torch
from markdown_tables import code, sentence, table

from ensemble_cam.classifiers.torch_families import TORCH_ARCHITECTURES
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.families import FAMILIES, Family, WeightsFile
from ensemble_cam.settings.methods import METHODS, Recipe
from ensemble_cam.settings.metrics import BASELINES, METRICS
from ensemble_cam.settings.settings import displayed
from ensemble_cam.validation.published_figures import FIGURES

_CUTS = {
    "densenet": "behind the ReLU that follows `norm5`",
    "resnet": "behind `layer4`",
    "jfhealthcare": "behind the backbone's ReLU, before the attention",
    "teaching-densenet": "as the DenseNet",
    "teaching-resnet": "as the ResNet",
    "teaching-jfhealthcare": "behind the attention",
}


def cuts() -> str:
    """Return where each family is cut, and its activation's size at the configured input size."""
    sides = {each.model_type: each.input_size for each in load_config().classifiers}
    rows = []
    for name, family in FAMILIES.items():
        channels, cells = _activation(name, sides[name])
        rows.append((code(name), _CUTS[name], f"{sides[name]} px", f"{cells} × {cells}", channels, len(family.labels)))
    return table(["family", "cut", "input", "cells", "channels", "outputs"], rows)


def _activation(model_type: str, side: int) -> tuple[int, int]:
    """Return channels, and cells along a side, of a family's activation; no value is computed."""
    with torch.device("meta"):
        network = TORCH_ARCHITECTURES[model_type].cut(TORCH_ARCHITECTURES[model_type].build().eval())
        _, channels, cells, _ = network.backbone(torch.empty(1, 1, side, side)).shape
    return channels, cells


def choosing_a_method() -> str:
    """Return what each method shows, what it costs, and when not to trust it."""
    rows = (
        (f"**{each.title}** {code(each.name)}", f"{sentence(each.shows)} Costs {each.costs}.", sentence(each.beware))
        for each in METHODS.values()
    )
    return table(["method", "what it shows, and costs", "when not to trust it"], rows)


def methods_and_the_package() -> str:
    """Return each method's class in the `grad-cam` package, and its paper."""
    rows = ((each.title, code(each.name), code(each.package_class), each.source) for each in METHODS.values())
    return table(["method", "setting", "held to `grad-cam`'s", "source"], rows)


def methods_and_settings() -> str:
    """Return which settings go with which method."""
    options = {"layers": "several", "aug_smooth": True, "eigen_smooth": True}
    rows = (
        (each.title, *(_goes(each.name, option, value) for option, value in options.items()))
        for each in METHODS.values()
    )
    return table(["method", '`layers="several"`', "`aug_smooth`", "`eigen_smooth`"], rows)


def _goes(method: str, option: str, value: object) -> str:
    return "no" if Recipe.conflicts(method, **{option: value}) else "yes"


def operating_points() -> str:
    """Return how many findings each of the released weights knows, and where its operating points come from."""
    rows = (
        (code(file.name), len(family.outputs(file.name)), _source(family, file))
        for family in FAMILIES.values()
        for file in family.files
    )
    return table(["weights", "findings known", "operating points"], rows)


def _source(family: Family, file: WeightsFile) -> str:
    if family.points_in_file:
        return "in the weights' file"
    return "none" if file.operating_points is None else "published"


def metrics() -> str:
    """Return each measure of a map: what it is, what speaks for the map, what it hides, and its paper."""
    rows = (
        (f"**{each.title}** {code(each.name)}", each.unit, sentence(each.says), each.better or "neither",
         sentence(each.hides), each.source)
        for each in METRICS.values()
    )  # fmt: skip
    return table(["measure", "in", "what it is", "speaks for the map", "what it does not show", "source"], rows)


def published_places() -> str:
    """Write what others have published of where people and maps point."""
    rows = []
    for label, of in FIGURES.items():
        hit, iou = (f"{a:.3f} ({b:.3f} to {c:.3f})" for a, b, c in (of.people_hit, of.machine_iou))
        rows.append([displayed(label), hit, f"{of.people_iou:.3f}", iou])
    return table(["finding", "radiologists: point inside", "radiologists: IoU", "Grad-CAM: IoU"], rows)


def baselines() -> str:
    """Return what may stand where pixels were removed, and what each hides."""
    rows = ((code(each.name), sentence(each.what), each.hides) for each in BASELINES.values())
    return table(["baseline", "what it is", "what it hides"], rows)


TABLES = {
    "metrics": metrics,
    "baselines": baselines,
    "cuts": cuts,
    "choosing a method": choosing_a_method,
    "methods and the package": methods_and_the_package,
    "methods and settings": methods_and_settings,
    "operating points": operating_points,
    "published places": published_places,
}
