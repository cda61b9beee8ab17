"""What a DICOM header may say on the screen: facts and warnings that identify nobody.

Free text can stand in any attribute, a name among it. So no text of a header is ever passed on: a value is shown where
it is one of the codes listed here, or a number; any other is described in our own words.

Source: DICOM PS3.3 C.7.6.1.1.1 (Patient Orientation), C.8.7.1.1.2 (View Position), C.8.11 (DX), 10.7.1.3 (spacings).
"""

from typing import SupportsFloat

from pydicom import Dataset

from ensemble_cam.film.intake import DECODER_FAILURES

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

_ASPECT_TOLERANCE = 0.01  # less is a detector's or a scanner's own inaccuracy
_LARGEST_ASPECT = 8  # no film's pixels are longer than that: the numbers are wrong


class Header:
    """Typed access to a dataset's values; what is absent, empty or broken reads as nothing."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._dataset

    def values(self, keyword: str) -> tuple[object, ...]:
        """Return all values of an attribute, of whatever type."""
        try:
            value = self._dataset.get(keyword)
            if value is None or value == "":
                return ()
            return (value,) if isinstance(value, str | bytes | int | float) else tuple(value)
        except DECODER_FAILURES:
            return ()

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return texts in capitals, without outer blanks."""
        return tuple(str(value).strip().upper() for value in self.values(keyword))

    def text(self, keyword: str) -> str:
        """Return the first text, or an empty one."""
        return next(iter(self.texts(keyword)), "")

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return finite numbers, or none at all if any value is not one."""
        try:
            numbers = tuple(map(_number, self.values(keyword)))
        except DECODER_FAILURES:
            return ()
        return numbers if all(abs(number) < 1e12 for number in numbers) else ()

    def integer(self, keyword: str) -> int | None:
        """Return the first number if it is whole."""
        number = next(iter(self.numbers(keyword)), None)
        return int(number) if number is not None and number == int(number) else None

    def first_item(self, keyword: str) -> "Header | None":
        """Return the first item of a sequence."""
        item = next(iter(self.values(keyword)), None)
        return Header(item) if isinstance(item, Dataset) else None


def _number(value: object) -> float:
    """Return a value as a float; raises TypeError or ValueError where it is none."""
    if isinstance(value, str | bytes | SupportsFloat):
        return float(value)
    raise TypeError("not a number")


def header_facts(header: Header) -> dict[str, str]:
    """Return view, modality, body part and pixel spacing, by the name shown for each."""
    modality = header.text("Modality")
    return {
        "View": _view(header),
        "Modality": modality if modality in MODALITIES else "not declared" if not modality else "not recognised",
        "Body part": _body_part(header),
        "Pixel spacing": _spacing(header),
    }


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
        if len(numbers) != 2 or min(numbers) <= 0:
            continue
        aspect = numbers[0] / numbers[1]
        if 1 / _LARGEST_ASPECT <= aspect <= _LARGEST_ASPECT:
            return aspect if abs(aspect - 1) > _ASPECT_TOLERANCE else 1.0
    return 1.0


def _spacing(header: Header) -> str:
    found = pixel_spacing(header)
    if found is None:
        return "not declared"
    spacing, at_detector = found
    where = "at the detector" if at_detector else "as declared"
    rows, columns = (f"{value:.3g}" for value in spacing)
    return f"{rows} mm {where}" if rows == columns else f"{rows} × {columns} mm (rows × columns) {where}"
