"""What an explanation holds, draws and writes."""

import json
import struct

import numpy as np
import pytest

import ensemble_cam as ec
from ensemble_cam.errors import Cancelled
from ensemble_cam.explanation.torch_explain import explain_picture
from ensemble_cam.film.picture import picture_of_array
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.explain_options import ExplainOptions
from support.small_networks import Places, seeded_small

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def places() -> ec.Network:
    return ec.Network(
        Places(), layer="cells", classes=["left side", "right/side"], input_size=64, channels=1, mean=0, std=1
    )


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Bright at the upper left, a little at the lower right."""
    values = np.zeros((80, 160), np.uint8)
    values[0:10, 0:20], values[70:80, 140:160] = 200, 100
    return values


def test_maps_lie_where_the_network_looks(places, picture):
    left = ec.explain(places, picture, method="hirescam")
    assert (left.predicted, left.target) == ("left side", "left side")
    assert left.map.shape == (8, 8)
    assert np.argwhere(left.map > 0.1 * left.map.max()).tolist() == [[0, 0]]
    in_picture = left.map_in_picture()
    assert in_picture.shape == (80, 160)
    assert in_picture.max() == in_picture[0, 0] == 1
    right = ec.explain(places, picture, target="right/side", method="hirescam")
    assert np.unravel_index(right.map.argmax(), right.map.shape) == (7, 7)
    assert np.unravel_index(right.map_in_picture().argmax(), in_picture.shape) == (75, 150)
    assert sum(left.probabilities.values()) == pytest.approx(1)
    assert left.probabilities["left side"] == pytest.approx(1 / (1 + np.exp(-100 / 255)), abs=1e-4)


def test_a_sigmoids_probabilities_are_each_by_itself(picture):
    network = ec.Network(Places(), layer="cells", output="sigmoid", input_size=64, channels=1, mean=0, std=1)
    found = ec.explain(network, picture, target=1)
    assert found.target == "class_1"
    assert found.probabilities["class_1"] == pytest.approx(1 / (1 + np.exp(-100 / 255)), abs=1e-3)
    assert any("Nobody named the classes" in each for each in found.cautions)


def test_a_folder_holds_all_of_it_and_nothing_is_overwritten(places, picture, tmp_path):
    explanation = ec.explain(places, picture, target="all", method="layercam")
    folder, second = (explanation.save(tmp_path, name="film") for _ in range(2))
    assert (folder.name, second.name) == ("film", "film_2")
    assert {path.name for path in folder.iterdir()} == {
        "explanation.json",
        *(f"{name}.{ending}" for name in ("left side", "right_side") for ending in ("png", "npy")),
    }
    record = json.loads((folder / "explanation.json").read_text())
    assert record == explanation.record
    assert {"schema", "network", "weights_sha256", "cut", "layer", "method", "output", "predicted"} <= set(record)
    assert record["maps"]["right/side"]["hottest"] == [150, 75]
    assert np.array_equal(np.load(folder / "left side.npy"), explanation.class_maps["left side"])
    assert np.load(folder / "left side.npy").dtype == np.float32


def test_a_folder_is_whole_or_not_there(places, picture, tmp_path, monkeypatch):
    explanation = ec.explain(places, picture)

    def no_space(*given: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", no_space)
    with pytest.raises(ec.ExportError, match=r"The explanation could not be written \(No space left on device\)"):
        explanation.save(tmp_path / "out", name="film")
    assert list((tmp_path / "out").iterdir()) == []


def texts_of(png: bytes) -> str:
    found, at = [], 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"iTXt":
            found.append(png[at + 8 : at + 8 + length].decode())
        at += 12 + length
    return "\n".join(found)


def test_pictures_carry_their_words(places, picture):
    explanation = ec.explain(places, picture, method="gradcam")
    overlay, bare = explanation.overlay(), explanation.overlay(bare=True)
    assert bare.size == (160, 80)
    assert overlay.width == 160
    assert overlay.height > 80
    assert overlay.info["Disclaimer"] == bare.info["Disclaimer"] == PURPOSE
    assert "Grad-CAM at cells" in texts_of(explanation._repr_png_())
    assert explanation.figure().info["Class"] == "left side"


def test_an_empty_map_is_drawn_as_nothing_and_says_so(places):
    black = np.zeros((80, 80), np.uint8)
    explanation = ec.explain(places, black, method="hirescam")
    assert explanation.record["maps"]["left side"] == {
        "grid": [8, 8],
        "highest": 0.0,
        "empty": True,
        "hottest": None,
        "picture": "left side.png",
        "values": "left side.npy",
    }
    assert not np.asarray(explanation.overlay(bare=True)).any()


REFUSED = [
    ({"target": "left sid"}, ec.ConfigError, "got 'left sid'; allowed: .+ Did you mean \"left side\""),
    ({"target": 2}, ec.ConfigError, "target: got 2; allowed: 0 to 1"),
    ({"target": -1}, ec.ConfigError, "target: got -1; allowed: 0 to 1"),
    ({"target": 1.0}, TypeError, "target: a class's name or index"),
    ({"target": [1]}, TypeError, "target: a class's name or index"),
    ({"method": "rolout"}, ec.ConfigError, r"method: got 'rolout'; allowed: .+ Did you mean \"rollout\""),
    ({"method": "guidedgradcam"}, ec.ConfigError, "Guided Grad-CAM is made of the program's own networks alone"),
]


@pytest.mark.parametrize(("options", "kind", "says"), REFUSED, ids=[str(each) for each, *_ in REFUSED])
def test_what_cannot_be_asked_is_refused(places, picture, options, kind, says):
    with pytest.raises(kind, match=says):
        ec.explain(places, picture, **options)


def test_a_module_is_no_network_yet(picture):
    with pytest.raises(TypeError, match=r"network: got Small; hand over ec\.Network"):
        ec.explain(seeded_small(), picture)


def test_a_network_without_weights_says_that_it_means_nothing(picture):
    network = ec.load_network("torchvision:squeezenet1_1", classes=["a", "b"], input_size=64)
    explanation = ec.explain(network, picture)
    assert explanation.record["untrained"] is True
    assert explanation.cautions[0].startswith("Untrained network")
    assert "mean nothing" in texts_of(explanation._repr_png_())


def test_an_explanation_is_not_changed(places, picture):
    explanation = ec.explain(places, picture)
    with pytest.raises(AttributeError):
        explanation.target = "b"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        explanation.map[0, 0] = 1
    with pytest.raises(TypeError):
        explanation.probabilities["left side"] = 1  # type: ignore[index]


@pytest.mark.parametrize("method", ["scorecam", "ablationcam", "smoothgrad", "integratedgradients"])
def test_what_takes_long_says_how_far_it_is_and_can_be_stopped(picture, method):
    network = ec.Network(seeded_small(), layer="last", input_size=64)
    options = ExplainOptions(method=method, batch_size=1)
    told: list[float] = []
    given = picture_of_array(picture)
    explain_picture(network, given, "class_1", options, step=told.append)
    assert len(told) > 1
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] < 1

    def stop(share):
        raise Cancelled("Enough.")

    with pytest.raises(Cancelled, match="Enough"):
        explain_picture(network, given, "class_1", options, step=stop)
