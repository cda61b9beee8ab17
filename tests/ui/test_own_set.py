"""A set of the site's own in the app, asked without a browser."""

import time

import pytest
from streamlit.testing.v1 import AppTest

from ensemble_cam.settings.config import default_config_path
from ensemble_cam.ui.launch import CONFIG_VARIABLE, page_script
from ensemble_cam.ui.session import networks
from support import films
from support.own_networks import own_module, write_own


@pytest.fixture
def app(own_home, tmp_path, monkeypatch) -> AppTest:
    """The app on a machine that has the site's own network and no clinical weights."""
    path = write_own(tmp_path, own_module(), beside=default_config_path().read_text())
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    networks.configuration.cache_clear()
    yield AppTest.from_file(str(page_script()), default_timeout=60).run()
    networks.configuration.cache_clear()


def test_the_sites_own_set_is_in_use_where_its_file_is_and_reviews_a_film(app):
    assert app.session_state["set"] == "site"
    (group,) = (group for group in app.button_group if group.label == "Classifier set")
    assert group.options == ["Clinical", "Site's own", "Teaching"]
    app.file_uploader[0].upload("secret_name.png", films.png(films.film(300, 300)), "application/octet-stream").run()
    for _ in range(400):
        film = list(app.session_state["films"].values())[-1]
        if film.reviewing.value is not None and film.reviewing.job is None:
            break
        time.sleep(0.1)
        app.run()
    analysis = film.reviewing.value
    assert [result.id for result in analysis.results] == ["own"]
    assert {finding.label for finding in analysis.findings} == {"Effusion", "Consolidation"}
    assert not analysis.meaningless
    assert not app.error
    assert not app.exception
