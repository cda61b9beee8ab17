"""DICOM bytes → pixels and header facts.

What the screen shows is made in the order of PS3.3 C.11 and PS3.4 N.2: stored value → modality LUT → VOI LUT or window
→ inverted once, by Presentation LUT Shape or, where there is none, by MONOCHROME1. Padding is masked before the window
(PS3.3 C.7.5.1.1.2).
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.uid import UID, UID_dictionary

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.dicom.file import DicomFile, parse_dicom
from ensemble_cam.film.dicom.header import (
    OTHER_MODALITIES,
    Header,
    header_facts,
    header_warnings,
    pixel_aspect,
    pixel_spacing,
)
from ensemble_cam.film.dicom.pixels import PixelLayout, decode_pixels, syntax_name
from ensemble_cam.film.greyscale import Lut, Window, WindowFunction, domain, histogram, percentiles, stretch, used_range
from ensemble_cam.film.intake import DECODER_FAILURES, StoredFilm, check_size, phantom_facts, silence

_FILMS = {
    "1.2.840.10008.5.1.4.1.1.1": "Computed Radiography",
    "1.2.840.10008.5.1.4.1.1.1.1": "Digital X-Ray for presentation",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "Digital X-Ray for processing",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture",
}
_DICOMDIR = "1.2.840.10008.1.3.10"

_WANTED = [
    tag
    for keyword in (
        *("SOPClassUID", "Modality", "ViewPosition", "PatientOrientation", "BodyPartExamined", "BurnedInAnnotation"),
        "Manufacturer",
        *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation"),
        *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
        *("PixelPaddingValue", "PixelPaddingRangeLimit"),
        *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"),
        *("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept"),
        *("VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationLUTShape"),
    )
    if (tag := tag_for_keyword(keyword)) is not None
]
_PERCENTILES = (0.5, 99.5)  # what a film without a window is stretched between


def read_dicom(data: bytes) -> StoredFilm:
    """Decode a radiograph: CR, DX (for presentation or processing) or Secondary Capture, one grey frame, 8 to 16 bits.

    Raises:
        RadiographError: if it is anything else, or broken, truncated, too large or too small.
    """
    with silence():
        try:
            file = parse_dicom(data, wanted=_WANTED)
        except DECODER_FAILURES:
            raise RadiographError("The DICOM file's header is broken. Export or copy the film again.") from None
        header = Header(file.header)
        kind = _kind(header, file)
        layout = _layout(header)
        syntax = syntax_name(file.transfer_syntax)
        pixels = decode_pixels(file, layout)
        grey = _GreyScale(header, layout, big_endian=file.big_endian)
        shown, used = grey.shown(pixels)
        spacing, at_detector = pixel_spacing(header) or (None, False)
        origin = phantom_facts(next(iter(header.values("Manufacturer")), None))
        facts = header_facts(header) | {
            "Kind": kind,
            "Bits": f"{layout.bits_stored} of {layout.bits_allocated}, {'signed' if layout.signed else 'unsigned'}",
            "Photometric interpretation": layout.photometric,
            "Transfer syntax": syntax,
            "Window": grey.window_fact,
            **origin,
        }
        return StoredFilm(
            format="DICOM",
            bits=layout.bits_stored,
            pixels=pixels,
            declared=layout.declared,
            shown=shown,
            used=used,
            padding=grey.padding,
            networks_invert=layout.photometric == "MONOCHROME1",
            spacing=spacing,
            spacing_at_detector=at_detector,
            pixel_aspect=pixel_aspect(header),
            phantom=bool(origin),
            facts=facts,
            warnings=(*header_warnings(header), *grey.warnings),
        )


def _kind(header: Header, file: DicomFile) -> str:
    """Return the SOP class's name, or refuse what is no radiograph, by name."""
    classes = header.values("SOPClassUID")
    sop_class = str(classes[0]) if classes else file.media_class
    if sop_class == _DICOMDIR:
        raise RadiographError("This is a DICOMDIR, an index of other files. Choose the film itself.")
    if sop_class not in _FILMS:
        kind = (
            f"a {UID(sop_class).name} object" if sop_class in UID_dictionary else "a DICOM object of an unknown class"
        )
        raise RadiographError(
            f"This is {kind}, not a chest radiograph. Choose a CR, DX or Secondary Capture image of the chest."
        )
    modality = header.text("Modality")
    if modality in OTHER_MODALITIES:
        raise RadiographError(
            f"This is an image of {OTHER_MODALITIES[modality]} ({modality}), not a radiograph. "
            "Choose a chest radiograph."
        )
    return _FILMS[sop_class]


def _layout(header: Header) -> PixelLayout:
    """Return what the header says of the pixels, or refuse what is not one grey frame of 8 to 16 bits."""
    rows, columns = header.integer("Rows"), header.integer("Columns")
    if not rows or not columns:
        raise RadiographError("The DICOM file's header gives no image size. Export the film with its image.")
    check_size(columns, rows)
    if (header.integer("NumberOfFrames") or 1) != 1:
        raise RadiographError("The DICOM file holds several frames. Export the one to be reviewed as a single image.")
    photometric = header.text("PhotometricInterpretation")
    if header.integer("SamplesPerPixel") not in (None, 1):
        raise RadiographError("The DICOM file is a colour image, not a film in grey. Export the original film.")
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise RadiographError("The DICOM file is neither MONOCHROME1 nor MONOCHROME2. Export the original film.")
    allocated, stored = header.integer("BitsAllocated"), header.integer("BitsStored")
    if allocated not in (8, 16) or stored is None or not 8 <= stored <= allocated:
        raise RadiographError(
            "The DICOM file's samples do not have 8 to 16 bits. Export the film with 8 to 16 bits stored."
        )
    high_bit = header.integer("HighBit")
    return PixelLayout(
        rows=rows,
        columns=columns,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if high_bit is None else high_bit,
        signed=header.integer("PixelRepresentation") == 1,
        photometric=photometric,
    )


class _GreyScale:
    """The header's way from stored values to the screen; steps that are broken are left out, with a warning each."""

    def __init__(self, header: Header, layout: PixelLayout, *, big_endian: bool) -> None:
        self.warnings: list[str] = []
        self.window_fact = ""
        self.padding: tuple[int, int] | None = None
        self._header = header
        self._layout = layout
        self._order = ">" if big_endian else "<"
        self._values = domain(layout.dtype)
        self._modality = self._modality_values()
        self.voi = self._voi_lut() or self._window()

    def shown(self, pixels: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
        """Return what the screen shows for each stored value, in [0, 1], and the range that the film's pixels use."""
        counts = histogram(pixels)
        padding = self._padding()
        outside = np.where(padding, 0, counts)
        if not outside.any():
            self.warnings.append("The header declares every pixel to be padding; the declaration was ignored.")
            padding, outside = np.zeros_like(padding), counts
        used = used_range(outside, self._values)
        if self.voi is None:
            lower, upper = _PERCENTILES
            body = np.where((self._values >= used[0]) & (self._values <= used[1]), outside, 0)
            shown = stretch(self._modality, *percentiles(body, self._modality, lower=lower, upper=upper))
            self.window_fact = f"none in the file; {lower}–{upper} % of the pixels"
        else:
            shown = self.voi(self._modality)
        if self._inverted():
            shown = 1 - shown
        if padding.any():
            self.padding = int(self._values[padding].min()), int(self._values[padding].max())
        return np.where(padding, 0, shown), used

    def _inverted(self) -> bool:
        shape, first = self._header.text("PresentationLUTShape"), self._layout.photometric == "MONOCHROME1"
        inverted = shape == "INVERSE" if shape in ("INVERSE", "IDENTITY") else first
        if inverted != first:
            self.warnings.append(
                "The header's presentation shape contradicts its photometric interpretation: read as stored values, "
                "the networks see black and white exchanged against the screen."
            )
        return inverted

    def _padding(self) -> np.ndarray:
        """Return which stored values are padding, both ends of the range included (PS3.3 C.7.5.1.1.2)."""
        if "PixelPaddingValue" not in self._header:
            return np.zeros(self._values.shape, bool)
        keywords = [k for k in ("PixelPaddingValue", "PixelPaddingRangeLimit") if k in self._header]
        given = [self._sample(self._header.integer(keyword)) for keyword in keywords]
        ends = [end for end in given if end is not None]
        if len(ends) < len(given):
            self.warnings.append("The header's padding value is broken and was ignored.")
            return np.zeros(self._values.shape, bool)
        return (self._values >= min(ends)) & (self._values <= max(ends))

    def _sample(self, value: int | None) -> int | None:
        """Return a value of 16 bits as the samples' type has it: writers mix up US and SS."""
        if value is None:
            return None
        if self._layout.signed and value >= 2 ** (self._layout.bits_allocated - 1):
            return value - 2**self._layout.bits_allocated
        return value + 2**16 if not self._layout.signed and value < 0 else value

    def _modality_values(self) -> np.ndarray:
        """Return the modality value of each stored value (PS3.3 C.11.1)."""
        values = self._values.astype(np.float64)
        if item := self._header.first_item("ModalityLUTSequence"):
            if lut := self._lut(item, signed=self._layout.signed):
                return lut(values)
            self.warnings.append("The header's modality look-up table is broken and was ignored.")
            return values
        if "RescaleSlope" not in self._header and "RescaleIntercept" not in self._header:
            return values
        slope, intercept = self._header.numbers("RescaleSlope"), self._header.numbers("RescaleIntercept")
        if not slope or not intercept or slope[0] == 0:
            self.warnings.append("The header's rescale slope or intercept is broken and was ignored.")
            return values
        return values * slope[0] + intercept[0]

    def _voi_lut(self) -> "_ScaledLut | None":
        item = self._header.first_item("VOILUTSequence")
        if item is None:
            return None
        lut = self._lut(item, signed=bool(self._modality.min() < 0))
        if lut is None:
            self.warnings.append("The header's VOI look-up table is broken and was ignored.")
            return None
        self.window_fact = "a look-up table in the file"
        return _ScaledLut(lut)

    def _window(self) -> Window | None:
        """Return the first window of the header (PS3.3 C.11.2.1.2)."""
        if "WindowCenter" not in self._header and "WindowWidth" not in self._header:
            return None
        center, width = self._header.numbers("WindowCenter"), self._header.numbers("WindowWidth")
        function = self._header.text("VOILUTFunction") or "LINEAR"
        known = next((each for each in get_args(WindowFunction) if each == function), None)
        if known is None or not center or not width or width[0] <= 0 or (function == "LINEAR" and width[0] < 1):
            self.warnings.append("The header's window is broken or of an unknown function and was ignored.")
            return None
        shape = "" if function == "LINEAR" else f", {function}"
        self.window_fact = f"center {center[0]:g}, width {width[0]:g}{shape}"
        return Window(center[0], width[0], known)

    def _lut(self, item: Header, *, signed: bool) -> Lut | None:
        """Return a look-up table's item (PS3.3 C.11.1.1.1); none if it is broken."""
        descriptor, data = self._words(item.values("LUTDescriptor")), self._words(item.values("LUTData"))
        if descriptor is None or data is None or len(descriptor) != 3:
            return None
        count, first, bits = (int(value) for value in descriptor)
        count = count or 2**16
        if signed and first >= 2**15:
            first -= 2**16
        if not 8 <= bits <= 16:
            return None
        if len(data) < count <= 2 * len(data) and bits == 8:
            data = data.astype(f"{self._order}u2").view(np.uint8)  # two entries of 8 bits in a word
        return Lut(first, bits, data[:count]) if len(data) >= count else None

    def _words(self, values: tuple[object, ...]) -> np.ndarray | None:
        """Return numbers or their raw 16-bit words (VR OW, or unresolved "US or SS") as integers in 0 … 65535."""
        try:
            if len(values) == 1 and isinstance(values[0], bytes):
                return np.frombuffer(values[0], f"{self._order}u2").astype(np.int64)
            return np.array(values, np.int64) % 2**16
        except DECODER_FAILURES:
            return None


@dataclass(frozen=True, eq=False)
class _ScaledLut:
    """A VOI LUT whose output is scaled to [0, 1] by the bits its descriptor gives (PS3.3 C.11.2.1.1)."""

    lut: Lut

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return self.lut(values) / (2**self.lut.bits - 1)
