"""Maps of layers by name, of the teaching networks; those of the real architectures are in `reference`."""

import numpy as np
import pytest

import ensemble_cam as ec
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.errors import ConfigError
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.maps.torch_named_layers import check_named_layers
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.reviewing.request import check_stages
from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.sets import TEACHING

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def classifiers(config):
    return [load_classifier(each) for each in config.in_set(TEACHING.name)]


@pytest.fixture(scope="module")
def pixels():
    return model_input(ec.read_film(ec.draw_phantom(12, size=256)), framing="crop", size=256)


def test_a_map_can_be_made_at_each_stage_that_is_known_before_a_network_is_built(classifiers):
    for classifier in classifiers:
        stages = classifier.config.family.stages
        assert len(stages) > 6
        for stage in stages:
            check_named_layers(Recipe("gradcam", layers=stage), [classifier])


def test_each_classifier_takes_the_names_of_its_own(classifiers, pixels):
    both = Recipe("gradcam", layers="denseblock1,layer3")
    check_stages(both, [each.config for each in classifiers])
    for classifier in classifiers:
        own = "denseblock1" if "denseblock1" in classifier.config.family.stages else "layer3"
        exposure = expose(classifier, pixels)
        found, alone = (cam_grids(recipe, exposure, [1, 4]) for recipe in (both, Recipe("gradcam", layers=own)))
        assert np.array_equal(found, alone)
        assert found.any()
        assert not np.array_equal(found, cam_grids(Recipe("gradcam"), exposure, [1, 4]))


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("layr4", r"""'layr4', and no classifier here has such a layer\. Did you mean "layer4"\?"""),
        ("layer4", r"none of layer4 is a layer of teaching-densenet\. Name one of its own, too: conv0, .*norm5\."),
        ("several,layer4", r"'several', and no classifier here has such a layer"),
    ],
)
def test_names_that_lead_nowhere_are_refused_before_anything_is_loaded(config, names, sentence):
    with pytest.raises(ConfigError, match=sentence):
        check_stages(Recipe("gradcam", layers=names), config.in_set(TEACHING.name))
