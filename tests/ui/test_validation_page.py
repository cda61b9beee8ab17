"""The page of a validation, asked without a browser: the figures of the command, on films that are in memory."""

import io
import json
import zipfile

import pytest
from streamlit.testing.v1 import AppTest

from ensemble_cam.cli import main
from ensemble_cam.errors import Cancelled, ConfigError
from ensemble_cam.phantom import FINDINGS
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.films import SessionFilms
from ensemble_cam.ui.session.jobs import JobQueue
from ensemble_cam.ui.trust.validation import Held, share, usable, validating, wish_for, zipped
from ensemble_cam.validation.published_figures import FIGURES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    films = tmp_path_factory.mktemp("films")
    assert main(["phantom", "--out", str(films), "--count", "5", "--size", "256", "--seed", "11"]) == 0
    rows = ["file,finding,label,patient"]
    for path in sorted(films.glob("phantom_???.json")):
        truth = json.loads(path.read_text())
        planted = {each["label"] for each in truth["findings"]}
        rows += [f"{truth['film']},{label},{int(label in planted)},secret {path.stem}" for label in FINDINGS[:2]]
    (films / "labels.csv").write_text("\n".join(rows))
    return films


@pytest.fixture(scope="module")
def films(folder):
    made = SessionFilms()
    for path in sorted(folder.glob("phantom_???.png")):
        made.add(path.name, path.read_bytes())
    made.add("example.png", b"nobody's", example=True)
    return made


@pytest.fixture(scope="module")
def ready():
    choices = networks.default_choices(networks.configuration(), "teaching")
    return networks.find([each for each in choices if each.config.id == "teaching-resnet"])[0]


def wish(films, folder, ready, **changed):
    asked = {"sensitivity": None, "alert_rate": None, "prevalence": 0.1, "by": "me"} | changed
    labels = (folder / "labels.csv").read_bytes()
    asked.setdefault("marks", tuple((each.name, each.read_bytes()) for each in folder.glob("phantom_???_*.png")))
    return wish_for(usable(list(films.values())), labels, "labels.csv", ready, **asked)


@pytest.fixture(scope="module")
def found(films, folder, ready):
    job = JobQueue("test").submit(
        validating(wish(films, folder, ready), usable(list(films.values())), ready, networks.configuration())
    )
    assert job.wait(120)
    return job.outcome()


def test_figures_are_those_of_the_command(found, folder, tmp_path):
    asked = ["validate", str(folder), "--labels", str(folder / "labels.csv"), "--set", "teaching", "--prevalence", ".1"]
    asked += ["--classifiers", "teaching-resnet", "--masks", str(folder), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(asked) == 0
    record = json.loads((tmp_path / "out" / "validation.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(found.outcome.record["findings"])) == record["findings"]
    assert found.outcome.record["films"] == record["films"]
    assert json.loads(json.dumps(found.outcome.record["places"])) == record["places"]
    assert record["places"]["findings"]
    assert (found.failures, found.outcome.record["by"]) == ((), "me")
    with zipfile.ZipFile(io.BytesIO(zipped(found.outcome))) as archive:
        assert "report.pdf" in archive.namelist()
        assert not any(b"secret" in archive.read(name) for name in archive.namelist())


def test_a_table_with_a_fault_is_its_sentence(films, folder, ready):
    asked = wish_for(usable(list(films.values())), b"file,finding\na,b\n", "labels.csv", ready,
                     sensitivity=None, alert_rate=None, prevalence=None, by=None)  # fmt: skip
    job = JobQueue("test").submit(validating(asked, usable(list(films.values())), ready, networks.configuration()))
    assert job.wait(60)
    assert isinstance(job.outcome(), ConfigError)
    assert "lacks label" in str(job.outcome())
    assert "--" not in str(job.outcome())  # no option of a command line


def test_films_that_were_scored_are_not_again_when_the_work_has_made_way(films, folder, ready):
    queue, stops = JobQueue("test"), iter([False, False, True])
    work = validating(wish(films, folder, ready), usable(list(films.values())), ready, networks.configuration())
    job = queue.submit(work, wanted=lambda: not next(stops, False))
    assert job.wait(120)
    assert isinstance(job.outcome(), Cancelled)
    seen = []
    again = queue.submit(lambda job: (setattr(job, "report", lambda what, share: seen.append(what)), work(job))[1])
    assert again.wait(120)
    assert again.outcome().outcome.record["films"]["n"] == 5
    assert "1 of 5 films" not in seen
    assert "5 of 5 films" in seen


def test_the_page_shows_each_finding_with_its_sentence_and_what_can_be_filed(films, folder, ready, found):
    def page():
        from ensemble_cam.ui.trust.validation_page import show_validation_page

        show_validation_page()

    made = AppTest.from_function(page, default_timeout=60)
    held = Held(wish(films, folder, ready))
    held.validating.hold(held.wish, found)
    made.session_state["films"], made.session_state["validation"] = films, held
    made.session_state["set"] = "teaching"
    made.run()
    assert not made.exception
    shown = " ".join(each.value.replace("\\", "") for each in (*made.markdown, *made.caption))
    assert "5 films" in shown
    assert found.outcome.record["findings"][FINDINGS[0]]["teaching-resnet"]["sentence"] in shown
    assert "never on patients" in shown
    places = found.outcome.record["places"]["findings"]
    tables = [each.body for each in made.get("html") if "lab-table" in each.body]
    assert len(tables) == len(found.outcome.record["findings"]) + len(places)
    assert set(places) - set(found.outcome.record["findings"])  # of findings with masks and without labels, too
    of_people = [each for each in tables if "radiologists, published" in each]
    assert len(of_people) == sum(label in FIGURES for label in places) > 0
    assert "doi:10.1038/s42256-022-00536-x" in shown


@pytest.mark.parametrize(("text", "value"), [("", None), (" 5 ", 0.05), ("12%", 0.12), ("0.5", 0.005)])
def test_shares_are_written_in_percent(text, value):
    assert share(text, "Prevalence") == value


@pytest.mark.parametrize("text", ["0", "100", "-3", "many"])
def test_other_shares_are_refused(text):
    with pytest.raises(ConfigError, match="Prevalence: got"):
        share(text, "Prevalence")
