"""The networks' outlines over a film whose first read is over."""

import numpy as np
import pytest

from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.settings.settings import Settings
from ensemble_cam.ui.review import outlines as module
from ensemble_cam.ui.review.outlines import outlines
from ensemble_cam.ui.session.films import SessionFilms
from support import films
from support.networks import bright_classifier


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    monkeypatch.setattr(module.networks, "colour", lambda id: f"colour of {id}")


def test_only_networks_that_call_a_called_finding_have_outlines_along_their_regions():
    film = SessionFilms().add("film.png", films.png(films.film(seed=2)))
    classifiers = [
        bright_classifier("yes", logits={"Mass": 3.0, "Nodule": -3.0, "Edema": 3.0}),
        bright_classifier("no", logits={"Mass": -1.0, "Nodule": -3.0, "Edema": 3.0}),
    ]
    analysis = analyse(film.read().radiograph, classifiers, Settings(labels=("Mass", "Nodule", "Edema")))
    calls = {finding.label: finding.call for finding in analysis.findings}
    assert (calls["Mass"], calls["Nodule"]) == ("called", "not called")
    found = outlines(film, analysis)
    assert {(each["finding"], each["colour"]) for each in found} == {
        ("Mass", "colour of yes"),
        ("Edema", "colour of yes"),
        ("Edema", "colour of no"),
    }
    (mass,) = [each for each in found if each["finding"] == "Mass"]
    (finding,) = [each for each in analysis.findings if each.label == "Mass"]
    heatmap = finding.heatmaps()["yes"]
    ys, xs = np.nonzero(np.nan_to_num(heatmap.in_source()) >= 0.5)
    corners = np.array([point for line in mass["lines"] for point in line])
    assert corners.min(axis=0).tolist() == [xs.min(), ys.min()]
    assert corners.max(axis=0).tolist() == [xs.max() + 1, ys.max() + 1]
    assert outlines(film, analysis) is found  # made once
