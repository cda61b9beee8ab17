"""Maps of several layers: beside one another, and as one."""

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ensemble_cam as ec
from support.small_networks import seeded_small

pytestmark = pytest.mark.slow

PLAIN = {"input_size": 64, "mean": 0, "std": 1}


class Stages(nn.Module):
    """Two stages of means over 8×8 and 16×16 pixels, whose only output is the sum of what lies left: in closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.late = nn.AvgPool2d(2)
        self.early = nn.AvgPool2d(8)  # named behind the stage that follows it
        left = torch.zeros(1, 1, 4, 4)
        left[..., :2] = 1
        self.register_buffer("left", left)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits."""
        cells = self.late(self.early(pictures))
        return torch.stack([(cells * self.left).sum((1, 2, 3)), cells.sum((1, 2, 3))], 1)


@pytest.fixture(scope="module")
def stages() -> ec.Network:
    return ec.Network(Stages(), layer=["late", "early"], classes=["left", "whole"], channels=1, **PLAIN)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Of 8×8 squares, the one at the upper left is bright, and another on the right."""
    values = np.zeros((64, 64), np.float32)
    values[:8, :8], values[24:32, 56:] = 0.5, 1
    return values


def test_layers_stand_in_the_order_in_which_they_are_run(stages):
    assert [cut.layer for cut in stages.cuts] == ["early", "late"]
    assert stages.layer.name == "late"


def test_without_a_combination_each_layer_has_its_own_map(stages, picture):
    explanation = ec.explain(stages, picture, target="left", method="hirescam")
    assert {name: each.shape for name, each in explanation.maps.items()} == {"early": (8, 8), "late": (4, 4)}
    # Activation times gradient: 0.5 over 4 of a cell of 2×2, and the mean of these four.
    assert np.argwhere(explanation.maps["early"]).tolist() == [[0, 0]]
    assert explanation.maps["early"][0, 0] == pytest.approx(0.125)
    assert explanation.maps["late"][0, 0] == pytest.approx(0.125)
    with pytest.raises(ec.ConfigError, match="of: got None; allowed: one of early, late"):
        _ = explanation.map
    with pytest.raises(ec.ConfigError, match="of: got 'earli'; allowed: one of early, late\\. Did you mean \"early\""):
        explanation.overlay(of="earli")
    alone = ec.explain(stages, picture, target="left", method="hirescam", layer="late")
    assert np.array_equal(alone.map, explanation.maps["late"])
    np.testing.assert_array_equal(alone.map_in_picture(), explanation.map_in_picture("late"))


@pytest.mark.parametrize(
    ("combine", "expected"), [("mean", (1 + 0.75**2) / 2), ("max", 1), ("weighted", (1 + 2 * 0.75**2) / 3)]
)
def test_a_combination_is_of_the_relative_maps_on_the_finest_grid(stages, picture, combine, expected):
    dimmed = picture.copy()
    dimmed[:8, :8] = 0
    dimmed[8:16, 8:16] = 0.5  # the upper left of the late grid's cells, whose centre lies a quarter of a cell away
    explanation = ec.explain(stages, dimmed, target="left", method="hirescam", combine=combine)
    assert explanation.map.shape == (8, 8)
    assert explanation.map[1, 1] == pytest.approx(expected)
    assert explanation.record["options"]["combine"] == combine
    assert [each["name"] for each in explanation.record["layers"]] == ["early", "late"]
    assert explanation.record["layer"] is None
    assert f"early, late ({combine} of them)" in explanation.figure().info["Method"]


def test_files_and_figure_have_the_layers_in_their_names(stages, picture, tmp_path):
    explanation = ec.explain(stages, picture, target="all", method="layercam")
    folder = explanation.save(tmp_path, name="film")
    titles = ["left_early", "left_late", "whole_early", "whole_late"]
    files = {f"{title}.{ending}" for title in titles for ending in ("png", "npy")}
    assert {path.name for path in folder.iterdir()} == {*files, "explanation.json"}
    record = json.loads((folder / "explanation.json").read_text())
    assert list(record["maps"]) == titles
    assert record["maps"]["whole_late"]["layer"] == "late"
    assert record["maps"]["whole_late"]["class"] == "whole"
    one, both = (each.figure().height for each in (ec.explain(stages, picture, layer="late"), explanation))
    assert both > one + 256


def test_a_layer_of_ones_choice_gives_what_a_network_cut_there_gives():
    module = seeded_small()
    values = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    network = ec.Network(module, layer="last", **PLAIN)
    several = ec.explain(network, values, target=1, method="gradcam", layer=["stem", "last", "block"])
    assert list(several.maps) == ["stem", "block", "last"]
    for layer, grid in several.maps.items():
        alone = ec.explain(ec.Network(module, layer=layer, **PLAIN), values, target=1, method="gradcam").map
        np.testing.assert_array_equal(grid, alone)
    assert network.layer.name == "last"


REFUSED = [
    ({"layer": "late", "combine": "mean"}, "combine: there is one layer, late, and nothing to combine"),
    ({"combine": "meen"}, 'combine: got "meen"; allowed: one of mean, max, weighted. Did you mean "mean"'),
    ({"layer": ["late", "late"]}, "layer: late stands there twice"),
    ({"layer": ["late", "absent"]}, "The network has no layer 'absent'"),
    ({"layer": 3}, "layer: got 3; allowed: a layer's name, or a list of names"),
    ({"method": "rollout", "combine": "max"}, "combine: Attention rollout is made of all attention layers"),
]


@pytest.mark.parametrize(("options", "says"), REFUSED, ids=[str(each) for each, _ in REFUSED])
def test_what_does_not_go_together_is_refused(stages, picture, options, says):
    with pytest.raises(ec.EnsembleCamError, match=says):
        ec.explain(stages, picture, **options)


def test_an_option_that_is_none_is_refused(stages, picture):
    with pytest.raises(TypeError, match="There is no option 'mehtod'\\. Did you mean \"method\""):
        ec.explain(stages, picture, mehtod="gradcam")  # type: ignore[call-arg]
