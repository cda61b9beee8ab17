"""What is said of a finding is said in the same words on the figure, in the pictures' texts and on the command line."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from ensemble_cam.archive.batch import Batch
from ensemble_cam.archive.films import Film, FoundFilms
from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.export.overlays import overlays
from ensemble_cam.export.provenance import origin
from ensemble_cam.export.record import review_record
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.maps.agreement import Agreement
from ensemble_cam.maps.regions import extent_of
from ensemble_cam.reviewing import sentences
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.scores import Call, Score
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.weights.store import Published
from support.films import png
from support.networks import Failing, bright_classifier
from support.reviews import RUN, dotted, made_review, two_classifiers
from support.sheets import words


@pytest.fixture(scope="module")
def review() -> Review:
    """Four maps and three ensembles; "fine" has operating points, "coarse" has none."""
    return made_review(dotted(301, 240, 190, 80), labels=("Mass", "Lung Lesion", "Pleural_Thickening"))


def found(review: Review, label: str) -> Finding:
    return next(finding for finding in review.analysis.findings if finding.label == label)


@pytest.mark.parametrize(
    ("score", "line", "at_length"),
    [
        (Score(0.725, True), "0.72, called", "called"),
        (Score(0.2, True), "0.20, not called", "below its operating point: not called"),
        (Score(0.9, False), "0.90, uncalibrated", "uncalibrated: no operating point"),
        (Score(0.9, True, meaningless=True), "0.90, meaningless", "meaningless: not trained on such films"),
    ],
)
def test_a_score_is_said_with_its_call_in_a_line_at_the_head_and_among_others(review, score, line, at_length):
    finding = found(review, "Pleural_Thickening")
    finding = replace(finding, ranked=replace(finding.ranked, score=score))
    assert sentences.score_line(score) == line
    assert sentences.title(finding) == f"3. Pleural thickening · score {score.value:.2f}, {at_length}"
    assert sentences.brief(finding) == f"Pleural thickening {line.replace(', ', ' (')})"


def test_each_call_has_words_at_length():
    assert [sentences.call_at_length(call) for call in Call]


@pytest.mark.parametrize(
    ("agreement", "line"),
    [
        (None, ""),
        (Agreement(None, None), ""),
        (Agreement(0.456, None), "regions overlap 0.46 (IoU)"),
        (Agreement(None, -0.3), "rank correlation -0.30"),
        (Agreement(0.0, 0.995), "regions overlap 0.00 (IoU) · rank correlation 0.99"),
    ],
)
def test_agreement_is_said_as_far_as_maps_can_be_compared(agreement, line):
    assert sentences.agreement_line(agreement) == line


def test_who_calls_and_whether_they_look_at_one_place_is_one_sentence():
    def said(*logits: float, iou: float | None = None, calibrated: bool = True) -> str:
        classifiers = [
            bright_classifier(f"n{place}", logits={"Mass": logit}, calibrated=calibrated)
            for place, logit in enumerate(logits)
        ]
        analysis = made_review(dotted(90, 90, 40, 40), classifiers=classifiers).analysis
        (finding,) = analysis.findings
        finding._agreements[0.4] = None if iou is None else Agreement(iou, 0.9)
        return sentences.disagreement(analysis, finding, 0.4)

    assert said(2, 2, -9, iou=0.27) == "2 of 3 call it; they look at different places, overlap 0.27"
    assert said(2, 2, iou=0.5) == "all 2 call it; they look at the same place, overlap 0.50"
    assert said(-9, -9, iou=0.4) == "none of 2 calls it; they look at the same place in part, overlap 0.40"
    assert said(2) == ""
    assert said(2, 2, calibrated=False) == ""


def test_it_is_said_who_stands_behind_a_map_and_its_score_and_who_cannot_know_the_finding(review):
    def behind(label: str) -> str:
        return sentences.behind(review.analysis, found(review, label))

    # An uncalibrated score counts only where there is no other, so the score is of fewer than the map.
    assert behind("Mass") == "ensemble of Fine, Coarse, score of Fine"
    assert behind("Lung Lesion") == "ensemble of Coarse alone · not known to Fine"
    assert behind("Pleural_Thickening") == "ensemble of Fine alone · not known to Coarse"


def test_empty_and_failed_classifiers_are_named_for_what_they_are():
    classifiers = [
        bright_classifier("a"),
        bright_classifier("blind", slope=0.0),
        bright_classifier("broken", backbone=Failing(RuntimeError())),
    ]
    review = made_review(classifiers=classifiers)
    (finding,) = review.analysis.findings
    assert sentences.behind(review.analysis, finding) == "ensemble of A, Blind (empty: Blind)"
    assert sentences.no_map(finding, "broken").startswith("no map: failed with RuntimeError")
    weightless = replace(finding, ensemble=None)
    assert sentences.no_map(weightless, ENSEMBLE) == "no map: no classifier with a weight above 0 has a map"
    assert sentences.behind(review.analysis, weightless) == "no ensemble map"


def test_extent_of_a_map_is_a_share_of_what_was_seen_or_why_there_is_none(review):
    heatmap = found(review, "Mass").maps["fine"]
    one = extent_of(heatmap, 0.4)
    share = f"{one.area:.1%} of what was seen"
    assert sentences.extent(heatmap, one, 0.4) == share
    assert sentences.extent(heatmap, one, 0.4, at_length=True) == f"{share} is at or above 0.40"
    three = replace(one, count=3)
    assert sentences.extent(heatmap, three, 0.4) == f"3 regions: {share}"
    assert sentences.extent(heatmap, three, 0.4, at_length=True) == f"3 regions: {share} is at or above 0.40"
    assert sentences.extent(heatmap, None, 0.85) == "nothing at or above 0.85"
    empty = replace(heatmap, grids=(0 * heatmap.grid,))
    assert sentences.extent(empty, None, 0.0) == "empty map: nothing speaks for it"


def test_weights_are_said_with_their_hash_and_remark(review):
    result = review.analysis.results[0]
    assert sentences.weights_line(result) == f"Fine: by-hand, SHA-256 {'0' * 64}"
    assert sentences.weights_line(result, digits=12) == f"Fine: by-hand, SHA-256 {'0' * 12}…"
    untrained = replace(result.classifier, weights=WeightsInfo("untrained", sha256=None, published=Published.NO))
    said = sentences.weights_line(replace(result, classifier=untrained))
    assert said == "Fine: untrained, untrained: scores and maps mean nothing"
    weighed = review.analysis.reweighted({"fine": 0.1 + 0.2})
    assert sentences.weighted_line(weighed, result).endswith(", ensemble weight 0.30000000000000004")


def test_a_line_begins_with_a_capital_and_keeps_the_names_in_it():
    assert sentences.capitalised("no map: DenseNet121 failed") == "No map: DenseNet121 failed"
    assert sentences.capitalised("") == ""


def test_figure_pictures_record_and_command_line_take_their_words_from_here(review, tmp_path):
    written = words(review)
    analysis = review.analysis
    for finding in analysis.findings:
        assert sentences.title(finding) in written
        assert sentences.capitalised(sentences.support(analysis, finding, 0.4)) in written
        assert sentences.capitalised(sentences.disagreement(analysis, finding, 0.4)) in written
        for id, heatmap in finding.heatmaps().items():
            extent = sentences.extent(heatmap, extent_of(heatmap, 0.4), 0.4)
            score = sentences.score_line(analysis.score(finding, id))
            assert (extent if id == ENSEMBLE else f"{score} · {extent}") in written
        for id in finding.missing:
            assert sentences.capitalised(sentences.no_map(finding, id)) in written
    for result in analysis.results:
        line = sentences.weighted_line(analysis, result)
        assert line in written
        assert line in origin(review)["Classifiers"]

    scores = {(text["Finding"], text["Map"]): text["Score"] for text in map(texts, dict(overlays(review)).values())}
    assert scores["Mass", "coarse"] == sentences.score_line(analysis.score(found(review, "Mass"), "coarse"), digits=3)
    lesion = next(told for told in review_record(review)["findings"] if told["label"] == "Lung Lesion")
    assert lesion["maps"]["fine"] == {
        "missing": sentences.why_no_map(found(review, "Lung Lesion"), "fine"),
        "call": None,
    }

    film, said = tmp_path / "film.png", io.StringIO()
    film.write_bytes(png(dotted(301, 240, 190, 80)))
    batch = Batch(tuple(two_classifiers()), ReviewOptions(analysis.settings, review.display), RUN, TerminalLine(said))
    batch.review(FoundFilms((Film.of(film),)), tmp_path, errors=said)
    assert ", ".join(map(sentences.brief, analysis.findings)) in said.getvalue()


def texts(data: bytes) -> dict[str, str]:
    return Image.open(io.BytesIO(data)).text


@pytest.mark.parametrize(
    "networks",
    [  # name → whether it has operating points; the last one's map is empty
        {"DenseNet121": True, "ResNet50": True, "JF Healthcare": False},
        {"Teaching DenseNet": True, "Teaching ResNet": True, "Teaching JF Healthcare": True, "Teaching shortcut": True},
    ],
)
def test_the_longest_that_is_said_of_the_sets_findings_stands_uncut_on_the_figure(networks):
    classifiers = []
    for number, (name, calibrated) in enumerate(networks.items(), start=1):
        slope = 8.0 if number < len(networks) else 0.0
        logits = {"Pleural_Thickening": -9.0}
        made = bright_classifier(f"n{number}", logits=logits, slope=slope, calibrated=calibrated)
        classifiers.append(replace(made, config=replace(made.config, name=name)))

    review = made_review(classifiers=classifiers)
    written = words(review)

    (finding,) = review.analysis.findings
    assert "(empty: " in sentences.support(review.analysis, finding, 0.4)
    assert sentences.capitalised(sentences.support(review.analysis, finding, 0.4)) in written
    assert sentences.title(finding) in written
