"""Functions as targets: of classifiers, of segmenters and detectors; and networks by an id, or in another size."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models import detection, segmentation

import ensemble_cam as ec
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.settings.config import load_config
from support.small_networks import InTable, Places, seeded_small

pytestmark = pytest.mark.slow

PLAIN = {"input_size": 64, "mean": 0, "std": 1}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(3).random((64, 64, 3)).astype(np.float32)


def test_a_function_of_logits_is_explained_as_a_logit_is(picture):
    network = ec.Network(seeded_small(), layer="last", **PLAIN)
    for method in ("gradcam", "layercam", "hirescam"):
        own = ec.explain(network, picture, target=lambda logits: logits[0, 1], method=method)
        np.testing.assert_array_equal(own.map, ec.explain(network, picture, target=1, method=method).map)
    assert own.value == pytest.approx(own.record["logits"]["class_1"], abs=1e-6)
    assert (own.target, own.record["target"]) == ("target", "target")


def test_a_difference_of_logits_says_what_tells_two_classes_apart():
    network = ec.Network(Places(), layer="cells", classes=["left", "right"], channels=1, **PLAIN)
    values = np.zeros((64, 64), np.uint8)
    values[:8, :8], values[56:, 56:] = 200, 200

    def more_left(logits: Tensor) -> Tensor:
        return logits[0, 0] - logits[0, 1]

    explanation = ec.explain(network, values, target=more_left, method="hirescam")
    assert np.argwhere(explanation.map).tolist() == [[0, 0]]
    assert explanation.target == "more_left"
    assert "more_left: value" in explanation.figure().info["Score"]


def test_a_segmenters_class_is_explained(picture, tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=4).eval()
    network = ec.Network(module, layer="backbone.16", output="any", **PLAIN)

    def area(output: dict[str, Tensor]) -> Tensor:
        return output["out"][0, 2].mean()

    explanation = ec.explain(network, picture, target=area, method="gradcam")
    assert (explanation.predicted, dict(explanation.probabilities)) == (None, {})
    taken: list[Tensor] = []
    module.backbone["16"].register_forward_hook(lambda *given: taken.append(given[2]))
    whole = area(module(network.pixels(torch.from_numpy(picture.transpose(2, 0, 1)))))
    weights = torch.autograd.grad(whole, taken[0])[0].mean((2, 3), keepdim=True)
    expected = (weights * taken[0]).sum(1)[0].relu().detach().numpy()
    assert expected.max() > 0
    np.testing.assert_allclose(explanation.map, expected, atol=1e-5 * expected.max())
    assert explanation.value == pytest.approx(whole.item(), abs=1e-5)
    folder = explanation.save(tmp_path, name="film")
    assert (folder / "area.png").exists()


def test_a_detectors_score_is_explained(picture):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3).eval()
        module.score_thresh = 0.0
    network = ec.Network(module, layer="backbone.features.1", output="any", input_size=320, mean=0, std=1)
    explanation = ec.explain(network, picture, target=lambda found: found[0]["scores"].max(), method="gradcam")
    assert 0 < explanation.value < 1
    assert explanation.map.shape == network.layer.grid


REFUSED = [
    ({"target": lambda logits: logits[0]}, ec.ConfigError, r"the function returned \(3,\); one number is explained"),
    ({"target": lambda logits: 3.0}, ec.ConfigError, "the function returned float; one number is explained"),
    ({"target": lambda logits: logits.detach()[0, 0]}, ec.ConfigError, "does not come from the layer"),
    ({"target": lambda logits: logits[0, 0] / 0}, ec.ClassifierError, "number is none for this picture"),
    ({"target": lambda logits: logits[0, 0], "method": "scorecam"}, ec.ConfigError, "explained by gradients alone"),
]


@pytest.mark.parametrize(("options", "kind", "says"), REFUSED)
def test_what_is_no_number_is_refused(picture, options, kind, says):
    network = ec.Network(seeded_small(), layer="last", **PLAIN)
    with pytest.raises(kind, match=says):
        ec.explain(network, picture, **options)


def test_without_logits_there_is_no_class_to_explain(picture):
    with pytest.raises(ec.ClassifierError, match='are explained with output="any" and a function'):
        ec.Network(seeded_small(InTable), layer="last", **PLAIN)
    network = ec.Network(seeded_small(InTable), layer="last", output="any", **PLAIN)
    assert "no classes" in repr(network)
    for target in ("predicted", "all", 0):
        with pytest.raises(ec.ConfigError, match="returns no logits of classes"):
            ec.explain(network, picture, target=target)
    assert ec.explain(network, picture, target=lambda found: found["out"][0, 0]).map.any()


@pytest.mark.parametrize("id", ["teaching-resnet", "teaching-densenet", "teaching-jfhealthcare"])
def test_a_classifier_of_the_configuration_gives_its_own_logits(id):
    network = ec.load_network(id)
    classifier = load_classifier(load_config().classifier(id), runtime="torch")
    pixels = (
        np.random.default_rng(0).uniform(-1024, 1024, (1, 1, network.input.size, network.input.size)).astype(np.float32)
    )
    expected = np.asarray(classifier.head.logits(classifier.backbone(pixels)))[0]
    found = network.cut.whole(torch.from_numpy(pixels))[0].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    scaled = network.pixels(torch.from_numpy((pixels[0] + 1024) / 2048)).numpy()
    np.testing.assert_allclose(scaled, pixels, atol=0.01)
    assert network.weights_sha256 == classifier.weights.sha256
    assert network.layer.name == "backbone"
    assert [name for name in network.classes if not name.startswith("(")] == list(classifier.outputs)
    assert (
        ec.explain(network, ec.draw_phantom(3, size=256), target="Effusion", method="layercam").map.shape
        == network.layer.grid
    )
    with pytest.raises(ec.ConfigError, match=f"mean: the classifier {id} has its own"):
        ec.load_network(id, mean=0.5, std=0.5)


@pytest.mark.parametrize(
    ("spec", "side", "grid"),
    [("timm:vit_tiny_patch16_224", 96, (6, 6)), ("torchvision:vit_b_32", 128, (4, 4)), ("timm:resnet10t", 96, (3, 3))],
)
def test_a_transformer_is_built_for_the_size_that_is_asked_for(spec, side, grid):
    network = ec.load_network(spec, classes=["a", "b"], input_size=side)
    assert network.input.size == side
    assert network.layer.grid == grid
