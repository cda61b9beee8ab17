#!/usr/bin/env bash
# SimpleITK 2.5.7 beside pydicom 3.0.2: MONOCHROME1 films are turned round on reading, and still say MONOCHROME1.
#
# One would expect: values as they are stored, or in the units that the rescale gives, as for any other film, as
# MONOCHROME1 says how they are to be shown, "after any VOI gray scale transformations have been performed" (PS3.3
# C.7.6.3.1.2). So tells the project itself: "ITK loads the image as is, and the user needs to invert it for display"
# (SimpleITK-Notebooks, pull request 257).
# What happens: stored values v become 2^bits - 1 - v before the rescale, and the image's Photometric Interpretation
# stays MONOCHROME1. Who follows the advice turns the film round twice, and a network sees its negative; the same file
# read by pydicom is the other way round; rescaled values are no longer in their units. The warning that once went with
# such films was taken out (InsightSoftwareConsortium/ITK, pull request 4922).
# What to do: leave SimpleITK's values as they come, and turn round pydicom's; or read both and compare once.
#
# Output seen:
#     MONOCHROME2, values x 1 + 0
#         pydicom   [0, 100, 2000, 4095]
#         SimpleITK [0, 100, 2000, 4095] and says MONOCHROME2
#     MONOCHROME2, values x 2 + -100
#         pydicom   [-100, 100, 3900, 8090]
#         SimpleITK [-100, 100, 3900, 8090] and says MONOCHROME2
#     MONOCHROME1, values x 1 + 0
#         pydicom   [0, 100, 2000, 4095]
#         SimpleITK [4095, 3995, 2095, 0] and says MONOCHROME1
#     MONOCHROME1, values x 2 + -100
#         pydicom   [-100, 100, 3900, 8090]
#         SimpleITK [8090, 7890, 4090, -100] and says MONOCHROME1
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "SimpleITK==2.5.7" "pydicom==3.0.2" "numpy==2.4.6"

cd "$folder"
cat > check.py <<'PYTHON'
import numpy as np
import pydicom
import SimpleITK
from pydicom.pixels import apply_modality_lut

film = pydicom.Dataset()
film.file_meta = pydicom.dataset.FileMetaDataset()
film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
film.SOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
film.SOPInstanceUID = pydicom.uid.generate_uid()
film.StudyInstanceUID = pydicom.uid.generate_uid()
film.SeriesInstanceUID = pydicom.uid.generate_uid()
film.PatientName = film.PatientID = film.StudyDate = film.StudyTime = film.AccessionNumber = ""
film.Modality = "CR"
film.SamplesPerPixel, film.Rows, film.Columns = 1, 1, 4
film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
film.PixelData = np.array([0, 100, 2000, 4095], "<u2").tobytes()

for photometric in ("MONOCHROME2", "MONOCHROME1"):
    for slope, intercept in (("1", "0"), ("2", "-100")):
        film.PhotometricInterpretation = photometric
        film.RescaleSlope, film.RescaleIntercept = slope, intercept
        film.save_as("film.dcm", enforce_file_format=True)
        read = pydicom.dcmread("film.dcm")
        image = SimpleITK.ReadImage("film.dcm")
        print(f"{photometric}, values x {slope} + {intercept}")
        print("    pydicom  ", apply_modality_lut(read.pixel_array, read).ravel().astype(int).tolist())
        said = image.GetMetaData("0028|0004").strip()
        print("    SimpleITK", SimpleITK.GetArrayFromImage(image).ravel().tolist(), "and says", said)
PYTHON
"$folder/venv/bin/python" check.py 2>/dev/null | tee output.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
