#!/usr/bin/env bash
# dicomweb-client 0.61.2: asked of a folder of files for a range of dates, or a modality, it finds every study there is.
#
# One would expect: `DICOMfileClient` answers as an archive does, by the same interface: search filters are what "should
# match". Range matching of Study Date and matching of Modalities in Study are wanted of every server (DICOM PS3.18,
# table 10.6.1-5; PS3.4 C.2.2.2.5), and the package's client of archives passes both on.
# What happens: a range is "not a valid value for value representation DA", Modalities in Study is not supported; a line
# goes to the log, the condition is left out, and what is found is all that matches the others: without another
# condition, all patients' studies. A program that was written for an archive, and is tried on files, gets all of them.
# What to do: check each answer against what was asked, or ask for single dates.
#
# Output seen:
#     {'StudyDate': '20200102'} finds the studies of ['20200102']
#     {'StudyDate': '20200101-20201231'} finds the studies of ['20190101', '20200102', '20210101']
#     {'ModalitiesInStudy': 'CT'} finds the studies of ['20190101', '20200102', '20210101']
#     {'ModalitiesInStudy': 'MG'} finds the studies of ['20190101', '20200102', '20210101']
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "dicomweb-client==0.61.2" "pydicom==3.0.2" "numpy==2.4.6"

mkdir "$folder/films"
cd "$folder"
cat > check.py <<'PYTHON'
import pathlib

import pydicom
from dicomweb_client.api import DICOMfileClient

for number, (date, modality) in enumerate([("20190101", "CR"), ("20200102", "CR"), ("20210101", "CT")]):
    film = pydicom.Dataset()
    film.file_meta = pydicom.dataset.FileMetaDataset()
    film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    film.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    for level in ("SOP", "Study", "Series"):
        setattr(film, f"{level}InstanceUID", pydicom.uid.generate_uid())
    film.PatientID, film.PatientName, film.PatientBirthDate, film.PatientSex = f"{number}", "Phantom", "", ""
    film.StudyDate, film.StudyTime, film.StudyID, film.AccessionNumber = date, "", "", ""
    film.ReferringPhysicianName = ""
    film.Modality, film.SeriesNumber, film.InstanceNumber = modality, 1, 1
    film.Rows, film.Columns, film.SamplesPerPixel, film.PhotometricInterpretation = 1, 2, 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 8, 8, 7, 0
    film.PixelData = b"\0\1"
    film.save_as(f"films/{number}.dcm", enforce_file_format=True)

client = DICOMfileClient(pathlib.Path("films").resolve().as_uri(), update_db=True)
for asked in (
    {"StudyDate": "20200102"},
    {"StudyDate": "20200101-20201231"},
    {"ModalitiesInStudy": "CT"},
    {"ModalitiesInStudy": "MG"},
):
    found = client.search_for_studies(search_filters=asked)
    print(asked, "finds the studies of", sorted(study["00080020"]["Value"][0] for study in found))
PYTHON
"$folder/venv/bin/python" check.py 2>/dev/null | tee output.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
