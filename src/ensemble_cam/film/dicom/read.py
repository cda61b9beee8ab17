"""DICOM bytes → a decoded film: which objects are films, what their header says of the pixels, and the facts."""

import re

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.dicom.file import DicomFile, parse_dicom
from ensemble_cam.film.dicom.greys import on_screen
from ensemble_cam.film.dicom.header import (
    OTHER_MODALITIES,
    Header,
    device,
    header_facts,
    header_warnings,
    image_size,
    pixel_aspect,
    pixel_spacing,
)
from ensemble_cam.film.dicom.pixels import PixelLayout, decode_pixels
from ensemble_cam.film.intake import StoredFilm, check_size, phantom_facts, silence
from ensemble_cam.film.proportions import true_size
from ensemble_cam.purpose import RESULT_MARK

_FILMS = {
    "1.2.840.10008.5.1.4.1.1.1": "Computed Radiography",
    "1.2.840.10008.5.1.4.1.1.1.1": "Digital X-Ray for presentation",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "Digital X-Ray for processing",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture",
    "1.2.840.10008.5.1.4.1.1.7.2": "Secondary Capture, multi-frame grey byte",
    "1.2.840.10008.5.1.4.1.1.7.3": "Secondary Capture, multi-frame grey word",
    "1.2.840.10008.5.1.4.1.1.7.4": "Secondary Capture, multi-frame true colour",
}
_RESULTS = {
    "1.2.840.10008.5.1.4.1.1.7": "a picture of maps (Secondary Capture)",
    "1.2.840.10008.5.1.4.1.1.88.33": "the report of findings (Comprehensive SR)",
    "1.2.840.10008.5.1.4.1.1.66.4": "the segmentation of regions",
    "1.2.840.10008.5.1.4.1.1.11.1": "the regions' outlines (Grayscale Softcopy Presentation State)",
}
_OF_FILM = re.compile(r", film ([0-9a-f]{12})\Z")
_DICOMDIR = "1.2.840.10008.1.3.10"
_FILM_MODALITIES = {"CR", "DX", "DR", "RG"}
_BEGINS_WITH_A_VOWEL = re.compile(r"[AEIO]|U(?!ni)|X|(?:MR|RT)\b")  # as PS3.6 A names classes, and as they are spoken
_GREY = {"MONOCHROME1", "MONOCHROME2"}
_COLOURS = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}


def read_dicom(data: bytes) -> StoredFilm:
    """Decode a radiograph: CR, DX (for presentation or processing) or Secondary Capture, one frame of 8 to 16 bits.

    It is grey, or stored in colours that are grey throughout.

    Raises:
        RadiographError: if it is anything else, or broken, truncated, too large or too small.
        MemoryError: if decoding took more memory than there is.
    """
    with silence():
        file = parse_dicom(data)
        header = file.header
        kind = _kind(header, file)
        layout = _layout(header)
        aspect = pixel_aspect(header)
        true_size(layout.columns, layout.rows, aspect)  # before anything is decoded
        decoded = decode_pixels(file, layout)
        layout = decoded.layout
        screen = on_screen(decoded.pixels, header, layout)
        spacing, at_detector = pixel_spacing(header) or (None, False)
        origin = phantom_facts(next(iter(header.written("Manufacturer")), None))
        facts = header_facts(header) | {
            "Kind": kind,
            "Bits": f"{layout.bits_stored} of {layout.bits_allocated}, {'signed' if layout.signed else 'unsigned'}",
            "Photometric interpretation": layout.photometric,
            "Transfer syntax": decoded.syntax,
            "Window": screen.window,
            **origin,
        }
        return StoredFilm(
            format="DICOM",
            bits=layout.bits_stored,
            pixels=decoded.pixels,
            declared=layout.declared,
            shown=screen.shown,
            used=screen.used,
            padding=screen.padding,
            networks_invert=screen.falling,
            turned=screen.falling != (layout.photometric == "MONOCHROME1"),
            spacing=spacing,
            spacing_at_detector=at_detector,
            pixel_aspect=aspect,
            phantom=bool(origin),
            facts=facts,
            warnings=(*header_warnings(header), *decoded.warnings, *screen.warnings),
            device=device(header),
        )


def _kind(header: Header, file: DicomFile) -> str:
    """Return the SOP class's name, or refuse what is no radiograph, by name."""
    sop_class = header.text("SOPClassUID") or file.media_class
    modality = header.text("Modality")
    if RESULT_MARK in header.written("Manufacturer"):
        raise RadiographError(_result(sop_class, next(iter(header.written("SeriesDescription")), "")))
    if sop_class == _DICOMDIR:
        raise RadiographError("This is a DICOMDIR, an index of other files. Choose the film itself.")
    if modality in OTHER_MODALITIES and sop_class in ("", *_FILMS):
        raise RadiographError(
            f"This is an image of {OTHER_MODALITIES[modality]} ({modality}), not a radiograph. "
            "Choose a chest radiograph."
        )
    if not sop_class and modality in _FILM_MODALITIES:
        return "not declared"
    if not sop_class:
        raise RadiographError(
            "The DICOM file does not say what kind of object it is, nor that it is a radiograph. Export the film again."
        )
    if sop_class not in _FILMS:
        raise RadiographError(
            f"This is {_named(sop_class)}, not a chest radiograph. "
            "Choose a CR, DX or Secondary Capture image of the chest."
        )
    return _FILMS[sop_class]


def _result(sop_class: str, description: str) -> str:
    """Return what an object that this program wrote is, and of which film: nothing else of its header is told."""
    film = _OF_FILM.search(description)
    of = f" of the film with SHA-256 {film[1]}…" if film else ""
    what = _RESULTS.get(sop_class, "an object")
    return f"This is {what}{of}, a result of Ensemble-CAM and not a film. Choose the film itself."


def _named(sop_class: str) -> str:
    from pydicom.uid import UID, UID_dictionary  # here: it takes longer to load than a film to read

    if sop_class not in UID_dictionary:
        return "a DICOM object of an unknown class"
    name = UID(sop_class).name
    return f"{'an' if _BEGINS_WITH_A_VOWEL.match(name) else 'a'} {name} object"


def _layout(header: Header) -> PixelLayout:
    """Return what the header says of the pixels, or refuse what is not one frame of 8 to 16 bits."""
    size = image_size(header)
    if size is None:
        raise RadiographError("The DICOM file's header gives no readable image size. Export the film with its image.")
    rows, columns = size
    check_size(columns, rows)
    frames = 1 if header.is_empty("NumberOfFrames") else header.integer("NumberOfFrames")
    if frames is None or frames < 0:
        raise RadiographError("The DICOM header's number of frames is broken. Export the film again.")
    if frames > 1:
        raise RadiographError("The DICOM file holds several frames. Export the one to be reviewed as a single image.")
    allocated, stored, high_bit = _bits(header)
    photometric, samples = _channels(header)
    return PixelLayout(
        rows=rows,
        columns=columns,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=header.integer("PixelRepresentation") == 1,
        photometric=photometric,
        samples=samples,
        planar=header.integer("PlanarConfiguration") == 1,
    )


def _bits(header: Header) -> tuple[int, int, int]:
    """Return Bits Allocated, Bits Stored and High Bit."""
    allocated, stored = header.integer("BitsAllocated"), header.integer("BitsStored")
    if allocated is None or stored is None:
        raise RadiographError("The DICOM header does not say how many bits a sample has. Export the film again.")
    if allocated not in (8, 16) or not 8 <= stored <= 16:
        raise RadiographError(
            "The DICOM file's samples are not of 8 to 16 bits, stored in 8 or 16. "
            "Export the film with 8 to 16 bits stored."
        )
    high_bit = stored - 1 if header.is_empty("HighBit") else header.integer("HighBit")
    if stored > allocated or high_bit is None or not stored - 1 <= high_bit < allocated:
        raise RadiographError(
            "The DICOM header's bits allocated, bits stored and high bit contradict each other. Export the film again."
        )
    return allocated, stored, high_bit


def _channels(header: Header) -> tuple[str, int]:
    """Return the photometric interpretation, one of those that are read, and the samples of a pixel."""
    photometric, samples = header.text("PhotometricInterpretation"), header.integer("SamplesPerPixel")
    if samples not in (None, 1, 3):
        raise RadiographError(
            "The DICOM file has neither one nor three samples for a pixel. Export the original film in grey."
        )
    if samples == 3 and photometric not in _GREY | _COLOURS:
        raise RadiographError("The DICOM file's colour model is not read. Export the original film in grey.")
    if samples != 3 and photometric not in _GREY:
        raise RadiographError("The DICOM file is neither MONOCHROME1 nor MONOCHROME2. Export the original film.")
    return photometric, samples or 1
