"""What a session of the app holds and shows, asked without a browser (Streamlit's AppTest)."""

import gc
import shutil
import time
import weakref

import pytest
from streamlit.testing.v1 import AppTest

import films
from ensemble_cam.launch import app_script
from ensemble_cam.ui import page
from ensemble_cam.weights import weights_file


@pytest.fixture
def app(tmp_path, monkeypatch, weights_dir) -> AppTest:
    """The app with DenseNet121's weights alone on this machine."""
    folder = tmp_path / "weights"
    folder.mkdir()
    name = weights_file("densenet121-res224-all").file_name
    for file in (name, f"{name}.sha256"):
        shutil.copy(weights_dir / file, folder / file)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ENSEMBLE_CAM_WEIGHTS", str(folder))
    return AppTest.from_file(str(app_script()), default_timeout=60).run()


def open_film(app: AppTest, data: bytes, name: str = "secret_name.png"):
    app.file_uploader[0].upload(name, data, "application/octet-stream").run()
    (film,) = app.session_state["films"].values()
    return film


def reviewed(app: AppTest):
    for _ in range(400):
        (film,) = app.session_state["films"].values()
        if film.analysis is not None and film.job is None:
            return film
        time.sleep(0.1)
        app.run()
    pytest.fail("the review did not end")


def text(app: AppTest) -> str:
    shown = (str(each.value) for kind in (app.warning, app.error, app.info, app.markdown) for each in kind)
    return " ".join(shown).replace("\\", "")  # what keeps Markdown from reading meaning into names


def test_one_classifiers_missing_weights_leave_the_others_their_review(app):
    open_film(app, films.png(films.film(300, 300)))
    film = reviewed(app)
    assert [result.id for result in film.analysis.results] == ["densenet121"]
    assert len(film.analysis.findings) == 3
    assert not app.error
    assert "ResNet50, JF Healthcare: the weights are not ready" in text(app)
    assert "not the published weights" in text(app)


def test_a_removed_film_is_freed_with_everything_that_was_made_of_it(app):
    open_film(app, films.png(films.film(300, 300)))
    film = reviewed(app)
    kept = [weakref.ref(each) for each in (film.radiograph, film.analysis, film.examination)]
    del film
    next(button for button in app.button if button.label == "Remove this film").click().run()
    app.run()
    gc.collect()
    assert app.session_state["films"] == {}
    assert [each() for each in kept] == [None, None, None]


def test_a_failed_review_keeps_its_reason_until_the_reader_asks_again(app, monkeypatch):
    def failing(*_, **__):
        raise MemoryError

    monkeypatch.setattr(page.networks, "load", failing)
    open_film(app, films.png(films.film(300, 300)))
    for _ in range(100):
        (film,) = app.session_state["films"].values()
        if film.ended:
            break
        time.sleep(0.1)
        app.run()
    app.slider[0].set_value(0.7).run()
    assert "ran out of memory" in text(app)
    monkeypatch.undo()


def test_windowed_pixels_are_reviewed_anew_and_named_so(app):
    open_film(app, films.dicom(films.film(300, 300, bits=12), WindowCenter=1000, WindowWidth=500), "secret_name.dcm")
    stored = reviewed(app).analysis
    next(radio for radio in app.radio if "DICOM" in radio.label).set_value("windowed").run()
    for _ in range(200):
        film = reviewed(app)
        if film.analysis is not stored:
            break
        time.sleep(0.1)
        app.run()
    assert film.analysis.radiograph.intensity == "windowed"
    assert film.analysis.results[0].scores != stored.results[0].scores
