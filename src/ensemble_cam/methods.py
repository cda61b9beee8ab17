"""The registry of methods: what each is called and where it comes from. `cams` computes them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A way to make a map.

    Attributes:
        name: as in settings and files.
        title: as people write it.
        package_class: the name of the `grad-cam` package's class whose mathematics are used.
        source: the paper.
        by_label: False where the map is the same for every label.
    """

    name: str
    title: str
    package_class: str
    source: str
    by_label: bool = True


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("gradcam++", "Grad-CAM++", "GradCAMPlusPlus", "arXiv:1710.11063"),
        Method("gradcam", "Grad-CAM", "GradCAM", "arXiv:1610.02391"),
        Method("hirescam", "HiResCAM", "HiResCAM", "arXiv:2011.08891"),
        Method("layercam", "LayerCAM", "LayerCAM", "doi:10.1109/TIP.2021.3089943"),
        Method("xgradcam", "XGrad-CAM", "XGradCAM", "arXiv:2008.02312"),
        Method("eigencam", "Eigen-CAM", "EigenCAM", "arXiv:2008.00299", by_label=False),
        Method("eigengradcam", "Eigen-Grad-CAM", "EigenGradCAM", "arXiv:2008.00299"),
    )
}
