"""Films as archives hold them, with whole headers, and their reviews as DICOM objects. `PLANTED` is made up."""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit

from ensemble_cam.export.dicom.objects import DicomObjects, DicomOptions, dicom_objects
from ensemble_cam.phantom.drawing import draw_phantom
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.reviewing.review import Review
from support.films import CR, dicom
from support.networks import bright_classifier
from support.reviews import dotted, made_review

TYPE_2 = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"),
)
PLANTED = {
    "PatientName": "ZZNAME^Planted",
    "PatientID": "ZZ4711",
    "IssuerOfPatientID": "ZZISSUER",
    "PatientBirthDate": "19480229",
    "PatientBirthTime": "031415",
    "PatientSex": "F",
    "OtherPatientNames": "ZZMAIDEN^Planted",
    "EthnicGroup": "ZZETHNIC",
    "PatientComments": "ZZCOMMENT",
    "StudyDate": "20010203",
    "StudyTime": "040506.700",
    "AccessionNumber": "ZZACCESSION",
    "ReferringPhysicianName": "ZZREFERRER^Planted",
    "StudyID": "ZZSTUDY",
    "StudyDescription": "ZZSTUDYDESC",
    "PhysiciansOfRecord": "ZZRECORD^Planted",
    "NameOfPhysiciansReadingStudy": "ZZREADER^Planted",
    "AdmittingDiagnosesDescription": "ZZDIAGNOSIS",
    "PatientAge": "053Y",
    "Occupation": "ZZJOB",
    "AdditionalPatientHistory": "ZZHISTORY",
    "AdmissionID": "ZZADMISSION",
}
"""Keyword → value, each of which every object carries in its patient's and study's modules."""
ELSEWHERE = {
    "InstitutionName": "ZZHOSPITAL",
    "InstitutionAddress": "ZZADDRESS",
    "StationName": "ZZSTATION",
    "OperatorsName": "ZZOPERATOR^Planted",
    "PerformingPhysicianName": "ZZPERFORMER^Planted",
    "ProtocolName": "ZZPROTOCOL",
    "DeviceSerialNumber": "ZZSERIAL",
    "ImageComments": "ZZFREETEXT",
    "RequestingPhysician": "ZZREQUESTER^Planted",
    "PatientTelephoneNumbers": "ZZPHONE",
}
"""Keyword → value of other modules, which no object carries."""


def computed_radiography(pixels: np.ndarray, **attributes: object) -> bytes:
    """Return (h, w) pixels as a CR with what the standard requires of one, type 2 empty; None removes an attribute."""
    header: dict[str, object] = dict.fromkeys(TYPE_2, "")
    header |= {
        "SOPInstanceUID": "1.2.3.4.5.1",
        "StudyInstanceUID": "1.2.3.4.5.2",
        "SeriesInstanceUID": "1.2.3.4.5.3",
        "SeriesNumber": "1",
        "InstanceNumber": "1",
        "Manufacturer": "",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "ImagerPixelSpacing": ["0.2", "0.2"],
        "PatientOrientation": ["L", "F"],
    }
    header |= attributes
    kept = {keyword: value for keyword, value in header.items() if value is not None}
    return dicom(pixels, sop_class=CR, **kept)


def phantom_dx(size: int = 384) -> bytes:
    """Return a phantom as a DX."""
    return film_bytes(draw_phantom(seed=3, size=size), format="dicom")


def with_header(data: bytes, **attributes: object) -> bytes:
    """Return a film with other values of its header, by keyword; None removes one."""
    dataset = header_of(data)
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def spot(width: int = 330, height: int = 270, *, bits: int = 8) -> np.ndarray:
    """Return a dark film with one bright spot, right of its middle and above it."""
    film = dotted(width, height, round(0.6 * width), round(0.4 * height))
    return film if bits == 8 else film.astype(np.uint16) << (bits - 8)


LATIN = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg", "ReferringPhysicianName": "Çelik^Ångström"}
JAPANESE = {
    "SpecificCharacterSet": ["", "ISO 2022 IR 87"],
    "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
}
FILMS = {
    "empty type 2": lambda: computed_radiography(spot()),
    "no type 2": lambda: computed_radiography(spot(), **dict.fromkeys(TYPE_2)),
    "MONOCHROME1": lambda: computed_radiography(
        255 - spot(), PhotometricInterpretation="MONOCHROME1", PatientName="Nobody^Drawn"
    ),
    "Latin-1 names": lambda: computed_radiography(spot(), **LATIN),
    "Japanese names": lambda: computed_radiography(spot(), **JAPANESE),
    "2430 columns": lambda: computed_radiography(spot(2430, 1200)),
    "no spacing": lambda: computed_radiography(spot(), ImagerPixelSpacing=None),
    "no body part": lambda: computed_radiography(spot(), BodyPartExamined=None, Laterality="", PatientOrientation=""),
    "pixels twice as wide as high": lambda: computed_radiography(
        spot(165, 270), ImagerPixelSpacing=None, PixelSpacing=["0.2", "0.4"], PatientName="Nobody^Drawn"
    ),
    "portrait": lambda: computed_radiography(spot(270, 330)),
    "12 bits with a window": lambda: computed_radiography(
        spot(bits=12),
        bits=12,
        WindowCenter="2000",
        WindowWidth="3000",
        RescaleSlope="1",
        RescaleIntercept="-100",
        RescaleType="US",
        PatientName="Nobody^Drawn",
    ),
    "JPEG": lambda: computed_radiography(
        spot(),
        syntax=JPEGBaseline8Bit,
        LossyImageCompression="01",
        LossyImageCompressionRatio="7.5",
        LossyImageCompressionMethod="ISO_10918_1",
    ),
    "planted": lambda: computed_radiography(spot(), **PLANTED, **ELSEWHERE),
    "age without a unit": lambda: computed_radiography(spot(), PatientAge="62"),
    "phantom": phantom_dx,
}
"""Name → what makes the film's file."""


def reviewed(data: bytes, **options: object) -> Review:
    """Return the review of a film by two small networks; of both findings the first is called."""
    networks = [
        bright_classifier(id, logits={"Effusion": 1.5, "Mass": -1.0}, cells=cells)
        for id, cells in (("fine", 16), ("coarse", 8))
    ]
    return made_review(data, classifiers=networks, top_k=2, **options)


def objects(data: bytes, review: Review | None = None, **options: object) -> tuple[dict[str, bytes], DicomObjects]:
    """Return a film's objects by their names, and what was said of them."""
    made = dicom_objects(review or reviewed(data), data, DicomOptions(**options))
    return dict(made.files), made


def header_of(data: bytes) -> Dataset:
    """Return a file's dataset."""
    return dcmread(BytesIO(data))


def tool(name: str) -> str:
    """Return a program's path, or skip the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: dcmtk, dicom3tools)")
    return found


def run(name: str, *arguments: object, within: Path) -> subprocess.CompletedProcess[str]:
    """Run an installed program in a folder."""
    command = [tool(name), *map(str, arguments)]
    return subprocess.run(command, cwd=within, capture_output=True, text=True, errors="replace", timeout=120)
