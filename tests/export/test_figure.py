"""The annotated figure has the size it says, keeps its text on the page and is the same whoever draws it."""

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from ensemble_cam import __version__
from ensemble_cam.export import figure
from ensemble_cam.export.figure import figure_png, figure_size
from ensemble_cam.export.record import review_record
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.reviewing.review import Review
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings
from support import films
from support.networks import Failing, bright_classifier
from support.reviews import RUN, dotted, made_review

LONG_WARNING = "The pixels use 12 to 99 of the declared range, which is said at some length here. " * 5
OUT_OF_MEMORY = "ran out of memory; close other programs, or choose fewer classifiers"


def labels(count: int) -> dict[str, float]:
    return {f"Finding_{index}": 1 - index / 10 for index in range(count)}


def classifiers(count: int, *, findings: int = 1):
    return [bright_classifier(f"number{index}", logits=labels(findings), cells=8) for index in range(count)]


def with_warnings(review: Review, *warnings: str) -> Review:
    radiograph = replace(review.analysis.radiograph, warnings=warnings)
    return replace(review, analysis=replace(review.analysis, radiograph=radiograph))


def drawn(review: Review) -> np.ndarray:
    picture = Image.open(io.BytesIO(figure_png(review)))
    assert picture.size == figure_size(review)
    return np.asarray(picture.convert("RGB"))


def out_of_memory(width: int, height: int) -> Review:
    broken = bright_classifier("broken", backbone=Failing(MemoryError()))
    review = made_review(
        dotted(width, height, width // 2, 20), classifiers=[bright_classifier("a"), broken, bright_classifier("c")]
    )
    assert review.analysis.findings[0].missing["broken"] == OUT_OF_MEMORY
    return review


REVIEWS = {
    "one-classifier-and-long-warnings-landscape": lambda: with_warnings(
        made_review(dotted(300, 75, 150, 30), classifiers=classifiers(1)), LONG_WARNING, "And a short one."
    ),
    "eighteen-findings": lambda: made_review(
        dotted(320, 64, 170, 30), classifiers=classifiers(3, findings=18), top_k=18
    ),
    "failure-portrait": lambda: out_of_memory(90, 120),
    "very-tall": lambda: made_review(dotted(33, 700, 16, 350), classifiers=classifiers(5)),
    "threshold-zero": lambda: made_review(
        dotted(160, 40, 80, 20), classifiers=classifiers(4), display=Display(threshold=0.0)
    ),
}


@pytest.mark.parametrize("name", REVIEWS)
def test_figure_has_the_size_that_was_said_and_nothing_runs_over_its_edge(name):
    picture = drawn(REVIEWS[name]())

    for edge in (picture[:, :60], picture[:, -60:], picture[:60], picture[-60:]):
        assert (edge == 255).all()


@pytest.mark.parametrize("size", [(1250, 1000), (50, 40), (40, 50), (35, 90)])
def test_panels_fill_their_places_to_the_pixel_whether_the_film_is_larger_or_smaller(size):
    width, height = size
    grey = films.png(np.full((height, width), 120, np.uint8))
    review = made_review(grey, classifiers=classifiers(2), display=Display(overlays=False))

    picture = drawn(review)

    panel = (3508 - 2 * 90 - 2 * 30) // 3
    tall = round(panel * min(height / width, 1.7))
    wide = panel if height / width <= 1.7 else round(tall * width / height)
    bottom = picture.shape[0] - 300 - 3 * 40
    for left in (90, 90 + panel + 30, 90 + 2 * (panel + 30)):
        place = picture[bottom - tall : bottom, left : left + wide]
        assert (place < 255).all()
        assert (picture[bottom - tall - 5 : bottom - tall, left : left + wide] == 255).all()
        assert (picture[bottom : bottom + 5, left : left + wide] == 255).all()
        assert (picture[bottom - tall : bottom, left + wide : left + wide + 5] == 255).all()


def test_figure_says_where_it_comes_from_in_text_chunks():
    review = made_review(dotted(200, 50, 100, 25), classifiers=classifiers(3))

    picture = Image.open(io.BytesIO(figure_png(review)))

    text = picture.text
    assert [round(dots) for dots in picture.info["dpi"]] == [300, 300]
    assert text["Disclaimer"] == "Research and teaching use. Not for diagnosis."
    assert text["Film SHA-256"] == review.analysis.radiograph.sha256
    assert f"ensemble-cam {__version__}" in text["Software"]
    assert text["Classifiers"].count(f"by-hand, SHA-256 {'0' * 64}") == 3
    assert (text["Threshold"], text["Findings"]) == ("0.4", "Finding_0")
    assert text["Method"].startswith("Grad-CAM++")


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """Every text that is written onto a figure's page."""
    texts, real = [], figure.Page.text

    def write(page, x, y, text, *style):
        texts.append(text)
        real(page, x, y, text, *style)

    monkeypatch.setattr(figure.Page, "text", write)
    return texts


def test_what_was_done_to_the_film_before_the_networks_saw_it_stands_beside_it(written):
    data = films.png(255 - films.film(260, 120), dpi=(200, 100))
    analysis = analyse(read_radiograph(data, negative=True), classifiers(1), Settings())
    review = Review(analysis, Display(), RUN)

    text = Image.open(io.BytesIO(figure_png(review))).text

    assert "Proportions: enlarged to 260×240; stored as 260×120 pixels that are not square" in written
    assert "Grey values: turned for screen and networks, as the file holds a negative" in written
    assert text["Method"].endswith("grey values turned (a negative)")
    told = review_record(review)["input"]
    assert [told[key] for key in ("width", "height", "stored_width", "stored_height")] == [260, 240, 260, 120]


def test_teaching_sets_line_stands_at_the_head_and_the_foot_and_in_the_text_chunks(written):
    pixels = dotted(200, 50, 100, 25)
    teaching = [replace(each, config=replace(each.config, set="teaching")) for each in classifiers(2)]
    line = "Teaching set: trained on synthetic phantoms, never on patients"
    for data, cautious in ((films.phantom_png(pixels), False), (films.png(pixels), True)):
        written.clear()

        text = Image.open(io.BytesIO(figure_png(made_review(data, classifiers=teaching)))).text

        assert text["Notice"] == line
        assert [line in part for part in (written[1], written[-1])] == [True, True]
        caution = "Not a drawn phantom: the teaching networks' scores and maps of this film mean nothing."
        assert (caution in written, caution in text.get("Warning", "")) == (cautious, cautious)


def test_clinical_sets_figure_has_no_such_line_and_says_of_a_phantom_that_it_is_drawn(written):
    data = films.phantom_png(dotted(200, 50, 100, 25))

    text = Image.open(io.BytesIO(figure_png(made_review(data, classifiers=classifiers(2))))).text

    assert "Notice" not in text
    assert not [part for part in written if "Teaching set" in part]
    assert "A drawn phantom, not a patient: the clinical networks learned from patients' films." in written


def test_note_of_a_failed_classifier_stays_in_its_own_column():
    picture = drawn(out_of_memory(160, 120))
    panel = (3508 - 2 * 90 - 3 * 30) // 4  # four columns between margins of 90, 30 apart
    foot, row = picture.shape[0] - 300 - 4 * 40, round(panel * 120 / 160) + 225
    # The gap on the right of the failed classifier's column, from below what stands across the whole row.
    left = 90 + 2 * (panel + 30) - 30
    gap = picture[foot - row + 115 : foot, left + 3 : left + 27]
    note = picture[foot - row + 175 : foot - row + 220, 90 + panel + 30 : left]

    assert (gap == 255).all()
    assert (note != 255).any()


def test_warnings_beside_the_film_push_the_findings_down_instead_of_running_into_them():
    plain = made_review(dotted(300, 75, 150, 30), classifiers=classifiers(3))
    two, four = (with_warnings(plain, *[LONG_WARNING] * count) for count in (2, 4))

    # At least two lines each, as no 200 letters stand on one.
    assert figure_size(four)[1] - figure_size(two)[1] >= 2 * 2 * 38
    below_the_facts = 300 + 4 * 40 + 225 + 200  # foot, caption, panel
    pictures = [drawn(review)[-below_the_facts:] for review in (plain, two, four)]
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_no_figure_is_larger_than_can_be_drawn(count):
    review = made_review(dotted(32, 1000, 16, 500), classifiers=classifiers(count, findings=18), top_k=18)

    width, height = figure_size(review)

    assert width == 3508
    assert height < 2**16


def test_figure_shows_the_film_first_then_each_map_then_the_ensemble():
    review = made_review(
        dotted(200, 50, 100, 25), classifiers=classifiers(1), display=Display(opacity=0.9, threshold=0.0)
    )

    picture = drawn(review).astype(int)

    panel = (3508 - 2 * 90 - 30) // 2
    height, foot = round(panel / 4), picture.shape[0] - 300 - 2 * 40
    coloured = np.ptp(picture, axis=2) > 30

    def share_of_colour(left: int, top: int) -> float:
        return coloured[top + 50 : top + height - 50, left + panel // 2 - 100 : left + panel // 2 + 100].mean()

    assert share_of_colour(90, 200) == 0
    for left in (90, 90 + panel + 30):
        assert share_of_colour(left, foot - height) > 0.8


@pytest.mark.parametrize(
    ("style", "fact", "has_bar"),
    [
        ("both", "Colour: relative activation, each", True),
        ("heatmap", "Colour: relative activation, each", True),
        ("contour", "Contour: relative activation of 0.30, each", False),
    ],
)
def test_figures_maps_its_fact_and_its_colour_bar_are_of_the_style(written, monkeypatch, style, fact, has_bar):
    panels, bars, real = [], [], figure.Screen.paint
    monkeypatch.setattr(figure.Page, "colour_bar", lambda *place, **named: bars.append(named))

    def paint(screen, picture, *given, **where):
        film = picture.copy()
        changed = real(screen, picture, *given, **where)
        panels.append((film, picture.copy()))
        return changed

    monkeypatch.setattr(figure.Screen, "paint", paint)

    drawn(made_review(dotted(120, 120, 60, 60), classifiers=classifiers(1), display=Display(0.3, style=style)))

    assert sum(text.startswith(fact) for text in written) == 1
    assert len(bars) == has_bar
    assert len(panels) == 2
    for film, panel in panels:
        assert np.ptp(film.astype(int), axis=2).max() == 0
        changed = (panel != film).any(axis=2)
        assert changed.any()
        assert (np.ptp(panel[changed].astype(int), axis=1) > 30).any() == (style != "contour")


def test_threads_that_draw_at_once_give_the_same_pixels_and_texts():
    reviews = [
        made_review(dotted(240, 60, x, 30), classifiers=classifiers(3), display=Display(colormap=colormap))
        for x, colormap in ((110, "inferno"), (130, "viridis"))
    ]
    alone = [figure_png(review) for review in reviews]
    assert alone[0] != alone[1]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(figure_png, [*reviews, *reviews]))

    for got, expected in zip(together, alone * 2, strict=True):
        drawn, wanted = (Image.open(io.BytesIO(each)) for each in (got, expected))
        assert drawn.text == wanted.text
        assert_array_equal(np.asarray(drawn), np.asarray(wanted))


def test_names_with_dollars_are_no_formulas():
    review = made_review(films.film(200, 60), classifiers=[bright_classifier("a", logits={"$\\frac{1}$": 0.0})])

    assert drawn(review).shape[1] == 3508
