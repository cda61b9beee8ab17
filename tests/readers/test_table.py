"""A session's tables, read again by a script that shares nothing with the program."""

import csv
import sqlite3
from contextlib import closing
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from ensemble_cam import cli
from ensemble_cam.readers import table
from ensemble_cam.readers.reviews import keep_review
from ensemble_cam.readers.store import NAME, Store
from ensemble_cam.readers.table import AGREEMENT_COLUMNS, ASSESSMENT_COLUMNS, COLUMNS, write_tables
from ensemble_cam.readers.verdicts import Mark, Reader, Verdict, keep_film
from support import films
from support.reviews import made_review
from support.sessions import read_by_two


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    store, reviews = read_by_two(folder)
    with store:
        out = folder / "tables" / "out.csv"
        out.parent.mkdir()
        write_tables(store, out)
    return folder, out, reviews


def read_again(path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_row_for_each_finding_network_and_reader(session):
    _folder, out, reviews = session
    rows = read_again(out)
    assert tuple(rows[0]) == COLUMNS
    wanted = {
        ("A", film.sha256, finding, network)
        for film, analysis in ((each.analysis.radiograph, each.analysis) for each in reviews)
        for finding, networks in {
            "Mass": ("ensemble", "fine", "coarse"),
            "Pleural_Thickening": ("ensemble", "fine"),
            "Lung Lesion": ("ensemble", "coarse"),
        }.items()
        for network in networks
    }
    wanted.add(("A", reviews[0].analysis.radiograph.sha256, "Hernia", ""))  # B saw it, and no network knows it
    of_a = [(row["reader"], row["film"], row["finding"], row["network"]) for row in rows if row["reader"] == "A"]
    assert len(of_a) == len(set(of_a)) == len(wanted)
    assert set(of_a) == wanted


def test_tables_are_what_the_file_holds_by_other_queries(session):
    folder, out, _reviews = session
    with closing(sqlite3.connect(folder / NAME)) as file:
        kept = {name: pd.read_sql(f"SELECT * FROM {name}", file) for name in ("reads", "marks", "verdicts", "calls")}
        names = dict(file.execute("SELECT name, id FROM readers"))
        numbers = dict(file.execute("SELECT sha256, id FROM films"))
        planted = dict(file.execute("SELECT sha256, planted FROM films"))
    for row in read_again(out):
        who, film, finding = names[row["reader"]], numbers[row["film"]], row["finding"]

        def of(name, who=who, film=film):
            return kept[name][(kept[name].reader == who) & (kept[name].film == film)]

        reads, marks = of("reads").set_index("event"), of("marks")
        first = marks[(marks.phase == "first") & (marks.finding == finding)]
        said = of("verdicts")[of("verdicts").finding == finding]
        assert row["opened_at"] == reads.at["opened", "at"]
        assert row["revealed_at"] == reads.at["revealed", "at"]
        if reads.at["revealed", "first_read"]:
            assert row["first_read"] == ("marked" if len(first) else "not marked")
        else:
            assert row["first_read"] == ""
        if len(first):
            (mark,) = first.itertuples()
            assert (float(row["first_x"]), float(row["first_y"])) == (mark.x, mark.y)
            assert int(row["confidence"]) == mark.confidence
            assert row["first_at"] == mark.at < row["revealed_at"]
        assert row["verdict"] == (said.verdict.iloc[-1] if len(said) else "")
        assert row["verdict_changes"] == (str(len(said) - 1) if len(said) else "")
        if len(said):
            seconds = datetime.fromisoformat(said["at"].iloc[-1]) - datetime.fromisoformat(row["revealed_at"])
            assert float(row["seconds_to_verdict"]) == pytest.approx(seconds.total_seconds(), abs=1e-3)
        if row["network"]:
            calls = kept["calls"]
            call = calls[(calls.review == reads.at["revealed", "review"]) & (calls.finding == finding)]
            (call,) = call[call.network == row["network"]].itertuples()
            assert (float(row["score"]), row["call"]) == (call.score, call.call)
            assert row["split"] == ("true" if call.split else "false")
            assert (row["agreement"] or None) == (None if np.isnan(call.agreement) else str(call.agreement))
        assert row["truth"] == ("present" if finding in planted[row["film"]].split("\n") else "absent")


def test_agreement_is_that_of_the_rows(session):
    _folder, out, _ = session
    rows = pd.read_csv(out)
    found = pd.read_csv(out.with_name("out_agreement.csv")).set_index(["finding", "rater", "against"])
    assert tuple(found.reset_index().columns) == AGREEMENT_COLUMNS
    of_a = rows[(rows.reader == "A") & (rows.finding == "Mass") & (rows.network == "ensemble")].set_index("film")
    first, truth = of_a.first_read == "marked", of_a.truth == "present"
    called, opinion = of_a.call == "called", of_a.opinion == "present"
    for rater, against, one, other in (
        ("first A", "truth", first, truth),
        ("A", "truth", opinion, truth),
        ("ensemble", "A", called, opinion),
    ):
        row = found.loc[("Mass", rater, against)]
        assert row.films == 4
        assert row.agreed == (one == other).sum()
        assert row.sensitivity == pytest.approx((one & other).sum() / other.sum()) or not other.sum()
        if one.nunique() + other.nunique() > 2:
            assert row.kappa == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)
        else:
            assert np.isnan(row.kappa)
    assert "coarse" not in found.reset_index().rater.tolist()  # uncalibrated: it calls nothing


def test_assessment_is_in_the_words_of_ihe(session):
    _, out, reviews = session
    rows = read_again(out.with_name("out_assessment.csv"))
    assert tuple(rows[0]) == ASSESSMENT_COLUMNS
    said = [(row["assessor"], row["film"], row["finding"], row["assessment"]) for row in rows]
    hashes = [review.analysis.radiograph.sha256 for review in reviews]
    by_a = [("A", film, "Mass", ("accepted", "rejected")[n % 2]) for n, film in enumerate(hashes)]
    assert said == [*by_a, ("B", hashes[0], "Hernia", "supplemented")]


def test_no_cell_is_a_formula(session):
    notes = [row["note"] for row in read_again(session[1]) if row["note"]]
    assert notes == ["\\=SUM(A1)"]


def test_what_was_exported_is_noted(session):
    folder, out, _ = session
    with Store.open(folder) as store:
        rows = store.rows("SELECT lines FROM exports ORDER BY id")
    assert next(row["lines"] for row in rows) == len(read_again(out))


def test_three_first_reads_are_compared_together(tmp_path):
    with Store.open(tmp_path) as store:
        for number in range(6):
            film = keep_film(store, f"{number:064x}")
            for place, name in enumerate("ABC"):
                reader = Reader.named(store, name)
                if (number + place) % 3:
                    reader.mark(film, Mark("Mass"))
                reader.reveal(film, first_read=True)
        rows = list(table.agreement_rows(list(table.lines(store))))
    together = [row for row in rows if row[1] == "first reads of 3 readers"]
    assert [row[:5] for row in together] == [["Mass", "first reads of 3 readers", "one another", 6, 0]]
    assert together[0][5] == pytest.approx(-0.5)  # two of three always mark it: (1/3 - 5/9) / (1 - 5/9)


IDENTIFIERS = {
    "PatientName": "Zzqname^Planted",
    "PatientID": "ZZQ-4711",
    "PatientBirthDate": "19010203",
    "PatientSex": "O",
    "OtherPatientIDs": "ZZQ-OTHER",
    "PatientAddress": "Zzqstreet 1",
    "PatientMotherBirthName": "Zzqmother",
    "PatientTelephoneNumbers": "ZZQ-555",
    "AccessionNumber": "ZZQACC1",
    "StudyID": "ZZQSTUDY",
    "StudyDate": "19020304",
    "StudyDescription": "zzq study words",
    "SeriesDescription": "zzq series words",
    "ReferringPhysicianName": "Zzqreferrer",
    "OperatorsName": "Zzqoperator",
    "InstitutionName": "Zzqhospital",
    "StationName": "ZZQSTATION",
    "ImageComments": "zzq comment",
    "StudyInstanceUID": "1.2.826.0.1.4711.1",
    "SOPInstanceUID": "1.2.826.0.1.4711.3",
    "PatientComments": "zzq patient comment",
}


def test_no_planted_identifier_is_in_the_session_or_its_tables(tmp_path):
    data = films.dicom(films.film(260, 300).astype(np.uint16), bits=12, **IDENTIFIERS)
    planted = [value for value in IDENTIFIERS.values() if len(value) > 1]
    assert len(planted) >= 20
    assert all(value.encode() in data for value in planted)
    review = made_review(data, top_k=1)
    with Store.open(tmp_path / "session") as store:
        film = keep_film(store, review.analysis.radiograph.sha256)
        reader = Reader.named(store, "A")
        reader.open(film)
        reader.mark(film, Mark("Mass", (1.0, 1.0), 3))
        kept = keep_review(store, film, review)
        reader.reveal(film, review=kept, first_read=True)
        reader.judge(film, "Mass", Verdict.AGREE, review=kept)
        write_tables(store, tmp_path / "session" / "out.csv")
        written = [path.read_bytes() for path in (tmp_path / "session").iterdir()]  # its log, too, before it is closed
    written += [path.read_bytes() for path in (tmp_path / "session").iterdir()]
    assert len(written) >= 8
    for value in planted:
        for each in written:
            assert value.lower().encode() not in each.lower()
            assert value.encode("utf-16-le") not in each


def test_the_command_writes_the_tables_and_names_them(session, tmp_path, capsys):
    folder, out, _ = session
    assert cli.main(["readers", "export", "--session", str(folder), "--out", str(tmp_path / "a.csv")]) == 0
    assert (tmp_path / "a.csv").read_bytes() == out.read_bytes()
    names = ("a.csv", "a_agreement.csv", "a_assessment.csv")
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / name) for name in names]
