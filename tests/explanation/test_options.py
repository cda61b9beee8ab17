"""How maps are made: what each option does, beside the same worked out by hand, and what is refused."""

from dataclasses import FrozenInstanceError

import cv2
import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

import ensemble_cam as ec
from ensemble_cam.classifiers.torch_cuts import Split
from ensemble_cam.cli import main
from ensemble_cam.maps.formulas import principal_component
from support.small_networks import seeded_small

pytestmark = pytest.mark.slow

PLAIN = {"input_size": 64, "mean": 0, "std": 1}


@pytest.fixture(scope="module")
def network() -> ec.Network:
    return ec.Network(seeded_small(), layer="last", classes=["a", "b", "c"], **PLAIN)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(3).random((64, 64, 3)).astype(np.float32)


def by_hand(network: ec.Network, picture: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Return activation and gradient of a class, (channels, h, w)."""
    module, seen = seeded_small(), []

    def note(module: object, given: object, output: torch.Tensor) -> None:
        output.retain_grad()
        seen.append(output)

    module.last.register_forward_hook(note)
    logits = module(network.pixels(torch.from_numpy(picture.transpose(2, 0, 1))))
    logits[0, target].backward()
    return seen[0].detach()[0].numpy(), seen[0].grad[0].numpy()


@pytest.mark.parametrize(
    ("gradients", "change"), [("positive", lambda each: np.maximum(each, 0)), ("absolute", np.abs)]
)
def test_gradients_are_changed_before_the_formula(network, picture, gradients, change):
    activation, gradient = by_hand(network, picture, 1)
    weights = change(gradient).mean((1, 2))
    expected = np.maximum((weights[:, None, None] * activation).sum(0), 0)
    found = ec.explain(network, picture, target=1, method="gradcam", gradients=gradients)
    np.testing.assert_allclose(found.map, expected, atol=1e-6 * expected.max() + 1e-9)
    assert f"{gradients} gradients" in found.figure().info["Method"]
    assert found.record["options"]["gradients"] == gradients


def test_the_principal_component_takes_the_place_of_the_sum(network, picture):
    activation, gradient = by_hand(network, picture, 2)
    expected = np.maximum(principal_component(gradient.mean((1, 2))[:, None, None] * activation), 0)
    found = ec.explain(network, picture, target=2, method="gradcam", eigen_smooth=True).map
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * expected.max())


def test_smoothing_over_six_pictures_is_the_packages(network, picture):
    ours = ec.explain(network, picture, target=1, method="gradcam", aug_smooth=True).map
    module = seeded_small()
    pixels = network.pixels(torch.from_numpy(picture.transpose(2, 0, 1)))
    found = []
    with GradCAM(module, [module.last]) as cam:
        for mirrored in (False, True):
            for contrast in (0.9, 1.0, 1.1):
                seen = (pixels.flip(-1) if mirrored else pixels) * contrast
                cam(seen, [ClassifierOutputTarget(1)])
                hooked = cam.activations_and_grads
                one = cam.get_cam_image(
                    seen, module.last, None, hooked.activations[0].numpy(), hooked.gradients[0].numpy(), False
                )[0]
                one = np.maximum(one, 0) / max(one.max(), 1e-12)
                found.append(one[:, ::-1] if mirrored else one)
    np.testing.assert_allclose(ours, np.mean(found, axis=0), atol=1e-5)


def test_a_map_has_the_size_and_the_scale_that_were_asked_for(network, picture):
    plain = ec.explain(network, picture, target=1, method="layercam")
    large = ec.explain(network, picture, target=1, method="layercam", size=20, interpolation="nearest")
    np.testing.assert_array_equal(large.map, cv2.resize(plain.map, (20, 20), interpolation=cv2.INTER_NEAREST))
    cubic = ec.explain(network, picture, target=1, method="layercam", size="picture", interpolation="bicubic").map
    assert cubic.shape == (64, 64)
    assert plain.map.min() <= cubic.min()
    assert cubic.max() <= plain.map.max()
    highest = ec.explain(network, picture, target=1, method="layercam", normalisation="max").map
    np.testing.assert_allclose(highest, plain.map / plain.map.max(), rtol=1e-6)
    both = ec.explain(network, picture, target=1, method="layercam", normalisation="minmax").map
    assert (both.min(), both.max()) == (0, 1)
    np.testing.assert_array_equal(
        plain.map_in_picture(),
        ec.explain(network, picture, target=1, method="layercam", normalisation="max").map_in_picture(),
    )


@pytest.mark.parametrize("method", ["ablationcam", "scorecam"])
def test_the_batch_changes_no_map(network, picture, method):
    one, many = (ec.explain(network, picture, target=1, method=method, batch_size=size).map for size in (1, 7))
    np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-6 * one.max())


def test_where_memory_runs_out_the_batch_is_halved_and_that_is_said(network, picture, monkeypatch):
    sizes: list[int] = []
    inner = Split.logits

    def little_memory(self: Split, activation: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(activation))
        if len(activation) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return inner(self, activation, pixels)

    whole = ec.explain(network, picture, target=1, method="ablationcam")
    monkeypatch.setattr(Split, "logits", little_memory)
    found = ec.explain(network, picture, target=1, method="ablationcam")
    np.testing.assert_allclose(found.map, whole.map, rtol=1e-4, atol=1e-6 * whole.map.max())
    assert [size for size in sizes if size > 1] == [16, 16, 8, 4, 4, 4, 4]  # of 16 channels
    assert "Memory ran out: the network was shown 4 at once, and no more." in found.cautions
    monkeypatch.setattr(Split, "logits", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(ec.ClassifierError, match=r"There is not enough memory for this network\. Close other programs"):
        ec.explain(network, picture, target=1, method="ablationcam")


def test_a_card_without_memory_leaves_the_rest_to_the_processor(network, picture, monkeypatch):
    """Without a card: one that says it is one, and fails."""
    module = seeded_small()
    on_card = ec.Network(module, layer="last", classes=["a", "b", "c"], **PLAIN)
    card, inner = on_card._known_cuts["last"], Split.logits

    def fails(self: Split, activation: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        if self is card:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return inner(self, activation, pixels)

    monkeypatch.setattr(Split, "logits", fails)
    monkeypatch.setattr(
        ec.Network, "device", property(lambda each: torch.device("cuda" if each.module is module else "cpu"))
    )
    found = ec.explain(on_card, picture, target=1, method="gradcam")
    assert "Memory ran out on the graphics card: the processor went on." in found.cautions
    np.testing.assert_array_equal(found.map, ec.explain(network, picture, target=1, method="gradcam").map)


REFUSED = [
    ({"size": 0}, "size: got 0; allowed: grid, picture, or a whole number from 1 to 4096"),
    ({"size": "pictur"}, r'size: got "pictur"; allowed: .*\. Did you mean "picture"'),
    ({"interpolation": "cubic"}, 'interpolation: got "cubic"; allowed: one of bilinear, nearest, bicubic'),
    ({"normalisation": 1}, "normalisation: got 1; allowed: one of none, max, minmax"),
    ({"gradients": "relu"}, 'gradients: got "relu"; allowed: one of signed, positive, absolute'),
    ({"batch_size": True}, "batch_size: got true; allowed: a whole number from 1 to 1024"),
    ({"aug_smooth": 1}, "aug_smooth: got 1; allowed: true or false"),
    ({"method": "scorecam", "gradients": "positive"}, "gradients: Score-CAM has no use for them"),
    ({"method": "eigencam", "eigen_smooth": True}, "eigen_smooth: Eigen-CAM sums no channels"),
    (
        {"method": "rollout", "aug_smooth": True},
        "aug_smooth: it is of methods with channels, and Attention rollout has",
    ),
]


@pytest.mark.parametrize(("options", "says"), REFUSED, ids=[str(each) for each, _ in REFUSED])
def test_what_is_not_allowed_is_refused(options, says):
    with pytest.raises(ec.ConfigError, match=says):
        ec.ExplainOptions(**options)


def test_options_are_frozen():
    with pytest.raises(FrozenInstanceError):
        ec.ExplainOptions().method = "gradcam"  # type: ignore[misc]
    assert ec.ExplainOptions(layer=["a", "b"]) == ec.ExplainOptions(layer=("a", "b"))


def test_options_stand_in_a_file_and_the_command_line_goes_before_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "how.toml").write_text('[explain]\nmethod = "layercam"\nsize = 9\nlayer = ["features.7"]\n')
    found = ec.ExplainOptions.of_file("how.toml", method="gradcam")
    assert (found.method, found.size, found.layers) == ("gradcam", 9, ("features.7",))
    cv2.imwrite("a.png", np.full((64, 64), 90, np.uint8))
    command = ["explain", "a.png", "--network", "torchvision:squeezenet1_1", "--classes", "x,y", "--target", "x"]
    command += ["--input-size", "64", "--config", "how.toml", "--out", "out"]
    assert main([*command, "--method", "hirescam"]) == 0
    assert np.load("out/a/x.npy").shape == (9, 9)
    assert "layer features.7" in capsys.readouterr().out
    for text, says in (
        ('[explain]\nmethd = "gradcam"\n', r'how.toml: [explain]: got the unknown key "methd"'),
        ("[explain]\nsize = 0\n", "how.toml: size: got 0"),
        ('method = "gradcam"\n', "how.toml: allowed: one table, [explain]"),
    ):
        (tmp_path / "how.toml").write_text(text)
        assert main(command) == 2
        assert says in capsys.readouterr().err
