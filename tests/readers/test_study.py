"""A readers' study: the plan is balanced, and its scores are what the sessions hold, by queries of their own."""

import csv
import json
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ensemble_cam import cli
from ensemble_cam.errors import ConfigError, SessionError
from ensemble_cam.readers import sitting as sitting_module
from ensemble_cam.readers import study_scores
from ensemble_cam.readers.draws import Draws
from ensemble_cam.readers.reviews import keep_review
from ensemble_cam.readers.store import NAME, Store
from ensemble_cam.readers.study import Arm, planned, read_study
from ensemble_cam.readers.verdicts import Mark, Reader, Verdict, keep_film
from support import films
from support.reviews import made_review

FILMS = {f"{number:064x}": number % 3 == 0 for number in range(20)}


def study(readers=("A", "B", "C", "D"), **how):
    return planned("Mass", FILMS, readers, **{"seed": 3, "washout": 28, **how})


def test_every_reader_reads_every_case_once_in_each_arm_and_sitting():
    reads = study().reads()
    assert len(reads) == 4 * 20 * 2
    assert set(Counter((r.reader, r.case, r.arm) for r in reads).values()) == {1}
    assert set(Counter((r.reader, r.case, r.sitting) for r in reads).values()) == {1}
    for reader in "ABCD":
        for sitting in (1, 2):
            own = [r for r in reads if (r.reader, r.sitting) == (reader, sitting)]
            assert [r.place for r in own] == list(range(1, 21))
            arms = [r.arm for r in own]
            assert len({*arms[:10]}) == len({*arms[10:]}) == 1  # in blocks
            assert Counter(arms) == {Arm.WITH: 10, Arm.WITHOUT: 10}
            positives = Counter(r.arm for r in own if r.case.truth)
            assert abs(positives[Arm.WITH] - positives[Arm.WITHOUT]) <= 1
    orders = {tuple(r.case.name for r in reads if (r.reader, r.sitting) == (who, 1)) for who in "ABCD"}
    assert len(orders) == 4


@pytest.mark.parametrize("count", [2, 4, 6, 8])
def test_halves_and_arms_begin_equally_often_over_readers(count):
    plan = study(tuple("ABCDEFGH"[:count]))
    first = [r for r in plan.reads() if r.sitting == 1]
    begins = Counter(r.arm for r in first if r.place == 1)
    assert begins[Arm.WITH] == begins[Arm.WITHOUT] == count // 2
    without = Counter(r.case for r in first if r.arm is Arm.WITHOUT)
    assert set(without.values()) == {count // 2}


def test_a_plan_is_read_as_it_was_written_and_follows_from_its_seed():
    one = study()
    again = read_study(one.file())
    assert again == one
    assert again.reads() == one.reads()
    assert study(seed=4).reads() != one.reads()
    numbers = [case.truth for case in one.cases]
    assert numbers != sorted(numbers, reverse=True)  # a case's number says nothing of its truth
    assert numbers != [FILMS[sha256] for sha256 in sorted(FILMS)]


def test_what_makes_no_study_is_refused():
    with pytest.raises(ConfigError, match="two of each at least"):
        planned("Mass", dict.fromkeys(FILMS, True), ("A",), seed=0, washout=0)
    for readers in ((), ("A", "A"), ("truth",), ("",)):
        with pytest.raises(ConfigError, match=r"readers: got \d; allowed"):
            study(readers)
    told = json.loads(study().file())
    for change in (
        {"kind": "x"},
        {"cases": None},
        {"seed": "1"},
        {"readers": [1]},
        {"cases": [{"case": "a", "film": "b"}]},
    ):
        with pytest.raises(ConfigError, match="no study that is read here"):
            read_study(json.dumps({**told, **change}).encode())


def test_a_shuffle_has_every_order_about_as_often():
    counts = Counter(tuple(Draws(f"seed {n}").shuffled("abc")) for n in range(1200))
    assert len(counts) == 6
    assert 200 - 4 * 13 < min(counts.values()) <= max(counts.values()) < 200 + 4 * 13  # 4 standard deviations


@pytest.fixture(scope="module")
def sittings(tmp_path_factory):
    """A study of six films that two readers read with their own skill, in two sessions; its folder and plan."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "films").mkdir()
    lines, reviews = ["file,finding,label"], {}
    for seed in range(6):
        data = films.png(films.film(seed=seed))
        (folder / "films" / f"{seed}.png").write_bytes(data)
        lines.append(f"films/{seed}.png,Mass,{seed % 2}")
        review = made_review(data, top_k=3)
        reviews[review.analysis.radiograph.sha256] = review
    (folder / "labels.csv").write_text("\n".join(lines))
    plan = ["readers", "study", "plan", str(folder / "films"), "--labels", str(folder / "labels.csv")]
    out = ["--readers", "A,=B", "--washout", "0", "--out", str(folder / "study.json")]
    assert cli.main([*plan, "--finding", "mass", *out]) == 0
    told = read_study((folder / "study.json").read_bytes())
    random = np.random.default_rng(5)
    for sitting in (1, 2):
        with Store.open(folder / f"s{sitting}") as store:
            for read in [each for each in told.reads() if each.sitting == sitting]:
                reader, film = Reader.named(store, read.reader), keep_film(store, read.case.sha256)
                reader.open(film)
                if random.random() < (0.8 if read.case.truth else 0.4):
                    sure = None if random.random() < 0.3 else int(random.integers(1, 6))
                    reader.mark(film, Mark("Mass", None, sure))
                reader.mark(film, Mark("Hernia", None, 5))
                if read.arm is Arm.WITH:
                    kept = keep_review(store, film, reviews[read.case.sha256])
                    reader.reveal(film, review=kept, first_read=True)
                    verdict = (*Verdict, None)[int(random.integers(4))]
                    if verdict is not None:
                        reader.judge(film, "Mass", verdict, review=kept)
                    elif random.random() < 0.5:
                        reader.mark(film, Mark("Mass", (4.0, 5.0), 2))
                reader.finish(film)
    return folder, told


def exported(folder, *sessions) -> dict[str, list[dict[str, str]]]:
    words = [word for each in sessions or ("s1", "s2") for word in ("--session", str(folder / each))]
    out = folder / "scores.csv"
    assert (
        cli.main(["readers", "study", "export", "--study", str(folder / "study.json"), *words, "--out", str(out)]) == 0
    )
    found = {}
    for ending in ("", "_imrmc", "_summary", "_deviations"):
        with (folder / f"scores{ending}.csv").open(newline="") as file:
            found[ending] = list(csv.DictReader(file))
    return found


def test_scores_are_what_the_sessions_hold_by_other_queries(sittings):
    folder, told = sittings
    rows = exported(folder)[""]
    assert tuple(rows[0]) == ("readerID", "caseID", "modalityID", "score", "truth")
    assert len(rows) == 2 * 6 * 2
    names = {case.name: case for case in told.cases}
    place = {(r.reader, r.case.name, r.arm.value): r.sitting for r in told.reads()}
    seen = set()
    for row in rows:
        reader = row["readerID"].removeprefix("\\")
        case = names[row["caseID"]]
        assert int(row["truth"]) == case.truth
        with closing(sqlite3.connect(folder / f"s{place[reader, case.name, row['modalityID']]}" / NAME)) as file:
            marks = file.execute(
                "SELECT phase, confidence FROM marks JOIN readers ON readers.id = reader JOIN films ON films.id = film"
                " WHERE name = ? AND sha256 = ? AND finding = 'Mass'",
                (reader, case.sha256),
            ).fetchall()
            verdict = file.execute(
                "SELECT verdict, call FROM verdicts JOIN readers ON readers.id = reader JOIN films ON films.id = film"
                " JOIN calls USING (review, finding)"
                " WHERE name = ? AND sha256 = ? AND finding = 'Mass' AND network = 'ensemble'",
                (reader, case.sha256),
            ).fetchone()
        first = next((sure or 3 for phase, sure in marks if phase == "first"), 0)
        after = next((sure or 3 for phase, sure in marks if phase == "after"), None)
        expected = first
        if row["modalityID"] == "with networks":
            if after is not None:
                expected = after
            elif verdict is not None and verdict[0] == "unsure":
                expected = 2
            elif verdict is not None:
                there = (verdict[0] == "agree") == (verdict[1] == "called")
                expected = (first or 3) if there else 0
            seen.add(("after" if after else None, verdict and verdict[0]))
        assert int(row["score"]) == expected
    assert {each for _, each in seen} >= {"agree", "disagree", "unsure"}


def test_the_other_tables_say_the_same(sittings):
    folder, told = sittings
    tables = exported(folder)
    truth = [row for row in tables["_imrmc"] if row["readerID"] == "truth"]
    assert {(row["caseID"], row["modalityID"], row["score"]) for row in truth} == {
        (case.name, "truth", str(int(case.truth))) for case in told.cases
    }
    others = [row for row in tables["_imrmc"] if row["readerID"] != "truth"]
    assert others == [{name: row[name] for name in row if name != "truth"} for row in tables[""]]
    for row in tables["_summary"]:
        own = [r for r in tables[""] if (r["readerID"], r["modalityID"]) == (row["reader"], row["arm"])]
        area = roc_auc_score([int(r["truth"]) for r in own], [int(r["score"]) for r in own])
        assert float(row["auc"]) == pytest.approx(area)
    assert {row["reader"] for row in tables["_summary"]} == {"A", "\\=B"}  # no formula to a spreadsheet
    assert tables["_deviations"] == []


def test_what_was_not_as_planned_is_told(sittings, tmp_path):
    _, told = sittings
    read = next(r for r in told.reads() if (r.sitting, r.arm) == (1, Arm.WITHOUT))
    late = next(r for r in told.reads() if (r.reader, r.sitting, r.arm) == (read.reader, 1, Arm.WITH))
    with Store.open(tmp_path / "s1") as one, Store.open(tmp_path / "s2") as two:
        for store in (one, two):
            reader, film = Reader.named(store, read.reader), keep_film(store, read.case.sha256)
            reader.open(film)
            reader.reveal(film, first_read=False)
        reader = Reader.named(one, late.reader)
        reader.open(keep_film(one, late.case.sha256))
        found = study_scores.scored(
            planned("Mass", {c.sha256: c.truth for c in told.cases}, told.readers, seed=0, washout=1), [one, two]
        )
    by = {(each.read.reader, each.read.case.sha256, each.read.sitting): each for each in found}
    first = by[read.reader, read.case.sha256, 1]
    assert first.score is None
    assert study_scores.REVEALED in first.deviations
    assert study_scores.WASHOUT in by[read.reader, read.case.sha256, 2].deviations
    assert study_scores.NOT_REVEALED in by[late.reader, late.case.sha256, 1].deviations
    # Seen again with networks, and left without a word: not read. The rest was not even opened.
    assert study_scores.NOT_READ in by[read.reader, read.case.sha256, 2].deviations
    assert sum(study_scores.NOT_READ in each.deviations for each in found) == len(found) - 2


def test_a_sitting_leads_by_the_plan_holds_no_truth_and_knows_when_the_washout_is_over(sittings, tmp_path, capsys):
    folder, told = sittings
    told = planned(told.finding, {c.sha256: c.truth for c in told.cases}, told.readers, seed=1, washout=10)
    (tmp_path / "study.json").write_bytes(told.file())
    words = ["readers", "study", "begin", str(folder / "films"), "--study", str(tmp_path / "study.json")]
    words += ["--sitting", "2", "--session", str(tmp_path / "s2")]
    assert cli.main([*words, "--after", str(folder / "s1")]) == 0
    assert cli.main([*words, "--after", str(folder / "s1")]) == 0  # once more, where it was stopped
    text = (tmp_path / "s2" / sitting_module.NAME).read_text()
    assert "truth" not in text
    assert ".png" not in text
    made = sitting_module.read_sitting(tmp_path / "s2")
    assert {(who, n, turn.sha256, turn.arm) for who in made.orders for n, turn in enumerate(made.orders[who], 1)} == {
        (r.reader, r.place, r.case.sha256, r.arm) for r in told.reads() if r.sitting == 2
    }
    with closing(sqlite3.connect(folder / "s1" / NAME)) as file:
        opened = file.execute(
            "SELECT name, sha256, reads.at FROM reads JOIN readers ON readers.id = reader JOIN films ON films.id = film"
            " WHERE event = 'opened'"
        ).fetchall()
    for who, sha256, at in opened:
        (turn,) = [each for each in made.orders[who] if each.sha256 == sha256]
        days = datetime.fromisoformat(turn.rested) - datetime.fromisoformat(at)
        assert timedelta(days=10) - timedelta(minutes=1) < days <= timedelta(days=10)
    with closing(sqlite3.connect(tmp_path / "s2" / NAME)) as file:
        cases = file.execute("SELECT sha256, case_number FROM films JOIN pixels ON film = id ORDER BY place").fetchall()
    assert cases == [(case.sha256, case.name) for case in told.cases]

    assert cli.main(["readers", "study", "begin", str(folder / "films"), *words[4:7], "1", *words[8:]]) == 2
    assert "This session is of another sitting" in capsys.readouterr().err
    first = next((folder / "films").iterdir())
    assert cli.main(["readers", "study", "begin", str(first), *words[4:]]) == 2
    assert "These films of the study are not there: case 00" in capsys.readouterr().err
    (tmp_path / "s2" / sitting_module.NAME).write_text("{}")
    with pytest.raises(SessionError, match="no sitting that is read here"):
        sitting_module.read_sitting(tmp_path / "s2")
    assert sitting_module.read_sitting(tmp_path) is None


def test_nothing_but_hashes_and_case_numbers_names_a_film(sittings):
    folder, told = sittings
    rows = list(csv.DictReader((folder / "study_schedule.csv").read_text().splitlines()))
    assert len(rows) == len(told.reads())
    assert "truth" not in rows[0]
    for name in ("study.json", "study_schedule.csv"):
        assert ".png" not in (folder / name).read_text()
