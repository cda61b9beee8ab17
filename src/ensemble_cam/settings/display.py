"""What a map is drawn like: the reader's choices, checked. `rendering` draws by them."""

from dataclasses import dataclass

from ensemble_cam.settings.rules import check_setting, one_of

STYLES = ("heatmap", "contour", "both")


@dataclass(frozen=True)
class Display:
    """What a map is drawn like; nothing here changes a number.

    Attributes:
        threshold: the sensitivity threshold; relative activation below it is not drawn.
        opacity: of the colour over the film, 0 to 1.
        colormap: one of `vocabulary.COLORMAPS`.
        overlays: False shows the film alone.
        style: one of `STYLES`: the colours at or above the threshold, the threshold's contour, or both.
        bare: True leaves the words below overlays out, for programs; they stand in the file's text chunks alone.

    Raises:
        ConfigError: if a value is not allowed.
    """

    threshold: float = 0.4
    opacity: float = 0.45
    colormap: str = "inferno"
    overlays: bool = True
    style: str = "both"
    bare: bool = False

    def __post_init__(self) -> None:
        for name in ("threshold", "opacity", "colormap"):
            check_setting(name, getattr(self, name))
        one_of(STYLES).check("style", self.style)
