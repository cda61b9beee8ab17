"""What a caller hands over by mistake is refused in a sentence, and what NumPy and pickle make of things is taken."""

import copy
import os
import pickle
import re
import select
import signal
from types import SimpleNamespace

import numpy as np
import pytest

import ensemble_cam as ec
from ensemble_cam.api import networks

PHANTOM = ec.draw_phantom(3, size=256)
TEACHING = {"set": "teaching", "top_k": 1}


@pytest.fixture(scope="module")
def film() -> ec.Radiograph:
    return ec.read_film(PHANTOM)


@pytest.fixture(scope="module")
def review(film) -> ec.Review:
    return ec.review(film, **TEACHING)


@pytest.mark.parametrize(
    ("source", "how", "message"),
    [
        ("a\0.png", {}, "The file cannot be read .no name has a null character"),
        (np.ma.masked_equal(PHANTOM.pixels, 0), {}, "The array is masked"),
        (np.zeros((64, 64), "m8[s]"), {"bits": 8}, "timedelta64.*declares no range"),
        (PHANTOM, {"negative": "no"}, 'negative: got "no"; allowed: true or false'),
        (PHANTOM, {"rescale": 1}, "rescale: got 1; allowed: true or false"),
    ],
    ids=["null character", "masked", "times", "negative", "rescale"],
)
def test_what_is_no_film_or_says_no_in_words_is_refused(source, how, message):
    with pytest.raises(ec.EnsembleCamError, match=message):
        ec.read_film(source, **how)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_is_an_array_and_a_true_of_numpys_is_true():
    np.testing.assert_array_equal(ec.read_film(np.asmatrix(PHANTOM.pixels)).source, PHANTOM.pixels)
    assert ec.read_film(PHANTOM, negative=np.True_).negative is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [None]}, "labels: got None; hand over a list of texts"),
        ({"labels": 3}, "labels: got 3; hand over a list of texts"),
        ({"classifiers": 3}, "classifiers: got 3"),
        ({"weights": "untrained"}, "weights: got 'untrained'; hand over a dictionary"),
        ({"weights": ["untrained"]}, "weights: got .*hand over a dictionary"),
        ({"weights": {"teaching-resnet": ["x"]}}, "weights of teaching-resnet: got .*allowed: a name"),
        ({"ensemble_weights": [1, 1, 1]}, "ensemble_weights: got .*hand over a dictionary"),
        ({"config": 3}, "config: got 3; hand over a path"),
        ({"config": "."}, r"\.: this is a folder and no file"),
        ({"weights_dir": 3}, "weights_dir: got 3; hand over a path"),
        ({"case": 3}, 'case: got "3"; allowed: up to 64'),
    ],
    ids=str,
)
def test_options_of_another_type_are_refused_by_their_name(film, options, message):
    with pytest.raises(ec.ConfigError, match=message):
        ec.review(film, **{**TEACHING, **options})


def test_numbers_of_numpys_are_numbers(film):
    weights = {"teaching-resnet": np.float32(0.5)}
    review = ec.review(
        film, set="teaching", top_k=np.int64(2), threshold=np.float32(0.5), ensemble_weights=weights, labels=None
    )
    assert len(review.findings) == 2
    settings = review.record["settings"]
    assert (type(settings["top_k"]), settings["threshold"]) == (int, 0.5)
    assert review.reweighted({"teaching-resnet": np.int64(1)}).findings
    with pytest.raises(ec.ConfigError, match="ensemble_weights: got"):
        review.reweighted([1, 2, 3])


@pytest.mark.parametrize("again", [lambda each: pickle.loads(pickle.dumps(each)), copy.copy, copy.deepcopy])
def test_films_and_phantoms_can_be_copied_and_sent_and_stay_read_only(film, again):
    for given in (film, PHANTOM):
        made = again(given)
        assert repr(made) == repr(given)
        arrays = {name: value for name, value in vars(given).items() if isinstance(value, np.ndarray)}
        for name, value in arrays.items():
            np.testing.assert_array_equal(getattr(made, name), value)
            assert not getattr(made, name).flags.writeable
    made = again(PHANTOM)
    assert list(made.masks) == list(PHANTOM.masks)
    assert not any(mask.flags.writeable for mask in made.masks.values())
    with pytest.raises(TypeError):
        made.masks["Mass"] = np.zeros(3)
    assert again(film).facts == film.facts


def test_a_review_is_never_changed_and_says_what_can_be_sent_in_its_place(review):
    assert copy.copy(review) is review
    assert copy.deepcopy({"one": review})["one"] is review
    with pytest.raises(TypeError, match="is not pickled"):
        pickle.dumps(review)
    assert pickle.loads(pickle.dumps(review.scores)).equals(review.scores)


def test_a_list_with_something_else_in_it_says_where_it_stands():
    with pytest.raises(TypeError, match="got float") as caught:
        list(ec.review_films([PHANTOM, float("nan")], **TEACHING))
    assert caught.value.__notes__ == ["This was film 2 of those handed over."]
    with pytest.raises(TypeError, match="on_error: got 'skip'"):
        ec.review_films([PHANTOM], on_error="skip", **TEACHING)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a process of several threads that forks
def test_a_forked_worker_says_that_it_cannot_review_where_it_would_wait_without_an_end(review):
    reader, writer = os.pipe()
    worker = os.fork()
    if not worker:
        said = "a review"
        try:
            ec.review(PHANTOM, **TEACHING)
        except ec.ClassifierError as error:
            said = f"{error} {bool(networks._LOADED._kept)}"  # to drop them would wait as well
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    try:
        assert select.select([reader], [], [], 60)[0]
        assert re.search(r'multiprocessing.get_context\("spawn"\), or threads. True$', os.read(reader, 1000).decode())
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        os.close(reader)
    assert ec.review(PHANTOM, **TEACHING).findings == review.findings


def test_weights_that_were_exchanged_are_loaded_anew_and_the_same_ones_are_not(monkeypatch):
    loads, now = [], SimpleNamespace(sha256="")
    monkeypatch.setattr(networks, "_LOADED", networks._Loaded())
    monkeypatch.setattr(networks, "locate", lambda *_, **__: now)
    monkeypatch.setattr(networks, "load_classifiers", lambda *given: loads.append(now.sha256) or ())
    for now.sha256 in ("a", "a", "b", "b"):
        networks.Networks.of({"set": "teaching"})
    assert loads == ["a", "b"]


def test_what_a_caller_is_offered_is_what_is_promised():
    assert [name for name in dir(ec) if not name.startswith("_")] == sorted(
        name for name in ec.__all__ if not name.startswith("_")
    )
