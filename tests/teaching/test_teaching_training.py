import copy
import json

import cv2
import numpy as np
import pytest
import torch

from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.classifiers.families import TEACHING_CELLS, TEACHING_SIDE
from ensemble_cam.classifiers.torch_families import TORCH_ARCHITECTURES
from ensemble_cam.classifiers.torch_networks import in_torch
from ensemble_cam.maps.formulas import gradient_maps
from ensemble_cam.phantom import OPERATING_POINT_SEEDS, TRAINING_SEEDS, draw_phantom
from ensemble_cam.settings.config import Config
from ensemble_cam.settings.families import TEACHING_LABELS
from ensemble_cam.teaching.films import Films, draw_films
from ensemble_cam.teaching.objective import SEE, Objective, Seen, grad_cam_plus_plus
from ensemble_cam.teaching.train import RECIPES, Recipe, _youden, half_precision, logits, save, train
from ensemble_cam.validation.localisation import area_under_curve
from ensemble_cam.weights.store import Published

MODEL_TYPES = tuple(SEE)


@pytest.fixture(scope="module")
def films() -> Films:
    return draw_films(20, first_seed=500, varied=False, processes=1)


@pytest.fixture(scope="module")
def trained(films: Films) -> dict[bool, torch.nn.Module]:
    """With masks or without → a network trained on a few films; tests that change one take a copy."""
    return {
        masks: train(Recipe("teaching-resnet", masks=masks, films=20, epochs=24, batch=10), films)
        for masks in (True, False)
    }


def lively(model_type: str) -> torch.nn.Module:
    """Return a network whose batch norms have seen films, so that its activations are of a usual size."""
    torch.manual_seed(3)
    network = TORCH_ARCHITECTURES[model_type].build()
    pixels = 600 * torch.randn(4, 1, TEACHING_SIDE, TEACHING_SIDE).cumsum(3).cumsum(2)[..., :].tanh()
    network.train()
    for _ in range(25):
        SEE[model_type](network, pixels + 100 * torch.randn_like(pixels))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_the_map_that_training_shapes_is_the_map_that_a_review_shows(model_type: str, config: Config):
    network = lively(model_type)
    table = config.classifier(model_type)
    pixels = 900 * torch.randn(1, 1, TEACHING_SIDE, TEACHING_SIDE)
    seen = SEE[model_type](network, pixels)
    trained = grad_cam_plus_plus(seen)[0].numpy()
    classifier = in_torch(table, network, WeightsInfo("untrained", sha256=None, published=Published.NO))
    activation = classifier.backbone(pixels)
    run = classifier.head.run(activation)
    shown = gradient_maps("gradcam++", activation[0], run.gradients(range(len(TEACHING_LABELS)))).clamp(min=0).numpy()
    assert shown.max() > 0
    np.testing.assert_allclose(trained, shown, atol=2e-5 * shown.max())
    np.testing.assert_allclose(seen.logits[0], run.logits, atol=1e-5 * float(abs(run.logits).max()))


def test_films_and_masks_are_those_of_the_phantoms(films: Films):
    phantom = draw_phantom(503, size=256)
    assert films.labels[3].astype(bool).tolist() == [name in phantom.masks for name in TEACHING_LABELS]
    seen = cv2.resize(phantom.pixels, (TEACHING_SIDE, TEACHING_SIDE), interpolation=cv2.INTER_AREA)
    assert np.abs(films.pixels[3].astype(float) - seen).mean() < 3
    assert films.masks.shape == (20, 8, TEACHING_CELLS, TEACHING_CELLS)
    for name, mask in phantom.masks.items():
        cells = films.masks[3, TEACHING_LABELS.index(name)] / 255
        assert cells.mean() == pytest.approx(mask.mean(), rel=0.02, abs=1e-4)
        rows, columns = np.nonzero(mask)
        weights = cells / cells.sum()
        centre = [(weights.sum(axis) * (np.arange(TEACHING_CELLS) + 0.5)).sum() / TEACHING_CELLS for axis in (0, 1)]
        assert centre == pytest.approx([columns.mean() / 256, rows.mean() / 256], abs=0.01)


def test_films_are_the_same_for_any_number_of_processes_and_kept(tmp_path, films: Films):
    two = draw_films(20, first_seed=500, varied=False, processes=2, cache=tmp_path)
    np.testing.assert_array_equal(two.pixels, films.pixels)
    np.testing.assert_array_equal(two.masks, films.masks)
    (kept,) = tmp_path.iterdir()
    np.savez(kept, pixels=films.pixels[:1], labels=films.labels[:1], masks=films.masks[:1])
    assert len(draw_films(20, first_seed=500, varied=False, processes=1, cache=tmp_path)) == 1


def test_no_film_is_both_learned_from_and_judged_by():
    assert max(recipe.films for recipe in RECIPES.values()) <= len(TRAINING_SEEDS)
    assert not set(TRAINING_SEEDS) & set(OPERATING_POINT_SEEDS)
    assert TRAINING_SEEDS.start > 999_999  # what people draw begins at 0


@pytest.mark.parametrize("masks", [True, False])
def test_training_is_the_same_twice_and_lowers_what_it_is_meant_to_lower(masks: bool, films: Films, trained):
    few = Recipe("teaching-resnet", masks=masks, films=20, epochs=1, batch=10)
    begun = train(few, films)
    for (name, value), other in zip(begun.state_dict().items(), train(few, films).state_dict().values(), strict=True):
        assert torch.equal(value, other), name
    objective = Objective(torch.from_numpy(films.labels).float().mean(0), masks=True)
    before, after = (_losses(objective, each, films) for each in (begun, copy.deepcopy(trained[masks])))
    assert after[0] < 0.9 * before[0]
    assert (after[2] < before[2] - 0.04) == masks


def _losses(objective: Objective, network: torch.nn.Module, films: Films) -> list[float]:
    pixels = (torch.from_numpy(films.pixels).float()[:, None] / 127.5 - 1) * 1024
    labels, masks = torch.from_numpy(films.labels).float(), torch.from_numpy(films.masks).float() / 255
    with torch.no_grad():
        network.train()  # batch statistics: the running ones have not caught up after so few steps
        return [part.item() for part in objective(SEE["teaching-resnet"](network, pixels), labels, masks)]


def test_a_perfect_map_has_nothing_left_to_learn_and_an_empty_one_everything():
    objective = Objective(torch.full((8,), 0.5), masks=True)
    labels, masks = torch.zeros(1, 8), torch.zeros(1, 8, 4, 4)
    labels[0, 2], masks[0, 2, 1:3, 1:3] = 1, 1
    seen = seen_of(activation=masks[:, 2:3] * 5, weight=torch.full((8, 1), 3.0))
    assert objective(seen, labels, masks)[2].item() < 0.02
    nothing = seen_of(activation=torch.zeros(1, 1, 4, 4), weight=torch.full((8, 1), 3.0))
    assert objective(nothing, labels, masks)[2].item() > 0.95


def seen_of(*, activation: torch.Tensor, weight: torch.Tensor) -> Seen:
    return Seen(activation, activation.mean((2, 3)) @ weight.T, weight)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_half_precision_leaves_the_outputs_as_they_were(model_type: str, films: Films):
    network = lively(model_type)
    if model_type != "teaching-jfhealthcare":
        norm = dict(network.named_modules())[
            {"teaching-densenet": "features.norm0", "teaching-resnet": "bn1"}[model_type]
        ]
        assert norm.running_var.max() > 65504  # or there would be nothing to show
    before = logits(network, model_type, films)
    halves = half_precision(network, model_type)
    assert all(value.dtype == torch.float16 and torch.isfinite(value).all() for value in halves.values())
    network.load_state_dict({key: value.float() for key, value in halves.items()}, strict=False)
    assert np.abs(logits(network, model_type, films) - before).max() < 0.02 * np.abs(before).max()


def test_half_precision_ranks_films_as_single_precision_does(films: Films, trained):
    network = copy.deepcopy(trained[True])
    pixels = (torch.from_numpy(films.pixels).float()[:, None] / 127.5 - 1) * 1024
    network.train()
    with torch.no_grad():
        for _ in range(30):  # so that its running statistics catch up, which so few steps left behind
            SEE["teaching-resnet"](network, pixels)
    network.eval()
    single = areas(network, films)
    halves = half_precision(network, "teaching-resnet")
    network.load_state_dict({key: value.float() for key, value in halves.items()}, strict=False)
    assert np.mean(single) > 0.8
    # Together: of one finding's few films a pair that is nearly tied may change places.
    np.testing.assert_allclose(np.mean(areas(network, films)), np.mean(single), atol=0.005)


def areas(network: torch.nn.Module, films: Films) -> list[float]:
    found = logits(network, "teaching-resnet", films)
    judged = [area_under_curve(found[:, k], films.labels[:, k].astype(bool)) for k in range(len(TEACHING_LABELS))]
    return [area for area in judged if area is not None]


def test_values_that_do_not_fit_are_refused():
    network = TORCH_ARCHITECTURES["teaching-resnet"].build()
    network.bn1.running_var.fill_(1e12)
    with pytest.raises(OverflowError, match=r"bn1\.running_var"):
        half_precision(network, "teaching-resnet")


def test_youdens_point_parts_the_two_kinds_of_films():
    probabilities = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.4])
    positive = np.array([False, False, False, True, True, False])
    assert 0.4 < _youden(probabilities, positive) < 0.7
    overlapping = np.array([0.1, 0.5, 0.3, 0.9, 0.8, 0.4])
    assert 0.5 < _youden(overlapping, positive) < 0.8
    assert 0 < _youden(np.ones(6), positive) < 1


def test_a_saved_network_brings_labels_operating_points_and_recipe(tmp_path, films: Films, config: Config):
    from safetensors import safe_open

    path = tmp_path / "teaching-resnet.safetensors"
    recipe = Recipe("teaching-resnet", films=20, epochs=1)
    save(path, lively("teaching-resnet"), recipe, films)
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["ensemble-cam"])
    assert about["labels"] == list(TEACHING_LABELS)
    assert about["recipe"]["films"] == 20
    assert set(about["operating_points"]) == set(TEACHING_LABELS)
    assert all(0 < point < 1 for point in about["operating_points"].values())
    assert path.stat().st_size < 1_000_000
