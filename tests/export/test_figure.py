"""The annotated figure is sheets of A4 on which nothing is cut or covered, and is the same whoever draws it."""

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from ensemble_cam import __version__
from ensemble_cam.export import blocks, figure
from ensemble_cam.export.blocks import HEIGHT, WIDTH
from ensemble_cam.export.figure import figure_png, figure_size, laid_out
from ensemble_cam.export.record import review_record
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.rendering import page
from ensemble_cam.rendering.numbers import Number
from ensemble_cam.rendering.page import Page
from ensemble_cam.rendering.screen import Screen
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.reviewing.review import Review
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings
from support import films
from support.networks import Failing, as_teaching, bright_classifier
from support.reviews import RUN, dotted, made_review
from support.sheets import sheets, words

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


def many_regions() -> Review:
    """Return a review whose maps have more regions than are numbered."""
    pixels = np.full((300, 300), 20, np.uint8)
    for row in range(20, 300, 60):
        for column in range(20, 300, 60):
            pixels[row : row + 12, column : column + 12] = 250
    spotted = [bright_classifier(f"n{index}", cells=60, logits=labels(1)) for index in range(2)]
    return made_review(pixels, classifiers=spotted, display=Display(threshold=0.5))


def uncalled(count: int) -> Review:
    low = [bright_classifier(f"n{index}", logits={name: -2.0 for name in labels(count)}) for index in range(3)]
    return made_review(dotted(260, 320, 130, 90), classifiers=low, top_k=count)


REVIEWS = {
    "one-classifier-and-long-warnings-landscape": lambda: with_warnings(
        made_review(dotted(300, 75, 150, 30), classifiers=classifiers(1)), LONG_WARNING, "And a short one."
    ),
    "many-long-warnings": lambda: with_warnings(
        made_review(dotted(300, 300, 150, 30), classifiers=classifiers(3)), *[LONG_WARNING] * 9
    ),
    "eighteen-findings": lambda: made_review(
        dotted(320, 64, 170, 30), classifiers=classifiers(3, findings=18), top_k=18
    ),
    "fourteen-findings-of-five-classifiers": lambda: made_review(
        dotted(250, 300, 170, 90), classifiers=classifiers(5, findings=14), top_k=14
    ),
    "fourteen-not-called": lambda: uncalled(14),
    "failure-portrait": lambda: out_of_memory(90, 120),
    "tiny": lambda: made_review(dotted(32, 32, 16, 10), classifiers=classifiers(2)),
    "very-tall": lambda: made_review(dotted(33, 700, 16, 350), classifiers=classifiers(5)),
    "very-wide": lambda: made_review(dotted(700, 33, 350, 16), classifiers=classifiers(5)),
    "threshold-zero": lambda: made_review(
        dotted(160, 40, 80, 20), classifiers=classifiers(4), display=Display(threshold=0.0)
    ),
    "many-regions": many_regions,
    "meaningless": lambda: made_review(
        dotted(160, 200, 80, 60), classifiers=[as_teaching(each) for each in classifiers(4, findings=8)], top_k=4
    ),
    "uncalibrated": lambda: made_review(
        dotted(160, 200, 80, 60),
        classifiers=[bright_classifier("a", calibrated=False)],
        display=Display(style="contour"),
    ),
    "a-case-of-64-letters": lambda: replace(made_review(dotted(160, 200, 80, 60)), case="W" * 64),
    "more-labels-than-stand-beside-the-film": lambda: made_review(
        dotted(160, 200, 80, 60), classifiers=classifiers(2, findings=90)
    ),
    "long-names": lambda: made_review(
        dotted(160, 200, 80, 60),
        classifiers=[named(f"n{index}", "Onewordnetwork" * 3) for index in range(5)],
    ),
}


def named(id: str, name: str):
    made = bright_classifier(id, logits={"A_finding_with_a_rather_long_name_of_many_words": 1.0})
    return replace(made, config=replace(made.config, name=name))


@pytest.mark.parametrize("name", REVIEWS)
def test_figure_is_whole_sheets_on_which_nothing_is_cut_or_covered(name):
    review = REVIEWS[name]()

    drawn = sheets(review)

    assert figure_size(review) == (WIDTH, HEIGHT * len(drawn))
    for sheet in drawn:
        assert sheet.beyond(60, HEIGHT) == []
        assert [*sheet.overlaps()] == []


@pytest.mark.parametrize("name", ["failure-portrait", "very-tall", "threshold-zero", "many-regions"])
def test_png_has_the_size_that_was_said_at_the_proportions_of_a4_and_white_margins(name):
    picture = drawn(REVIEWS[name]())

    assert picture.shape[1] / 210 == pytest.approx(HEIGHT / 297, abs=0.01)
    assert picture.shape[0] % HEIGHT == 0
    assert (picture[:, :60] == 255).all()
    assert (picture[:, -60:] == 255).all()
    for top in range(0, len(picture), HEIGHT):
        assert (picture[top : top + 60] == 255).all()
        assert (picture[top + HEIGHT - 60 : top + HEIGHT] == 255).all()


@pytest.mark.parametrize("size", [(1250, 1000), (50, 40), (40, 50), (35, 90), (1300, 1500)])
def test_pictures_of_a_film_are_in_its_proportions_whether_it_is_larger_or_smaller(size):
    width, height = size
    review = made_review(films.png(films.film(width, height)), classifiers=classifiers(2))

    film, *panels = [box for sheet in sheets(review) for box, pixels in sheet.pictures if len(pixels) > 36]

    assert len(panels) == 3
    for left, top, right, bottom in (film, *panels):
        assert abs((right - left) * height / width - (bottom - top)) <= max(1, height / width) + 0.01
    assert film[2] - film[0] >= panels[0][2] - panels[0][0]


def two_sizes() -> Review:
    review = made_review(dotted(250, 300, 170, 90), classifiers=[*classifiers(2, findings=2), low("c")], top_k=3)
    assert {finding.call.value for finding in review.analysis.findings} == {"called", "not called"}
    return review


def band() -> Review:
    """Return a review whose one region is as wide as the film, so that its number stands above it."""
    pixels = np.full((300, 300), 20, np.uint8)
    pixels[150:170] = 250
    return made_review(pixels, classifiers=[bright_classifier("a", cells=32, logits=labels(1))])


@pytest.mark.parametrize("made", [two_sizes, band])
def test_pixels_of_the_png_are_those_of_the_sheets(made):
    review = made()
    expected = []
    for stacked in laid_out(review):
        page, top = Page(WIDTH, HEIGHT), 0
        for block in stacked:
            block.draw(page, top)
            top += block.height
        assert top == HEIGHT
        expected.append(page.pixels)

    assert_array_equal(drawn(review), np.concatenate(expected))


def low(id: str):
    return bright_classifier(id, logits={"Uncalled": -3.0})


def test_regions_are_numbered_as_in_the_record_each_beside_its_own(monkeypatch):
    review = made_review(
        two_spots(), classifiers=[*classifiers(2, findings=1), low("c")], top_k=2, display=Display(threshold=0.5)
    )
    told = {finding["label"]: finding["maps"] for finding in review_record(review)["findings"]}
    placed, real = [], Number.draw
    monkeypatch.setattr(
        Number,
        "draw",
        lambda number, picture, **where: placed.append((number, picture)) or real(number, picture, **where),
    )
    ids = ["number0", "number1", "c", "ensemble"]

    sheets(review)  # panels in the order of findings and maps

    expected = [
        (label, id, number, region)
        for label in (finding.label for finding in review.analysis.findings)
        for id in ids
        for number, region in enumerate(told[label][id].get("regions", []), start=1)
    ]
    assert len(expected) >= 2 * 3 + 2
    assert max(number for *_, number, _ in expected) == 2
    assert [number.number for number, _ in placed] == [number for *_, number, _ in expected]
    width = review.analysis.geometry.source_size[0]
    for (number, panel), (_, _, _, region) in zip(placed, expected, strict=True):
        scale = panel.shape[1] / width
        x0, y0, x1, y1 = (edge * scale for edge in region["box"])
        left, top, right, bottom = number.box
        assert max(x0 - right, left - x1, y0 - bottom, top - y1) <= 5, "beside its box"


def two_spots() -> np.ndarray:
    ys, xs = np.mgrid[0:300, 0:300]
    one, other = (np.hypot(xs - x, ys - y) for x, y in ((70, 80), (220, 200)))
    return np.clip(np.maximum(250 - 4 * one, 235 - 4 * other), 20, 250).astype(np.uint8)


def test_words_say_how_many_regions_are_numbered_where_not_all_are():
    review = many_regions()
    counts = [map["region_count"] for map in review_record(review)["findings"][0]["maps"].values()]
    assert min(counts) > 12

    assert words(review).count(", 12 numbered") == len(counts)
    assert "numbered" not in words(made_review(two_spots(), classifiers=classifiers(2)))


def test_film_alone_has_no_numbers(monkeypatch):
    monkeypatch.setattr(Number, "draw", lambda *given, **named: 1 / 0)

    drawn(made_review(two_spots(), classifiers=classifiers(2), display=Display(overlays=False)))


def test_called_findings_come_first_and_large():
    networks = [
        bright_classifier("a", logits={"Called": 2.0, "Below": -1.0}),
        bright_classifier("b", logits={"Called": 1.5, "Guess": 3.0}, calibrated=False),
    ]
    review = made_review(two_spots(), classifiers=networks, top_k=3)
    calls = {finding.label: finding.call.value for finding in review.analysis.findings}
    assert calls == {"Called": "called", "Below": "not called", "Guess": "uncalibrated"}

    text = words(review)
    sizes = [box[2] - box[0] for sheet in sheets(review) for box, pixels in sheet.pictures if len(pixels) > 36][1:]

    places = [text.index(f"{label} · score") for label in ("Called", "Guess", "Below")]
    assert places == sorted(places)
    assert len(sizes) == 3 * 3
    assert min(sizes[:6]) == max(sizes[:6]) > 1.4 * max(sizes[6:])


def test_who_calls_a_finding_and_where_they_look_is_said_above_its_maps_and_where_they_split_in_bold():
    networks = [bright_classifier(f"n{index}", logits={"Mass": 2.0, "Edema": 3.0 - 4 * index}) for index in range(2)]
    review = made_review(two_spots(), classifiers=networks, top_k=2)
    assert [(each.label, review.analysis.is_split(each)) for each in review.analysis.findings] == [
        ("Mass", False),
        ("Edema", True),
    ]

    said = {text: bold for sheet in sheets(review) for text, bold in sheet.bold.items()}

    assert said["All 2 call it; they look at the same place, overlap 1.00"] is False
    assert said["1 of 2 call it; they look at the same place, overlap 1.00"] is True


def test_three_findings_of_three_networks_stand_on_one_sheet_when_one_is_called():
    networks = [
        bright_classifier(f"n{index}", logits={"Called": 2.0, "One": -1.0, "Other": -2.0}) for index in range(3)
    ]

    review = made_review(dotted(300, 300, 150, 80), classifiers=networks, top_k=3)

    assert figure_size(review) == (2480, 3508)


def test_three_findings_that_nearly_fit_on_one_sheet_do_so_by_lower_maps_and_no_smaller_letters(monkeypatch):
    networks = [
        bright_classifier(f"n{index}", logits={"Called": 2.0, "One": -1.0, "Other": -2.0}) for index in range(3)
    ]
    review = made_review(dotted(300, 360, 150, 80), classifiers=networks, top_k=3)

    assert figure_size(review) == (2480, 3508)

    monkeypatch.setattr(figure, "_LOWER", 1.0)
    assert figure_size(review) == (2480, 2 * 3508)  # else it would be two, the second nearly empty


def test_every_sheet_says_what_it_is_for_of_which_film_and_case_it_is_and_which_of_how_many():
    review = replace(
        made_review(dotted(250, 300, 170, 90), classifiers=classifiers(3, findings=9), top_k=9), case="7 b"
    )
    drawn = sheets(review)
    assert len(drawn) > 2

    for number, sheet in enumerate(drawn, start=1):
        assert "Research and teaching use. Not for diagnosis." in sheet.words
        assert f"film SHA-256 {review.analysis.radiograph.sha256}" in sheet.words
        assert f"page {number} of {len(drawn)}" in sheet.words
        assert "case 7 b" in sheet.words


def test_first_sheet_has_room_for_reader_case_and_date_and_the_case_where_one_was_given():
    plain = made_review(dotted(250, 300, 170, 90))
    for review, case in ((plain, None), (replace(plain, case="17-B"), "17-B")):
        (sheet, *_) = sheets(review)
        places = {text: box for box, text in sheet.texts if text in ("Reader", "Case", "Date", case)}
        lines = [
            bar
            for bar in sheet.bars
            if bar[3] - bar[1] == 2 and bar[1] < places["Reader"][1] + 60 and bar[2] - bar[0] < 2000
        ]
        assert len(lines) == 3
        for name in ("Reader", "Case", "Date"):
            (line,) = [bar for bar in lines if 0 < bar[0] - places[name][2] < 40]
            assert line[2] - line[0] >= 300
            if name == "Case" and case:
                assert line[0] <= places[case][0] < places[case][2] <= line[2]
        assert (case in places) is (case is not None)


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
    blocks._deflated.cache_clear()  # what an earlier test had drawn is not drawn again
    texts, real = [], Page.text

    def write(page, x, y, text, *style):
        texts.append(text)
        real(page, x, y, text, *style)

    monkeypatch.setattr(Page, "text", write)
    return texts


def test_what_was_done_to_the_film_before_the_networks_saw_it_stands_beside_it(written):
    data = films.png(255 - films.film(260, 120), dpi=(200, 100))
    analysis = analyse(read_radiograph(data, negative=True), classifiers(1), Settings())
    review = Review(analysis, Display(), RUN)

    text = Image.open(io.BytesIO(figure_png(review))).text

    said = " ".join(written)
    assert "Proportions: enlarged to 260×240; stored as 260×120 pixels that are not square" in said
    assert "Grey values: turned for screen and networks, as the file holds a negative" in said
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
        said = " ".join(written)
        assert said.index(line) < said.index("Reader")
        assert said.rindex(line) > said.index("page 1 of 1")
        caution = "Not a drawn phantom: the teaching networks' scores and maps of this film mean nothing."
        assert (caution in written, caution in text.get("Warning", "")) == (cautious, cautious)


def test_clinical_sets_figure_has_no_such_line_and_says_of_a_phantom_that_it_is_drawn(written):
    data = films.phantom_png(dotted(200, 50, 100, 25))

    text = Image.open(io.BytesIO(figure_png(made_review(data, classifiers=classifiers(2))))).text

    assert "Notice" not in text
    assert not [part for part in written if "Teaching set" in part]
    assert "A drawn phantom, not a patient: the clinical networks learned from patients' films." in written


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_no_figure_is_larger_than_can_be_drawn(count):
    review = made_review(dotted(32, 1000, 16, 500), classifiers=classifiers(count, findings=18), top_k=18)

    width, height = figure_size(review)

    assert width == 2480
    assert height < 2**16


def test_figure_shows_the_film_first_then_each_map_then_the_ensemble():
    review = made_review(
        dotted(200, 50, 100, 25), classifiers=classifiers(1), display=Display(opacity=0.9, threshold=0.0)
    )

    (sheet,) = sheets(review)

    film, map, ensemble = [picture for picture in sheet.pictures if len(picture[1]) > 36]
    assert film[0][1] < map[0][1] == ensemble[0][1]
    assert film[0][0] == map[0][0] < ensemble[0][0]

    def share_of_colour(pixels: np.ndarray) -> float:
        middle = pixels.shape[1] // 2
        return (np.ptp(pixels[20:-20, middle - 60 : middle + 60].astype(int), axis=2) > 30).mean()

    assert share_of_colour(film[1]) == 0
    assert share_of_colour(map[1]) > 0.8
    assert share_of_colour(ensemble[1]) > 0.8


@pytest.mark.parametrize(
    ("style", "fact", "has_bar"),
    [
        ("both", "Colour: relative activation, each map", True),
        ("heatmap", "Colour: relative activation, each map", True),
        ("contour", "Contour: relative activation of 0.30, each map", False),
    ],
)
def test_figures_maps_its_fact_and_its_colour_bar_are_of_the_style(written, monkeypatch, style, fact, has_bar):
    panels, bars, real = [], [], Screen.paint
    monkeypatch.setattr(Page, "colour_bar", lambda *place, **named: bars.append(named))

    def paint(screen, picture, *given, **where):
        film = picture.copy()
        changed = real(screen, picture, *given, **where)
        panels.append((film, picture.copy()))
        return changed

    monkeypatch.setattr(Screen, "paint", paint)

    drawn(made_review(dotted(120, 120, 60, 60), classifiers=classifiers(1), display=Display(0.3, style=style)))

    assert " ".join(written).count(fact) == 1
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


def test_a_figure_is_the_same_whatever_was_laid_out_before():
    other, review = two_sizes(), made_review(two_spots(), classifiers=[*classifiers(2, findings=2), low("c")], top_k=3)
    drawn(other)
    after_another = sheets(review)
    for kept in (page._in_one_line, page._in_lines, page._set, page._width, page.set_line):
        kept.cache_clear()

    for one, fresh in zip(after_another, sheets(review), strict=True):
        assert one.texts == fresh.texts
        assert one.bars == fresh.bars
        assert [box for box, _ in one.pictures] == [box for box, _ in fresh.pictures]


def test_names_with_dollars_are_no_formulas():
    review = made_review(films.film(200, 60), classifiers=[bright_classifier("a", logits={"$\\frac{1}$": 0.0})])

    assert drawn(review).shape[1] == 2480
    assert "$\\frac{1}$" in words(review)
