"""A film's review with what it is drawn like and how it was run: all that leaves the program is made from one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from ensemble_cam.maps.regions import Extent, extent_of
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.sentences import expired_lines, unstable_lines

if TYPE_CHECKING:
    from ensemble_cam.settings.display import Display


@dataclass(frozen=True)
class RunInfo:
    """How a review was run, beyond its settings; it stands in every output.

    Attributes:
        set: the set of classifiers.
        intensity: what the networks saw, "stored" or "windowed".
        rescale: whether a narrow range was to be stretched.
        device: "cpu", "cuda" or "mps".
        runtime: what ran the backbones.
        precision: in which the networks computed.
        negative: whether films were turned round as negatives, for screen and networks.
    """

    set: str
    intensity: str
    rescale: bool
    device: str
    runtime: str
    precision: str
    negative: bool = False


@dataclass(frozen=True, eq=False)
class Review:
    """A film's analysis with what it is drawn like and how it was run: all that an export needs.

    Attributes:
        analysis: the numbers.
        display: what they are drawn like.
        run: how it was run.
        case: a name of the reader's own for the film; None without.
    """

    analysis: Analysis
    display: "Display"
    run: RunInfo
    case: str | None = None

    @cached_property
    def extents(self) -> Mapping[str, Mapping[str, Extent | None]]:
        """Label → classifier id or "ensemble" → what is at or above the display's threshold; measured once."""
        threshold = self.display.threshold
        return MappingProxyType(
            {
                finding.label: {id: extent_of(heatmap, threshold) for id, heatmap in finding.heatmaps().items()}
                for finding in self.analysis.findings
            }
        )

    @property
    def notice(self) -> str | None:
        """What every output says of the set of classifiers; None for the clinical one."""
        return self.analysis.classifier_set.notice

    @property
    def warnings(self) -> tuple[str, ...]:
        """What every output says of the film: of these classifiers first, then what its file gave cause to."""
        radiograph = self.analysis.radiograph
        cautions = self.analysis.classifier_set.cautions(phantom=radiograph.phantom)
        return (*expired_lines(self.analysis), *unstable_lines(self.analysis), *cautions, *radiograph.warnings)
