"""The teaching set finds what was planted, where it was planted, whichever way a film comes in.

A small part of what `benchmarks/phantoms.py` measures, with margins so wide that chance does not cross them. A flipped
axis, a transposed map or a shifted crop anywhere between a film's file and its maps does: that is shown below, too.
"""

import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.maps.regions import extent_of
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files, write_phantom
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.settings.settings import Settings
from ensemble_cam.validation.localisation import Judgement, area_under_curve, judge

pytestmark = pytest.mark.slow

# None of these is large and always at the same place: a constant guess would not do.
FINDINGS = ("Atelectasis", "Consolidation", "Effusion", "Mass", "Pneumothorax")
WAYS = {  # name → size, format, bits
    "png": ((320, 320), "png", 8),
    "dicom": ((320, 320), "dicom", 16),
    "landscape": ((416, 320), "png", 16),
    "portrait": ((320, 416), "dicom", 8),
}
FIRST_SEED = 9_500_000  # beyond what the networks were trained and tuned on, and the benchmark's default
PER_FINDING = 2  # films of each way
DIFFICULTY = 0.2

# The margins, and what was measured. Of ten films each way:
LEAST_HITS = 9  # the ensemble's: 10
LEAST_IOU = 0.6  # the ensemble's, mean: 0.80
# Of all forty films:
LEAST_HITS_OF_ONE = 0.85  # each network's own: 1.0
LEAST_AUC = 0.95  # of scores, mean: 1.0
MOST_HITS_OF_UNTRAINED = 0.35  # 0.13
MOST_HITS_IF_WRONG = 0.5  # the ensemble's against a truth that is mirrored, upside down, transposed or shifted: 0.3
MOST_IOU_IF_WRONG = 0.35  # of the right one's IoU: 0.12
MOST_IOU_OF_SHORTCUT = 0.65  # of the IoU of the same network trained with masks: 0.45


@dataclass(frozen=True, eq=False)
class Reviewed:
    """A film that came in one way, with one planted finding, and its review by all of the teaching networks."""

    way: str
    label: str
    mask: np.ndarray
    analysis: Analysis
    untrained: Analysis


@pytest.fixture(scope="module")
def classifiers(config) -> list[Classifier]:
    return [load_classifier(table) for table in config.in_set("teaching")]


@pytest.fixture(scope="module")
def reviewed(config, classifiers) -> list[Reviewed]:
    untrained = [load_classifier(table, weights="untrained") for table in config.for_review("teaching")]
    # The network trained without masks is shown beside the others and does not count in the ensemble.
    shares = {each.id: 0.0 for each in classifiers if each.config.optional}
    found, seed = [], FIRST_SEED
    for way, (size, format, bits) in WAYS.items():
        for label in FINDINGS:
            for _ in range(PER_FINDING):
                seed += 1
                phantom = draw_phantom(seed, findings=[label], size=size, bits=bits, difficulty=DIFFICULTY)
                radiograph = read_radiograph(phantom_files(phantom, 0, format=format)[film_name(0, format)])
                assert radiograph.phantom
                assert (radiograph.width, radiograph.height) == size
                analysis = analyse(radiograph, classifiers, Settings(labels=(label,), ensemble_weights=shares))
                assert [result.failure for result in analysis.results] == [None] * len(classifiers)
                random = analyse(radiograph, untrained, Settings(labels=(label,)))
                found.append(Reviewed(way, label, phantom.masks[label], analysis, random))
    return found


def judged(film: Reviewed, id: str = "ensemble", mask: np.ndarray | None = None) -> Judgement:
    (finding,) = film.analysis.findings
    judgement = judge(finding.heatmaps()[id], film.mask if mask is None else mask)
    assert judgement is not None
    return judgement


def hits(found: list[Judgement]) -> float:
    return float(np.mean([each.hit for each in found]))


def iou(found: list[Judgement]) -> float:
    return float(np.mean([each.iou for each in found]))


@pytest.mark.parametrize("way", WAYS)
def test_ensemble_maps_lie_where_findings_were_planted_whichever_way_the_film_comes_in(reviewed, way):
    found = [judged(film) for film in reviewed if film.way == way]
    assert len(found) == 10
    assert sum(each.hit for each in found) >= LEAST_HITS
    assert iou(found) >= LEAST_IOU


def test_of_a_finding_in_both_lungs_the_hottest_two_regions_lie_one_in_each(classifiers):
    seed = FIRST_SEED + 1000
    phantom = next(
        drawn
        for drawn in (draw_phantom(seed + more, findings=["Effusion"], size=320, difficulty=0) for more in range(20))
        if ndimage.label(drawn.masks["Effusion"])[1] == 2
    )
    radiograph = read_radiograph(phantom_files(phantom, 0)[film_name(0, "png")])
    used = [each for each in classifiers if not each.config.optional]
    (finding,) = analyse(radiograph, used, Settings(labels=("Effusion",))).findings
    lungs, _ = ndimage.label(phantom.masks["Effusion"])
    for id, heatmap in finding.heatmaps().items():
        hottest = [region.hottest for region in extent_of(heatmap, 0.5).regions[:2]]
        assert {lungs[y, x] for x, y in hottest} == {1, 2}, id


def test_every_networks_own_maps_lie_there_far_more_often_than_an_untrained_networks(config, reviewed):
    for table in config.for_review("teaching"):
        assert hits([judged(film, table.id) for film in reviewed]) >= LEAST_HITS_OF_ONE, table.id
        found = [film.untrained.findings[0].maps[table.id] for film in reviewed]
        of_untrained = [judge(map, film.mask) for map, film in zip(found, reviewed, strict=True)]
        assert hits(of_untrained) <= MOST_HITS_OF_UNTRAINED, table.id


def shifted(mask: np.ndarray) -> np.ndarray:
    """Shift a mask by 15 % of the width, to where there is room."""
    far = round(0.15 * mask.shape[1])
    left = np.nonzero(mask)[1].mean() > mask.shape[1] / 2
    return np.roll(mask, -far if left else far, axis=1)


WRONG = {
    "mirrored": lambda mask: mask[:, ::-1],
    "upside down": lambda mask: mask[::-1],
    "transposed": lambda mask: mask.T,
    "shifted by 15 % of the width": shifted,
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_way_anywhere_would_be_noticed(reviewed, wrong):
    square = [film for film in reviewed if film.mask.shape[0] == film.mask.shape[1]]
    right = [judged(film) for film in square]
    found = [judged(film, mask=WRONG[wrong](film.mask)) for film in square]
    assert hits(found) <= MOST_HITS_IF_WRONG
    assert iou(found) <= MOST_IOU_IF_WRONG * iou(right)


def test_scores_tell_films_with_a_finding_from_films_with_another(reviewed):
    areas = []
    for label in FINDINGS:
        scores = [next(r.score.value for r in film.analysis.ranking if r.label == label) for film in reviewed]
        areas.append(area_under_curve(scores, [film.label == label for film in reviewed]))
    assert np.mean(areas) >= LEAST_AUC


def test_a_network_that_was_never_shown_where_findings_are_scores_as_well_and_maps_far_worse(reviewed):
    own = iou([judged(film, "teaching-resnet") for film in reviewed])
    shortcut = iou([judged(film, "teaching-shortcut") for film in reviewed])
    assert shortcut <= MOST_IOU_OF_SHORTCUT * own
    areas = []
    for label in FINDINGS:
        scores = [film.analysis.result("teaching-shortcut").scores[label] for film in reviewed]
        areas.append(area_under_curve(scores, [film.label == label for film in reviewed]))
    assert np.mean(areas) >= LEAST_AUC


# The benchmark itself


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "phantoms.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_phantoms", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            patch.setenv(name, "")  # put back at the end
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        threads = torch.get_num_threads(), cv2.getNumThreads()
        yield module
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])


def report_of(benchmark, capsys, *arguments: str) -> Mapping:
    benchmark.main([*arguments, "--processes", "1", "--json"])
    return json.loads(capsys.readouterr().out)


def test_benchmark_says_the_same_of_drawn_films_and_of_the_same_films_in_a_folder(benchmark, capsys, tmp_path):
    for index in range(4):
        write_phantom(draw_phantom(9_600_000 + index, size=benchmark.SIZE), tmp_path, index)
    drawn = report_of(benchmark, capsys, "--count", "4", "--seed", "9600000")
    read = report_of(benchmark, capsys, str(tmp_path))
    assert drawn["findings"] == read["findings"]
    assert drawn["films"] == read["films"] == 4
    assert set(drawn["means"]) == {"teaching-densenet", "teaching-resnet", "teaching-jfhealthcare", "ensemble"}


def test_benchmark_refuses_films_that_the_networks_learned_or_were_tuned_on(benchmark, capsys):
    for seed in ("1000000", "999950", "1099999", "3000000", "2999999"):
        with pytest.raises(SystemExit):
            benchmark.main(["--seed", seed, "--count", "100"])
        assert "the networks know some of these films" in capsys.readouterr().err


def test_benchmark_refuses_such_films_in_a_folder_too(benchmark, capsys, tmp_path):
    write_phantom(draw_phantom(1_000_007, size=benchmark.SIZE), tmp_path, 0)
    with pytest.raises(SystemExit):
        benchmark.main([str(tmp_path)])
    assert "phantom_000.png and 0 others: the networks know these films" in capsys.readouterr().err


def test_constant_guess_is_chosen_on_other_films_than_it_is_tried_on(benchmark):
    here, there = np.zeros((2, 64, 64), bool)
    here[3, 3] = there[9, 9] = True
    packed = {name: np.packbits(mask).tobytes() for name, mask in (("here", here), ("there", there))}
    assert benchmark.constant_guess([packed["here"]] * 6) == 1.0
    assert benchmark.constant_guess([packed["here"], packed["there"]] * 5) == 0.0  # one half says here, the other there
    assert benchmark.constant_guess([packed["here"]]) is None
