"""What a DICOM header may say on the screen: facts and warnings that identify nobody.

Free text can stand in any attribute, a name among it. So no text of a header is ever passed on: a value is shown where
it is one of the codes listed here, or a number; any other is described in our own words. The exception is the model of
a known maker's device, which tables of many films carry and no screen shows.

Source: DICOM PS3.3 C.7.6.1.1.1 (Patient Orientation), C.8.7.1.1.2 (View Position), C.8.11 (DX), 10.7.1.3 (spacings).
"""

import re
import struct
from collections.abc import Mapping

import numpy as np

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.dicom.elements import Element, Walk

MODALITIES = {
    "CR": "computed radiography",
    "DX": "digital radiography",
    "DR": "digital radiography",
    "RG": "radiographic imaging",
    "OT": "other",
    "SC": "secondary capture",
    "HC": "hard copy",
    "XC": "photography",
}
OTHER_MODALITIES = {
    "CT": "computed tomography",
    "MR": "magnetic resonance",
    "US": "ultrasound",
    "NM": "nuclear medicine",
    "PT": "positron emission tomography",
    "MG": "mammography",
    "RF": "fluoroscopy",
    "XA": "angiography",
    "IO": "intra-oral radiography",
    "PX": "panoramic dental radiography",
    "ES": "endoscopy",
    "SM": "slide microscopy",
    "OP": "ophthalmic photography",
    "OPT": "ophthalmic tomography",
    "ECG": "electrocardiography",
    "RTIMAGE": "radiotherapy imaging",
}

_FRONTAL_VIEWS = {"PA", "AP"}
_LATERAL_VIEWS = {"LL", "RL", "LAT", "LATERAL", "L", "R", "LLAT", "RLAT", "LEFT LATERAL", "RIGHT LATERAL"}
_OTHER_VIEWS = {"LLD": "decubitus", "RLD": "decubitus"} | dict.fromkeys(
    ("LLO", "RLO", "LAO", "RAO", "LPO", "RPO"), "oblique"
)
_CHEST = {"CHEST", "THORAX", "LUNG", "LUNGS", "RIB", "RIBS", "CHESTABDOMEN", "CHESTABDPELVIS"}
_OTHER_PARTS = {
    *("ABDOMEN", "ANKLE", "ARM", "BREAST", "CLAVICLE", "CSPINE", "ELBOW", "EXTREMITY", "FEMUR", "FINGER", "FOOT"),
    *("FOREARM", "HAND", "HEAD", "HIP", "HUMERUS", "JAW", "KNEE", "LEG", "LSPINE", "NECK", "PELVIS", "SHOULDER"),
    *("SKULL", "SPINE", "SSPINE", "STERNUM", "TOE", "TSPINE", "WRIST"),
}
# Makers of radiography, by what the name in a header begins with. Names of models are too many to be listed: one is
# told where its maker is listed, and it is as short and plain as such names are.
_MAKERS = {
    **{
        name.upper(): name for name in ("Agfa", "Barco", "Canon", "Carestream", "Del Medical", "DRGEM", "DRTECH", "EOS")
    },
    **{name.upper(): name for name in ("Fujifilm", "GMM", "Hitachi", "Hologic", "iCRco", "iRay", "Kodak", "Konica")},
    **{
        name.upper(): name
        for name in ("Lodox", "Mindray", "Philips", "Rayence", "Samsung", "Sedecal", "Shimadzu", "Siemens")
    },
    **{name.upper(): name for name in ("Swissray", "Thales", "Toshiba", "Trixell", "Varex", "Varian", "Vieworks")},
    "EASTMAN KODAK": "Kodak",
    "FUJI PHOTO": "Fujifilm",
    "GE ": "GE",
    "GE-": "GE",
    "GENERAL ELECTRIC": "GE",
    "KONICA MINOLTA": "Konica Minolta",
    "OEHM": "Oehm und Rehbein",
    "PRIMAX": "Primax",
}
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+/()-]{0,31}", re.ASCII)


# What is read of a header, and nothing else: tag, and VR where the file itself writes none (PS3.6).
_READ = {
    "SOPClassUID": (0x00080016, b"UI"),
    "Modality": (0x00080060, b"CS"),
    "Manufacturer": (0x00080070, b"LO"),
    "SeriesDescription": (0x0008103E, b"LO"),
    "ManufacturerModelName": (0x00081090, b"LO"),
    "BodyPartExamined": (0x00180015, b"CS"),
    "ImagerPixelSpacing": (0x00181164, b"DS"),
    "NominalScannedPixelSpacing": (0x00182010, b"DS"),
    "ViewPosition": (0x00185101, b"CS"),
    "PatientOrientation": (0x00200020, b"CS"),
    "SamplesPerPixel": (0x00280002, b"US"),
    "PhotometricInterpretation": (0x00280004, b"CS"),
    "PlanarConfiguration": (0x00280006, b"US"),
    "NumberOfFrames": (0x00280008, b"IS"),
    "Rows": (0x00280010, b"US"),
    "Columns": (0x00280011, b"US"),
    "PixelSpacing": (0x00280030, b"DS"),
    "PixelAspectRatio": (0x00280034, b"IS"),
    "BitsAllocated": (0x00280100, b"US"),
    "BitsStored": (0x00280101, b"US"),
    "HighBit": (0x00280102, b"US"),
    "PixelRepresentation": (0x00280103, b"US"),
    "PixelPaddingValue": (0x00280120, b"US"),  # or SS
    "PixelPaddingRangeLimit": (0x00280121, b"US"),  # or SS
    "BurnedInAnnotation": (0x00280301, b"CS"),
    "WindowCenter": (0x00281050, b"DS"),
    "WindowWidth": (0x00281051, b"DS"),
    "RescaleIntercept": (0x00281052, b"DS"),
    "RescaleSlope": (0x00281053, b"DS"),
    "VOILUTFunction": (0x00281056, b"CS"),
    "ModalityLUTSequence": (0x00283000, b"SQ"),
    "LUTDescriptor": (0x00283002, b"US"),  # or SS
    "LUTData": (0x00283006, b"OW"),
    "VOILUTSequence": (0x00283010, b"SQ"),
    "PresentationLUTShape": (0x20500020, b"CS"),
}
ATTRIBUTES = {tag: vr for tag, vr in _READ.values()}

_NUMBERS = {b"US": "H", b"SS": "h", b"UL": "I", b"SL": "i", b"FL": "f", b"FD": "d", b"OW": "H"}
_TEXTS = {b"CS", b"LO", b"SH", b"UI", b"DS", b"IS", b"LT", b"ST", b"UC", b"UT"}
_LONGEST_TEXT = 4096  # bytes: each value that is read has at most 64 (PS3.5 6.2)


class Header:
    """Typed access to a dataset's values; what is absent, empty or broken reads as nothing."""

    def __init__(self, elements: Mapping[int, Element]) -> None:
        self._elements = elements

    def __contains__(self, keyword: str) -> bool:
        return _READ[keyword][0] in self._elements

    def is_empty(self, keyword: str) -> bool:
        """Tell whether an attribute is absent or has no value."""
        element = self._elements.get(_READ[keyword][0])
        return element is None or not bytes(element.value[:_LONGEST_TEXT]).strip(b" \0\\")

    def written(self, keyword: str) -> tuple[str, ...]:
        """Return texts as they stand there, without outer blanks."""
        element = self._elements.get(_READ[keyword][0])
        if element is None or _vr(element, keyword) not in _TEXTS:
            return ()
        text = bytes(element.value[:_LONGEST_TEXT]).decode("latin-1")
        return tuple(part.strip("\0 \t\r\n") for part in text.split("\\"))

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return texts in capitals, without outer blanks; none where all of them are empty."""
        texts = tuple(text.upper() for text in self.written(keyword))
        return texts if any(texts) else ()

    def text(self, keyword: str) -> str:
        """Return the first text, or an empty one."""
        return next(iter(self.texts(keyword)), "")

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return finite numbers, or none at all if any value is not one."""
        element = self._elements.get(_READ[keyword][0])
        if element is None:
            return ()
        form = _NUMBERS.get(_vr(element, keyword))
        try:
            if form is None:
                numbers = tuple(map(float, self.written(keyword)))
            else:
                values = element.value[:_LONGEST_TEXT]
                numbers = tuple(float(value) for (value,) in struct.iter_unpack(element.encoding.order + form, values))
        except (ValueError, struct.error):
            return ()  # no number, or a length that does not fit the VR
        return numbers if all(abs(number) < 1e12 for number in numbers) else ()

    def integer(self, keyword: str) -> int | None:
        """Return the first number if it is whole."""
        number = next(iter(self.numbers(keyword)), None)
        return int(number) if number is not None and number == int(number) else None

    def words(self, keyword: str) -> np.ndarray | None:
        """Return a value as (n,) unsigned integers of 16 bits; none where it is absent or of an odd length."""
        element = self._elements.get(_READ[keyword][0])
        if element is None or len(element.value) % 2:
            return None
        return np.frombuffer(element.value, f"{element.encoding.order}u2")

    def first_item(self, keyword: str) -> "Header | None":
        """Return the first item of a sequence; an empty one where it is broken, none where there is none."""
        element = self._elements.get(_READ[keyword][0])
        if element is None or not len(element.value):
            return None
        try:
            found = Walk(element.value, 0, element.encoding).first_item(ATTRIBUTES.keys())
        except RadiographError:
            return Header({})
        return None if found is None else Header(found)


def _vr(element: Element, keyword: str) -> bytes:
    return _READ[keyword][1] if element.vr in (b"", b"UN") else element.vr


def header_facts(header: Header) -> dict[str, str]:
    """Return view, the side at the left edge, modality, body part and pixel spacing, by the name shown for each."""
    modality = header.text("Modality")
    return {
        "View": _view(header),
        "Left edge": _left_edge(header),
        "Modality": modality if modality in MODALITIES else "not declared" if not modality else "not recognised",
        "Body part": _body_part(header),
        "Pixel spacing": _spacing(header),
    }


def device(header: Header) -> str | None:
    """Return the maker of the device and its model; None where the maker is not declared or is none of those listed.

    The model is left out where it is no plain name of at most 32 letters, digits, blanks and a few signs.
    """
    declared = f"{header.text('Manufacturer')} "
    maker = max((begin for begin in _MAKERS if declared.startswith(begin)), key=len, default=None)
    if maker is None:
        return None
    model = next(iter(header.written("ManufacturerModelName")), "")
    return f"{_MAKERS[maker]} {model}" if _MODEL.fullmatch(model) else _MAKERS[maker]


def header_warnings(header: Header) -> list[str]:
    """Return one plain sentence for each thing in the header that a reader should know before trusting a map."""
    found = []
    view = header.text("ViewPosition")
    if view in _LATERAL_VIEWS or _turned(header) == "lateral":
        found.append("The header declares a lateral view; the networks were trained on frontal films.")
    elif view in _OTHER_VIEWS:
        kind = _OTHER_VIEWS[view]
        found.append(f"The header declares a {kind} view; the networks were trained on upright frontal films.")
    elif turned := _turned(header):
        found.append(f"By its declared orientation the film is {turned}; it is shown and read as it is stored.")
    part = header.text("BodyPartExamined")
    if part in _OTHER_PARTS:
        found.append(f"The header declares another body part than the chest: {part}.")
    elif part and part not in _CHEST:
        found.append("The header declares another body part than the chest.")
    if header.text("BurnedInAnnotation") == "YES":
        found.append(
            "The header says that annotations are burned into the pixels: a name may be among them and would be in "
            "every exported picture."
        )
    return found


def _view(header: Header) -> str:
    view = header.text("ViewPosition")
    if not view:
        return "not declared"
    return view if view in _FRONTAL_VIEWS | _LATERAL_VIEWS | set(_OTHER_VIEWS) else "not recognised"


def _left_edge(header: Header) -> str:
    """Return which side of the patient is at the picture's left edge, by where PatientOrientation's rows run to."""
    directions = header.texts("PatientOrientation")
    row = directions[0][:1] if len(directions) == 2 else ""
    return {"L": "the patient's right", "R": "the patient's left"}.get(row, "not declared")


def _body_part(header: Header) -> str:
    part = header.text("BodyPartExamined")
    if not part:
        return "not declared"
    return part if part in _CHEST | _OTHER_PARTS else "not recognised"


def _turned(header: Header) -> str:
    """Return how the film lies by PatientOrientation, empty for an upright frontal film or where nothing is declared.

    The first value is where a row runs to, the second where a column does; a frontal film on a light box has L and F:
    the patient's left is on the reader's right, the feet are below.
    """
    directions = header.texts("PatientOrientation")
    if len(directions) != 2 or not all(directions):
        return ""
    row, column = (direction[0] for direction in directions)
    if row in "HF" and column in "LRAP":
        return "turned by a quarter"
    if row in "AP" and column in "HF":
        return "lateral"
    return {"LH": "upside down", "RF": "mirrored, left for right", "RH": "turned by half"}.get(row + column, "")


def image_size(header: Header) -> tuple[int, int] | None:
    """Return (rows, columns); none where they are no two numbers that 16 bits hold, which may be anything."""
    rows, columns = header.integer("Rows") or 0, header.integer("Columns") or 0
    return (rows, columns) if 0 < rows < 2**16 and 0 < columns < 2**16 else None


def pixel_spacing(header: Header) -> tuple[tuple[float, float], bool] | None:
    """Return the distances of rows and of columns in mm, from centre to centre, and whether they hold at the detector.

    There the patient is magnified. A PixelSpacing equal to ImagerPixelSpacing is not calibrated (10.7.1.3).
    """
    spacing, at_detector = header.numbers("PixelSpacing"), header.numbers("ImagerPixelSpacing")
    measured_there = not spacing or spacing == at_detector
    if measured_there:
        spacing = at_detector
    if len(spacing) != 2 or not all(0 < value < 100 for value in spacing):
        return None
    return (spacing[0], spacing[1]), measured_there


def pixel_aspect(header: Header) -> float:
    """Return a pixel's height over its width, by the distance of rows over that of columns; 1 where nothing is said.

    The first of the attributes that gives two usable numbers decides. The last of them holds no distances, but the
    same ratio as two whole numbers, height first (PS3.3 C.7.6.3.1.7).
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        numbers = header.numbers(keyword)
        if len(numbers) == 2 and min(numbers) > 0:
            return numbers[0] / numbers[1]
    return 1.0


def _spacing(header: Header) -> str:
    found = pixel_spacing(header)
    if found is None:
        return "not declared"
    spacing, at_detector = found
    where = "at the detector" if at_detector else "as declared"
    rows, columns = (f"{value:.3g}" for value in spacing)
    return f"{rows} mm {where}" if rows == columns else f"{rows} × {columns} mm (rows × columns) {where}"
