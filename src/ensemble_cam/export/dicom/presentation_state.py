"""Grayscale Softcopy Presentation State: the regions' outlines and their words over the film, which looks as it does.

Source: DICOM PS3.3 A.33.1 (object), C.10.5 (graphics: the corner of the upper left pixel is 0\\0), C.11.6 (P-values).
"""

from collections.abc import Mapping, Sequence

import highdicom as hd
import numpy as np
from highdicom import pr
from pydicom.dataset import Dataset

from ensemble_cam.export.dicom.codes import plain
from ensemble_cam.export.dicom.regions import stored_outline
from ensemble_cam.export.dicom.source import Source, finished, words_of
from ensemble_cam.film.greyscale import domain
from ensemble_cam.maps.regions import Region
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.reviewing.sentences import purpose_line

_LAYER = "REGIONS"
_COLOUR = hd.color.CIELabColor(65.0, 60.0, 60.0)
_WHITE = 2**16 - 1


def presentation_state(source: Source, regions: Mapping[str, tuple[Region, ...]]) -> bytes:
    """Return the outlines of regions, the findings' words beside them, and what all of it is for.

    Args:
        source: the review's, of a film of one sample a pixel.
        regions: label → regions of the finding's ensemble map, together at least one.
    """
    size = source.stored_size
    lines: list[np.ndarray] = []
    texts = [_text(plain(purpose_line(source.review)), (0.0, 0.0), size, [])]
    for finding in source.findings:
        outlines = [
            stored_outline(region.outline, source.review.analysis.geometry.source_size, size)
            for region in regions[finding.label]
        ]
        lines += outlines
        if outlines:
            left, top = outlines[0].min(axis=0).tolist()
            texts.append(_text(words_of(finding), (left, top), size, texts))
    layer = pr.GraphicLayer(_LAYER, 1, display_color=_COLOUR, description="Outlines of where the networks looked")
    annotation = pr.GraphicAnnotation(
        [source.film],
        layer,
        graphic_objects=[pr.GraphicObject("POLYLINE", line, units="PIXEL") for line in lines],
        text_objects=texts,
    )
    state = pr.GrayscaleSoftcopyPresentationState(
        [source.film],
        content_label="REGIONS",
        content_description=PURPOSE,
        graphic_annotations=[annotation],
        graphic_layers=[layer],
        **source.numbers("PR"),
        **source.equipment,
    )
    for area in state.DisplayedAreaSelectionSequence:
        if "PixelOriginInterpretation" in area:  # of a film that is not tiled
            del area.PixelOriginInterpretation
    _show_as_the_film(state, source)
    return finished(state, source)


def _text(words: str, at: tuple[float, float], size: tuple[int, int], before: Sequence[pr.TextObject]) -> pr.TextObject:
    """Return words in a box above a pixel, or where there is room on the film and no other words stand."""
    width, height = size[0] / 2, size[1] / 24
    left, top = min(at[0], size[0] - width), min(max(at[1] - height, 0.0), size[1] - height)
    taken = {round(float(each.BoundingBoxTopLeftHandCorner[1]) / height) for each in before}
    row = round(top / height)
    free = min((each for each in range(24) if each not in taken), key=lambda each: (abs(each - row), each), default=row)
    text = pr.TextObject(
        words[:1024], bounding_box=(left, free * height, left + width, (free + 1) * height), units="PIXEL"
    )
    text.BoundingBoxTextHorizontalJustification = "LEFT"
    return text


def _show_as_the_film(state: Dataset, source: Source) -> None:
    """Write how stored values become greys: by the film's window, or by a table where it has look-up tables.

    A presentation state without a window shows the whole range of the stored values, whatever the film declares. A film
    that declares none is shown over the range of values that the program shows it over.
    """
    header, film = source.header, source.review.analysis.radiograph
    for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType", "SoftcopyVOILUTSequence"):
        if keyword in state:
            delattr(state, keyword)
    if "ModalityLUTSequence" in header.values or "VOILUTSequence" in header.values:
        state.SoftcopyVOILUTSequence = [_table(film.shown, film.source.dtype)]
        state.PresentationLUTShape = "IDENTITY"
        return
    intercept, slope = (header.numbers(name)[:1] for name in ("RescaleIntercept", "RescaleSlope"))
    rescaled = (slope[0] if slope else 1.0, intercept[0] if intercept else 0.0)
    if slope or intercept:
        state.RescaleSlope, state.RescaleIntercept = f"{rescaled[0]:.10g}", f"{rescaled[1]:.10g}"
        state.RescaleType = "US"
    state.SoftcopyVOILUTSequence = [_window(source, rescaled)]
    state.PresentationLUTShape = _shape(source)


def _shape(source: Source) -> str:
    """Return what turns MONOCHROME1 round, for which a presentation state takes no account of the film's own word."""
    shape = source.header.text("PresentationLUTShape")
    if shape in ("IDENTITY", "INVERSE"):
        return shape
    return "INVERSE" if source.header.text("PhotometricInterpretation") == "MONOCHROME1" else "IDENTITY"


def _window(source: Source, rescaled: tuple[float, float]) -> Dataset:
    header, item = source.header, Dataset()
    centre, width = header.numbers("WindowCenter"), header.numbers("WindowWidth")
    if centre and width and width[0] >= 1:
        item.WindowCenter, item.WindowWidth = f"{centre[0]:.10g}", f"{width[0]:.10g}"
        if (function := header.text("VOILUTFunction")) in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
            item.VOILUTFunction = function
        return item
    low, high = sorted(rescaled[0] * value + rescaled[1] for value in _shown_range(source))
    item.WindowCenter, item.WindowWidth = f"{(low + high + 1) / 2:.10g}", f"{max(high - low + 1, 1):.10g}"
    return item


def _shown_range(source: Source) -> tuple[int, int]:
    """Return the stored values that the program shows black and white, of a film that declares no window."""
    film = source.review.analysis.radiograph
    (between,) = np.nonzero((film.shown > 0) & (film.shown < 1))
    if not len(between):
        return film.used
    values = domain(film.source.dtype)
    first, last = max(int(between[0]) - 1, 0), min(int(between[-1]) + 1, len(values) - 1)
    return int(values[first]), int(values[last])


def _table(shown: np.ndarray, dtype: np.dtype) -> Dataset:
    """Return the film's own greys, (256 or 65536,) in [0, 1] for each stored value, as a VOI LUT."""
    table, item = Dataset(), Dataset()
    first = int(domain(dtype)[0])
    table.add_new(0x00283002, "US" if first >= 0 else "SS", [len(shown) % 65536, first, 16])
    table.LUTExplanation = "The film's own greys"
    table.add_new(0x00283006, "OW", np.rint(shown * _WHITE).astype("<u2").tobytes())
    item.VOILUTSequence = [table]
    return item
