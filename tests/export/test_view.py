"""*This view* leaves with its words and says which part of which film it is, in which greys."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from ensemble_cam.errors import ConfigError
from ensemble_cam.export import view as views
from ensemble_cam.export.view import Panels, View, panels_png, view_png
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.rendering.view import Enlarged, draw_view
from ensemble_cam.reviewing.review import Review
from ensemble_cam.settings.display import Display
from support.networks import as_teaching, bright_classifier
from support.reviews import dotted, made_review, two_classifiers


@pytest.fixture(scope="module")
def review() -> Review:
    return made_review(dotted(300, 260, 190, 80), labels=("Mass", "Lung Lesion"))


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What stands below the views, wording by wording: all that is wished for."""
    found, real = [], views.footer

    def footer(words, *size):
        found.append(" ".join(run.text for paragraph in words.whole for run in paragraph))
        return real(words, *size)

    monkeypatch.setattr(views, "footer", footer)
    return found


@pytest.mark.parametrize("box", [(0, 0, 300, 260), (50, 60, 150, 200), (0, 0, 8, 8), (10, 10, 12, 200)])
def test_longer_side_has_at_least_2000_pixels_and_the_words_stand_below(review, box):
    picture = opened(view_png(review, View(box, "Mass", "fine")))

    part = Enlarged.to(2000, box)
    assert picture.width == part.size[0]
    assert max(part.size) >= 2000
    assert part.size[1] < picture.height <= part.size[1] * 1.5 + 200
    analysis = review.analysis
    (finding,) = [finding for finding in analysis.findings if finding.label == "Mass"]
    alone = draw_view(analysis.radiograph.display, analysis.geometry, part, finding.maps["fine"], review.display)
    assert_array_equal(np.asarray(picture)[: part.size[1]], alone)


def test_words_and_text_chunks_say_what_it_is_whose_and_where(review, said):
    text = opened(view_png(review, View((50, 60, 150, 200), "Mass", "fine"))).text

    assert "Mass · score" in said[0]
    assert "map of Fine" in said[0]
    assert "Fine: by-hand, SHA-256 000000000000…" in said[0]
    assert "threshold 0.40" in said[0]
    assert "A part of the film: x 50 to 150, y 60 to 200 of 300×260 source pixels, enlarged 15 times" in said[0]
    assert "greys: as the file declares" in said[0]
    assert said[0].endswith("Research and teaching use. Not for diagnosis.")
    assert text["View"] == "source pixels 50, 60, 150, 200, enlarged 15 times"
    assert (text["Finding"], text["Map"]) == ("Mass", "fine")
    assert text["Film SHA-256"] == review.analysis.radiograph.sha256
    assert text["Disclaimer"] == "Research and teaching use. Not for diagnosis."


def test_window_and_inversion_are_the_reviews(review, said):
    film = review.analysis.radiograph.with_greys(Greys(120, 60, inverted=True))
    windowed = replace(review, analysis=replace(review.analysis, radiograph=film))
    box = (100, 20, 260, 150)

    plain, other = (np.asarray(opened(view_png(each, View(box)))).astype(int) for each in (review, windowed))

    rows = 130 * 13
    assert (plain[:rows] != other[:rows]).any(axis=2).mean() > 0.5
    assert np.corrcoef(plain[:rows, :, 0].ravel(), other[:rows, :, 0].ravel())[0, 1] < 0
    assert "center 120, width 60, inverted for the reader alone" in said[1]


def test_film_alone_says_that_it_is(review, said):
    picture = opened(view_png(review, View((0, 0, 300, 260))))

    assert said[0].startswith("The film alone, without a map. The whole film, 300×260 source pixels, enlarged 7 times")
    assert np.ptp(np.asarray(picture)[200:1600, 400:1600].astype(int), axis=2).max() == 0
    assert "Map" not in picture.text


def test_a_view_of_what_means_nothing_says_so_first_and_of_the_teaching_set_what_it_is(said):
    review = made_review(dotted(300, 260, 190, 80), classifiers=[as_teaching(bright_classifier("a"))])

    view_png(review, View((0, 0, 300, 260), review.analysis.findings[0].label))

    assert said[0].startswith("Scores and maps of this film mean nothing.")
    assert "Teaching set: trained on synthetic phantoms, never on patients." in said[0]


def test_large_films_are_not_made_smaller():
    review = made_review(dotted(2300, 2100, 900, 800), display=Display(overlays=False))

    assert opened(view_png(review, View((0, 0, 2300, 2100)))).width == 2300


def test_what_reaches_beyond_the_film_is_left_out_and_nothing_of_it_is_refused(review):
    inside, beyond = (
        np.asarray(opened(view_png(review, View(box, "Mass")))) for box in ((200, 0, 300, 100), (200, -50, 900, 100))
    )
    assert_array_equal(inside, beyond)

    for box in ((300, 0, 400, 50), (-9, -9, 0, 0), (50, 50, 50, 60), (60, 50, 40, 60)):
        with pytest.raises(ConfigError, match="300×260 pixels"):
            view_png(review, View(box))


def test_a_map_that_is_not_there_is_refused_by_its_name(review):
    with pytest.raises(ConfigError, match="no map of Lung Lesion by fine"):
        view_png(review, View((0, 0, 300, 260), "Lung Lesion", "fine"))
    with pytest.raises(ConfigError, match="no map of Edema by ensemble"):
        view_png(review, View((0, 0, 300, 260), "Edema"))


def test_same_view_is_the_same_bytes(review):
    again = made_review(dotted(300, 260, 190, 80), classifiers=two_classifiers(), labels=("Mass", "Lung Lesion"))
    view = View((50, 60, 150, 200), "Mass")

    assert view_png(review, view) == view_png(again, view)


def test_several_maps_side_by_side_stand_in_rows_and_say_whose_each_is(review, said):
    box, ids = (50, 60, 150, 200), ("fine", "coarse", "ensemble")
    picture = opened(panels_png(review, Panels(box, "Lung Lesion", ids, columns=2, thickness=0.5)))

    (finding,) = [finding for finding in review.analysis.findings if finding.label == "Lung Lesion"]
    pixels, times = np.asarray(picture), 8  # 280 source pixels in two rows
    assert "enlarged 8 times" in picture.text["View"]
    for place, id in enumerate(ids):
        top, left = place // 2 * (1120 + 5), place % 2 * (800 + 5)
        heatmap = finding.heatmaps().get(id)
        part = Enlarged(box, times)
        alone = draw_view(
            review.analysis.radiograph.display, review.analysis.geometry, part, heatmap, review.display, thickness=4
        )
        assert_array_equal(pixels[top : top + 1120, left : left + 800], alone)
    assert "Row by row: Fine no map: " in said[0]
    assert "· Coarse 0." in said[0]
    assert "· Ensemble 0." in said[0]
    assert "Fine: by-hand" in said[0]
    assert picture.text["Map"] == "fine, coarse, ensemble"


def test_a_disagreement_is_the_largest_less_the_smallest_map_in_colours_of_its_own(review, said):
    review = replace(review, display=Display(threshold=0.1))
    picture = np.asarray(opened(panels_png(review, Panels((0, 0, 300, 260), "Mass", ("disagreement",)))))

    (finding,) = [finding for finding in review.analysis.findings if finding.label == "Mass"]
    fine, coarse = (finding.maps[id].in_source(np.float64) for id in ("fine", "coarse"))
    expected, inside = np.abs(fine - coarse), np.zeros((260, 300), bool)
    x0, y0, x1, y1 = review.analysis.geometry.crop
    inside[y0:y1, x0:x1] = True
    centres = picture[3 : 260 * 7 : 7, 3::7].astype(int)
    coloured = np.ptp(centres, axis=2) > 0
    sure = inside & (np.abs(expected - review.display.threshold) > 0.02)
    sure[[y0, y1 - 1]] = sure[:, [x0, x1 - 1]] = False  # the outline of what was seen
    assert coloured[sure].any()
    assert_array_equal(coloured[sure], (expected >= review.display.threshold)[sure])
    share = (expected >= review.display.threshold)[inside].mean()
    told = re.search(r"Largest minus smallest relative activation of 2 maps, cividis: about (\d+\.\d)% of", said[0])
    assert float(told[1]) == pytest.approx(100 * share, abs=1)


def test_a_disagreement_of_one_map_is_the_film_alone(review, said):
    assert "Map" not in opened(panels_png(review, Panels((0, 0, 300, 260), "Lung Lesion", ("disagreement",)))).text
    assert said[0].startswith("The film alone, without a map.")


def test_a_disagreement_stands_beside_other_maps(review, said):
    review = replace(review, display=Display(threshold=0.1))
    box, ids = (50, 60, 150, 200), ("ensemble", "coarse", "disagreement")
    picture = opened(panels_png(review, Panels(box, "Mass", ids, columns=3)))
    thrice = opened(panels_png(review, Panels(box, "Mass", ("disagreement",) * 3, columns=3)))

    times = int(picture.text["View"].partition("enlarged ")[2].split()[0])
    last = np.s_[: 140 * times, -100 * times :]
    assert_array_equal(np.asarray(picture)[last], np.asarray(thrice)[last])
    assert not np.array_equal(np.asarray(picture)[: 140 * times, : 100 * times], np.asarray(picture)[last])
    assert "Row by row: Ensemble 0.74, called · Coarse 0.39, uncalibrated · Disagreement Coarse: " in said[0]
    assert "Largest minus smallest relative activation of 2 maps" in said[0]
    assert picture.text["Map"] == "ensemble, coarse, disagreement"
