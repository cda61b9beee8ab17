"""A picture of a map that leaves says below it whose it is, what was scored, how it was made and what it is for."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.export import blocks
from ensemble_cam.export import overlays as drawing
from ensemble_cam.export.figure import figure_png
from ensemble_cam.export.overlays import overlays
from ensemble_cam.export.words import words_below
from ensemble_cam.purpose import MEANINGLESS_LINE, MEANINGLESS_MAP_LINE, PURPOSE, TEACHING_LINE
from ensemble_cam.rendering.footer import Paragraph, _paragraph, footer
from ensemble_cam.rendering.page import Page, Run
from ensemble_cam.reviewing.review import Review
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.weights.store import Published
from support import films
from support.networks import bright_classifier, table
from support.pictures import decoded, put_together
from support.reviews import dotted, made_review

UNTRAINED = WeightsInfo("untrained", sha256=None, published=Published.NO)


def teaching_review(*, phantom: bool, side: int = 400) -> Review:
    pixels = dotted(side, side, side // 2, side // 2)
    classifiers = [
        replace(bright_classifier(id), config=replace(table(id, set="teaching"), name=f"Teaching {id}"))
        for id in ("DenseNet", "ResNet", "JF-Healthcare")
    ]
    return made_review(films.phantom_png(pixels) if phantom else films.png(pixels), classifiers=classifiers)


def lines(paragraphs: list[Paragraph]) -> list[str]:
    return [" ".join(run.text for run in paragraph) for paragraph in paragraphs]


def test_below_a_map_stand_finding_score_call_network_weights_method_threshold_and_purpose():
    review = made_review(classifiers=[bright_classifier("a", logits={"Mass": 1.0})])
    (finding,) = review.analysis.findings

    made = words_below(review, finding, "a")

    score = f"{finding.ranked.score.value:.2f}"
    assert lines(made.whole) == [
        f"Mass · score {score}, called · map of A",
        f"A: by-hand, SHA-256 {'0' * 12}…",
        "Grad-CAM++, crop framing, stored intensity · threshold 0.40",
        PURPOSE,
    ]
    assert lines(made.terse) == [
        PURPOSE,
        f"Mass · score {score}, called · map",
        "A: by-hand",
        "Grad-CAM++ · threshold 0.40",
    ]
    assert lines(made.abridged) == [PURPOSE]


def test_below_an_ensembles_map_stand_all_networks_behind_it():
    review = made_review(classifiers=[bright_classifier("a"), bright_classifier("b")])

    whose, weights, *_ = lines(words_below(review, review.analysis.findings[0], ENSEMBLE).whole)

    assert "ensemble of A, B" in whose
    assert weights == f"A: by-hand, SHA-256 {'0' * 12}… · B: by-hand, SHA-256 {'0' * 12}…"


@pytest.mark.parametrize("id", ["DenseNet", ENSEMBLE])
def test_teaching_sets_words_say_what_it_learned_from_and_of_a_patients_film_first_that_it_means_nothing(id):
    patients, phantoms = teaching_review(phantom=False), teaching_review(phantom=True)

    made = words_below(patients, patients.analysis.findings[0], id)
    of_phantom = words_below(phantoms, phantoms.analysis.findings[0], id)

    for paragraphs in (made.whole, made.terse):
        assert lines(paragraphs)[0] == MEANINGLESS_LINE
        assert f"{PURPOSE} {TEACHING_LINE}." in lines(paragraphs)
        (struck,) = [run for paragraph in paragraphs for run in paragraph if run.struck]
        assert struck.text == f"{patients.analysis.findings[0].ranked.score.value:.2f},"
        assert len({run.colour for paragraph in paragraphs for run in paragraph}) == 3
    assert lines(made.abridged) == ["Meaningless.", PURPOSE]
    assert MEANINGLESS_LINE not in lines(of_phantom.whole)
    assert f"{PURPOSE} {TEACHING_LINE}." in lines(of_phantom.whole)
    assert not any(run.struck for paragraph in of_phantom.whole for run in paragraph)
    assert lines(of_phantom.abridged) == [PURPOSE]


def test_an_untrained_network_among_others_means_nothing_alone_and_in_the_ensemble():
    classifiers = [bright_classifier("a"), replace(bright_classifier("b"), weights=UNTRAINED)]
    review = made_review(classifiers=classifiers)
    finding = review.analysis.findings[0]

    assert MEANINGLESS_MAP_LINE not in lines(words_below(review, finding, "a").whole)
    for id in ("b", ENSEMBLE):
        assert lines(words_below(review, finding, id).whole)[0] == MEANINGLESS_MAP_LINE
    assert "B: untrained, untrained: scores and maps mean nothing" in lines(words_below(review, finding, "b").whole)


@pytest.mark.parametrize(("width", "height"), [(96, 96), (96, 32), (200, 180), (400, 400), (512, 400), (512, 128)])
def test_no_word_is_missing_below_a_film_of_96_pixels_or_more(monkeypatch, width, height):
    """Of the longest that the teaching set says."""
    written = []
    _paragraph.cache_clear()
    monkeypatch.setattr("ensemble_cam.rendering.footer.Page.runs", lambda page, x, y, runs, font: written.extend(runs))
    review = teaching_review(phantom=False)

    footer(words_below(review, review.analysis.findings[0], ENSEMBLE), width, height)

    said = " ".join(run.text for run in written)
    for words in (MEANINGLESS_LINE, PURPOSE, TEACHING_LINE, "meaningless", "Grad-CAM++", "threshold 0.40"):
        assert words in said, words
    squeezed = said.replace(" ", "")  # a long word may be broken
    for id in ("DenseNet", "ResNet", "JF-Healthcare"):
        assert f"Teaching{id}:by-hand" in squeezed


def test_every_overlay_is_the_bare_one_with_its_words_below(monkeypatch):
    monkeypatch.setattr(drawing, "cores", lambda: 1)
    below, real = [], drawing.footer
    monkeypatch.setattr(drawing, "footer", lambda *given: below.append(real(*given)) or below[-1])
    review = teaching_review(phantom=False)
    bare = dict(overlays(replace(review, display=replace(review.display, bare=True))))
    assert below == []

    with_words = dict(overlays(review))

    assert len(with_words) == len(bare) == len(below)
    for (name, data), words in zip(with_words.items(), below, strict=True):
        alone = decoded(bare[name.replace(".png", "_bare.png")])
        assert alone.shape == (400, 400, 3)
        np.testing.assert_array_equal(decoded(data), np.concatenate([alone, put_together(words)]))


def written_on_the_figure(monkeypatch, review: Review) -> tuple[list[Run], list[str]]:
    """Return all runs, and the lines at the head."""
    runs, real = [], Page.runs
    monkeypatch.setattr(
        Page, "runs", lambda page, x, y, given, *font: runs.extend(given) or real(page, x, y, given, *font)
    )
    blocks._deflated.cache_clear()  # what an earlier test had drawn is not drawn again
    texts, text = [], Page.text
    monkeypatch.setattr(
        Page,
        "text",
        lambda page, x, y, given, *look: texts.append((page, y, given)) or text(page, x, y, given, *look),
    )
    figure_png(review)
    # At the head: on the first of the pages that the figure is made of, above the fields for reader, case and date.
    return runs, [given for page, _, given in texts if page is texts[0][0]]


@pytest.mark.parametrize("phantom", [True, False])
def test_figure_of_a_film_that_the_networks_cannot_know_says_so_at_its_head_and_strikes_every_score(
    monkeypatch, phantom
):
    review = teaching_review(phantom=phantom)

    runs, heads = written_on_the_figure(monkeypatch, review)

    assert any(text.startswith(MEANINGLESS_LINE) for text in heads) is not phantom
    struck = [run.text for run in runs if run.struck]
    scores = 1 + len(review.analysis.results)  # the finding's, and each network's
    in_all = scores * len(review.analysis.findings) + len(review.analysis.ranking)
    assert len(struck) == (0 if phantom else in_all)
    assert all(text.rstrip(",").replace(".", "").isdigit() for text in struck)


@pytest.mark.parametrize(
    ("published", "remark"), [(Published.NO, "not the published weights"), (Published.UNKNOWN, "unpinned weights")]
)
def test_weights_that_are_not_known_to_be_the_published_ones_are_named_at_the_figures_head(
    monkeypatch, published, remark
):
    plain = bright_classifier("a")
    other = replace(bright_classifier("b"), weights=WeightsInfo("mine", sha256="1" * 64, published=published))

    _, heads = written_on_the_figure(monkeypatch, made_review(classifiers=[plain, other]))

    assert f"B: {remark}." in heads
    assert not any(text.startswith("A:") for text in heads)
