#!/usr/bin/env bash
# pydicom 3.0.2 beside Debian's DCMTK 3.6.7: text in ISO 2022 IR 58 keeps its escape sequences, and is written without.
#
# One would expect: the example that the standard itself gives of a Chinese name (PS3.5, annex K.2) is read as it says
# there; and what is written with this character set can be read again. pydicom lists ISO 2022 IR 58 among those it
# knows, and warns of one that it does not.
# What happens: Python's codec for it has no escape sequences. On reading they stay in the name, as four more characters
# before each component, of which some are invisible; on writing they are missing, so that the bytes are Latin letters
# to every reader, pydicom too, and the text is lost. No error and no warning. fo-dicom mended the same (issue 1805).
# What to do: write Chinese in ISO_IR 192 (UTF-8) or GB18030; on reading, take `\x1b$)A` out of text.
#
# Output seen:
#     read of the standard's bytes:
#         DCMTK   'Zhang^XiaoDong=张^小东'
#         pydicom 'Zhang^XiaoDong=\x1b$)A张^\x1b$)A小东'
#     written by pydicom as '张小东', read of what it wrote:
#         DCMTK   cannot convert it
#         pydicom 'ÕÅÐ¡¶«'
set -euo pipefail

self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
[[ $(dcmconv --version) == *" v3.6.7 "* ]]
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pydicom==3.0.2"

cd "$folder"
cat > check.py <<'PYTHON'
import subprocess
import warnings

import pydicom

warnings.simplefilter("error")


def film(**values):
    made = pydicom.Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    made.SOPInstanceUID = pydicom.uid.generate_uid()
    made.SpecificCharacterSet = ["", "ISO 2022 IR 58"]
    for keyword, value in values.items():
        setattr(made, keyword, value)
    made.save_as("film.dcm", enforce_file_format=True)


def by_dcmtk(keyword):
    if subprocess.run(["dcmconv", "+U8", "film.dcm", "utf8.dcm"], capture_output=True).returncode:
        return "cannot convert it"
    return repr(str(pydicom.dcmread("utf8.dcm")[keyword].value))


chinese = b"\x1b\x24\x29\x41\xd5\xc5^\x1b\x24\x29\x41\xd0\xa1\xb6\xab="
bytes_of_the_standard = b"Zhang^XiaoDong=" + chinese
film(PatientName=bytes_of_the_standard)
print("read of the standard's bytes:")
print("    DCMTK  ", by_dcmtk("PatientName"))
print("    pydicom", repr(str(pydicom.dcmread("film.dcm").PatientName)))

film(StudyDescription="张小东")
print("written by pydicom as '张小东', read of what it wrote:")
print("    DCMTK  ", by_dcmtk("StudyDescription"))
print("    pydicom", repr(pydicom.dcmread("film.dcm").StudyDescription))
PYTHON
PYTHONIOENCODING=utf-8 "$folder/venv/bin/python" check.py 2>error.txt | tee output.txt || cat error.txt
diff <(sed -n 's/^#     //p' "$self") output.txt
