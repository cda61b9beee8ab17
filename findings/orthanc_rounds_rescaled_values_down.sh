#!/usr/bin/env bash
# Orthanc 1.10.1 (Debian's) beside pydicom 3.0.2: rescaled values of `/numpy` are rounded down, and come as float32.
#
# One would expect: what the Orthanc Book says of "downloading decoded images from Python", for use in pipelines of
# artificial intelligence: the array "contains floating-point values", and Rescale Slope and Intercept "are applied to
# the floating-point values".
# What happens: each rescaled value is rounded down to a whole number, which is handed out as float32. With a slope of
# 0.001, as optical densities have, 4096 levels of grey become five; a fraction in slope or intercept shifts each value
# by up to one. With whole numbers, as in most CT, nothing is seen of it.
# What to do: ask for `/numpy?rescale=false` and rescale the stored values, or read the file.
#
# Output seen:
#     values x 1 + 0
#         pydicom [0.0, 500.0, 999.0, 2000.0, 4095.0]
#         Orthanc [0.0, 500.0, 999.0, 2000.0, 4095.0] float32
#     values x 0.001 + 0
#         pydicom [0.0, 0.5, 0.999, 2.0, 4.095]
#         Orthanc [0.0, 0.0, 0.0, 2.0, 4.0] float32
#     values x 0.5 + -10.25
#         pydicom [-10.25, 239.75, 489.25, 989.75, 2037.25]
#         Orthanc [-11.0, 239.0, 489.0, 989.0, 2037.0] float32
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
orthanc=
trap '[[ -z $orthanc ]] || { kill "$orthanc"; wait "$orthanc" || true; }; rm -rf "$folder"' EXIT
[[ $(dpkg-query -W -f '${Version}' orthanc) == 1.10.1+* ]]
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pydicom==3.0.2" "numpy==2.4.6"

cd "$folder"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > orthanc.json <<JSON
{"HttpPort": $port, "DicomServerEnabled": false, "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
 "StorageDirectory": "$folder/films", "IndexDirectory": "$folder/films"}
JSON
Orthanc orthanc.json > log.txt 2>&1 &
orthanc=$!
cat > check.py <<'PYTHON'
import io
import json
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pydicom
from pydicom.pixels import apply_modality_lut


def asked(path, data=None):
    with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}{path}", data, timeout=60) as answer:
        return answer.read()


for _ in range(120):
    try:
        asked("/system")
        break
    except urllib.error.URLError:
        time.sleep(0.5)

film = pydicom.Dataset()
film.file_meta = pydicom.dataset.FileMetaDataset()
film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
film.SOPClassUID = pydicom.uid.DigitalXRayImageStorageForPresentation
film.StudyInstanceUID, film.SeriesInstanceUID = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
film.PatientID, film.Modality = "PHANTOM", "DX"
film.Rows, film.Columns, film.SamplesPerPixel, film.PhotometricInterpretation = 1, 5, 1, "MONOCHROME2"
film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
film.PixelData = np.array([0, 500, 999, 2000, 4095], "<u2").tobytes()
for slope, intercept in (("1", "0"), ("0.001", "0"), ("0.5", "-10.25")):
    film.SOPInstanceUID = pydicom.uid.generate_uid()
    film.RescaleSlope, film.RescaleIntercept = slope, intercept
    stored = io.BytesIO()
    film.save_as(stored, enforce_file_format=True)
    name = json.loads(asked("/instances", stored.getvalue()))["ID"]
    array = np.load(io.BytesIO(asked(f"/instances/{name}/numpy")))
    print(f"values x {slope} + {intercept}")
    print("    pydicom", apply_modality_lut(film.pixel_array, film).ravel().tolist())
    print("    Orthanc", array.ravel().tolist(), array.dtype)
PYTHON
"$folder/venv/bin/python" check.py "$port" 2>error.txt | tee output.txt || cat error.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
