"""The live viewer's script, run in Chromium without the app, against its twins in Python."""

import base64
import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.greyscale import Greys, domain, to_screen
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.maps.regions import extent_of
from ensemble_cam.rendering.overlay import source_overlay
from ensemble_cam.reviewing import sentences
from ensemble_cam.reviewing.review import Review
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.payload import FilmPart, _axis, packed
from support import films
from support.browsing import expect, needs_chromium
from support.networks import as_untrained, bright_classifier
from support.payloads import sent
from support.reviews import dotted, made_review, with_cell_changed
from support.viewing import blank_page, close, coloured, greys_of, looked_at, place, show, told

pytestmark = needs_chromium

OUTSIDE, OFF = -1, -2

FILMS = {
    "8 bits": films.png(films.film(300, 300)),
    "16 bits": films.png(films.film(90, 140, bits=16)),
    "12 bits, a window of the file's": films.dicom(
        films.film(200, 120, bits=12), bits=12, WindowCenter=1800, WindowWidth=1500
    ),
    "12 bits, falling": films.dicom(films.film(120, 130, bits=12), bits=12, PhotometricInterpretation="MONOCHROME1"),
    "12 bits, signed": films.dicom(films.film(110, 120, bits=12, signed=True), bits=12),
}
GREYS = {
    "the file's own": Greys(),
    "a window": Greys(1500.0, 900.5),
    "a window, inverted": Greys(90.25, 61.0, inverted=True),
    "inverted": Greys(inverted=True),
}


@pytest.fixture(scope="module")
def blank(browser):
    """A page for calls of single functions, which leave nothing on it."""
    with blank_page(browser) as page:
        yield page


@pytest.fixture
def page(browser):
    with blank_page(browser) as page:
        yield page


def axes(geometry: Geometry) -> dict:
    return {"x": _axis(geometry, 0), "y": _axis(geometry, 1)}


def grids(*cells: int) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(cells))
    return [rng.random((each, each), dtype=np.float32) for each in cells]


def parts(made: list[np.ndarray], weights: list[float]) -> list[dict]:
    return [
        {"values": grid.ravel().tolist(), "cells": len(grid), "weight": weight}
        for grid, weight in zip(made, weights, strict=True)
    ]


def numbers(text: str) -> np.ndarray:
    """Read what a page joined, as a list of many numbers takes long to come from there."""
    return np.array(text.split(" "), dtype=np.float64)


# Maps


@pytest.mark.parametrize("framing", ["crop", "pad"])
@pytest.mark.parametrize(("width", "height"), [(61, 61), (90, 47), (40, 83)])
@pytest.mark.parametrize("cells", [(7,), (16,), (1,), (7, 16, 1)], ids=str)
@pytest.mark.parametrize(("scale", "left", "top"), [(1, 0, 0), (1, -13, 5), (0.37, -4, -3), (3.6, 17, 40)])
def test_maps_are_read_as_the_exports_read_them(blank, framing, width, height, cells, scale, left, top):
    geometry = Geometry.framed((width, height), framing=framing, cells=1)
    weights = [1.0] if len(cells) == 1 else [0.5, 0.3, 0.2]
    made = grids(*cells)
    where = {"left": left, "top": top, "scale": scale, "width": 100, "height": 70}
    got = numbers(
        blank.evaluate(
            """([place, geometry, parts]) => {
              for (const part of parts) part.values = Float32Array.from(part.values)
              const out = new Float32Array(place.width * place.height)
              readMaps(out, place, geometry, parts)
              return out.join(" ")
            }""",
            [where, axes(geometry), parts(made, weights)],
        )
    ).reshape(70, 100)

    edges = [(first + np.arange(count) + 0.5) / scale for first, count in ((left, 100), (top, 70))]
    on = [(edge >= 0) & (edge < size) for edge, size in zip(edges, (width, height), strict=True)]
    x0, y0, x1, y1 = geometry.crop
    seen = [(edge >= low) & (edge < high) for edge, low, high in zip(edges, (x0, y0), (x1, y1), strict=True)]
    heatmap = Heatmap("Mass", geometry, tuple(made), tuple(weights))
    inside, film = np.outer(seen[1], seen[0]), np.outer(on[1], on[0])
    assert inside.any()
    for read in (heatmap.at, heatmap.raster):
        values = read(edges[0] - 0.5, edges[1] - 0.5)
        assert_allclose(got, np.where(inside, values, np.where(film, OUTSIDE, OFF)), atol=1e-5)


@pytest.mark.parametrize("framing", ["crop", "pad"])
def test_maps_are_compared_at_the_points_at_which_the_analysis_compares_them(blank, framing):
    geometry = Geometry.framed((90, 47), framing=framing, cells=1)
    made = grids(7, 16)
    got = blank.evaluate(
        """([geometry, parts, count]) => {
          for (const part of parts) part.values = Float32Array.from(part.values)
          return readSamples(geometry, parts, count).join(" ")
        }""",
        [axes(geometry), parts(made, [0.75, 0.25]), 32],
    )
    assert_allclose(
        numbers(got).reshape(32, 32), Heatmap("Mass", geometry, tuple(made), (0.75, 0.25)).samples(32), atol=1e-5
    )


# Greys


@pytest.mark.parametrize("greys", GREYS.values(), ids=GREYS)
@pytest.mark.parametrize("data", FILMS.values(), ids=FILMS)
def test_greys_are_those_of_the_exports(blank, data, greys):
    film = read_radiograph(data)
    part = FilmPart.of(film)
    window = None if greys.window is None else dict(zip(("center", "width"), greys.window, strict=True))
    got = blank.evaluate(
        """([facts, own, state]) =>
          greyTable(facts, Uint8Array.from(atob(own), (c) => c.charCodeAt(0)), state).join(" ")""",
        [
            dict(part.facts),
            base64.b64encode(part.blobs["greys"]).decode(),
            {"window": window, "inverted": greys.inverted},
        ],
    )
    values = domain(film.source.dtype)
    share = greys.table(film.shown, values, film.used)[np.argsort(values)]
    # 255 - floor(x + .5) and floor(255 - x + .5) are a level apart where x ends in .5, and nowhere else.
    tie = np.isclose((share * 255) % 1, 0.5, atol=1e-6)
    assert_array_equal(numbers(got)[~tie], to_screen(share)[~tie])
    assert np.abs(numbers(got)[tie] - to_screen(share)[tie]).max(initial=0) <= 1
    assert part.facts["lowest"] == values.min()


# Pixels on the way


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 3), (64, 1), (1, 64), (123, 45)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_unpacked_pixels_are_those_that_were_packed(blank, width, height, dtype):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width), endpoint=True, dtype=dtype)
    got = blank.evaluate(
        """async ([bytes, width, height, wide]) =>
          (await unpack(Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)), width, height, wide)).join(" ")""",
        [base64.b64encode(packed(pixels)).decode(), width, height, dtype is np.uint16],
    )
    assert_array_equal(numbers(got).reshape(pixels.shape), pixels)


def test_pixels_that_came_incomplete_are_refused(blank):
    short = base64.b64encode(packed(np.zeros((5, 5), np.uint8))).decode()
    told = blank.evaluate(
        """async (bytes) => {
          try {
            await unpack(Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)), 5, 6, false)
          } catch (error) { return error.message }
        }""",
        short,
    )
    assert told == "The film came incomplete."


def test_data_that_is_not_what_was_sent_is_refused_and_said_so(page):
    viewer = show(page, sent(made_review(dotted(80, 80, 40, 30))), spoilt="maps")
    expect(viewer.one(".message")).to_have_text(
        "The live viewer cannot run in this browser. Still pictures stand in for it."
    )
    assert told(page) == [["failed", "What came is not what was sent."]]
    assert viewer.drawn() is None


# The picture


def drawn_as_exported(viewer, review: Review, film: Radiograph, display: Display, *, label: str) -> None:
    """Compare every panel at 1:1 with the export of the same map, inside of what the networks see."""
    analysis = review.analysis
    finding = next(each for each in analysis.findings if each.label == label)
    where = place(viewer.page)
    whole = analysis.geometry.crop == (0, 0, *analysis.geometry.source_size)
    pictures = viewer.pictures()
    assert set(finding.heatmaps()) <= set(pictures)
    for id, heatmap in finding.heatmaps().items():
        expected, panel = looked_at(source_overlay(film.display, heatmap, display), where)
        drawn = pictures[id][panel]
        assert expected.shape[0] >= 80  # something is in view
        if not whole:
            x0, y0, x1, y1 = analysis.geometry.crop
            left, top = max(int(where["left"]), 0), max(int(where["top"]), 0)
            seen = slice(y0 - top + 1, y1 - top - 1), slice(x0 - left + 1, x1 - left - 1)  # but for its outline
            outside = np.ones(drawn.shape[:2], bool)
            outside[y0 - top : y1 - top, x0 - left : x1 - left] = False
            if display.style != "contour":  # its dark rim reaches out by a pixel
                assert_array_equal(drawn[outside], greys_of(film)[outside] >> 1)
            drawn, expected = drawn[seen], expected[seen]
        assert coloured(drawn) > 50 or display.style == "contour"
        if display.style != "heatmap":
            assert (drawn == 255).all(axis=2).sum() > 20
        assert close(drawn, expected, levels=1, share=1.0)


def at_one_to_one(viewer) -> None:
    viewer.focus(viewer.ids()[0])
    viewer.press("x")


def some_review(data: bytes) -> Review:
    classifiers = [
        bright_classifier("fine", logits={"Mass": 1.0}, cells=16),
        bright_classifier("coarse", logits={"Mass": -0.5}, cells=7),
    ]
    return made_review(data, classifiers=classifiers, ensemble_weights={"fine": 1.0, "coarse": 0.5})


@pytest.mark.parametrize("data", FILMS.values(), ids=FILMS)
def test_at_one_to_one_panels_equal_the_exported_overlays(page, data):
    review = some_review(data)
    film = review.analysis.radiograph
    start = Committed(film=film.sha256, display=Display(0.55, 0.6, "viridis", style="heatmap"))
    viewer = show(page, sent(review, committed=start))
    at_one_to_one(viewer)
    drawn_as_exported(viewer, review, film, start.display, label="Mass")
    for style in ("both", "contour"):
        viewer.click(f'#style input[value="{style}"]')
        drawn_as_exported(viewer, review, film, replace(start.display, style=style), label="Mass")
    viewer.choose("#threshold", "0")
    viewer.click('#style input[value="heatmap"]')
    drawn_as_exported(viewer, review, film, replace(start.display, style="heatmap", threshold=0.0), label="Mass")


@pytest.mark.parametrize("greys", list(GREYS.values())[1:], ids=list(GREYS)[1:])
def test_windowed_and_inverted_panels_equal_the_exported_overlays(page, greys):
    review = some_review(FILMS["12 bits, falling"])
    film = review.analysis.radiograph.with_greys(greys)
    start = Committed(film=film.sha256, display=Display(style="heatmap"), greys=greys)
    viewer = show(page, sent(review, committed=start))
    at_one_to_one(viewer)
    drawn_as_exported(viewer, review, film, start.display, label="Mass")


def test_other_ensemble_weights_give_the_map_score_and_agreement_of_a_review_with_those_weights(page):
    review = some_review(FILMS["16 bits"])
    viewer = show(page, sent(review, committed=Committed(display=Display(style="heatmap"))))
    at_one_to_one(viewer)
    for weights in ({"fine": 0.25, "coarse": 2.0}, {"fine": 0.0, "coarse": 1.0}):
        viewer.one(".weights").evaluate("details => { details.open = true }")
        for id, weight in weights.items():
            viewer.choose(f"#weight-{id}", f"{weight:g}")
        other = replace(review, analysis=review.analysis.reweighted(weights))
        drawn_as_exported(viewer, other, other.analysis.radiograph, Display(style="heatmap"), label="Mass")
        (finding,) = other.analysis.findings
        score = f"{finding.ranked.score.value:.2f}"
        expect(viewer.panel("ensemble").locator(".caption")).to_have_text(f"Ensemble · {score}")
        expect(viewer.one(".finding .score")).to_have_text(score)
        agreement = finding.agreement(0.4)
        assert ("rank correlation" in viewer.one(".behind").inner_text()) == (agreement is not None)
        if agreement is not None:
            assert other.analysis.is_split(finding)
            expect(viewer.one(".finding .agree")).to_have_text(f"split {agreement.iou:.2f}")
            expect(viewer.one(".behind")).to_contain_text(f"rank correlation {agreement.rank_correlation:.2f}")


def test_a_review_that_differs_in_one_cell_of_one_map_is_drawn_in_the_others_place(page):
    review = made_review(dotted(120, 120, 70, 40))
    changed = replace(review, analysis=with_cell_changed(review.analysis))
    label = next(each.label for each in review.analysis.findings if len(each.maps) > 1)
    start = Committed(finding=label, display=Display(style="heatmap"))
    viewer = show(page, sent(review, committed=start))
    viewer.one(".finding").filter(has_text=label).click()
    at_one_to_one(viewer)
    drawn_as_exported(viewer, review, review.analysis.radiograph, start.display, label=label)
    before = viewer.pictures()
    show(page, sent(changed, committed=start))
    drawn_as_exported(viewer, changed, review.analysis.radiograph, start.display, label=label)
    assert any((picture != before[id]).any() for id, picture in viewer.pictures().items())


def test_a_large_film_is_asked_for_whole_when_it_is_looked_at_closely_and_then_drawn_as_it_is(page):
    review = made_review(films.png(films.film(1500, 1400, seed=5)))
    film = review.analysis.radiograph
    viewer = show(page, sent(review))
    viewer.point_at("fine")
    expect(viewer.one(".readout")).to_contain_text("value: zoom in")
    assert told(page) == []
    at_one_to_one(viewer)
    (message,) = told(page)
    assert message[1]["detail"] == film.sha256
    show(page, sent(review, committed=Committed.of(message[1]), whole=True))
    x, y = viewer.point_at("fine", 0.4, 0.6)
    expect(viewer.one(".readout")).to_contain_text(f"x {x} · y {y} · value {film.source[y, x]}")
    where = place(page)
    assert where["scale"] == 1  # the view is kept
    viewer.press("o")
    expected, panel = looked_at(greys_of(film), where)
    assert close(viewer.pictures()["fine"][panel], expected, levels=0)
    assert len(told(page)) == 2


def test_the_point_under_the_pointer_stays_there_however_far_one_zooms(page):
    viewer = show(page, sent(made_review(dotted(1000, 800, 500, 300))))
    at = (0.31, 0.43)
    said = viewer.point_at("fine", *at)
    box, pointer = viewer.canvas("fine").bounding_box(), viewer.at("fine", *at)

    def point() -> list[float]:
        shown = place(page)
        across, down = pointer[0] - box["x"], pointer[1] - box["y"]
        return [(shown["left"] + across) / shown["scale"], (shown["top"] + down) / shown["scale"]]

    first = point()
    for delta, count in ((-100, 22), (100, 12)):
        for _ in range(count):
            with viewer.redrawn():
                page.mouse.wheel(0, delta)
        assert_allclose(point(), first, atol=0.01)
        assert_allclose(viewer.point_at("fine", *at), said, atol=1)  # it may lie at a pixel's edge


def test_data_that_comes_again_as_at_a_change_of_theme_leaves_picture_view_and_settings_alone(page):
    payload = sent(made_review(dotted(120, 120, 70, 40)))
    viewer = show(page, payload)
    viewer.press(".", "+", "i")
    before, drawn = viewer.pictures(), viewer.drawn()
    page.evaluate("document.documentElement.style.colorScheme = 'light'")
    show(page, payload, again=True)
    assert viewer.drawn() == drawn
    assert viewer.outputs()["threshold"] == "0.42"
    for id, picture in viewer.pictures().items():
        assert_array_equal(picture, before[id])


def test_what_came_last_is_shown_though_something_else_came_in_between(page):
    first, between = (sent(made_review(dotted(100, 100, x, 40))) for x in (20, 80))
    viewer = show(page, first)
    before = viewer.pictures()
    show(page, first, again=True, before_it=[between])
    page.wait_for_timeout(500)  # for what must not come
    viewer.still()
    for id, picture in viewer.pictures().items():
        assert_array_equal(picture, before[id])


def test_what_is_read_out_follows_the_maps_under_a_pointer_that_rests(page):
    viewer = show(page, sent(made_review(dotted(100, 100, 50, 50))))
    viewer.point_at("fine")
    before = viewer.readout()
    viewer.press("j")
    changed = viewer.readout()
    viewer.page.mouse.move(5, 5)
    assert not viewer.readout().startswith("x ")
    viewer.point_at("fine")
    assert viewer.readout() == changed
    assert changed != before


def test_a_region_too_small_for_the_samples_is_not_called_nothing(page):
    review = made_review(dotted(1000, 1000, 333, 421))
    viewer = show(page, sent(review))
    viewer.choose("#threshold", "1")
    for number, finding in enumerate(review.analysis.findings, start=1):
        viewer.choose_finding(number)
        viewer.still()
        for id, heatmap in finding.maps.items():
            told = viewer.panel(id).locator(".note").inner_text()
            assert ("nothing at or above" in told) == (heatmap.empty is False and heatmap.grids[0].max() < 1), told


def test_findings_rank_as_the_exports_once_weights_are_let_go_and_not_under_the_hand(page):
    calibrated = [
        bright_classifier("fine", logits={"Mass": 1.0, "Effusion": -0.5}, cells=16),
        bright_classifier("coarse", logits={"Mass": -2.0, "Effusion": 1.5}, cells=8),
    ]
    review = made_review(dotted(100, 100, 50, 50), classifiers=calibrated)
    viewer = show(page, sent(review))
    viewer.one(".weights").evaluate("details => { details.open = true }")
    orders = set()
    for weights in ({"fine": 2.0, "coarse": 0.1}, {"fine": 0.1, "coarse": 2.0}):
        before = viewer.one(".finding .label").all_inner_texts()
        for id, weight in weights.items():
            viewer.one(f"#weight-{id}").evaluate(
                "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')) }", weight
            )
        viewer.still()
        assert viewer.one(".finding .label").all_inner_texts() == before
        viewer.one("#weight-fine").evaluate("slider => slider.dispatchEvent(new Event('change'))")
        ranked = [finding.label for finding in review.analysis.reweighted(weights).findings]
        assert viewer.one(".finding .label").all_inner_texts() == ranked
        orders.add(tuple(ranked))
    assert len(orders) == 2


def test_who_stands_behind_map_and_score_is_said_as_in_the_exports(page):
    review = made_review(dotted(100, 100, 50, 50))
    viewer = show(page, sent(review))
    for number, finding in enumerate(review.analysis.findings, start=1):
        viewer.choose_finding(number)
        viewer.still()
        expect(viewer.one(".behind")).to_contain_text(sentences.behind(review.analysis, finding))


def test_what_is_set_while_the_whole_film_is_on_its_way_does_not_take_the_wish_back(page):
    review = made_review(films.png(films.film(1500, 1400, seed=5)))
    viewer = show(page, sent(review))
    at_one_to_one(viewer)
    viewer.press("i")
    assert [message["detail"] for _, message in told(page)] == [review.analysis.radiograph.sha256] * 2


def told_of(viewer, id: str) -> str:
    return viewer.panel(id).locator(".note").inner_text()


def test_title_and_panels_say_in_the_exports_words_what_is_there_and_what_is_not(page):
    classifiers = [
        bright_classifier("fine", logits={"Mass": 1.0, "Effusion": -1.0}, cells=16),
        bright_classifier("coarse", logits={"Mass": -1.0}, cells=8),
        bright_classifier("loose", logits={"Mass": -1.0}, calibrated=False),
        bright_classifier("blind", logits={"Mass": 0.5}, slope=0.0),
    ]
    classifiers.append(as_untrained(bright_classifier("seeded", logits={"Hernia": 0.7})))
    review = made_review(dotted(100, 100, 50, 50), classifiers=classifiers)
    viewer = show(page, sent(review))
    analysis, threshold = review.analysis, review.display.threshold
    for number, finding in enumerate(analysis.findings, start=1):
        viewer.choose_finding(number)
        viewer.still()
        title = viewer.one(".title").inner_text()
        line = sentences.disagreement(analysis, finding, threshold)
        assert title.endswith(f" · {line}" if line else sentences.score_line(finding.ranked.score))
        assert sentences.score_line(finding.ranked.score) in title
        for id, heatmap in finding.heatmaps().items():
            call = sentences.call_at_length(analysis.score(finding, id).call)
            said = sentences.extent(heatmap, extent_of(heatmap, threshold), threshold, at_length=True)
            share = re.compile(r"(about |less than )?\d+(\.\d)?%")  # the browser measures it at fewer points
            assert share.sub("%", told_of(viewer, id)) == share.sub("%", f"{call} · {said}")
        for id in finding.missing:
            assert told_of(viewer, id).endswith(sentences.no_map(finding, id))
    viewer.choose_finding(1)
    viewer.one(".weights").evaluate("details => { details.open = true }")
    for classifier in classifiers:
        viewer.choose(f"#weight-{classifier.id}", "0")
    without = replace(analysis.findings[0], ensemble=None)
    assert told_of(viewer, ENSEMBLE) == sentences.no_map(without, ENSEMBLE)
    expect(viewer.one(".behind")).to_have_text(sentences.behind(analysis, without))


def test_regions_are_counted_as_in_the_exports_at_any_threshold_and_weights(page):
    lungs = np.maximum(dotted(420, 380, 160, 250), dotted(420, 380, 265, 240))
    classifiers = [bright_classifier("fine", cells=16), bright_classifier("coarse", cells=7)]
    review = made_review(lungs, classifiers=classifiers)
    viewer = show(page, sent(review))
    (finding,) = review.analysis.findings
    counts = set()
    for threshold in (0.1, 0.5, 0.65, 0.8):
        viewer.choose("#threshold", str(threshold))
        viewer.still()
        for id, heatmap in finding.heatmaps().items():
            count = extent_of(heatmap, threshold).count
            assert (f"{count} regions: " in told_of(viewer, id)) == (count > 1), (id, threshold)
            counts.add(count)
    assert {1, 2} <= counts
    viewer.one(".weights").evaluate("details => { details.open = true }")
    viewer.choose("#weight-fine", "0")
    mean = review.analysis.reweighted({"fine": 0.0}).findings[0].ensemble
    count = extent_of(mean, 0.8).count
    assert (f"{count} regions: " in told_of(viewer, ENSEMBLE)) == (count > 1)


def test_a_mean_means_nothing_in_the_browser_as_in_the_exports_while_an_untrained_network_has_a_weight_in_it(page):
    trained = bright_classifier("trained", logits={"Mass": 1.0, "Effusion": -1.0})
    seeded = as_untrained(bright_classifier("seeded", logits={"Mass": 1.0}))
    analysis = made_review(dotted(100, 100, 50, 50), classifiers=[trained, seeded]).analysis
    viewer = show(page, sent(made_review(dotted(100, 100, 50, 50), classifiers=[trained, seeded])))
    for strip in viewer.one(".finding .strip").all():
        expect(strip.locator("ellipse")).to_have_css("fill", "rgb(255, 255, 255)")  # the trained one's, in its colour
    expect(viewer.one(".strip path")).to_have_count(1)
    expect(viewer.one(".strip path.meaningless")).to_have_css("fill", "none")
    expect(viewer.one(".legend")).to_have_text("Trained×Seeded (meaningless)")
    viewer.one(".weights").evaluate("details => { details.open = true }")
    words = set()
    for weight in (1.0, 0.0):
        viewer.choose("#weight-seeded", str(weight))
        viewer.still()
        calls = [str(finding.call) for finding in analysis.reweighted({"seeded": weight}).findings]
        assert viewer.one(".finding .badge").all_inner_texts() == calls
        words |= set(calls)
    assert words == {"meaningless", "called", "not called"}


def test_the_viewer_is_fitted_anew_where_a_line_above_it_goes_as_one_below_it_comes(page):
    page.evaluate("document.body.className = 'stMain'; document.body.innerHTML = '<i></i><p>kept back</p>'")
    viewer = show(page, sent(made_review(dotted(100, 100, 50, 50))))
    around = viewer.box.evaluate("box => box.style.getPropertyValue('--around')")
    page.evaluate("document.body.append(document.querySelector('p'))")
    expect(viewer.box).not_to_have_css("--around", around)


def test_a_viewer_that_has_left_the_page_puts_no_film_on_the_stage_that_was_still_on_its_way(page):
    page.evaluate("(() => { const { appear } = window; window.appear = (given) => appear(given)() })()")
    viewer = show(page, sent(made_review(dotted(100, 100, 50, 50))), again=True)
    page.wait_for_timeout(500)  # for what must not come
    assert page.evaluate('window[Symbol.for("ensemble-cam stage")].shown') is None
    assert viewer.drawn() is None
