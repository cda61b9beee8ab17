"""Any network: how it is cut, what is refused, and that nobody else's module is touched."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

import ensemble_cam as ec
from support.small_networks import InTable, Small, seeded_small

pytestmark = pytest.mark.slow

PLAIN = {"input_size": 64, "mean": 0, "std": 1}


def pictures(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.random((50, 70, 3)).astype(np.float32) for _ in range(count)]


def state_of(module: nn.Module) -> list[object]:
    """Return all that somebody could notice of a module that was used."""
    return [
        (name, each.training, len(each._forward_hooks), len(each._forward_pre_hooks), len(each._backward_hooks))
        for name, each in module.named_modules()
    ]


@pytest.mark.parametrize("layer", ["last", "block"], ids=["split", "twin"])
def test_threads_explain_with_one_network_as_one_does_and_leave_it_as_it_was(layer):
    module = seeded_small().train()
    module.bn = nn.BatchNorm2d(3)
    seen: list[object] = []
    module.register_forward_hook(lambda *_: seen.append(1))
    values = {name: value.clone() for name, value in module.state_dict().items()}
    before = state_of(module)
    network = ec.Network(module, layer=layer, **PLAIN)
    given = pictures(8)
    serial = [ec.explain(network, each, target="all") for each in given]
    with ThreadPoolExecutor(8) as threads:
        side_by_side = list(threads.map(lambda each: ec.explain(network, each, target="all"), given * 3))
    for one, other in zip(serial * 3, side_by_side, strict=True):
        assert one.record == other.record
        assert all(np.array_equal(one.class_maps[name], other.class_maps[name]) for name in network.classes)
    assert len({each.record["picture"]["sha256"] for each in serial}) == 8
    assert state_of(module) == before
    assert all(torch.equal(value, values[name]) for name, value in module.state_dict().items())
    assert all(each.grad is None and each.requires_grad for each in module.parameters())


def test_a_network_follows_its_module_as_it_is_trained():
    module = seeded_small()
    network = ec.Network(module, layer="last", **PLAIN)
    (picture,) = pictures(1)
    before = ec.explain(network, picture).probabilities
    with torch.no_grad():
        module.fc.bias += torch.tensor([5.0, 0.0, 0.0])
    assert ec.explain(network, picture).probabilities["class_0"] > before["class_0"] + 0.3


def test_within_inference_mode_there_are_gradients():
    network = ec.Network(seeded_small(), layer="last", **PLAIN)
    (picture,) = pictures(1)
    with torch.inference_mode():
        within = ec.explain(network, picture, target="all")
    assert all(
        np.array_equal(each, within.class_maps[name])
        for name, each in ec.explain(network, picture, target="all").class_maps.items()
    )


def test_layers_are_listed_with_their_grids_and_the_way_to_them():
    network = ec.Network(seeded_small(), layer="last", **PLAIN)
    told = {each.name: (each.channels, each.grid, each.way) for each in ec.layers(network)}
    assert told == {"stem": (8, (16, 16), "traced"), "block": (8, (16, 16), "twin"), "last": (16, (8, 8), "traced")}
    assert ec.recommended_layers(network) == ()


RECOMMENDED = [
    ("torchvision:resnet18", "layer4", "traced"),
    ("torchvision:densenet121", "features", "traced"),
    ("torchvision:efficientnet_b0", "features", "traced"),
    ("torchvision:mobilenet_v2", "features", "traced"),
    ("torchvision:mobilenet_v3_small", "features", "traced"),
    ("torchvision:convnext_tiny", "features", "traced"),
    ("torchvision:swin_t", "permute", "traced"),
    ("timm:efficientnet_b0", "forward_features", "timm"),
    ("timm:convnext_atto", "forward_features", "timm"),
    ("timm:swin_tiny_patch4_window7_224", "forward_features", "timm"),
]


@pytest.mark.parametrize(("spec", "layer", "way"), RECOMMENDED, ids=[name for name, *_ in RECOMMENDED])
def test_the_last_spatial_stage_of_known_families_is_found(spec, layer, way):
    size = {} if "swin" in spec else {"input_size": 64}
    network = ec.load_network(spec, classes=["a", "b"], **size)
    assert (network.layer.name, network.cut.way, network.layer.recommended) == (layer, way, True)
    assert ec.recommended_layers(network) == (layer,)


def test_a_layer_says_which_methods_are_exact_there_and_which_unstable():
    class Rectified(Small):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            seen = torch.relu(self.last(torch.relu(self.stem(pictures))))
            return self.fc(self.pool(self.steady(seen)).flatten(1))

    module = seeded_small(Rectified)
    module.steady = nn.Identity()
    told = {each.name: each for each in ec.layers(ec.Network(module, layer="last", **PLAIN))}
    assert told["steady"].unstable == ()
    assert told["steady"].lowest == 0
    assert told["last"].unstable == ("gradcam++", "xgradcam")
    assert set(told["steady"].exact) - set(told["last"].exact) == {"gradcam++", "xgradcam"}
    (record,) = ec.explain(ec.Network(module, layer="last", **PLAIN), pictures(1)[0]).record["layers"]
    assert record["unstable"] == ["gradcam++", "xgradcam"]
    assert "hirescam" in record["exact"]


@pytest.mark.parametrize("spec", ["torchvision:squeezenet1_1", "timm:resnet10t"])
def test_a_network_for_grey_pictures_is_built_with_one_channel(spec):
    network = ec.load_network(spec, classes=["a", "b"], channels=1, input_size=64)
    assert (network.input.channels, network.input.mean) == (1, (pytest.approx(0.449, abs=0.001),))
    assert next(each.in_channels for each in network.module.modules() if isinstance(each, nn.Conv2d)) == 1
    grey, *_ = pictures(1)
    found = ec.explain(network, grey[:, :, 0], method="gradcam")
    assert found.record["input"]["channels"] == 1


REFUSED = [
    (
        {"layer": "relu"},
        "relu: it is called 2 times, and a map would be of one of them. Name a layer that is run once.",
    ),
    ({"layer": "pool"}, r"pool: its output, \(1, 16, 1, 1\), is no grid of cells\."),
    ({"layer": "fc"}, r"fc: its output, \(1, 3\), is no grid of cells\."),
    ({"layer": "lasst"}, "no layer 'lasst'. Did you mean \"last\"?"),
    ({}, r"cannot be told from its class, Small. Name one of stem, block, last\."),
    ({"layer": "last", "classes": ["a", "b"]}, "classes: got 2, and the network has 3 outputs"),
    ({"layer": "last", "classes": ["a", "b", "a"]}, "'a' stands there twice"),
    ({"layer": "last", "classes": "abc"}, "hand over a list of names"),
    (
        {"layer": "last", "output": "sofmax"},
        "got 'sofmax'; allowed: one of softmax, sigmoid, any. Did you mean \"softmax\"",
    ),
    ({"layer": "last", "channels": 1}, "cannot be run on a picture of .1, 1, 64, 64."),
    ({"layer": "last", "channels": 2}, "channels: got 2; allowed: 1 for grey, 3 for colour"),
    ({"layer": "last", "std": 0}, "std: got 0; allowed: a number above 0, or 3, one for each channel"),
    ({"layer": "last", "std": None}, "mean, std: one is given without the other"),
    ({"layer": "last", "input_size": 8}, "input_size: got 8; allowed: a whole number from 16 to 4096"),
]


@pytest.mark.parametrize(("options", "says"), REFUSED, ids=[str(each) for each, _ in REFUSED])
def test_what_cannot_be_explained_is_refused_with_its_sentence(options, says):
    with pytest.raises(ec.EnsembleCamError, match=says):
        ec.Network(seeded_small(), **{**PLAIN, **options})


def test_networks_of_other_kinds_are_refused_with_their_sentence():
    with pytest.raises(ec.ClassifierError, match="returns a dict and not one tensor of logits: detectors, segmenters"):
        ec.Network(seeded_small(InTable), layer="last", **PLAIN)
    with pytest.raises(ec.ConfigError, match=r'softmax of one output is always 1\. Take "sigmoid"'):
        ec.Network(seeded_small(Small, classes=1), layer="last", **PLAIN)
    with pytest.raises(TypeError, match=r"A network is a torch\.nn\.Module; got str"):
        ec.Network("resnet18")  # type: ignore[arg-type]


SPECS = [
    (
        "resnet18",
        r"network: got 'resnet18'; allowed: torchvision:NAME, timm:NAME, file:PATH\.toml, or the id of a classifier",
    ),
    ("torchvision:resnet81", "torchvision has no classifier 'resnet81'. Did you mean \"resnet"),
    ("torchvision:fasterrcnn_resnet50_fpn", "is no classifier, and no other network can be explained yet"),
    ("timm:resnet10tt", "timm has no network 'resnet10tt'. Did you mean \"resnet10t\""),
    ("file:absent.toml", r"absent\.toml: the file cannot be read \(No such file or directory\)"),
]


@pytest.mark.parametrize(("spec", "says"), SPECS)
def test_a_name_that_is_none_is_refused(spec, says):
    with pytest.raises(ec.ConfigError, match=says):
        ec.load_network(spec)


def test_a_network_of_ones_own_comes_from_a_file(tmp_path):
    (tmp_path / "mine_for_this_test.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))\n"
    )
    table = '[network]\nfactory = "mine_for_this_test:build"\nclasses = ["a", "b"]\nlayer = "0"\ninput_size = 32\n'
    (tmp_path / "mine.toml").write_text(f'{table}mean = 0.5\nstd = 0.25\noutput = "sigmoid"\n')
    network = ec.load_network(f"file:{tmp_path / 'mine.toml'}")
    assert (network.classes, network.output, network.input.channels) == (("a", "b"), "sigmoid", 1)
    assert network.weights == "the factory's own"
    assert ec.explain(network, np.zeros((40, 40), np.uint8)).map.shape == (30, 30)
    (tmp_path / "mine.toml").write_text(f"{table}meen = 0.5\n")
    with pytest.raises(ec.ConfigError, match=r"\[network\] has 'meen'; allowed: .+ Did you mean \"mean\""):
        ec.load_network(f"file:{tmp_path / 'mine.toml'}")
    (tmp_path / "mine.toml").write_text('[network]\nfactory = "mine_for_this_test:absent"\n')
    with pytest.raises(ec.ConfigError, match="mine_for_this_test:absent cannot be called without arguments"):
        ec.load_network(f"file:{tmp_path / 'mine.toml'}")
