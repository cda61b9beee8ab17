"""The summary of many films: a row for every map, and a contact sheet that opens from a stick."""

import csv
import io
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from PIL import Image

from ensemble_cam.archive.batch import Batch
from ensemble_cam.archive.films import FoundFilms, find_films
from ensemble_cam.archive.summary import COLUMNS
from ensemble_cam.classifiers.classifier import Classifier, WeightsInfo
from ensemble_cam.errors import ExportError
from ensemble_cam.export import folder as export
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.purpose import PURPOSE, TEACHING_LINE
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings
from ensemble_cam.weights.store import Published
from support import films
from support.networks import as_untrained, bright_classifier
from support.reviews import RUN

ODD = '<img src=x onerror="a&b">\' \u202e 胸'


@pytest.fixture(autouse=True)
def blank_figure(monkeypatch):
    """Spare these tests the drawing of the figure, which test_figure.py looks at."""
    monkeypatch.setattr(export, "figure_png", lambda review: films.png(np.zeros((8, 8), np.uint8)))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Films of the same name in two folders, one of an odd name, a broken one, and a text."""
    folder = tmp_path / "films"
    for seed, name in enumerate(("a/IM1.png", "b/IM1.png", f"{ODD}.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(films.png(films.film(seed=seed)))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "notes.txt").write_text("no film")
    return folder


def three_classifiers() -> list[Classifier]:
    """Two that disagree on Mass, and an uncalibrated one that does not know it."""
    return [
        bright_classifier("yes", logits={"Mass": 1.0, "Edema": 1.0}),
        bright_classifier("no", logits={"Mass": -0.5, "Edema": 0.5}),
        bright_classifier("bare", logits={"Edema": 2.0}, calibrated=False),
    ]


def summarised(
    found: FoundFilms, out: Path, classifiers: list[Classifier] | None = None, run=RUN, labels=("Mass", "Edema")
) -> int:
    classifiers = classifiers or three_classifiers()
    settings = resolve(Settings(labels=labels), classifiers)
    batch = Batch(tuple(classifiers), ReviewOptions(settings, Display()), run, TerminalLine(None))
    return batch.review(found, out, errors=io.StringIO(), summary=True)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Page(HTMLParser):
    """What a browser makes of a page: its text, and what it would load or open."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def addresses(self) -> list[str]:
        return [each[name] or "" for _, each in self.tags for name in ("src", "href") if name in each]


def page(out: Path) -> Page:
    return Page((out / "index.html").read_text(encoding="utf-8"))


def test_table_has_the_values_of_the_records_for_every_classifier_and_the_ensemble(folder, tmp_path):
    out = tmp_path / "out"
    assert summarised(find_films([folder]), out) == 1

    table = rows(out)
    assert tuple(table[0]) == COLUMNS
    assert COLUMNS[-1] == "regions"
    assert len(table) == 3 * 2 * 4
    assert [row["film"] for row in table[::8]] == [ODD.replace("\u202e", r"\u202e"), "IM1", "IM1_2"]
    record = json.loads((out / "IM1_2" / "review.json").read_text(encoding="utf-8"))
    by_finding = {finding["label"]: finding for finding in record["findings"]}
    for row in table[16:]:
        finding = by_finding[row["finding"]]
        found = finding["maps"][row["classifier"]]
        score = finding["score"] if row["classifier"] == "ensemble" else finding["scores"].get(row["classifier"])
        assert row["score"] == ("" if score is None else str(score))
        if "missing" in found:
            assert (row["hottest_x"], row["hottest_y"], row["box"], row["area"]) == ("", "", "", "")
            assert row["regions"] == ""
            continue
        assert [int(row["hottest_x"]), int(row["hottest_y"])] == [found["hottest"]["x"], found["hottest"]["y"]]
        assert [int(edge) for edge in row["box"].split(",")] == found["box"]
        assert float(row["area"]) == found["area"]
        assert row["agreement"] == str(finding["agreement"]["iou"])
        assert int(row["regions"]) == found["region_count"] == len(found["regions"]) > 0


def test_a_finding_that_some_classifiers_call_and_others_do_not_is_split(folder, tmp_path):
    summarised(find_films([folder / "a"]), tmp_path / "out")

    calls = {(row["finding"], row["classifier"]): (row["call"], row["split"]) for row in rows(tmp_path / "out")}
    assert calls[("Mass", "yes")] == ("called", "true")
    assert calls[("Mass", "no")] == ("not called", "true")
    assert calls[("Mass", "bare")] == ("", "true")
    assert calls[("Edema", "yes")] == calls[("Edema", "no")] == calls[("Edema", "ensemble")] == ("called", "false")
    assert calls[("Edema", "bare")] == ("uncalibrated", "false")
    assert page(tmp_path / "out").text.count("classifiers split") == 2  # at the finding and in the head


def test_page_loads_nothing_from_elsewhere_and_all_that_it_links_is_there(folder, tmp_path):
    out = tmp_path / "out"
    summarised(find_films([folder]), out)

    made = page(out)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in made.tags}
    assert not any(name.startswith("on") for _, attributes in made.tags for name in attributes)
    text = (out / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|https?:|javascript:", text)
    assert len(made.addresses) == 3 * (1 + 2 * 2)
    for address in made.addresses:
        assert re.fullmatch(r"[\w.~%-]+/[\w.~%-]+", address, re.ASCII)
        assert (out / os.fsdecode(unquote_to_bytes(address))).is_file(), address


def test_pictures_on_the_page_carry_their_words_and_have_their_own_size_there(folder, tmp_path):
    out = tmp_path / "out"
    summarised(find_films([folder]), out)

    shown = [attributes for tag, attributes in page(out).tags if tag == "img"]
    assert len(shown) == 3 * 2
    for each in shown:
        picture = Image.open(out / os.fsdecode(unquote_to_bytes(each["src"])))
        assert (int(each["width"]), int(each["height"])) == picture.size
        assert picture.width == 260
        assert picture.height > 240 + 40  # of the film


def test_page_shows_names_as_text_and_failures_with_their_sentence_and_what_was_left_out(folder, tmp_path):
    summarised(find_films([folder]), tmp_path / "out")

    made = page(tmp_path / "out")
    assert ODD.replace("\u202e", r"\u202e") in made.text
    assert "a/IM1.png" in made.text
    assert "b/IM1.png" in made.text
    assert "broken.png: The PNG file is broken or ends too early. Export or copy the film again." in made.text
    assert "1 left out (neither picture nor DICOM: notes.txt)" in made.text
    assert made.text.count(PURPOSE) == 2
    assert "Mass" in made.text
    assert "Bare: no score" in made.text


@pytest.mark.skipif(os.name == "nt", reason="no file has such a name there")
def test_no_name_is_a_formula_for_a_spreadsheet_whatever_it_parts_cells_by(tmp_path):
    for seed, name in enumerate(("=1+1", "@a", "b;=1+1", "c\t=1+1", "d\n=1+1")):
        (tmp_path / f"{name}.png").write_bytes(films.png(films.film(seed=seed)))
    summarised(find_films([tmp_path]), tmp_path / "out")

    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        text = file.read()
    for parted_by in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=parted_by):
            assert not any(each.startswith(("=", "+", "-", "@")) for each in row), row
    assert list(dict.fromkeys(row["film"] for row in rows(tmp_path / "out"))) == [
        *(r"\=1+1", r"\@a", "b;=1+1"),
        *(r"c\t=1+1", r"d\n=1+1"),
    ]


def test_second_run_over_finished_films_writes_the_same_summary(folder, tmp_path):
    out = tmp_path / "out"
    summarised(find_films([folder]), out)
    before = [(out / name).read_bytes() for name in ("summary.csv", "index.html")]
    (out / "summary.csv").write_text("of an earlier run")

    assert summarised(find_films([folder]), out) == 1

    assert [(out / name).read_bytes() for name in ("summary.csv", "index.html")] == before
    assert sorted(path.name for path in out.iterdir() if not path.is_dir()) == ["index.html", "summary.csv"]


def test_film_given_twice_stands_in_the_summary_once(folder, tmp_path):
    path = folder / "a" / "IM1.png"
    summarised(find_films([path, path]), tmp_path / "out")
    assert len(rows(tmp_path / "out")) == 2 * 4


@pytest.mark.parametrize("named", ["anonymous", "case"])
def test_no_file_name_is_in_the_summary_where_films_are_called_otherwise(folder, tmp_path, named):
    found = find_films([folder], anonymous=named == "anonymous")
    summarised(found if named == "anonymous" else found.as_case("77"), tmp_path / "out")

    for name in ("summary.csv", "index.html"):
        text = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert not re.search(r"IM1|broken\.png|onerror|notes", text)
    words = page(tmp_path / "out").text
    assert ("film 2 of 4: The PNG" if named == "anonymous" else "77_2: The PNG") in words


def test_page_says_of_the_teaching_set_and_of_meaningless_scores_what_they_are(folder, tmp_path):
    one = bright_classifier("one", logits={"Mass": 1.0, "Edema": 1.0})
    classifiers = [replace(one, config=replace(one.config, set="teaching"))]
    summarised(find_films([folder / "a"]), tmp_path / "out", classifiers)

    made = page(tmp_path / "out")
    assert made.text.count(f"{PURPOSE} {TEACHING_LINE}.") == 2
    assert "the teaching networks' scores and maps of this film mean nothing" in made.text
    assert re.search(r"Mass [\d.]+ meaningless", made.text)
    assert " called" not in made.text.replace("a finding called", "")
    assert any(tag == "article" and each.get("class") == "meaningless" for tag, each in made.tags)


def test_page_strikes_the_scores_that_mean_nothing_by_their_own_call_alone(folder, tmp_path):
    trained, seeded = (
        bright_classifier("a", logits={"Mass": 1.0}),
        as_untrained(bright_classifier("b", logits={"Mass": 2.0})),
    )
    summarised(find_films([folder / "a"]), tmp_path / "out", [trained, seeded], labels=("Mass",))
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    mine, theirs = (re.findall(rf"<li([^>]*)>{name}: ", text) for name in (trained.config.name, seeded.config.name))
    assert mine
    assert set(mine) == {""}
    assert set(theirs) == {' class="means-nothing"'}
    assert re.search(r'<span class="means-nothing">[.\d]+</span> <span class="word meaningless">', text)


def test_page_says_of_weights_what_every_output_says(folder, tmp_path):
    one = bright_classifier("one", logits={"Mass": 1.0})
    weights = [
        WeightsInfo("w", "0" * 64, Published.NO),
        WeightsInfo("w", "0" * 64, Published.UNKNOWN),
        WeightsInfo("w", "0" * 64, Published.YES),
    ]
    for number, each in enumerate(weights):
        out = tmp_path / f"out {number}"
        summarised(find_films([folder / "a"]), out, [replace(one, weights=each)], labels=("Mass",))
        said = re.findall(r"SHA-256 0{12}…(?:, [a-z ]+weights)?", page(out).text)
        assert said == [f"SHA-256 {'0' * 12}…" + (f", {each.remark}" if each.remark else "")]


def test_summary_that_cannot_be_written_is_a_sentence(folder, tmp_path):
    (tmp_path / "out" / "summary.csv" / "x").mkdir(parents=True)
    with pytest.raises(ExportError, match=r"summary\.csv: the summary cannot be written \(.+\)\. Close it"):
        summarised(find_films([folder / "a"]), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == []
