"""Films on which a network fails have no part in figures, and nothing that a table or a header says is HTML."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensemble_cam.archive.films import Film
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.errors import ClassifierError
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.pipeline import examine
from ensemble_cam.settings.config import load_config
from ensemble_cam.validation.labels import LabelledFilm
from ensemble_cam.validation.report import _table
from ensemble_cam.validation.scoring import TWICE, Refused, ScoredFilm, score_films
from ensemble_cam.validation.site import at_point


@pytest.fixture(scope="module")
def classifiers() -> tuple[Classifier, ...]:
    return tuple(load_classifier(each) for each in load_config().for_review("teaching"))


def labelled(folder: Path, *names: str) -> list[LabelledFilm]:
    for name in names:
        (folder / name).write_bytes(film_bytes(draw_phantom(seed=len(name), size=256, findings=())))
    return [LabelledFilm(Film.of(folder / name), {"Effusion": False}, None, {"sex": "F"}) for name in names]


def options() -> ReviewOptions:
    return ReviewOptions.of({}, load_config().review)


def test_logits_are_those_of_the_scores_of_a_review(classifiers, tmp_path):
    (film,) = score_films(labelled(tmp_path, "a.png"), classifiers, options())
    assert isinstance(film, ScoredFilm)
    assert film.groups["sex"] == "F"
    radiograph = read_radiograph((tmp_path / "a.png").read_bytes())
    for result in examine(radiograph, classifiers).results:
        points = result.classifier.operating_points
        assert points is not None
        found = {
            label: float(at_point(1 / (1 + np.exp(-np.array(logit))), points[label]))
            for label, logit in film.logits[result.id].items()
        }
        assert found == pytest.approx(dict(result.scores), abs=1e-12)


def test_a_film_on_which_one_network_fails_is_refused_and_the_next_is_not(classifiers, tmp_path):
    calls = []

    def failing(pixels):
        calls.append(pixels)
        if len(calls) == 1:
            raise ClassifierError("has no answer")
        return classifiers[1].backbone(pixels)

    asked = (classifiers[0], replace(classifiers[1], backbone=failing))
    first, second, third = score_films(labelled(tmp_path, "a.png", "bb.png", "c.png"), asked, options())
    assert isinstance(first, Refused)
    assert first.reason.startswith(f"{classifiers[1].config.name} has no answer.")
    assert isinstance(second, ScoredFilm)
    assert third == Refused(third.labelled, TWICE)


def test_cells_of_the_page_are_text():
    assert "<b>" not in _table(("<b>",), [("<b>&",)])
    assert "&lt;b&gt;&amp;" in _table(("<b>",), [("<b>&",)])
