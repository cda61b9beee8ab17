"""Twenty things that a header says of a patient: none of them is in a session's file, or in anything made of it."""

import zlib
from pathlib import Path

import pypdfium2

from ensemble_cam import cli
from ensemble_cam.readers.store import NAME, Store
from ensemble_cam.readers.truth import Kind, Shape, keep_shape
from ensemble_cam.readers.verdicts import Mark, Reader, Verdict
from support import films

PLANTED = {
    keyword: f"ZZ{number:02d}{keyword.upper()[:10]}"
    for number, keyword in enumerate(
        (
            *("PatientName", "PatientID", "IssuerOfPatientID", "OtherPatientNames", "PatientBirthName"),
            *("PatientMotherBirthName", "PatientAddress", "PatientTelephoneNumbers", "MilitaryRank", "EthnicGroup"),
            *("Occupation", "AdditionalPatientHistory", "PatientComments", "InstitutionName", "InstitutionAddress"),
            *("ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "AccessionNumber", "StudyID"),
        )
    )
}


def test_no_planted_identifier_is_in_the_session_or_in_what_is_made_of_it(tmp_path):
    assert len(PLANTED) == 20
    folder = tmp_path / "ZZFOLDER"
    folder.mkdir()
    lines = ["file,finding,label"]
    for seed in range(4):
        data = films.dicom(films.film(seed=seed), **PLANTED)
        assert all(value.encode() in data for value in PLANTED.values())
        (folder / f"ZZFILE{seed}.dcm").write_bytes(data)
        lines.append(f"ZZFOLDER/ZZFILE{seed}.dcm,Mass,{seed % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    session, out = tmp_path / "session", tmp_path / "out"
    out.mkdir()
    assert cli.main(["readers", "list", str(folder), "--session", str(session)]) == 0
    with Store.open(session) as store:
        reader = Reader.named(store, "A")
        for row in store.rows("SELECT id FROM films"):
            reader.open(row["id"])
            reader.mark(row["id"], Mark("Mass", (5.0, 6.0), 3))
            keep_shape(store, reader, row["id"], Shape.drawn("Mass", Kind.BOX, [(4, 4), (9, 9)], width=99, height=99))
            reader.reveal(row["id"], first_read=True)
            reader.judge(row["id"], "Mass", Verdict.AGREE)
    of = ["--session", str(session), "--out"]
    plan = ["--labels", str(tmp_path / "labels.csv"), "--finding", "Mass", "--readers", "A"]
    for words in (
        ["export", *of, str(out / "session.csv")],
        ["report", *of, str(out / "session.pdf"), "--with-readers", "--with-dates"],
        ["truth", *of, str(out / "truth.csv")],
        ["truth", *of, str(out / "truth.json")],
        ["truth", *of, str(out / "coco.json"), "--coco"],
        ["study", "plan", str(folder), *plan, "--out", str(out / "study.json")],
        ["study", "export", "--study", str(out / "study.json"), *of[:2], *of[:2], "--out", str(out / "scores.csv")],
    ):
        assert cli.main(["readers", *words]) == 0, words
    with Store.open(session) as store:
        bodies = [zlib.decompress(row["body"]) + row["head"] for row in store.rows("SELECT * FROM pixels")]
    written = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
    pages = pypdfium2.PdfDocument(written["session.pdf"])  # whose text is compressed
    assert len(written) == 13
    assert len(bodies) == 4
    written |= {path.name: path.read_bytes() for path in Path(session).iterdir()} | {"pixels": b"".join(bodies)}
    written["text of the report"] = "".join(page.get_textpage().get_text_bounded() for page in pages).encode()
    assert NAME in written
    for name, data in written.items():
        for value in (*PLANTED.values(), "ZZFOLDER", "ZZFILE"):
            assert value.encode() not in data, (name, value)
