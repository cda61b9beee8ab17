"""Sequences of patient and study are in a film's objects as they are in the film, however that is written."""

import io
import shutil
import struct
import subprocess

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ensemble_cam.export.dicom.attributes import SEQUENCES
from ensemble_cam.export.dicom.sequences import as_explicit
from ensemble_cam.film.dicom.elements import BIG_ENDIAN, EXPLICIT, IMPLICIT, Element
from support.dicom_films import JAPANESE, PLANTED, computed_radiography, objects, spot

CODE = {"CodeValue": "ZZ1", "CodingSchemeDesignator": "99ZZ", "CodeMeaning": "山田の胸部"}


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def planted() -> dict[str, list[Dataset]]:
    other = [item(PatientID=f"ZZOTHER{n}", TypeOfPatientID="TEXT", IssuerOfPatientID="ZZ山田") for n in range(2)]
    other[0].IssuerOfPatientIDQualifiersSequence = [item(UniversalEntityID="1.2.3", UniversalEntityIDType="ISO")]
    other[0].add_new(0x00091001, "LO", "ZZPRIVATE")
    physician = item(PersonIdentificationCodeSequence=[item(**CODE)], InstitutionName="ZZ病院")
    return {
        "OtherPatientIDsSequence": other,
        "ProcedureCodeSequence": [item(**CODE)],
        "ReferringPhysicianIdentificationSequence": [physician],
        "IssuerOfAccessionNumberSequence": [item(LocalNamespaceEntityID="ZZLOCAL")],
    }


def film(syntax: str, *, undefined: bool) -> bytes:
    made = dcmread(io.BytesIO(computed_radiography(spot(), **PLANTED | JAPANESE)))
    for keyword, items in planted().items():
        setattr(made, keyword, items)
        made[keyword].is_undefined_length = undefined
        for each in getattr(made, keyword):
            each.is_undefined_length_sequence_item = undefined
    made.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    made.save_as(buffer, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return buffer.getvalue()


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_they_are_the_films_own(syntax, undefined, tmp_path):
    data = film(syntax, undefined=undefined)
    written, _ = objects(data)
    source = dcmread(io.BytesIO(data))
    for each in source.OtherPatientIDsSequence:
        each.remove_private_tags()
    for name, made in written.items():
        read = dcmread(io.BytesIO(made))
        for keyword in planted():
            assert getattr(read, keyword) == getattr(source, keyword), (name, keyword)
        assert read.ReferringPhysicianIdentificationSequence[0].InstitutionName == "ZZ病院"
        assert b"ZZPRIVATE" not in made
    if shutil.which("dciodvfy"):
        for name, made in written.items():
            (tmp_path / name).write_bytes(made)
            said = subprocess.run(["dciodvfy", tmp_path / name], capture_output=True, text=True, check=False).stderr
            assert not [line for line in said.splitlines() if line.startswith("Error")], (name, said)


def test_every_one_is_a_sequence_of_the_standard():
    from pydicom.datadict import dictionary_VR, keyword_for_tag

    assert {keyword_for_tag(tag): dictionary_VR(tag) for tag, _ in SEQUENCES.values()} == dict.fromkeys(SEQUENCES, "SQ")


def element(value: bytes, encoding=EXPLICIT) -> Element:
    return Element(b"SQ", memoryview(value), encoding)


def sequence(depth: int) -> bytes:
    inner = b""
    if depth:
        nested = sequence(depth - 1)
        inner = struct.pack("<HH2s2xI", 0x0010, 0x1002, b"SQ", len(nested)) + nested
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner


WHOLE = struct.pack("<HHI", 0xFFFE, 0xE000, 12) + struct.pack("<HH2sH", 0x0010, 0x0020, b"LO", 4) + b"ZZ12"


def test_a_whole_one_stays_and_what_is_broken_is_none():
    assert as_explicit(element(WHOLE)) == WHOLE
    for cut in range(1, len(WHOLE)):
        assert as_explicit(element(WHOLE[:cut])) is None, cut
    assert as_explicit(element(WHOLE, BIG_ENDIAN)) is None
    assert as_explicit(element(b"\xff" * 64)) is None
    assert as_explicit(element(WHOLE.replace(b"LO", b"lo"))) is None
    assert as_explicit(element(b"", IMPLICIT)) == b""


def test_what_reaches_beyond_what_it_is_in_is_none():
    nested = struct.pack("<HH2s2xI", 0x0010, 0x1002, b"SQ", 8 + 12 + 8)  # 8 bytes too many
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(nested) + len(WHOLE)) + nested + WHOLE
    assert as_explicit(element(item)) is None
    assert as_explicit(element(item + struct.pack("<HHI", 0xFFFE, 0xE000, 0))) is None


def test_a_deep_one_is_none():
    assert as_explicit(element(sequence(8))) == sequence(8)
    assert as_explicit(element(sequence(9))) is None
