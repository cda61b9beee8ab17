"""The examples of the manual run as they stand, and show what their text says they show."""

import runpy
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import ensemble_cam as ec

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = [path.stem for path in sorted(EXAMPLES.glob("plot_*.py"))]

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run an example in an empty folder, and return its names."""
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    from matplotlib import pyplot

    def named(name: str) -> dict:
        return runpy.run_path(str(EXAMPLES / f"{name}.py"))

    yield named
    pyplot.close("all")
    assert not list(tmp_path.iterdir()), "an example leaves nothing behind"


def first_review(found):
    assert set(found["review"].findings) == set(found["phantom"].findings)


def methods(found):
    maps = found["maps"]
    assert len(maps) == 8
    # Behind an average and a linear layer these are one map, and Eigen-CAM is none of them.
    assert np.allclose(maps["hirescam"], maps["xgradcam"], atol=1e-4)
    assert np.abs(maps["hirescam"] - maps["eigencam"]).max() > 0.1


def threshold(found):
    assert found["hit"]
    assert 0.5 < max(found["overlaps"]) < 1
    assert found["overlaps"].index(max(found["overlaps"])) not in (0, len(found["overlaps"]) - 1)


def disagreement(found):
    four, three = (found[name].agreement("Nodule") for name in ("review", "without"))
    assert three.iou > four.iou


def wrong_reason(found):
    by_network = {how: [row[1:] for row in found["found"] if row[0] == how] for how in found["networks"].values()}
    (scores, ious), (shortcut_scores, shortcut_ious) = (np.transpose(rows) for rows in by_network.values())
    assert min(*scores, *shortcut_scores) > 0.5
    assert ious.mean() > 2 * shortcut_ious.mean()


def own_app(found):
    assert found["app"].subheader[0].value.endswith(": called")
    assert not found["app"].exception


def making(found):
    steps, phantom = found["steps"], found["phantom"]
    centres = ((np.arange(24) + 0.5) * 256 / 24).astype(int)
    mass, effusion = (
        {
            name: getattr(steps, name)[phantom.masks[label][np.ix_(centres, centres)]]
            for name in ("map", "without_gradient")
        }
        for label in ("Mass", "Effusion")
    )
    assert mass["map"].mean() > 20 * effusion["map"].mean()
    assert effusion["without_gradient"].mean() > 0.2 * mass["without_gradient"].mean()
    assert (steps.without_relu > 0).mean() > 2 * (steps.map > 0).mean()


def lightning(found):
    explanations, trained, pictures = found["explanations"], found["trained"], found["pictures"]
    assert len(explanations) == len(pictures) == 16
    # What predict_step returned is what the loaded module and the checkpoint by its name give outside of Lightning.
    network = ec.Network(trained.net, classes=["none", "effusion"], input_size=96, mean=0.5, std=0.25)
    shown = pictures[3][None].expand(3, -1, -1)
    for each in (network, found["by_name"]):
        again = ec.explain(each, shown, target=explanations[3].target, method="layercam")
        np.testing.assert_allclose(again.map, explanations[3].map, rtol=1e-4, atol=1e-6)
    assert found["by_name"].classes == ("none", "effusion")
    assert explanations[3].map.any()


SHOWN = (first_review, methods, threshold, disagreement, wrong_reason, own_app, making, lightning)


@pytest.mark.parametrize("shows", SHOWN, ids=lambda each: each.__name__)
def test_example_runs_and_shows_what_it_says(shows, run):
    (name,) = (name for name in NAMES if name.split("_", 2)[2] == shows.__name__)
    shows(run(name))


def test_every_example_is_tried_and_short():
    assert [name.split("_", 2)[2] for name in NAMES] == [each.__name__ for each in SHOWN]
    for name in NAMES:
        lines = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 60, name
