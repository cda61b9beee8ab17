"""Secondary Capture: overlays and the figure as colour images, with the words that stand below them.

It is the one kind of result that every viewer tried shows, so nothing in it needs a viewer's help: words are pixels.
Source: DICOM PS3.3 A.8.1 (object), C.8.6 (modules), C.7.6.1.1.5 (lossy compression).
"""

from io import BytesIO

import numpy as np
from highdicom.sc import SCImage
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from ensemble_cam.errors import ExportError
from ensemble_cam.export.dicom.codes import plain
from ensemble_cam.export.dicom.source import NATIVE, Source, finished

_QUALITY = 95
_MOST_SIDE = 2**16 - 1  # Rows and Columns have 16 bits


def secondary_capture(source: Source, picture: bytes, *, what: str, number: int, jpeg: bool) -> bytes:
    """Return a picture as a Secondary Capture in the film's study.

    Args:
        source: the review's.
        picture: a PNG in colours.
        what: what it shows.
        number: its place in the series.
        jpeg: whether it is compressed as JPEG, with loss.

    Raises:
        ExportError: if it is larger than an image in DICOM may be.
    """
    with Image.open(BytesIO(picture)) as opened:
        pixels = np.array(opened.convert("RGB"))
    if max(pixels.shape[:2]) > _MOST_SIDE:
        raise ExportError(f"The picture has {pixels.shape[1]}×{pixels.shape[0]} pixels, too many for a DICOM image.")
    encoding = str(JPEGBaseline8Bit) if jpeg else NATIVE
    image = SCImage.from_ref_dataset(
        source.film,
        pixels,
        "RGB",
        8,
        "PATIENT",
        patient_orientation=("L", "F"),  # highdicom insists; `finished` puts the film's own in its place
        manufacturer=source.equipment["manufacturer"],
        manufacturer_model_name=source.equipment["manufacturer_model_name"],
        software_versions=source.equipment["software_versions"],
        device_serial_number=source.equipment["device_serial_number"],
        transfer_syntax_uid=NATIVE,
        **source.numbers("SC", encoding, number),
    )
    image.BurnedInAnnotation, image.RecognizableVisualFeatures = "YES", "NO"
    image.ImageComments = plain(what)[:1024]
    image.DerivationDescription = "; ".join(source.algorithm)[:1024]
    image.SourceImageSequence = [_reference(source.film)]
    if jpeg:
        _compress(image, pixels)
    return finished(image, source)


def _reference(film: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = film.SOPClassUID, film.SOPInstanceUID
    return item


def _compress(image: Dataset, pixels: np.ndarray) -> None:
    """Put a JPEG in the pixels' place, and say so."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY, subsampling="4:2:2")
    stream = buffer.getvalue()
    image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    image.PhotometricInterpretation = "YBR_FULL_422"
    image.PixelData = encapsulate([stream])
    image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    image.LossyImageCompression, image.LossyImageCompressionMethod = "01", "ISO_10918_1"
    image.LossyImageCompressionRatio = f"{pixels.nbytes / len(stream):.4g}"
