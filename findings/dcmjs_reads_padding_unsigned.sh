#!/usr/bin/env bash
# dcmjs 0.51.1 beside pydicom 3.0.2: signed Pixel Padding Value and Smallest Image Pixel Value are read as unsigned.
#
# One would expect: the same film has the same values in either of DICOM's little endian transfer syntaxes. Where the
# type of these attributes is not written, Pixel Representation decides it (PS3.5 6.2, US or SS; PS3.3 C.7.6.3), as
# pydicom and DCMTK do; dcm4che and dicom-rs mended it as a bug (dcm4che issue 1368, dicom-rs issue 460).
# What happens: with implicit value representation, DICOM's default, padding of -2000 is read as 63536. No pixel is
# that, so nothing is masked: the rim of a film counts in its minimum, its histogram and its window. The same film with
# explicit value representation is right, so that a test with one of them does not show it.
# What to do: read the film's bytes by Pixel Representation, or let the archive send it with explicit representation.
#
# Output seen:
#     pydicom, explicit: padding -2000, smallest -2000
#     pydicom, implicit: padding -2000, smallest -2000
#     dcmjs, explicit: padding -2000, smallest -2000
#     dcmjs, implicit: padding 63536, smallest 63536
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pydicom==3.0.2"
npm install --silent --no-fund --no-audit --prefix "$folder" "dcmjs@0.51.1" > /dev/null

cd "$folder"
cat > write.py <<'PYTHON'
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

film = pydicom.Dataset()
film.file_meta = pydicom.dataset.FileMetaDataset()
film.SOPClassUID = pydicom.uid.ComputedRadiographyImageStorage
film.SOPInstanceUID, film.StudyInstanceUID, film.SeriesInstanceUID = (pydicom.uid.generate_uid() for _ in range(3))
film.Rows, film.Columns, film.SamplesPerPixel, film.PhotometricInterpretation = 1, 2, 1, "MONOCHROME2"
film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 16, 15, 1
film.SmallestImagePixelValue, film.PixelPaddingValue = -2000, -2000
film.PixelData = (-2000).to_bytes(2, "little", signed=True) + (100).to_bytes(2, "little", signed=True)
for name, syntax in (("explicit", ExplicitVRLittleEndian), ("implicit", ImplicitVRLittleEndian)):
    film.file_meta.TransferSyntaxUID = syntax
    film.save_as(f"{name}.dcm", enforce_file_format=True, implicit_vr=syntax.is_implicit_VR, little_endian=True)
    read = pydicom.dcmread(f"{name}.dcm")
    print(f"pydicom, {name}: padding {read.PixelPaddingValue}, smallest {read.SmallestImagePixelValue}")
PYTHON
cat > read.js <<'JAVASCRIPT'
const { readFileSync } = require("node:fs");
const { data } = require("dcmjs");

for (const name of ["explicit", "implicit"]) {
    const { dict } = data.DicomMessage.readFile(new Uint8Array(readFileSync(`${name}.dcm`)).buffer);
    const film = data.DicomMetaDictionary.naturalizeDataset(dict);
    console.log(`dcmjs, ${name}: padding ${film.PixelPaddingValue}, smallest ${film.SmallestImagePixelValue}`);
}
JAVASCRIPT
{ "$folder/venv/bin/python" write.py && node read.js; } 2>/dev/null | tee output.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
