"""How well people, and Grad-CAM of another network, point at findings, as others have published it.

Saporta et al. 2022 (CheXlocalize) compare saliency methods and three radiologists with the marks of two others, on
films of CheXpert's test. The figures here are those that a notebook of the study's repository shows, an earlier state
than the article; what is not in it is not given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SOURCE = (
    "rajpurkarlab/cheXlocalize, report_results/plot_miou.ipynb at commit 7ffb7fdb, a working state of Saporta et al. "
    "2022, doi:10.1038/s42256-022-00536-x; the article's own figures were not at hand"
)
NOT_COMPARABLE = (
    "Of other films, other marks and another network: three radiologists and Grad-CAM on CheXpert's test films. They "
    "say what order of figures is to be expected, and not who is better."
)
PEOPLE, MACHINE = "radiologists, published", "Grad-CAM, published"


@dataclass(frozen=True)
class Published:
    """What was published of one finding.

    Attributes:
        people_hit: share of films on which the point that a radiologist took for typical lies in the mark, and its
            interval of 95 %.
        people_iou: mean IoU of a radiologist's region and the mark.
        machine_iou: that of a region made of Grad-CAM's map, and its interval.
    """

    people_hit: tuple[float, float, float]
    people_iou: float
    machine_iou: tuple[float, float, float]


FIGURES: Mapping[str, Published] = {
    "Atelectasis": Published((0.870, 0.820, 0.919), 0.122, (0.145, 0.126, 0.163)),
    "Cardiomegaly": Published((0.972, 0.944, 0.994), 0.712, (0.275, 0.242, 0.307)),
    "Consolidation": Published((0.513, 0.355, 0.674), 0.148, (0.087, 0.056, 0.123)),
    "Edema": Published((0.773, 0.679, 0.863), 0.307, (0.174, 0.139, 0.211)),
    "Effusion": Published((0.719, 0.638, 0.803), 0.213, (0.158, 0.130, 0.188)),
    "Enlarged Cardiomediastinum": Published((0.952, 0.927, 0.975), 0.564, (0.169, 0.153, 0.185)),
    "Lung Lesion": Published((0.855, 0.636, 1.000), 0.424, (0.027, 0.010, 0.047)),
    "Lung Opacity": Published((0.560, 0.508, 0.611), 0.232, (0.193, 0.175, 0.211)),
    "Pneumothorax": Published((1.000, 1.000, 1.000), 0.393, (0.124, 0.047, 0.206)),
}
"""Label, as upstream writes it → what was published of it."""


def published_record(label: str) -> dict[str, Any] | None:
    """Return what `validation.json` says of others' figures of a finding; None where none are given."""
    if (of := FIGURES.get(label)) is None:
        return None
    hit, *hit_interval = of.people_hit
    iou, *iou_interval = of.machine_iou
    return {
        PEOPLE: {"hit": hit, "hit_interval": hit_interval, "iou": of.people_iou, "iou_interval": None},
        MACHINE: {"hit": None, "hit_interval": None, "iou": iou, "iou_interval": iou_interval},
    }
