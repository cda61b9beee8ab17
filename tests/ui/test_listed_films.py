"""What the list of films tells of each, asked without a browser."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.ui.session.films import FilmId, OpenFilm
from ensemble_cam.ui.session.listed import listed
from support import films
from support.networks import as_untrained, bright_classifier
from support.reviews import dotted, made_review

FILM = films.png(dotted(120, 90, 60, 40))


def opened(analysis=None, *, failure: str | None = None) -> OpenFilm:
    """A film of a session, read, with a review."""
    film = OpenFilm(FilmId(1, "0" * 64), "film.png", FILM)
    read = None if failure else read_radiograph(FILM) if analysis is None else analysis.radiograph
    film.reading = SimpleNamespace(radiograph=read, failure=failure)
    if analysis is not None:
        film.reviewing.hold("key", analysis)
    return film


def reviewed(*classifiers, **settings):
    return made_review(FILM, classifiers=classifiers, **settings).analysis


def told(film: OpenFilm, *, hidden: bool = False) -> dict:
    return listed(film, hidden=hidden, threshold=0.4)


def test_a_review_tells_what_is_called_and_split_how_near_a_score_is_and_how_far_maps_overlap():
    analysis = reviewed(
        bright_classifier("a", logits={"Mass": 3.0, "Pleural_Thickening": 2.0, "Edema": -3.0}),
        bright_classifier("b", logits={"Mass": 3.0, "Pleural_Thickening": -1.5, "Edema": -3.0}, cells=7),
        bright_classifier("c", logits={"Edema": 3.0}, calibrated=False),
    )
    said = told(opened(analysis))
    assert said["state"] == "reviewed"
    assert said["called"] == ["Mass", "Pleural thickening"]
    assert said["split"] == ["Pleural thickening"]  # an uncalibrated score takes no side
    scores = [score for id in ("a", "b") for score in analysis.result(id).scores.values()]
    assert_allclose(said["distance"], min(abs(score - 0.5) for score in scores))
    overlaps = {finding.label: finding.agreement(0.4).iou for finding in analysis.findings if finding.agreement(0.4)}
    assert_allclose(said["overlap"], min(overlaps["Mass"], overlaps["Pleural_Thickening"]))


def test_a_network_of_weight_0_takes_no_side():
    networks = [bright_classifier("a", logits={"Mass": 3.0}), bright_classifier("b", logits={"Mass": -3.0})]
    assert told(opened(reviewed(*networks)))["split"] == ["Mass"]
    assert told(opened(reviewed(*networks, ensemble_weights={"a": 1.0, "b": 0.0})))["split"] == []


def test_nothing_is_told_of_what_is_hidden_means_nothing_was_not_reviewed_or_cannot_be_read():
    analysis = reviewed(bright_classifier("a", logits={"Mass": 3.0}))
    meaningless = reviewed(as_untrained(bright_classifier("a", logits={"Mass": 3.0})))
    states = {
        "hidden": told(opened(analysis), hidden=True),
        "meaningless": told(opened(meaningless)),
        "not reviewed": told(opened()),
        "failed": told(opened(failure="It is broken.")),
    }
    for state, said in states.items():
        assert said["state"] == state
        assert (said["called"], said["split"], said["distance"], said["overlap"]) == ([], [], None, None)
    assert states["failed"]["failure"] == "It is broken."
    assert states["failed"]["picture"] is None


def test_a_film_has_a_small_picture_of_its_own_greys_made_once():
    film = opened()
    address = told(film)["picture"]
    head, _, data = address.partition(",")
    assert head == "data:image/jpeg;base64"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert picture.shape == (42, 56)
    y, x = np.unravel_index(picture.argmax(), picture.shape)
    assert_allclose((x, y), (60 * 56 / 120, 40 * 42 / 90), atol=2)
    assert told(film)["picture"] is address
    film.reading = SimpleNamespace(radiograph=read_radiograph(films.png(255 - dotted(120, 90, 60, 40))), failure=None)
    assert told(film)["picture"] != address  # read anew, it is another one


@pytest.mark.parametrize("field", ["name", "data"])
def test_a_film_that_is_removed_keeps_nothing(field):
    film = opened(reviewed(bright_classifier("a", logits={"Mass": 3.0})))
    told(film)
    film.clear()
    assert not getattr(film, field)
    assert film._kept == {}
