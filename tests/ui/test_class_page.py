"""The page of classes, asked without a browser: what it takes, what it hides, and what a reload keeps."""

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.readers.class_answers import Answers, FilmAnswer, Named, answers_file, read_answers
from ensemble_cam.readers.class_table import class_table
from ensemble_cam.readers.classes import ClassSet, Difficulty
from ensemble_cam.readers.film_sets import FilmSet, set_file
from ensemble_cam.readers.truth import Kind, Shape, keep_shape
from ensemble_cam.ui.classes.charts import calibration, curve
from ensemble_cam.ui.classes.handed_in import show_handed_in
from ensemble_cam.ui.classes.sitting import ClassPage, Sitting
from ensemble_cam.ui.session.films import SessionFilms

TWO = ClassSet(4711, 2, Difficulty.FOLLOWS, ("Effusion", "Mass", "Nodule"))


@pytest.fixture
def class_page(tmp_path, monkeypatch):
    def show() -> None:
        from ensemble_cam.ui.classes.page import show_class

        show_class()

    monkeypatch.setenv("HOME", str(tmp_path))
    return AppTest.from_function(show, default_timeout=120).run()


def settled(page: AppTest) -> AppTest:
    for _ in range(100):
        assert not page.exception
        sitting = page.session_state["class"].sitting
        if sitting is None or sitting.drawing.job is None:
            return page
        sitting.drawing.job.wait(5)
        page.run()
    pytest.fail("the film was not drawn")


def begun(page: AppTest, code: str, name: str = "Ann") -> AppTest:
    page.text_input(key="class code").set_value(code)
    page.text_input(key="class student").set_value(name)
    return settled(page.button(key="class begin now").click().run())


def test_a_set_is_answered_film_by_film_and_the_file_has_what_was_said(class_page):
    page = begun(class_page, TWO.code.lower())
    sitting = page.session_state["class"].sitting
    planted = TWO.films[0].findings
    assert sitting.wish().findings == planted
    shown = " ".join(str(each.value) for kind in (page.markdown, page.caption) for each in kind)
    assert "Film 1 of 2" in shown
    assert not any(f"planted: {label}" in shown or str(TWO.films[0].seed) in shown for label in TWO.findings)
    page.button_group(key="class findings 1").set_value(["Mass"]).run()
    assert page.button(key="class answer 1").disabled  # how sure is not said yet
    page.button_group(key="class sure 1 Mass").set_value(90).run()
    sitting.marks["Mass"] = (30, 40)
    settled(page.button(key="class answer 1").click().run())
    assert sitting.number == 2
    assert sitting.wish().difficulty == (0.4 if set(planted) == {"Mass"} else 0.0)
    settled(page.button(key="class answer 2").click().run())
    assert sitting.over
    read = read_answers(answers_file(sitting.answers))
    assert (read.student, read.set) == ("Ann", TWO)
    assert [dict(film.named) for film in read.films] == [{"Mass": Named(90, (30, 40))}, {}]
    assert page.session_state["class"].unsaved


def test_a_code_with_a_slip_begins_nothing_and_says_why(class_page):
    page = begun(class_page, TWO.code[:-1] + "Z")
    assert "slip in this code" in page.error[0].value
    assert page.session_state["class"].sitting is None
    page = begun(page, TWO.code, " ")
    assert "The name has 1 to 64 characters" in page.error[0].value


def test_an_answer_to_a_film_that_is_not_on_the_screen_is_dropped():
    sitting = Sitting(TWO, "Ann")
    assert sitting.answer(1, {"Mass": None})
    assert not sitting.answer(1, {"Mass": 90})
    assert sitting.films[0].named == {"Mass": Named(50)}  # time was over before it was said how sure
    assert sitting.answer(2, {})
    assert not sitting.answer(3, {})


def test_a_page_that_is_loaded_anew_goes_on_where_the_other_was_whatever_becomes_of_that():
    page = ClassPage(Sitting(TWO, "Ann"))
    page.sitting.answer(1, {"Mass": 80})
    page.sitting.marks["Effusion"] = (5, 6)
    page.sitting.seconds()
    moved = page.moved()
    page.clear()
    assert moved.sitting.films == page.sitting.films
    assert (moved.sitting.number, moved.sitting.marks) == (2, {"Effusion": (5, 6)})
    assert moved.sitting.shown == page.sitting.shown  # its time goes on
    assert moved.sitting.drawing is not page.sitting.drawing
    assert moved.unsaved
    assert not ClassPage().moved().unsaved


def test_a_set_is_made_of_what_was_chosen(class_page):
    page = class_page
    page.button_group(key="class part").set_value("Make a set").run()
    page.button_group(key="class labels").set_value(["Nodule", "Edema"]).run()
    page.slider(key="class count").set_value(7).run()
    page.button(key="class make").click().run()
    made = ClassSet.of(page.code[0].value)
    assert (made.count, made.findings, made.difficulty) == (7, ("Edema", "Nodule"), Difficulty.MEDIUM)
    page.button_group(key="class labels").set_value([]).run()
    page.button(key="class make").click().run()
    assert "one at least, each once" in page.error[0].value
    assert not page.code


def test_a_set_of_own_films_is_made_saved_opened_where_its_films_are_and_answered(class_page, monkeypatch):
    saved: list[FilmSet] = []
    monkeypatch.setattr("ensemble_cam.ui.classes.making.set_file", lambda of: saved.append(of) or set_file(of))
    page, films = class_page, SessionFilms()
    data = [film_bytes(draw_phantom(seed, findings=["Mass"], size=size)) for seed, size in ((1, 320), (2, 256))]
    page.session_state["films"] = films
    kept = [films.add(name, each) for name, each in zip(("*one*", "two"), data, strict=True)]
    page.button_group(key="class part").set_value("Make a set").run()
    page.button_group(key="class films of").set_value("Films of your own").run()
    here = page.session_state["keeping"]
    box = Shape.drawn("Effusion", Kind.BOX, [(10, 20), (60, 90)], width=320, height=320)
    keep_shape(here.store, here.reader, here.row(kept[0]), box)
    page.run()
    page.text_input(key=f"class own question {kept[0].id.key}").set_value("What is in the *lower* zones?").run()
    assert not page.exception
    of = saved[-1]
    assert [(film.sha256, film.size, film.findings) for film in of.films] == [
        (kept[0].id.sha256, (320, 320), ("Effusion",)),
        (kept[1].id.sha256, (256, 256), ()),
    ]
    assert [shape.points for shape in of.films[0].shapes] == [((10.0, 20.0), (60.0, 90.0))]
    page.checkbox(key=f"class own {kept[1].id.key}").uncheck().run()
    assert saved[-1].count == 1

    page.button_group(key="class part").set_value("Answer").run()
    films.remove(kept[1].id.number)
    page.file_uploader(key="class set file").upload("set.json", set_file(of), "application/json").run()
    assert kept[1].id.sha256[:8] in page.warning[0].value.replace("\\", "")
    assert page.button(key="class begin now").disabled
    films.add("again", data[1])
    page.run()
    page.text_input(key="class student").set_value("Ann")
    settled(page.button(key="class begin now").click().run())
    sitting = page.session_state["class"].sitting
    assert sitting.drawing.value.sha256 == kept[0].id.sha256
    assert page.button_group(key="class findings 1").label == r"What is in the \*lower\* zones?"
    page.button_group(key="class findings 1").set_value(["Effusion"]).run()
    page.button_group(key="class sure 1 Effusion").set_value(80).run()
    sitting.marks["Effusion"] = (30, 40)
    settled(page.button(key="class answer 1").click().run())
    settled(page.button(key="class answer 2").click().run())
    page.toggle(key="class truth").set_value(True).run()
    assert any("2 of 2 films right" in each.value for each in page.markdown)
    read = read_answers(answers_file(sitting.answers), [of])
    assert class_table([read]).skill().hits.part == 1


def test_the_teachers_page_names_files_that_are_none_and_judges_the_others(monkeypatch):
    told: list[str] = []
    for part in ("markdown", "html", "warning", "download_button"):
        monkeypatch.setattr(f"streamlit.{part}", lambda text, *_, **__: told.append(str(text)))

    class Upload:
        def __init__(self, name, data):
            self.name = name
            self._data = data

        def getvalue(self):
            return self._data

    good = answers_file(Answers(TWO, "<b>Zoë</b>", (FilmAnswer(1, {"Mass": Named(99)}), FilmAnswer(2))))
    later = answers_file(Answers(replace(TWO, seed=1), "<b>Zoë</b>", (FilmAnswer(1),), "2020-01-01"))
    monkeypatch.setattr(
        "streamlit.segmented_control", lambda label, options, *, default, **_: told.append(label) or default
    )
    monkeypatch.setattr("streamlit.selectbox", lambda label, options, **_: options[-1])
    files = [
        Upload("early.json", later),
        Upload("one.json", good),
        Upload("two.json", json.dumps({"kind": "x"}).encode()),
    ]
    monkeypatch.setattr("streamlit.file_uploader", lambda *_, **__: files)
    held = ClassPage()
    show_handed_in(held)
    if held.judging.job is not None:
        held.judging.job.wait(60)
        show_handed_in(held)
    said = "\n".join(told).replace("\\", "")
    assert "two.json: This is no file of answers" in said
    assert "1 students" not in said
    assert "1 student · 2 films" in said
    assert "&lt;b&gt;Zoë&lt;/b&gt;" in said  # a name is no markup
    assert "<b>Zoë" not in said
    assert "Table as CSV" in said
    assert "The files are of several sets" in said
    assert "**Over all sets**, 3 films" in said


def test_drawings_say_in_words_what_they_show():
    assert "50% at first" not in curve([True])
    assert "Right of the last films: 100% at first, 50% at last" in curve([True, False])
    assert "No films" in curve([])
    assert 'alt="How often it is there. "' in calibration([])
