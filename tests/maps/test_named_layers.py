"""Maps of layers by name, of the teaching networks; those of the real architectures are in `reference`."""

import numpy as np
import pytest

import ensemble_cam as ec
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.errors import ConfigError
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.maps.torch_named_layers import check_named_layers, layers_of
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


def test_where_an_activation_goes_below_0_is_known_before_a_network_is_built(classifiers, pixels):
    below = rectified = 0
    for classifier in classifiers:
        network = layers_of(classifier)
        for name, lowest in network.items():
            known = classifier.config.family.goes_below_0(Recipe("gradcam++", layers=name))
            assert known or lowest >= 0, (classifier.id, name, lowest)
            below += known and lowest < 0
            rectified += not known
    assert below > 30
    assert rectified > 15


def test_a_review_says_where_its_method_is_unstable():
    film = ec.draw_phantom(12, size=256)
    named = "Grad-CAM++ is unstable for Teaching DenseNet, Teaching JF Healthcare at this layer"
    for layers, method, said in [
        ("several", "gradcam++", named),
        ("denseblock1,layer4", "gradcam++", named),
        ("denseblock1,layer4", "layercam", None),
        ("last", "gradcam++", None),
    ]:
        told = [
            line
            for line in ec.review(film, set="teaching", top_k=1, layers=layers, method=method).record["input"][
                "warnings"
            ]
            if "unstable" in line
        ]
        assert [line.partition(": ")[0] for line in told] == ([said] if said else [])


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
