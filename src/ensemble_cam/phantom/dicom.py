"""A phantom as a DICOM object: Digital X-Ray Image Storage, for presentation.

Every attribute that the standard requires of a DX image is there; those that would tell of a patient or a day are
empty, as it allows. Nothing in the header says which findings were planted.

Source: DICOM PS3.3 A.26 (the object), C.8.11.1 to C.8.11.5 (DX series, anatomy, image, detector, positioning),
C.11.2.1.2 (window).
"""

import hashlib
import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

from .drawing import Phantom

_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
    *("DetectorType", "PositionerType", "AcquisitionContextSequence"),
)


def dicom_bytes(phantom: Phantom, *, mark: str, description: str) -> bytes:
    """Return the file; the same phantom gives the same bytes.

    Its pixels are the phantom's, in explicit little endian, and its window covers their whole range, so that the screen
    shows what was drawn.

    Args:
        phantom: 8 bits are stored in 8, 16 in 16.
        mark: the manufacturer, by which the app knows a phantom.
        description: a sentence on what this is, in ASCII.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword in _EMPTY:
        setattr(dataset, keyword, None)
    _identify(dataset, phantom, mark)
    dataset.Modality = "DX"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", ""]  # C.8.11.3.1.1: the third value is there, and empty
    dataset.Manufacturer = mark
    dataset.QualityControlSubject = dataset.QualityControlImage = "YES"  # the subject, the image is a phantom
    dataset.SeriesDescription = "Synthetic chest film, drawn by code, no patient"
    dataset.ImageComments = description
    _describe_anatomy(dataset)
    _add_pixels(dataset, phantom)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _identify(dataset: Dataset, phantom: Phantom, mark: str) -> None:
    """Set UIDs that follow from what was drawn, and from nothing else."""
    pixels = hashlib.sha256(np.ascontiguousarray(phantom.pixels).data).hexdigest()
    height, width = phantom.pixels.shape
    drawn = f"{phantom.seed} {phantom.difficulty} {phantom.findings} {width} {height} {phantom.bits}"

    def uid(of: str) -> str:
        return generate_uid(entropy_srcs=[mark, of, drawn, pixels])

    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = uid("image")
    dataset.SeriesInstanceUID, dataset.SeriesNumber = uid("series"), 1
    dataset.StudyInstanceUID, dataset.InstanceNumber = uid("study"), 1
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _describe_anatomy(dataset: Dataset) -> None:
    """Set what says that this is an upright frontal film of an unpaired part: the chest."""
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", "PA"
    dataset.PatientOrientation = ["L", "F"]  # the patient's left is on the reader's right
    dataset.ImageLaterality = "U"
    dataset.AnatomicRegionSequence = [_code("816094009", "Chest")]  # CID 4031
    view = _code("272479007", "postero-anterior")  # CID 4010
    view.ViewModifierCodeSequence = None
    dataset.ViewCodeSequence = [view]


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT", meaning
    return code


def _add_pixels(dataset: Dataset, phantom: Phantom) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation, dataset.PresentationLUTShape = "MONOCHROME2", "IDENTITY"
    dataset.Rows, dataset.Columns = phantom.pixels.shape
    dataset.BitsAllocated = dataset.BitsStored = phantom.bits
    dataset.HighBit = phantom.bits - 1
    dataset.PixelRepresentation = 0
    # At the film, which is where the detector is: both spacings are the same, so it is not calibrated (10.7.1.3).
    dataset.ImagerPixelSpacing = dataset.PixelSpacing = [format_number_as_ds(float(phantom.pixel_spacing))] * 2
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", -1  # white = dense
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    # C.11.2.1.2.1: the lowest value becomes black and the highest white.
    dataset.WindowCenter, dataset.WindowWidth = str(2 ** (phantom.bits - 1)), str(2**phantom.bits)
    dataset.BurnedInAnnotation, dataset.LossyImageCompression = "NO", "00"
    samples = phantom.pixels.astype(f"<u{phantom.bits // 8}").tobytes()
    dataset.PixelData = samples + b"\0" * (len(samples) % 2)
    dataset["PixelData"].VR = "OB" if phantom.bits == 8 else "OW"
