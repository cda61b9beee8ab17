"""The real architectures, compiled by OpenVINO, held to PyTorch."""

import numpy as np
import pytest

from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.settings.methods import Recipe
from support.hooked import over_its_maximum
from support.networks import relative_error, smooth_film


@pytest.mark.parametrize("id", ["densenet121", "resnet50", "jfhealthcare"])
def test_openvinos_logits_and_maps_are_pytorchs(id, config, weights_dir, loaded):
    classifier = loaded[id]
    compiled = load_classifier(config.classifier(id), weights_dir=weights_dir, runtime="openvino")
    assert compiled.runtime == "openvino"
    film = smooth_film(classifier.config.input_size, seed=8)
    one, other = expose(classifier, film), expose(compiled, film)
    # In bfloat16, to which OpenVINO turns by itself on processors that have it, this would be 1e-2.
    assert relative_error(other.activation, one.activation.numpy()) < 2e-4
    assert relative_error(other.run.logits, one.run.logits.numpy()) < 1e-3
    outputs = list(classifier.outputs.values())
    for method in ("gradcam++", "layercam"):
        maps = [cam_grids(Recipe(method), each, outputs) for each in (one, other)]
        for got, expected in zip(*maps, strict=True):
            assert np.abs(over_its_maximum(got) - over_its_maximum(expected)).max() < 1e-3
            assert expected.any()
