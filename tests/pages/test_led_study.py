"""A reader is led through a sitting of a readers' study, in Chromium: case by case, with and without networks."""

import csv

import pytest

from ensemble_cam import cli
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.readers.sitting import read_sitting
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.study import Arm
from ensemble_cam.readers.verdicts import Reader, keep_film
from support.browsing import PATIENCE, expect, needs_chromium, pick, settled

pytestmark = needs_chromium


@pytest.fixture
def session(tmp_path):
    films = tmp_path / "films"
    films.mkdir()
    lines = ["file,finding,label"]
    for seed in range(4):
        phantom = draw_phantom(seed, findings=["Effusion"] * (seed % 2), size=300, difficulty=0.1)
        (films / f"{seed}.png").write_bytes(film_bytes(phantom))
        lines.append(f"films/{seed}.png,Effusion,{seed % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    study = ["readers", "study"]
    plan = ["--labels", str(tmp_path / "labels.csv"), "--finding", "Effusion", "--readers", "Ann,Bea", "--seed", "3"]
    assert cli.main([*study, "plan", str(films), *plan, "--out", str(tmp_path / "study.json")]) == 0
    where = ["--study", str(tmp_path / "study.json"), "--sitting", "1", "--session", str(tmp_path / "session")]
    assert cli.main([*study, "begin", str(films), *where]) == 0
    return tmp_path / "session"


def test_a_reader_is_led_case_by_case_and_sees_nothing_of_networks_where_a_case_is_read_without_them(
    session, open_kept, tmp_path
):
    order = read_sitting(session).orders["Bea"]
    assert {turn.arm for turn in order} == set(Arm)
    page = open_kept(begins="Choose your name in the drawer")
    assert page.get_by_test_id("stPageLink").count() == 1
    assert page.get_by_text("Open films").count() == 0
    pick(page, "Reader", "Bea", seen="case 1 of 4")
    verdict, networks = page.locator(".verdict"), page.locator(".viewer .finding")
    for place, turn in enumerate(order, start=1):
        expect(page.locator(".viewer .set")).to_contain_text(turn.case, timeout=PATIENCE)
        expect(verdict).to_contain_text(f"case {place} of {len(order)} · {turn.arm.value}", timeout=PATIENCE)
        settled(page)
        page.locator(".viewer .panel").first.focus()
        page.keyboard.press("q")
        expect(verdict.locator("#sure-4")).to_be_enabled(timeout=PATIENCE)
        page.keyboard.press("4")
        expect(verdict.locator("#sure-4")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
        assert verdict.locator("#seen option").all_inner_texts() == ["Effusion"]
        page.keyboard.press("v")
        if turn.arm is Arm.WITH:
            expect(verdict.locator("#agree")).to_be_visible(timeout=PATIENCE)
            expect(networks.first).to_be_visible()
        else:
            page.wait_for_timeout(1000)
            settled(page)
            assert networks.count() == 0
            assert page.get_by_role("button", name="Show scores and maps").count() == 0
        page.keyboard.press("w")
    expect(page.get_by_text("All 4 cases of this sitting are read.")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".viewer")).to_have_count(0)

    scores = tmp_path / "scores.csv"
    with Store.open(tmp_path / "second"):
        pass
    where = ["--session", str(session), "--session", str(tmp_path / "second"), "--out", str(scores)]
    assert cli.main(["readers", "study", "export", "--study", str(tmp_path / "study.json"), *where]) == 0
    rows = list(csv.DictReader(scores.read_text().splitlines()))
    assert {(row["readerID"], row["caseID"], row["modalityID"]) for row in rows} == {
        ("Bea", turn.case, turn.arm.value) for turn in order
    }
    with (tmp_path / "scores_deviations.csv").open(newline="") as file:
        assert [row for row in csv.DictReader(file) if row["reader"] == "Bea" and row["sitting"] == "1"] == []
    with Store.open(session, create=False) as store:
        reader = Reader.named(store, "Bea")
        states = [reader.state(keep_film(store, turn.sha256)) for turn in order]
        assert [state.revealed is not None for state in states] == [turn.arm is Arm.WITH for turn in order]
        reviewed = {row["sha256"] for row in store.rows("SELECT sha256 FROM reviews JOIN films ON films.id = film")}
    assert reviewed == {turn.sha256 for turn in order if turn.arm is Arm.WITH}
