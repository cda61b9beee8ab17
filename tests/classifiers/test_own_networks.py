"""A network of the site's own in a set of classifiers: its scores, its maps in the ensemble, its provenance."""

import dataclasses
import json
import os
from functools import partial
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.torch import save_file

import ensemble_cam as ec
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.cli import main
from ensemble_cam.errors import ClassifierError, ConfigError, WeightsError
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.config import default_config_path, load_config
from ensemble_cam.settings.methods import METHODS, Recipe
from ensemble_cam.weights.store import Published
from support.own_networks import TABLE, own_module, write_own

SCHEMA = Path(ec.__file__).parent / "export" / "review.schema.json"
LAYERS = {"traced": "conv5", "twin": "stage4.1.branch2.7"}


@pytest.fixture(scope="module")
def module() -> torch.nn.Module:
    return own_module()


@pytest.fixture
def configured(tmp_path, module):
    """A function that writes a configuration with a network of one's own, and returns its path."""
    return partial(write_own, tmp_path, module)


@pytest.fixture(scope="module")
def film():
    return ec.read_film(ec.draw_phantom(seed=4, size=256, findings=["Effusion"], difficulty=0.2))


def loaded(path: Path) -> Classifier:
    return load_classifier(load_config(path).classifier("own"), runtime="openvino")


def seen(film) -> torch.Tensor:
    """What the network is to be shown, by hand."""
    pixels = model_input(film, framing="crop", size=64)
    return torch.from_numpy(((pixels + 1024) / 2048 - 0.5) / 0.25)


def test_its_logits_are_the_networks_own_and_its_scores_the_softmax(configured, module, film):
    classifier = loaded(configured())
    exposure = expose(classifier, model_input(film, framing="crop", size=64))
    with torch.no_grad():
        logits = module(seen(film))[0]
    assert_allclose(exposure.run.logits, logits, atol=1e-4)
    scores = classifier.scores(exposure.run.logits.tolist())
    shares = logits.softmax(0)
    assert list(scores) == ["Effusion", "Consolidation"]  # what has no name is no finding
    assert scores == pytest.approx({"Effusion": float(shares[0]), "Consolidation": float(shares[2])}, abs=1e-5)
    assert not classifier.calibrated
    assert classifier.runtime == "torch"
    assert classifier.weights.name == "own.safetensors"
    assert classifier.weights.published is Published.NO


def test_where_it_was_trained_so_its_scores_are_sigmoids(configured):
    classifier = loaded(configured(('layer = "conv5"', 'output = "sigmoid"')))
    scores = classifier.scores([1.0, 9.0, -1.0])
    assert scores == pytest.approx({"Effusion": 1 / (1 + np.exp(-1)), "Consolidation": 1 / (1 + np.exp(1))})


@pytest.mark.parametrize("way", LAYERS)
@pytest.mark.parametrize("method", [name for name in METHODS if name != "guidedgradcam"])
def test_its_maps_are_those_that_explain_makes(way, method, configured, module, film):
    classifier = loaded(configured(('"conv5"', f'"{LAYERS[way]}"')))
    exposure = expose(classifier, model_input(film, framing="crop", size=64))
    grids = cam_grids(Recipe(method), exposure, [0, 1, 2])
    network = ec.Network(module, layer=LAYERS[way], mean=0.5, std=0.25, input_size=64, channels=1)
    assert network.cut.way == way
    greys = (model_input(film, framing="crop", size=64)[0, 0] + 1024) / 2048
    expected = list(ec.explain(network, greys, target="all", method=method).class_maps.values())
    assert any(each.any() for each in expected)
    for grid, other in zip(grids, expected, strict=True):
        assert_allclose(grid, other, atol=2e-3 * other.max())


def test_gradients_are_autograds_through_the_whole_network(configured, module, film):
    classifier = loaded(configured())
    exposure = expose(classifier, model_input(film, framing="crop", size=64))
    taken = {}
    handle = module.conv5.register_forward_hook(lambda _, __, output: taken.update(output=output))
    logits = module(seen(film))
    handle.remove()
    for output in (0, 2):
        (expected,) = torch.autograd.grad(logits[0, output], taken["output"], retain_graph=True)
        assert_allclose(exposure.run.gradients([output]).full()[0], expected[0], atol=1e-6)


def test_what_it_cannot_is_said(configured, film):
    classifier = loaded(configured())
    exposure = expose(classifier, model_input(film, framing="crop", size=64))
    for recipe in (Recipe("guidedgradcam"), Recipe("gradcam", layers="several")):
        with pytest.raises(ClassifierError, match="take the last layer and another method"):
            cam_grids(recipe, exposure, [0])
    with pytest.raises(ClassifierError, match="none that its own network gave"):
        classifier.head.logits(exposure.activation.clone())


def test_its_map_is_in_the_ensemble_of_a_set_and_the_record_says_what_it_is(configured, film, tmp_path):
    two = configured(beside=TABLE.replace("classifiers.own", "classifiers.other").replace('"Consolidation"', '"Mass"'))
    review = ec.review(film, set="site", config=two, labels=["Effusion", "Mass"])
    record = review.record
    jsonschema.validate(record, json.loads(SCHEMA.read_text()))
    effusion, mass = (next(f for f in record["findings"] if f["label"] == label) for label in ("Effusion", "Mass"))
    assert effusion["maps"]["ensemble"]["classifiers"] == ["other", "own"]
    assert mass["maps"]["ensemble"]["classifiers"] == ["other"]
    assert "missing" in mass["maps"]["own"]
    own = next(each for each in record["classifiers"] if each["id"] == "own")
    assert len(own["weights_sha256"]) == 64
    assert own["network"]["architecture"] == "torchvision:shufflenet_v2_x0_5"
    assert (own["network"]["layer"], own["network"]["mean"]) == ("conv5", [0.5])
    assert own["published"] is False
    assert str(tmp_path) not in json.dumps(record)
    assert effusion["call"] == "uncalibrated"
    both = [review.map("Effusion", classifier=id) for id in ("own", "other")]
    assert_allclose(review.map("Effusion"), (both[0] + both[1]) / 2, atol=1e-5)


def test_operating_points_of_the_site_make_its_scores_calls(configured, film):
    path = configured(('layer = "conv5"', "operating_points = { Effusion = 0.2, Consolidation = 0.9 }"))
    classifier = loaded(path)
    logits = [float(np.log(0.2)), float(np.log(0.7)), float(np.log(0.1))]
    assert classifier.scores(logits)["Effusion"] == pytest.approx(0.5)
    assert classifier.operating_points_source == "configuration"


def test_a_review_and_an_archive_take_it_by_the_command(configured, tmp_path, capsys):
    assert main(["phantom", "--out", str(tmp_path / "films"), "--count", "2", "--size", "256", "--seed", "3"]) == 0
    options = ["--set", "site", "--config", str(configured())]
    assert main(["review", str(tmp_path / "films"), "--out", str(tmp_path / "out"), "--top-k", "1", *options]) == 0
    records = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").glob("*/review.json"))]
    assert [record["settings"]["set"] for record in records] == ["site"] * 2
    first = capsys.readouterr().out
    assert "Our ShuffleNet (own.safetensors, not the published weights)" in first
    # Done once, it is done; made at another layer, it is not.
    assert main(["review", str(tmp_path / "films"), "--out", str(tmp_path / "out"), "--top-k", "1", *options]) == 0
    assert capsys.readouterr().out.count("reviewed before") == 2
    configured(('"conv5"', '"stage4"'))
    assert main(["review", str(tmp_path / "films"), "--out", str(tmp_path / "out"), "--top-k", "1", *options]) == 0
    assert len(list((tmp_path / "out").glob("*/review.json"))) == 4
    assert main(["weights", "list", "--config", str(configured())]) == 0
    assert "own.safetensors" in capsys.readouterr().out
    archived = tmp_path / "archived"
    assert main(["archive", str(tmp_path / "films"), "--out", str(archived), "--workers", "1", *options]) == 0
    import pandas

    scores = pandas.read_parquet(archived / "scores.parquet")
    assert set(scores["classifier"]) == {"own", "ensemble"}
    assert set(scores["finding"]) == {"Effusion", "Consolidation"}


def test_another_file_is_another_network_and_a_pin_holds_it(configured, module):
    path = configured()
    before = loaded(path).weights.sha256
    changed = {name: value * 1.5 if name == "fc.weight" else value for name, value in module.state_dict().items()}
    save_file(changed, path.with_name("own.safetensors"))
    os.utime(path.with_name("own.safetensors"), ns=(1, 1))  # whatever the file system's clock can tell apart
    after = loaded(path)
    assert after.weights.sha256 != before
    assert not list(path.parent.glob("*.sha256"))  # a site trains again: nothing is pinned unasked
    pinned = configured(("mean = 0.5", f'sha256 = {{ "own.safetensors" = "{before}" }}\nmean = 0.5'))
    assert loaded(pinned).weights.sha256 == before
    save_file(changed, path.with_name("own.safetensors"))
    os.utime(path.with_name("own.safetensors"), ns=(1, 1))
    with pytest.raises(WeightsError, match=r"own.safetensors: SHA-256 is .*Put back the file that was meant"):
        loaded(pinned)


def test_a_checkpoint_that_is_missing_or_does_not_fit_is_a_sentence(configured):
    path = configured(("own.safetensors", "nowhere.safetensors"))
    with pytest.raises(WeightsError, match=r"checkpoint that the configuration names is not there. Put it at"):
        loaded(path)
    with pytest.raises(WeightsError, match="does not fit"):
        loaded(configured(("shufflenet_v2_x0_5", "resnet18")))
    untrained = dataclasses.replace(load_config(configured()).classifier("own"), default_weight="untrained")
    assert load_classifier(untrained).weights.untrained


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ('set = "site"', 'set = "teaching"'),
            r'\[classifiers.own\] set: got "teaching" for a torch; allowed: "site" or',
        ),
        (('classes = ["Effusion", "", "Consolidation"]', ""), "classes: the key is missing"),
        (('"", "Consolidation"', '"", "Effusion"'), r"\[classifiers.own\] classes: got .*each once"),
        (('"Consolidation"', '"../Mass"'), r"\[classifiers.own\] classes"),
        (("std = 0.25", ""), "mean, std: got one without the other"),
        (("std = 0.25", "std = 0"), r"\[classifiers.own\] std: got 0; allowed: a number above 0"),
        (("std = 0.25", 'std = 0.25\nweights = ["a"]'), "weights: got it for a torch, which has none"),
        (
            ('model_type = "torch"', 'model_type = "touch"'),
            r'model_type: got "touch"; allowed: one of .*[Dd]id you mean.*torch',
        ),
    ],
)
def test_a_table_that_cannot_be_is_refused(configured, change, message):
    with pytest.raises(ConfigError, match=message):
        load_config(configured(change))


def test_a_released_family_has_none_of_its_keys(tmp_path):
    text = default_config_path().read_text().replace('model_type = "resnet"', 'model_type = "resnet"\nlayer = "layer4"')
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"\[classifiers.resnet50\] layer: got it for a resnet, which has none"):
        load_config(tmp_path / "mine.toml")


def test_exposures_of_several_threads_stay_apart(configured, film):
    """Of the twin, too, whose hook is by thread."""
    from concurrent.futures import ThreadPoolExecutor

    classifier = loaded(configured(('"conv5"', f'"{LAYERS["twin"]}"')))
    inputs = [model_input(film, framing="crop", size=64) * share for share in np.linspace(0.2, 1, 6, dtype=np.float32)]

    def grids(pixels):
        return cam_grids(Recipe("gradcam"), expose(classifier, pixels), [0, 2])

    serial = [grids(each) for each in inputs]
    with ThreadPoolExecutor(6) as threads:
        for one, other in zip(serial, threads.map(grids, inputs), strict=True):
            assert_array_equal(one, other)
