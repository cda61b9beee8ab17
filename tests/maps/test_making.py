"""A map step by step is the map that a review has, and each step follows from the one before it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import ensemble_cam as ec
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.errors import ConfigError
from ensemble_cam.maps.cams import Exposure, cam_grids, expose
from ensemble_cam.maps.making import making
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.methods import Recipe


@pytest.fixture(scope="module")
def exposure() -> Exposure:
    film = ec.read_film(ec.draw_phantom(seed=4, size=256, findings=["Effusion", "Mass"], difficulty=0.2))
    classifier = load_classifier(load_config().classifier("teaching-densenet"), runtime="openvino")
    return expose(classifier, model_input(film, framing="crop", size=classifier.config.input_size))


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "xgradcam"])
def test_the_last_step_is_the_map_that_reviews_have(method, exposure):
    output = exposure.classifier.outputs["Mass"]
    (grid,) = cam_grids(Recipe(method), exposure, [output])
    assert grid.any()
    assert_array_equal(making(method, exposure, output).map, grid)


def test_each_step_follows_from_the_one_before(exposure):
    output = exposure.classifier.outputs["Mass"]
    steps = making("gradcam", exposure, output)
    assert steps.logit == pytest.approx(float(exposure.run.logits[output]))
    assert_allclose(steps.weights, steps.gradients.mean(axis=(1, 2)), rtol=1e-4, atol=1e-9)
    assert_allclose(steps.total, np.tensordot(steps.weights, steps.activation, axes=1), rtol=1e-3, atol=1e-6)
    assert steps.total.min() < 0 < steps.total.max()
    assert_array_equal(steps.map, np.maximum(steps.total, 0))


def test_what_is_left_out_shows(exposure):
    mass, effusion = (making("gradcam", exposure, exposure.classifier.outputs[each]) for each in ("Mass", "Effusion"))
    assert_array_equal(mass.without_gradient, effusion.without_gradient)  # it explains none of them
    assert_allclose(mass.without_gradient, mass.activation.sum(axis=0), rtol=1e-5)
    assert not np.array_equal(mass.map.argmax(), effusion.map.argmax())
    stretched = mass.without_relu
    assert (stretched.min(), stretched.max()) == (0, 1)
    assert (stretched > 0).mean() > 0.9 > 0.5 > (mass.map > 0).mean()


def test_channels_come_by_how_far_they_move_the_sum(exposure):
    steps = making("gradcam", exposure, exposure.classifier.outputs["Mass"])
    moves = np.abs(steps.weights[:, None, None] * steps.activation).max(axis=(1, 2))
    first, second = steps.strongest(2)
    assert moves[first] == pytest.approx(moves.max())
    assert moves[second] == pytest.approx(np.sort(moves)[-2])


def test_a_method_that_weighs_no_channels_is_refused(exposure):
    with pytest.raises(ConfigError, match=r"layercam.*allowed: one of gradcam, gradcam"):
        making("layercam", exposure, 0)
