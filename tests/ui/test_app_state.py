"""What a session of the app holds and shows, asked without a browser (Streamlit's AppTest)."""

import gc
import hashlib
import shutil
import time
import weakref
from pathlib import Path

import pytest
from numpy.testing import assert_allclose
from streamlit.testing.v1 import AppTest

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.purpose import MEANINGLESS_LINE, TEACHING_LINE
from ensemble_cam.settings.sets import NO_PHANTOM, PHANTOM
from ensemble_cam.ui.launch import SOURCE_VARIABLE, page_script
from ensemble_cam.ui.session import networks
from ensemble_cam.weights import released
from ensemble_cam.weights.released import ENVIRONMENT_VARIABLE, weights_file
from support import films
from support.queues import busy

TEACHING = ["teaching-densenet", "teaching-resnet", "teaching-jfhealthcare"]


@pytest.fixture
def densenet(own_home, weights_dir, monkeypatch) -> Path:
    """A folder with DenseNet121's weights, which is not searched yet."""
    folder = own_home / "weights"
    folder.mkdir()
    name = weights_file("densenet121-res224-all").file_name
    for file in (name, f"{name}.sha256"):
        shutil.copy(weights_dir / file, folder / file)
    return folder


@pytest.fixture
def app(densenet, monkeypatch) -> AppTest:
    """The app with DenseNet121's weights alone on this machine."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(densenet))
    return AppTest.from_file(str(page_script()), default_timeout=60).run()


@pytest.fixture
def bare(own_home) -> AppTest:
    """The app without any weights but those in the package."""
    return AppTest.from_file(str(page_script()), default_timeout=60).run()


def open_film(app: AppTest, data: bytes, name: str = "secret_name.png"):
    app.file_uploader[0].upload(name, data, "application/octet-stream").run()
    return last_film(app)


def last_film(app: AppTest):
    return list(app.session_state["films"].values())[-1]


def reviewed(app: AppTest):
    """The last film, once its review is on the screen."""
    for _ in range(400):
        film = last_film(app)
        if film.reviewing.value is not None and film.reviewing.job is None:
            return film
        time.sleep(0.1)
        app.run()
    pytest.fail("the review did not end")


def text(app: AppTest) -> str:
    kinds = (app.title, app.warning, app.error, app.info, app.caption, app.markdown)
    shown = (str(each.value) for kind in kinds for each in kind)
    return " ".join(shown).replace("\\", "")  # what keeps Markdown from reading meaning into names


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()


def choose_set(app: AppTest, name: str) -> None:
    next(group for group in app.button_group if group.label == "Classifier set").set_value(name).run()


def ask_for(app: AppTest, film) -> None:
    """Choose a film as the list in the browser does."""
    films = app.session_state["films"]
    assert films.request({"number": film.id.number, "sha256": film.id.sha256, "revision": films.revision})


def phantom_file(seed: int) -> bytes:
    return phantom_files(draw_phantom(seed, size=300), 0)[film_name(0, "png")]


def test_one_classifiers_missing_weights_leave_the_others_their_review(app):
    open_film(app, films.png(films.film(300, 300)))
    film = reviewed(app)
    assert [result.id for result in film.reviewing.value.results] == ["densenet121"]
    assert len(film.reviewing.value.findings) == len(film.reviewing.value.ranking) > 3  # any of them may be looked at
    assert not app.error
    assert "ResNet50, JF Healthcare: the weights are not ready" in text(app)
    assert "not the published weights" in text(app)


def test_a_removed_film_is_freed_with_everything_that_was_made_of_it(app):
    open_film(app, films.png(films.film(300, 300)))
    film = reviewed(app)
    kept = [weakref.ref(each) for each in (film.radiograph, film.reviewing.value, film.examining.value)]
    del film
    press(app, "Remove this film")
    app.run()
    gc.collect()
    assert not app.session_state["films"]
    assert [each() for each in kept] == [None, None, None]


def test_a_failed_review_keeps_its_reason_until_the_reader_asks_again(app, monkeypatch):
    def failing(*_, **__):
        raise MemoryError

    monkeypatch.setattr(networks, "load", failing)
    open_film(app, films.png(films.film(300, 300)))
    for _ in range(100):
        (film,) = app.session_state["films"].values()
        if film.reviewing.ended:
            break
        time.sleep(0.1)
        app.run()
    next(toggle for toggle in app.toggle if toggle.label == "Still pictures").set_value(True).run()
    app.slider[0].set_value(0.7).run()
    assert "ran out of memory" in text(app)
    monkeypatch.undo()


def test_maps_stay_until_another_methods_are_there_and_where_those_were_stopped(bare):
    film = reviewed(bare)
    method = next(each for each in bare.selectbox if each.label == "Method")

    def of_maps_shown() -> str:
        return film.shown.analysis.settings.recipe.method

    with busy() as release:
        method.set_value("layercam").run()
        assert film.reviewing.job is not None
        assert of_maps_shown() == "gradcam++"
        assert "Until then, the maps are those of Grad-CAM++." in text(bare)
        press(bare, "Cancel")
        for _ in range(100):
            if film.reviewing.ended:
                break
            time.sleep(0.1)
            bare.run()
        assert "The review was stopped." in text(bare)
        assert of_maps_shown() == "gradcam++"
        assert "Until then, the maps are those of Grad-CAM++." in text(bare)
        release.set()
    press(bare, "Review this film")
    for _ in range(100):
        if film.shown.analysis is not None and of_maps_shown() == "layercam":
            break
        time.sleep(0.1)
        bare.run()
    assert of_maps_shown() == "layercam"
    assert "Until then" not in text(bare)


def test_windowed_pixels_are_reviewed_anew_and_named_so(app):
    open_film(app, films.dicom(films.film(300, 300, bits=12), WindowCenter=1000, WindowWidth=500), "secret_name.dcm")
    stored = reviewed(app).reviewing.value
    next(radio for radio in app.radio if "DICOM" in radio.label).set_value("windowed").run()
    for _ in range(200):
        film = reviewed(app)
        if film.reviewing.value is not stored:
            break
        time.sleep(0.1)
        app.run()
    assert film.reviewing.value.radiograph.intensity == "windowed"
    assert film.reviewing.value.results[0].scores != stored.results[0].scores


def test_a_negative_is_turned_for_its_own_film_alone_and_reviewed_anew(app):
    open_film(app, films.png(films.film(300, 300)))
    stored = reviewed(app).reviewing.value
    next(box for box in app.checkbox if box.label == "Turn grey values").set_value(True).run()
    for _ in range(200):
        film = reviewed(app)
        if film.reviewing.value is not stored:
            break
        time.sleep(0.1)
        app.run()
    turned = film.reviewing.value
    assert (stored.radiograph.negative, turned.radiograph.negative) == (False, True)
    assert_allclose(turned.radiograph.model, -stored.radiograph.model, atol=1e-3)
    assert turned.results[0].scores != stored.results[0].scores
    assert "turned for screen and networks" in text(app)
    open_film(app, films.png(films.film(300, 300, seed=1)), "other.png")
    assert not next(box for box in app.checkbox if box.label == "Turn grey values").value


def test_without_clinical_weights_a_session_opens_with_the_teaching_set_and_a_phantom_under_review(bare):
    film = reviewed(bare)
    assert [result.id for result in film.reviewing.value.results] == TEACHING
    assert film.radiograph.phantom
    assert film.radiograph.sha256 == hashlib.sha256(film.data).hexdigest()  # read as an upload is
    assert len(film.planted) == 3
    assert {finding.label for finding in film.reviewing.value.findings if finding.call == "called"} == set(film.planted)
    shown = text(bare)
    assert shown.count(TEACHING_LINE) == 2  # at the top and at the foot
    assert "the clinical weights are not on this machine" in shown
    assert NO_PHANTOM not in shown
    assert all(f"**Planted:** {finding}" in shown for finding in film.planted[:1])
    assert "Fetch the clinical weights (173 MB)" in buttons(bare)


def test_with_one_clinical_classifiers_weights_a_session_opens_with_the_clinical_set_and_no_film(app):
    assert app.session_state["set"] == "clinical"
    assert not app.session_state["films"]
    assert TEACHING_LINE not in text(app)
    assert "Try a phantom" in buttons(app)


def test_another_phantom_can_be_asked_for_again_and_again_and_is_put_on_the_screen(bare):
    reviewed(bare)
    for count in (2, 3, 4):
        press(bare, "Another phantom")
        assert not bare.exception
        numbers = list(bare.session_state["films"])
        assert len(numbers) == count
        assert bare.session_state["films"].on_stage.id.number == numbers[-1]


def test_a_removed_phantom_does_not_come_back_by_itself_and_another_is_drawn_when_asked_for(bare):
    seeds = [last_film(bare).name]
    press(bare, "Remove this film")
    bare.run()
    assert not bare.session_state["films"]
    assert "Open a chest radiograph" in text(bare)
    assert TEACHING_LINE in text(bare)
    for _ in range(2):
        press(bare, "Show a phantom")
        seeds.append(last_film(bare).name)
        press(bare, "Remove this film")
    assert len(set(seeds)) == 3
    assert all(name.startswith("Phantom, seed ") for name in seeds)


def test_a_film_of_the_readers_own_takes_the_screen_from_the_phantom_and_is_warned_of(bare):
    assert "Colours" in reviewed(bare).shown.payload.header["meaning"]
    film = open_film(bare, films.png(films.film(300, 300)))
    assert [each.name.split(",")[0] for each in bare.session_state["films"].values()] == ["Phantom", "secret_name.png"]
    assert bare.session_state["films"].on_stage is film
    reviewed(bare)
    assert text(bare).count(NO_PHANTOM) == 1  # in the line that stays on the screen: once, with its reason
    assert MEANINGLESS_LINE not in text(bare)
    assert "The maps are kept back." in text(bare)
    assert "Planted" not in text(bare)
    assert "Colours" not in film.shown.payload.header["meaning"]  # as long as its maps are kept back
    ask_for(bare, next(iter(bare.session_state["films"].values())))
    bare.run()
    assert NO_PHANTOM not in text(bare)


def test_an_uploaded_phantom_is_known_by_its_mark_and_noted_mildly_under_the_clinical_set(app):
    open_film(app, phantom_file(3))
    assert PHANTOM in text(app)
    assert PHANTOM not in " ".join(str(each.value).replace("\\", "") for each in app.warning)
    choose_set(app, "teaching")
    assert PHANTOM not in text(app)
    assert NO_PHANTOM not in text(app)


def test_a_set_changes_when_the_reader_says_so_and_not_when_weights_appear(bare, densenet, monkeypatch):
    reviewed(bare)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(densenet))
    press(bare, "Look again")
    assert bare.session_state["set"] == "teaching"
    assert [result.id for result in reviewed(bare).reviewing.value.results] == TEACHING
    assert "clinical weights are on this machine, and are not used until you say so" in text(bare)
    press(bare, "Use the clinical set")
    assert bare.session_state["set"] == "clinical"
    assert TEACHING_LINE not in text(bare)
    for _ in range(200):
        if [result.id for result in reviewed(bare).reviewing.value.results] == ["densenet121"]:
            break
        time.sleep(0.1)
        bare.run()
    assert TEACHING_LINE not in text(bare)


def test_the_clinical_set_without_weights_shows_the_film_and_no_other_sets_maps(bare):
    reviewed(bare)
    choose_set(bare, "clinical")
    assert bare.session_state["set"] == "clinical"
    shown = text(bare)
    assert "No scores and maps from DenseNet121, ResNet50, JF Healthcare: the weights are not ready" in shown
    assert "called" not in shown
    assert TEACHING_LINE not in shown
    assert last_film(bare).reviewing.job is None


def test_an_optional_classifier_is_offered_with_what_it_is_for_and_asked_only_when_ticked(bare):
    reviewed(bare)
    box = next(each for each in bare.checkbox if each.label == "Teaching shortcut")
    assert not box.value
    assert "right for the wrong reason" in text(bare)
    box.check().run()
    for _ in range(200):
        asked = [result.id for result in reviewed(bare).reviewing.value.results]
        if len(asked) == 4:
            break
        time.sleep(0.1)
        bare.run()
    assert asked == [*TEACHING, "teaching-shortcut"]


def test_ensemble_weights_of_nothing_but_0_are_told_of_plainly_and_start_no_review(bare):
    reviewed(bare)
    next(toggle for toggle in bare.toggle if toggle.label == "Still pictures").set_value(True).run()
    for number in bare.number_input:
        if number.label.startswith("Ensemble weight"):
            number.set_value(0.0)
    bare.run()
    assert "Give one of them a weight above 0 in the sidebar" in text(bare)
    assert "Review this film" not in buttons(bare)
    assert last_film(bare).reviewing.job is None


def test_read_first_hides_what_was_planted_and_keeps_the_line(bare):
    next(toggle for toggle in bare.toggle if toggle.label == "Read first").set_value(True).run()
    assert "Planted" not in text(bare)
    assert TEACHING_LINE in text(bare)
    assert "Scores and maps are hidden" in text(bare)
    reviewed(bare)
    press(bare, "Show scores and maps")
    assert "**Planted:**" in text(bare)


def test_a_file_of_the_package_that_is_gone_is_told_of_and_cannot_be_fetched(own_home, monkeypatch):
    monkeypatch.setattr(released, "PACKAGED_FOLDER", own_home)
    app = AppTest.from_file(str(page_script()), default_timeout=60).run()
    assert "No scores and maps from Teaching DenseNet" in text(app)
    assert "Install it again" in text(app)
    assert [label for label in buttons(app) if "Fetch" in label] == ["Fetch the clinical weights (173 MB)"]


def test_a_failed_fetch_is_told_of_until_the_weights_are_there_another_way(bare, own_home, weights_dir, monkeypatch):
    monkeypatch.setenv(SOURCE_VARIABLE, str(own_home / "nothing"))
    press(bare, "Fetch the clinical weights (173 MB)")
    for _ in range(100):
        if bare.error:
            break
        time.sleep(0.1)
        bare.run()
    told = bare.error[0].value.replace("\\", "")
    assert told.startswith("$ENSEMBLE_CAM_WEIGHTS_FROM/")  # and not the folder, which does not exist
    assert "nothing" not in told
    assert bare.session_state["set"] == "teaching"
    bare.run()
    assert bare.error
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(weights_dir))
    press(bare, "Look again")
    assert not bare.error
    assert "Use the clinical set" in buttons(bare)
    assert not any("Fetch" in label for label in buttons(bare))
