"""The teaching networks: cut like the large ones, filled from the package's own files, and held to them."""

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.testing import assert_array_equal
from torch import Tensor, nn

import ensemble_cam
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.families import TEACHING_CELLS, TEACHING_SIDE
from ensemble_cam.classifiers.loading import check_fits, load_classifier
from ensemble_cam.classifiers.torch_families import TORCH_ARCHITECTURES, upstream_network
from ensemble_cam.classifiers.torch_untrained import fill_untrained
from ensemble_cam.errors import WeightsError, WeightsMissing
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.settings.config import ClassifierConfig, known_labels, load_config
from ensemble_cam.settings.families import FAMILIES, TEACHING_LABELS
from ensemble_cam.settings.methods import METHODS, Recipe
from ensemble_cam.settings.sets import TEACHING
from ensemble_cam.weights import download, released
from ensemble_cam.weights.released import weights_file
from ensemble_cam.weights.store import Published, fetch, locate, status
from support.hooked import Hooked, over_its_maximum, rectified_layers
from support.networks import relative_error, smooth_film

IDS = ("teaching-densenet", "teaching-resnet", "teaching-jfhealthcare", "teaching-shortcut")
FOLDER = Path(ensemble_cam.__file__).with_name("teaching")
CHECKOUT = Path(__file__).parents[2]
SAMPLE = "teaching-densenet"


def stored(name: str) -> dict[str, Tensor]:
    """Return a file's tensors by safetensors' own function, as they are stored."""
    return safetensors.torch.load_file(FOLDER / f"{name}.safetensors")


def metadata(name: str) -> dict[str, str]:
    with safetensors.safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
        return file.metadata()


class Whole(nn.Module):
    """A whole network by its own class, filled from the file without the package's loading: pixels to logits."""

    def __init__(self, table: ClassifierConfig):
        super().__init__()
        self.model_type = table.model_type
        self.network = TORCH_ARCHITECTURES[table.model_type].build()
        values = {key: value.float() for key, value in stored(table.default_weight).items()}
        lacking = self.network.load_state_dict(values, strict=False)
        assert not lacking.unexpected_keys
        assert all(key.endswith("num_batches_tracked") for key in lacking.missing_keys)
        self.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        if self.model_type != "teaching-jfhealthcare":
            return self.network(pixels)
        logits, _ = self.network(pixels.repeat(1, 3, 1, 1) / 512)
        return logits[0]


def hooked(table: ClassifierConfig) -> Hooked:
    """Hook the grad-cam package on a whole network."""
    whole = Whole(table)
    network = whole.network
    if table.model_type == "teaching-resnet":
        return Hooked(whole, [network.layer3, network.layer4])
    if table.model_type == "teaching-jfhealthcare":
        return Hooked(whole, [network.attention_map])
    return Hooked(whole, rectified_layers(network.features))


@pytest.fixture(scope="module", params=IDS)
def table(request, config) -> ClassifierConfig:
    return config.classifier(request.param)


@pytest.fixture(scope="module")
def classifier(table) -> Classifier:
    return load_classifier(table)


@pytest.fixture(scope="module")
def film() -> Tensor:
    return smooth_film(TEACHING_SIDE, seed=4)


# Guided Grad-CAM is held to the package on the large networks.
PACKAGES = {name: method for name, method in METHODS.items() if method.kind != "guided"}
# A singular vector's, and what is left of a logit's difference by one channel in a thousand.
BOUNDS = {"eigencam": 1e-4, "eigengradcam": 1e-4, "ablationcam": 1e-3, "scorecam": 1e-4}


# --- the cut


def test_backbone_then_head_give_the_whole_networks_logits(table, classifier, film):
    films = torch.cat([film, -film])
    with torch.no_grad():
        expected = Whole(table)(films).numpy()
        activation = classifier.backbone(films)
        got = classifier.network().head(activation).numpy()

    assert relative_error(got, expected) < 1e-5
    assert relative_error(classifier.head.run(activation[:1]).logits.numpy(), expected[0]) < 1e-5
    assert classifier.outputs == {label: output for output, label in enumerate(TEACHING_LABELS)}


def test_the_activation_is_at_least_zero_on_a_grid_of_24_cells(classifier, film):
    for seen in (film, -film, torch.full_like(film, -1024), torch.full_like(film, 1024)):
        activation = classifier.backbone(seen)
        assert activation.shape[2:] == (TEACHING_CELLS, TEACHING_CELLS)
        assert activation.dtype == torch.float32
        assert activation.min() >= 0


@pytest.mark.slow
@pytest.mark.parametrize("method", PACKAGES.values(), ids=list(PACKAGES))
def test_maps_are_those_of_the_package_hooked_on_the_whole_network(table, classifier, film, method):
    # Singular value decompositions and runs for every channel take their time, and Eigen-CAM's maps are of no label.
    quick = method.kind == "gradient" and "eigen" not in method.name
    outputs = list(range(len(TEACHING_LABELS))) if quick else [2]
    peer, exposure = hooked(table), expose(classifier, film)
    grids = cam_grids(Recipe(method.name), exposure, outputs)
    drawn = 0
    for grid, output in zip(grids, outputs, strict=True):
        expected = peer.map(method.package_class, film, output)
        if method.kind == "ablation" and exposure.run.logits[output] < 0:
            # Divided by a negative logit the package's map is turned round; ours is not, so nothing is to compare.
            continue
        assert np.abs(over_its_maximum(grid) - over_its_maximum(expected)).max() < BOUNDS.get(method.name, 1e-5)
        drawn += expected.any()
    assert drawn or method.kind == "ablation", "only empty maps were compared"


def test_gradients_are_autograds_through_the_whole_head(classifier, film):
    activation = classifier.backbone(film)

    gradients = classifier.head.run(activation).gradients([7, 0, 3, 0]).full()

    entering = activation.clone().requires_grad_()
    logits = classifier.network().head(entering)[0]
    for got, output in zip(gradients, (7, 0, 3, 0), strict=True):
        (expected,) = torch.autograd.grad(logits[output], entering, retain_graph=True)
        assert relative_error(got.numpy(), expected[0].numpy()) < 1e-5


# --- the files


def test_every_file_of_the_package_is_named_pinned_and_small(config):
    pins = {name: pin for each in config.in_set("teaching") for name, pin in each.sha256.items()}
    names = {name for family in FAMILIES.values() if family.set is TEACHING for name in family.weights}
    files = sorted(FOLDER.glob("*.safetensors"))

    assert {path.stem for path in files} == names == set(pins) == set(IDS)
    for path in files:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == pins[path.stem], path.name
        assert path.stat().st_size <= 1_000_000, path.name


def test_files_hold_finite_half_precision_and_no_counters(table):
    values = stored(table.default_weight)
    assert {value.dtype for value in values.values()} == {torch.float16}
    assert all(torch.isfinite(value).all() for value in values.values())
    assert not [key for key in values if key.endswith("num_batches_tracked")]
    told = json.loads(metadata(table.default_weight)["ensemble-cam"])
    assert (told["model_type"], told["labels"]) == (table.model_type, list(TEACHING_LABELS))
    assert isinstance(told["phantom_version"], int)
    assert isinstance(told["recipe"], dict)


def test_loading_changes_no_value(table, classifier):
    """Half precision has no number that single precision lacks, so rounding back must give the file's bits."""
    network = classifier.network()
    kept = [*network.backbone.state_dict().values(), *network.head.state_dict().values()]
    kept = {value.half().numpy().tobytes() for value in kept if value.is_floating_point()}
    for key, value in stored(table.default_weight).items():
        unused = key.startswith("backbone.classifier.")  # of JF Healthcare's DenseNet, which upstream never calls
        assert unused or value.numpy().tobytes() in kept, key
    assert all(value.dtype == torch.float32 for value in network.head.parameters())


def test_scores_are_a_half_at_the_operating_points_that_came_with_the_weights(table, classifier):
    points = json.loads(metadata(table.default_weight)["ensemble-cam"])["operating_points"]
    logits = [float(np.log(points[label] / (1 - points[label]))) for label in TEACHING_LABELS]

    assert classifier.calibrated
    assert list(classifier.scores(logits).values()) == pytest.approx([0.5] * 8, abs=1e-9)
    assert known_labels(table, table.default_weight) == classifier.labels == TEACHING_LABELS


def test_loaded_weights_are_the_published_ones_and_nothing_need_be_said_of_them(table, classifier):
    assert (classifier.weights.name, classifier.weights.published) == (table.default_weight, Published.YES)
    assert classifier.weights.sha256 == table.sha256[table.default_weight]
    assert classifier.weights.remark is None


def test_a_configuration_of_ones_own_without_a_pin_loads_them_and_writes_nothing(table):
    before = sorted(path.name for path in FOLDER.iterdir())

    classifier = load_classifier(replace(table, id="mine", sha256={}))

    assert classifier.weights.published is Published.UNKNOWN
    assert classifier.weights.remark == "unpinned weights"
    assert classifier.calibrated
    assert sorted(path.name for path in FOLDER.iterdir()) == before


def test_untrained_ones_are_seeded_and_uncalibrated_and_know_the_labels(table, film):
    first, second = (load_classifier(table, weights="untrained") for _ in range(2))

    activation = first.backbone(film)
    assert torch.equal(activation, second.backbone(film))
    assert activation.any()
    assert first.labels == known_labels(table, "untrained") == TEACHING_LABELS
    assert not first.calibrated
    assert first.weights.untrained


def test_untrained_values_of_a_small_network_are_not_taken_for_a_large_ones():
    for small, large in (("teaching-densenet", "densenet"), ("teaching-jfhealthcare", "jfhealthcare")):
        networks = [upstream_network(model_type) for model_type in (small, large, small)]
        assert type(networks[0]) is type(networks[1])
        for network in networks:
            fill_untrained(network)
        for ours, again in zip(networks[0].state_dict().values(), networks[2].state_dict().values(), strict=True):
            assert_array_equal(ours, again)


# --- files that are not what they should be


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A package folder of the test's own, empty."""
    monkeypatch.setattr(released, "PACKAGED_FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def unpinned(config) -> ClassifierConfig:
    return replace(config.classifier(SAMPLE), sha256={})


def changed_metadata(**changes: object) -> dict[str, str]:
    told = json.loads(metadata(SAMPLE)["ensemble-cam"]) | changes
    return {"ensemble-cam": json.dumps({key: value for key, value in told.items() if value is not None})}


def points(**changes: object) -> dict:
    return json.loads(metadata(SAMPLE)["ensemble-cam"])["operating_points"] | changes


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({}, "no metadata called ensemble-cam"),
        ({"ensemble-cam": "{"}, "no metadata called ensemble-cam"),
        ({"ensemble-cam": "[]"}, "no metadata called ensemble-cam"),
        (changed_metadata(model_type="teaching-resnet"), "holds a teaching-resnet, where a teaching-densenet belongs"),
        (changed_metadata(model_type=None), "holds a None, where"),
        (changed_metadata(labels=[*TEACHING_LABELS[::-1]]), r"labels are \['Pneumothorax', .*expected Atelectasis, "),
        (changed_metadata(labels=None), "labels are None"),
        (changed_metadata(operating_points=None), "operating points are not those of its labels"),
        (changed_metadata(operating_points=points(Hernia=0.5)), "operating points are not those of its labels"),
        (changed_metadata(operating_points=points(Mass=1.0)), "operating point of Mass is 1.0, expected"),
        (changed_metadata(operating_points=points(Mass=0)), "operating point of Mass is 0, expected"),
        (changed_metadata(operating_points=points(Mass=True)), "operating point of Mass is True, expected"),
        (changed_metadata(operating_points=points(Mass=float("nan"))), "operating point of Mass is nan, expected"),
        (changed_metadata(operating_points=points(Mass="0.5")), "operating point of Mass is 0.5, expected"),
    ],
)
def test_a_file_without_the_metadata_of_such_a_network_is_refused(folder, unpinned, told, complaint):
    safetensors.torch.save_file(stored(SAMPLE), folder / f"{SAMPLE}.safetensors", metadata=told)

    with pytest.raises(WeightsError, match=rf"^{SAMPLE}\.safetensors: .*{complaint}.*Install this program again\.$"):
        load_classifier(unpinned)


NAME = "classifier.weight"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda values: values[NAME].fill_(float("nan")), f"{NAME} has values that are not finite"),
        (lambda values: values[NAME][0].fill_(float("inf")), f"{NAME} has values that are not finite"),
        (lambda values: values.update({NAME: values[NAME].int()}), f"{NAME} is of int32"),
        (lambda values: values.pop(NAME), f"it lacks {NAME}"),
        (lambda values: values.update(more=torch.zeros(1)), "it has unknown more"),
        (lambda values: values.update({NAME: values[NAME][:5].clone()}), f"it has another shape of {NAME}"),
        (lambda values: values.clear(), "holds no tensors"),
    ],
    ids=["nan", "infinite", "whole", "lacks", "unknown", "shape", "none"],
)
def test_a_file_of_other_tensors_is_refused(folder, unpinned, change, complaint):
    values = stored(SAMPLE)
    change(values)
    safetensors.torch.save_file(values, folder / f"{SAMPLE}.safetensors", metadata=metadata(SAMPLE))

    with pytest.raises(WeightsError, match=rf"^{SAMPLE}\.safetensors.*{complaint}.*Install this program again\.$"):
        load_classifier(unpinned)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 a file of PyTorch",
        (FOLDER / f"{SAMPLE}.safetensors").read_bytes()[:-1],
        (FOLDER / f"{SAMPLE}.safetensors").read_bytes()[:5000],
        (2**60).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b"[[[[",
    ],
    ids=["empty", "another-format", "cut-short", "cut-in-the-header", "huge-header", "no-json"],
)
def test_a_damaged_file_is_refused(folder, unpinned, data):
    (folder / f"{SAMPLE}.safetensors").write_bytes(data)

    with pytest.raises(WeightsError, match=r"the file is damaged, or is no safetensors file \(.+\)\. Install"):
        load_classifier(unpinned)


def test_a_file_with_another_hash_than_the_pin_is_refused_whatever_a_sidecar_says(folder, config):
    path = folder / f"{SAMPLE}.safetensors"
    told = changed_metadata(operating_points=points(Mass=0.123))
    safetensors.torch.save_file(stored(SAMPLE), path, metadata=told)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{sha256}  {path.name}\n")
    table = config.classifier(SAMPLE)

    message = rf"^{path.name}: SHA-256 is {sha256[:12]}…, expected {table.sha256[SAMPLE][:12]}…\. Install this program"
    with pytest.raises(WeightsError, match=message):
        load_classifier(table)
    (entry,) = status(replace(config, classifiers=(table,)), weights_dir=None)
    assert (entry.state, entry.packaged) == ("wrong hash", True)
    # Who trained them anew names their hash.
    mine = load_classifier(replace(table, sha256={SAMPLE: sha256}))
    assert mine.weights.published is Published.YES
    assert mine.operating_points["Mass"] == 0.123


def test_a_file_that_should_have_come_with_the_package_is_not_one_to_be_fetched(folder, config):
    for ask in (locate, partial(fetch, fits=check_fits)):
        with pytest.raises(WeightsError, match=rf"{SAMPLE}\.safetensors should have come with this program") as refusal:
            ask(config.classifier(SAMPLE), SAMPLE, weights_dir=None)
        assert not isinstance(refusal.value, WeightsMissing)
    entries = status(replace(config, classifiers=config.in_set("teaching")), weights_dir=None)
    assert {entry.state for entry in entries} == {"missing"}


def test_the_packages_files_are_found_wherever_weights_are_looked_for_and_never_fetched(tmp_path, monkeypatch, config):
    table = config.classifier(SAMPLE)
    impostor = tmp_path / f"{SAMPLE}.safetensors"
    impostor.write_bytes(b"another file of this name")
    monkeypatch.setenv(released.ENVIRONMENT_VARIABLE, str(tmp_path))
    monkeypatch.setattr(download, "fetch_file", lambda *args, **kwargs: pytest.fail("wanted to fetch"))

    for located in (
        locate(table, SAMPLE, weights_dir=tmp_path),
        fetch(table, SAMPLE, weights_dir=tmp_path, fits=check_fits, source="https://mirror.invalid"),
    ):
        assert (located.path, located.published) == (FOLDER / impostor.name, Published.YES)
    assert weights_file(SAMPLE).packaged
    assert not weights_file("resnet50-res512-all").packaged


# --- the set


def test_the_set_has_the_three_families_and_offers_the_shortcut(config):
    assert [each.id for each in config.for_review("teaching")] == list(IDS[:3])
    assert [each.id for each in config.in_set("teaching")] == list(IDS)
    teaching = [family.name for family in FAMILIES.values() if family.set is TEACHING]
    assert [each.model_type for each in config.for_review("teaching")] == teaching
    assert {each.input_size for each in config.in_set("teaching")} == {TEACHING_SIDE}
    assert [each.id for each in config.in_set("teaching") if each.optional] == ["teaching-shortcut"]


@pytest.mark.skipif(not (CHECKOUT / "pyproject.toml").is_file(), reason="a wheel is built from a checkout only")
@pytest.mark.skipif(shutil.which("uv") is None, reason="needs uv, which builds the wheel")
def test_a_wheel_carries_the_teaching_files_and_the_configuration_that_pins_them(tmp_path):
    command = ["uv", "build", "--wheel", "--offline", "--out-dir", str(tmp_path), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "UV_NO_PROGRESS": "1"})
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip("hatchling, which builds the wheel, is not on this machine")
    assert done.returncode == 0, done.stderr

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = load_config(Path(archive.extract("ensemble_cam/config_classifiers.toml", tmp_path)))
        for table in inside.in_set("teaching"):
            data = archive.read(f"ensemble_cam/teaching/{table.default_weight}.safetensors")
            assert hashlib.sha256(data).hexdigest() == table.sha256[table.default_weight]
