"""Maps beside marks: hit, IoU, Dice and the best threshold, against what they are by definition; and in `validate`."""

import json

import numpy as np
import pytest

from ensemble_cam.cli import main
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.settings.settings import Settings
from ensemble_cam.validation.locating import THRESHOLDS, Located, judged, places_record
from support.networks import bright_classifier
from support.reviews import dotted, made_review


def test_overlaps_are_those_of_the_pixels():
    analysis = made_review(dotted(96, 96, 40, 50), classifiers=[bright_classifier("fine")]).analysis
    heatmap = analysis.findings[0].maps["fine"]
    mask = np.zeros((96, 96), bool)
    mask[40:60, 30:60] = True
    found = judged(heatmap, mask, "Nodule", "fine")
    values = heatmap.in_source()
    for place in (3, 9, 15):
        region = values >= THRESHOLDS[place]
        both, either = (region & mask).sum(), (region | mask).sum()
        assert found.iou[place] == pytest.approx(both / either)
        assert found.dice[place] == pytest.approx(2 * found.iou[place] / (1 + found.iou[place]))
    assert found.hit
    assert not judged(heatmap, np.roll(mask, 40, axis=0), "Nodule", "fine").hit
    assert judged(heatmap, np.zeros_like(mask), "Nodule", "fine") is None
    empty = analyse(analysis.radiograph, [bright_classifier("none", slope=0.0)], Settings()).findings[0].maps["none"]
    assert (judged(empty, mask, "Nodule", "none").hit, max(judged(empty, mask, "Nodule", "none").iou)) == (False, 0.0)


def test_the_best_threshold_is_chosen_on_one_half_and_reported_on_the_other():
    def film(best: int, height: float) -> list[Located]:
        iou = tuple(height if place == best else 0.1 for place in range(len(THRESHOLDS)))
        return [Located("Mass", "one", True, iou, tuple(2 * each / (1 + each) for each in iou))]

    films = [film(4, 0.9)] * 6 + [film(12, 0.7)] * 6
    first = np.array([True] * 6 + [False] * 6)
    found = places_record(films, first, 0.4)["Mass"]["one"]
    assert (found["n"], found["hit"], found["threshold"]) == (12, 1.0, THRESHOLDS[7])
    best = {"threshold": THRESHOLDS[4], "chosen_on": 6, "reported_on": 6, "iou": 0.1, "dice": 0.181818}
    assert found["best"] == best
    few = places_record(films[4:9], first[4:9], 0.4)["Mass"]["one"]
    assert few["best"] is None


def test_validate_judges_maps_by_the_planted_masks(tmp_path, capsys):
    films, out = tmp_path / "films", tmp_path / "out"
    assert main(["phantom", "--out", str(films), "--count", "6", "--size", "256", "--finding", "Effusion"]) == 0
    rows = [f"phantom_{number:03d}.png,Effusion,1" for number in range(6)]
    labels = films / "labels.csv"
    labels.write_text("\n".join(["file,finding,label", *rows]))
    asked = ["validate", str(films), "--labels", str(labels), "--masks", str(films), "--out", str(out)]
    assert main([*asked, "--set", "teaching", "--classifiers", "teaching-resnet", "--quiet"]) == 0, capsys.readouterr()
    record = json.loads((out / "validation.json").read_text(encoding="utf-8"))
    found = record["places"]["findings"]["Effusion"]["teaching-resnet"]
    assert (found["n"], record["places"]["kind"]) == (6, "masks")
    assert found["hit"] >= 5 / 6
    assert found["iou"] > 0.4
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Where the maps lie" in page
    assert "labels of films say nothing of places" not in page
