"""The page *Archive* against Debian's Orthanc: a film found, opened, reviewed, its results sent and read back.

Thirty identifiers are planted. They may stand in the list of studies, and nowhere else.
"""

import io
import logging
import time

import pytest
from pydicom import dcmread
from streamlit.testing.v1 import AppTest

from ensemble_cam.export.dicom.reading import read_object
from ensemble_cam.pacs.access import URL
from ensemble_cam.readers.audit import check, table
from ensemble_cam.readers.verdicts import Verdict
from ensemble_cam.settings.config import default_config_path
from ensemble_cam.ui.archive.offered import offers_archive
from ensemble_cam.ui.launch import CONFIG_VARIABLE, SESSION_VARIABLE
from ensemble_cam.ui.session import keeping, networks, person
from ensemble_cam.ui.web.login import NAME_KEY
from support.archives import running_orthanc
from support.dicom_films import ELSEWHERE, PLANTED, phantom_dx, with_header

pytestmark = pytest.mark.slow
STUDY = "1.2.826.0.1.3680043.8.498.7"
PLANTED_WORDS = [word for word in (*PLANTED.values(), *ELSEWHERE.values()) if len(word) > 1]
IDENTITY = [*PLANTED_WORDS, PLANTED["PatientName"].replace("^", " ")]
LOGIN = '\n[login]\nby = "proxy"\nproxy = ["127.0.0.1"]\nteachers = ["tea"]\n'


def script() -> None:
    """The pages Review and Archive, whichever `here` names."""
    import streamlit as st

    from ensemble_cam.ui.archive.page import show_archive
    from ensemble_cam.ui.review.page import show_review_page
    from ensemble_cam.ui.session.tab import show_kept, show_tab

    show_tab()
    (show_archive if st.session_state.get("here") == "archive" else show_review_page)()
    show_kept()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    """An archive with a film of the chest, one of a foot and one that does not say of what, in one study."""
    said = {**PLANTED, **ELSEWHERE, "StudyInstanceUID": STUDY, "Modality": "DX"}
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        for number, part in enumerate(("CHEST", "FOOT", ""), start=1):
            uids = {"SeriesInstanceUID": f"{STUDY}.{number}", "SOPInstanceUID": f"{STUDY}.{number}.1"}
            running.put(with_header(phantom_dx(), **said, **uids, BodyPartExamined=part))
        yield running


@pytest.fixture
def app(orthanc, own_home, tmp_path, monkeypatch):
    """The app with that archive, a session and a teacher at its page."""
    config = tmp_path / "shared.toml"
    config.write_text(default_config_path().read_text() + LOGIN)
    monkeypatch.setenv(URL, orthanc.url)
    monkeypatch.setenv(CONFIG_VARIABLE, str(config))
    monkeypatch.setenv(SESSION_VARIABLE, str(tmp_path / "session"))
    monkeypatch.setattr(person, "_user", lambda: {NAME_KEY: "tea"})
    for cached in (networks.configuration, keeping._file):
        cached.cache_clear()
    yield AppTest.from_function(script, default_timeout=120)
    keeping._file().close()
    for cached in (networks.configuration, keeping._file):
        cached.cache_clear()


def go(app: AppTest, here: str) -> AppTest:
    app.session_state["here"] = here
    return app.run()


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()


def search(app: AppTest, **given: str) -> None:
    for name, value in given.items():
        next(box for box in app.text_input if box.key == f"archive {name}").set_value(value)
    press(app, "Search")


def texts(app: AppTest) -> list[str]:
    return [each.value for each in app.text]


def on_page(app: AppTest) -> str:
    """All that the page shows."""
    return " ".join(str(getattr(element, "proto", "")) for element in app._tree)


def test_a_film_is_found_opened_reviewed_and_its_results_are_in_its_study(app, orthanc, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    go(app, "archive")
    search(app, patient=PLANTED["PatientID"])
    assert texts(app) == ["2001-02-03", "ZZNAME Planted", "ZZ4711", "DX", "1 chest film, 1 that may be one"]

    press(app, "Open 2")
    films = [film for film in app.session_state["films"].values() if not film.example]
    assert [film.name for film in films] == ["Archive film 1", "Archive film 2"]
    assert "open as 1, 2" in texts(app)
    assert texts(app).count("not reviewed yet: look at it") == 2
    assert {button.label: button.disabled for button in app.button}["Send results"]

    app.session_state["films"].put_on_stage(films[0])
    for _ in range(400):
        go(app, "review")
        if films[0].reviewing.value is not None:
            break
        time.sleep(0.05)
    here, review = app.session_state["keeping"], films[0].reviewing.value
    here.reader.judge(here.row(films[0]), review.ranking[0].label, Verdict.AGREE)
    here.changed()
    go(app, "archive")
    assert "reviewed; nothing sent" in texts(app)
    shown = on_page(app)
    press(app, "Send results")
    (told,) = [text for text in texts(app) if text.endswith("results stored")]
    assert told.split()[0] == told.split()[2] > "3"

    files = [orthanc.file(each["MainDicomTags"]["SOPInstanceUID"]) for each in orthanc.instances()]
    stored = [dcmread(io.BytesIO(file)) for file in files]
    ours = [each for each in stored if each.get("SeriesDescription", "").startswith("Ensemble-CAM")]
    assert len(ours) == int(told.split()[0])
    assert {each.StudyInstanceUID for each in ours} == {STUDY}
    assert {str(each.PatientID) for each in ours} == {PLANTED["PatientID"]}
    (report,) = [each for each in ours if each.Modality == "SR"]
    read = read_object(orthanc.file(report.SOPInstanceUID))
    assert {score.words for score in read.findings}
    assert read.findings[0].verdicts == ("accepted",)

    count = len(stored)
    press(app, "Send again")
    assert len(orthanc.instances()) == count  # the same review is one object each
    search(app, patient=PLANTED["PatientID"])
    assert "1 chest film, 1 that may be one" in texts(app)  # what is its own is none

    store = here.store
    log = table(store)
    assert [row["event"] for row in store.rows("SELECT event FROM audit WHERE event LIKE '%archive%'")] == [
        "archive searched",
        *["film from the archive"] * 2,
        *["results to the archive"] * 2,
        "archive searched",
    ]
    assert check(store).count
    go(app, "review")
    elsewhere = {
        "the audit log": log,
        "a log or the terminal": caplog.text + "".join(capfd.readouterr()),
        "the page Review": on_page(app),
        "the session's file": b"".join(p.read_bytes() for p in (tmp_path / "session").iterdir()).decode("latin-1"),
    }
    for place, text in elsewhere.items():
        assert [word for word in IDENTITY if word in text] == [], place
        assert place == "a log or the terminal" or STUDY not in text, place  # highdicom logs it, where that is wanted
    assert len(IDENTITY) >= 30
    assert [word for word in IDENTITY if word in shown] == [PLANTED["PatientID"], "ZZNAME Planted"]


def test_a_query_that_would_match_everything_is_refused_before_it_is_sent(app, monkeypatch):
    from ensemble_cam.ui.archive import work

    monkeypatch.setattr(work.Found, "search", lambda *_: pytest.fail("sent"))
    go(app, "archive")
    search(app)
    assert "else all studies would come" in app.error[0].value.replace("\\", "")


@pytest.mark.parametrize("given", ["*", "2026-01-01", "20261301"])
def test_what_is_no_date_or_everything_is_said(app, given):
    go(app, "archive")
    search(app, date=given)
    assert "date: " in app.error[0].value.replace("\\", "")
    assert texts(app) == []


def test_an_archive_that_is_away_is_a_sentence(app, monkeypatch):
    monkeypatch.setenv(URL, "http://127.0.0.1:9/dicom-web")
    go(app, "archive")
    search(app, patient="ZZ4711")
    assert "The archive cannot be reached" in app.error[0].value
    assert "ZZ4711" not in app.error[0].value


def test_the_page_is_there_where_an_archive_is_and_for_those_who_may(app, monkeypatch):
    assert offers_archive()
    monkeypatch.setattr(person, "_user", lambda: {NAME_KEY: "anna"})
    assert not offers_archive()
    monkeypatch.setenv(CONFIG_VARIABLE, str(default_config_path()))
    networks.configuration.cache_clear()
    assert offers_archive()  # nobody is asked, and one person is at this machine
    monkeypatch.delenv(URL)
    assert not offers_archive()
