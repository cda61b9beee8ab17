"""The page of a network of the reader's own, asked without a browser: loaded, refused, explained and exported."""

import io
import json
import re
import threading
import zipfile

import numpy as np
import pytest
from safetensors.torch import save

import ensemble_cam as ec
from ensemble_cam.errors import Cancelled, ConfigError, UnusableWeights, WeightsError
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.settings.display import Display
from ensemble_cam.ui.own import panels
from ensemble_cam.ui.own.work import File, Held, Wish, explaining, loading
from ensemble_cam.ui.session.jobs import JobQueue

SPEC = "torchvision:shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def checkpoint() -> File:
    module = ec.load_network(SPEC, classes=["effusion", "mass", "normal"]).module
    return File("ours.safetensors", save(module.state_dict()))


@pytest.fixture(scope="module")
def picture() -> File:
    return File("secret_name.png", film_bytes(draw_phantom(4, findings=["Effusion"], size=256)))


@pytest.fixture
def run():
    """A function that does a job's work in a queue of its own, and returns what came of it."""
    queue = JobQueue("test")

    def done(work):
        job = queue.submit(work)
        assert job.wait(120)
        return job.outcome()

    return done


def wish(**changed) -> Wish:
    asked = {"spec": SPEC, "classes": ("effusion", "mass", "normal"), "output": "softmax", "input_size": 96}
    return Wish(**{**asked, **changed})


def test_a_network_is_the_one_of_the_name_and_the_checkpoint(run, checkpoint):
    network = run(loading(wish(checkpoint=checkpoint)))
    assert (network.name, network.classes) == (SPEC, ("effusion", "mass", "normal"))
    assert network.weights_sha256 == checkpoint.sha256
    assert not network.untrained
    names = File("whatever.classes.json", json.dumps(["a", "b", "c"]).encode())
    beside = run(loading(wish(checkpoint=checkpoint, classes=None, names=names)))
    assert beside.classes == ("a", "b", "c")
    assert run(loading(wish())).untrained


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"spec": "file:/etc/passwd"}, ConfigError, "allowed here: torchvision:NAME or timm:NAME"),
        ({"spec": "torchvision:resnet81"}, ConfigError, "Did you mean"),
        ({"checkpoint": File("a.pt", b"no checkpoint")}, WeightsError, "a.pt"),
        ({"checkpoint": File("../../a.pt", b"no checkpoint")}, WeightsError, "^a.pt"),
        ({"classes": ("one",)}, ConfigError, "softmax of one output is always 1"),
    ],
)
def test_what_cannot_be_loaded_is_its_sentence(run, changed, error, message):
    outcome = run(loading(wish(**changed)))
    assert isinstance(outcome, error)
    assert re.search(message, str(outcome))
    assert "/tmp" not in str(outcome)


def test_a_checkpoint_of_another_network_is_refused_whole(run, checkpoint):
    outcome = run(loading(wish(spec="torchvision:resnet18", checkpoint=checkpoint)))
    assert isinstance(outcome, UnusableWeights)
    assert str(outcome).startswith("ours.safetensors")


def test_each_method_explains_or_says_why_not_and_all_leaves_as_explain_writes_it(run, checkpoint, picture):
    network = run(loading(wish(checkpoint=checkpoint)))
    layers = ["stage3", "conv5"]
    answers = run(explaining(network, picture, "mass", layers, ["gradcam", "rollout", "gradcam++"]))
    first, refused, last = answers
    assert "Attention rollout: " in refused
    assert [each.layer for each in first.of_class("mass")] == layers
    alone = ec.explain(network, picture.data, target="mass", method="gradcam++", layer=layers)
    for one in last.of_class("mass"):
        assert np.array_equal(one.grid, alone.maps[one.layer])
    with zipfile.ZipFile(io.BytesIO(panels.zipped([first, last], Display()))) as archive:
        names = set(archive.namelist())
        record = json.loads(archive.read("gradcam/explanation.json"))
    assert {"gradcam/mass_conv5.png", "gradcam/mass_conv5.npy", "gradcampp/mass_stage3.png"} <= names
    assert record["weights_sha256"] == checkpoint.sha256
    assert not any("secret" in name for name in names)


def test_a_picture_that_cannot_be_read_is_its_sentence(run, checkpoint):
    network = run(loading(wish(checkpoint=checkpoint)))
    outcome = run(explaining(network, File("x.png", b"no picture"), "predicted", [], ["gradcam"]))
    assert isinstance(outcome, ec.RadiographError)


def test_explaining_can_be_stopped_within_a_method(checkpoint, picture, monkeypatch):
    queue = JobQueue("test")
    network = loading(wish(checkpoint=checkpoint))
    from ensemble_cam.explanation import torch_explain

    begun, go_on, calls = threading.Event(), threading.Event(), []

    def slow(*given, step):
        calls.append(given)
        begun.set()
        go_on.wait(60)
        step(0.5)
        raise AssertionError("the reader wanted no more of it")

    monkeypatch.setattr(torch_explain, "explain_picture", slow)
    loaded = queue.submit(network)
    assert loaded.wait(120)
    job = queue.submit(explaining(loaded.outcome(), picture, "predicted", [], ["gradcam", "hirescam"]))
    assert begun.wait(60)
    job.cancel()
    go_on.set()
    assert job.wait(60)
    assert isinstance(job.outcome(), Cancelled)
    assert len(calls) == 1


def test_a_closed_page_keeps_nothing(run, checkpoint, picture):
    held = Held(wish=wish(checkpoint=checkpoint), pictures={picture.sha256: picture})
    held.network.hold(held.wish.key, run(loading(held.wish)))
    assert held.network.value is not None
    held.clear()
    assert (held.wish, held.pictures, held.network.value) == (None, {}, None)


def test_another_file_is_another_network(checkpoint):
    same = wish(checkpoint=File("renamed.pt", checkpoint.data))
    assert same.key == wish(checkpoint=checkpoint).key
    assert wish(checkpoint=File("ours.safetensors", b"other")).key != same.key
    assert wish(output="sigmoid").key != wish().key
