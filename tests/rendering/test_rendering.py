"""Colours are put over a film where a map says so, by how much it says, and nowhere else."""

import io

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.cams import CamMap
from ensemble_cam.maps.ensemble import ensemble_map
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.rendering.colours import CROP_COLOUR, TRUTH_COLOUR, colour_table
from ensemble_cam.rendering.overlay import overlay, source_overlay
from ensemble_cam.rendering.png import png
from ensemble_cam.rendering.screen import Screen, draw_point, draw_truth, jpeg, outline
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.vocabulary import COLORMAPS


def ramp(width: int, height: int) -> np.ndarray:
    """Return (h, w) uint8 with every grey from 0 to 255 in every row, shifted from row to row."""
    ys, xs = np.mgrid[0:height, 0:width]
    return ((xs * 255 // (width - 1) + 7 * ys) % 256).astype(np.uint8)


def smooth(width: int, height: int) -> np.ndarray:
    """Return (h, w) float32 values from 0 to 1."""
    ys, xs = np.mgrid[0:height, 0:width]
    field = np.sin(xs / 23) * np.cos(ys / 31)
    return ((field - field.min()) / np.ptp(field)).astype(np.float32)


def mixed(film: np.ndarray, values: np.ndarray, display: Display) -> np.ndarray:
    """The film with colour over all of it, (h, w, 3) float64, straight from matplotlib."""
    colours = matplotlib.colormaps[display.colormap](np.rint(values * 255).astype(int))[..., :3] * 255
    return film[..., None] * (1 - display.opacity) + colours * display.opacity


def away_from_the_rim(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels well inside and well outside of a mask, where its contour does not reach."""
    return binary_erosion(mask, iterations=3), ~binary_dilation(mask, iterations=3)


def framed(width: int, height: int, framing: str = "crop") -> Geometry:
    return Geometry.framed((width, height), framing=framing, cells=1)


def heatmap_of(grid: np.ndarray, geometry: Geometry) -> Heatmap:
    return Heatmap("Mass", geometry, (grid.astype(np.float32),), (1.0,))


@pytest.mark.parametrize(
    "display",
    [
        Display(),
        Display(threshold=0.7, opacity=1.0, colormap="viridis"),
        Display(threshold=0.2, opacity=0.8, colormap="jet"),
        Display(threshold=0.5, opacity=0.0, colormap="turbo"),
    ],
    ids=lambda display: display.colormap,
)
def test_greys_stay_below_the_threshold_and_are_mixed_with_the_maps_colour_above_it(display):
    film, values = ramp(512, 400), smooth(512, 400)

    drawn = overlay(film, values, display, seen=(0, 0, 512, 400))

    inside, outside = away_from_the_rim(values >= display.threshold)
    assert min(inside.sum(), outside.sum()) > 10_000
    assert_array_equal(drawn[outside], np.repeat(film[..., None], 3, axis=2)[outside])
    assert_allclose(drawn[inside].astype(float), mixed(film, values, display)[inside], atol=1)


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_colours_are_matplotlibs(colormap):
    colours = matplotlib.colormaps[colormap](np.arange(256))[:, :3] * 255

    assert_array_equal(colour_table(colormap), colours.round())


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("framing", ["crop", "pad"])
@pytest.mark.parametrize(("width", "height"), [(307, 201), (201, 307), (90, 64)])
def test_source_overlay_drawn_a_few_rows_at_a_time_is_the_one_drawn_at_once(width, height, framing, threshold):
    rng = np.random.default_rng(1)
    grids = tuple(rng.random((cells, cells)).astype(np.float32) for cells in (7, 16))
    heatmap = Heatmap("Mass", framed(width, height, framing), grids, (0.3, 0.7))
    film, display = ramp(width, height), Display(threshold=threshold, colormap="turbo")

    drawn = source_overlay(film, heatmap, display)

    assert_array_equal(drawn, overlay(film, heatmap.in_source(), display, seen=heatmap.geometry.crop))


def test_white_film_under_a_bright_colour_does_not_wrap_around_to_black():
    drawn = overlay(
        np.full((60, 60), 255, np.uint8), np.ones((60, 60), np.float32), Display(opacity=0.5), seen=(0, 0, 60, 60)
    )

    brightest = np.array(matplotlib.colormaps["inferno"](255)[:3]) * 255
    assert_allclose(drawn[30, 30], (255 + brightest) / 2, atol=1)


@pytest.mark.parametrize("threshold", [0.0, 0.4, 1.0])
def test_empty_map_leaves_the_film_as_it_is_at_any_threshold(threshold):
    film, geometry = ramp(90, 60), framed(90, 60)
    empty = heatmap_of(np.zeros((7, 7)), geometry)

    for drawn in (
        source_overlay(film, empty, Display(threshold=threshold)),
        overlay(film, empty.in_source(), Display(threshold=threshold), seen=(0, 0, 90, 60)),
    ):
        assert_array_equal(drawn, np.repeat(film[..., None], 3, axis=2))


@pytest.mark.parametrize(("width", "height"), [(200, 120), (120, 200)])
def test_threshold_zero_colours_the_whole_crop_and_nothing_outside_of_it(width, height):
    film, geometry, display = ramp(width, height), framed(width, height), Display(threshold=0.0, opacity=0.8)
    grid = np.zeros((8, 8))
    grid[2, 5] = 1
    heatmap = heatmap_of(grid, geometry)
    x0, y0, x1, y1 = geometry.crop
    crop = np.zeros((height, width), bool)
    crop[y0:y1, x0:x1] = True
    inside, outside = away_from_the_rim(crop)
    assert (heatmap.in_source()[inside] == 0).any()

    drawn = source_overlay(film, heatmap, display)
    assert_array_equal(drawn[outside], np.repeat(film[..., None], 3, axis=2)[outside])
    assert_allclose(drawn[inside].astype(float), mixed(film, heatmap.in_source(), display)[inside], atol=1)

    panel = Screen.of(film, geometry, longest=1000).panel(heatmap, display)
    assert_array_equal(panel[outside], np.repeat(film[..., None] // 2, 3, axis=2)[outside])
    assert_array_equal(panel[inside], drawn[inside])


def test_contour_runs_white_along_the_regions_outermost_pixels():
    values = np.zeros((100, 100), np.float32)
    values[30:70, 20:60] = 0.5

    drawn = overlay(np.zeros((100, 100), np.uint8), values, Display(), seen=(0, 0, 100, 100))

    white = (drawn > 200).all(axis=2)  # its edges are smoothed
    rim = np.zeros((100, 100), bool)
    rim[30:70, 20:60] = True
    rim[31:69, 21:59] = False
    assert white[rim].all()
    assert not white[~rim].any()


@pytest.mark.parametrize("draw", ["overlay", "source_overlay", "panel"])
def test_styles_are_the_colours_alone_the_contour_alone_and_both(draw):
    film, geometry = np.full((240, 240), 250, np.uint8), framed(240, 240)
    heatmap = heatmap_of(np.pad(np.ones((3, 3)), 2), geometry)

    def drawn(**display: object) -> np.ndarray:
        display = Display(**display)
        if draw == "overlay":
            return overlay(film, heatmap.in_source(), display, seen=(0, 0, 240, 240))
        if draw == "source_overlay":
            return source_overlay(film, heatmap, display)
        return Screen.of(film, geometry, longest=240).panel(heatmap, display)

    both, colours, contour = drawn(), drawn(style="heatmap"), drawn(style="contour")

    assert_array_equal(both, drawn(style="both"))
    reached = heatmap.in_source() >= 0.4
    plain = np.repeat(film[..., None], 3, axis=2)
    # The colours alone are the mix, up to the region's very rim.
    assert_allclose(colours[reached].astype(float), mixed(film, heatmap.in_source(), Display())[reached], atol=1)
    assert_array_equal(colours[~reached], plain[~reached])
    # The line alone is as white as that of both, dark beside, and leaves the film as it is elsewhere.
    line = reached & ~binary_erosion(reached)
    for picture in (both, contour):
        assert (picture[line] == 255).all()
    assert_array_equal(both[~line], colours[~line])
    rim = binary_dilation(line, np.ones((3, 3))) & ~line
    assert (contour[rim] == 0).all()
    assert_array_equal(contour[~(line | rim)], plain[~(line | rim)])


@pytest.mark.parametrize("thickness", [2, 4])
def test_a_large_films_contour_is_as_thick_as_its_size_asks_for_and_inside_of_its_region(thickness):
    side = 600 * thickness
    film, geometry = np.full((side, side), 250, np.uint8), framed(side, side)
    heatmap = heatmap_of(np.pad(np.ones((3, 3)), 2), geometry)
    reached = heatmap.in_source() >= 0.4
    drawn = source_overlay(film, heatmap, Display())
    colours = source_overlay(film, heatmap, Display(style="heatmap"))
    row = side // 2
    line = np.flatnonzero((drawn[row] != colours[row]).any(axis=1))
    first, last = np.flatnonzero(reached[row])[[0, -1]]
    assert_array_equal(line, [*range(first, first + thickness), *range(last - thickness + 1, last + 1)])


def test_ensemble_is_coloured_by_the_mean_of_its_maps_and_not_by_the_mean_of_their_colours():
    geometry = framed(96, 96)
    left, right = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.float32)
    left[:, :4], right[:, 4:] = 1, 1
    maps = [
        CamMap.of(grid, label="Mass", classifier=id, geometry=geometry.on(8))
        for id, grid in (("left", left), ("right", right))
    ]
    film, display = np.full((96, 96), 90, np.uint8), Display(threshold=0.0, opacity=1.0)

    drawn = source_overlay(film, ensemble_map(maps, {"left": 1.0, "right": 1.0}), display)
    ours = drawn[10:-10, 10:-10].astype(float)

    colour = matplotlib.colormaps["inferno"]
    assert_allclose(ours, np.broadcast_to(np.array(colour(128)[:3]) * 255, ours.shape), atol=3)
    mean_of_colours = (np.array(colour(0)[:3]) + np.array(colour(255)[:3])) / 2 * 255
    assert np.abs(ours[40, 40] - mean_of_colours).max() > 30


@pytest.mark.parametrize("framing", ["crop", "pad"])
@pytest.mark.parametrize(("width", "height"), [(517, 301), (301, 517), (400, 400)])
def test_shrunken_panel_is_hottest_where_the_map_is_hottest_in_source_pixels(width, height, framing):
    geometry = framed(width, height, framing)
    screen = Screen.of(ramp(width, height), geometry, longest=130)
    rows, columns = screen.film.shape
    assert max(rows, columns) == 130
    step_x, step_y = width / columns, height / rows
    for cell in ((2, 3), (5, 5), (3, 2), (4, 3)):
        grid = np.full((8, 8), 0.1)
        grid[cell] = 1
        heatmap = heatmap_of(grid, geometry)
        y, x = np.unravel_index(heatmap.in_source().argmax(), (height, width))

        row, column = np.unravel_index(screen.values(heatmap).argmax(), (rows, columns))

        assert abs((column + 0.5) * step_x - 0.5 - x) <= step_x
        assert abs((row + 0.5) * step_y - 0.5 - y) <= step_y


@pytest.mark.parametrize("framing", ["crop", "pad"])
@pytest.mark.parametrize(("width", "height"), [(97, 61), (61, 97), (64, 64)])
def test_screen_as_large_as_the_film_reads_every_source_pixel(width, height, framing):
    geometry = framed(width, height, framing)
    heatmap = heatmap_of(np.random.default_rng(3).random((7, 7)), geometry)

    values = Screen.of(ramp(width, height), geometry, longest=4000).values(heatmap)

    assert_allclose(values, heatmap.in_source(), atol=1e-6)


@pytest.mark.parametrize(
    ("size", "longest", "box"),
    [
        ((400, 300), 200, (25, 0, 175, 150)),
        ((300, 400), 200, (0, 25, 150, 175)),
        ((400, 300), 400, (50, 0, 350, 300)),
        ((33, 1600), 400, (0, 196, 8, 204)),  # 33 / 4 is no whole number of screen pixels
        ((1600, 33), 400, (196, 0, 204, 8)),
    ],
)
def test_crop_is_outlined_and_what_lies_outside_is_dimmed_to_half(size, longest, box):
    screen = Screen.of(np.full(size[::-1], 200, np.uint8), framed(*size), longest=longest)

    panel = screen.panel(None, Display())

    ys, xs = np.nonzero((panel == CROP_COLOUR).all(axis=2))
    assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == box
    x0, y0, x1, y1 = box
    dimmed = (panel == 100).all(axis=2)
    assert not dimmed[y0:y1, x0:x1].any()
    assert dimmed.sum() == dimmed.size - (x1 - x0) * (y1 - y0)
    assert (panel[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] == 200).all()


@pytest.mark.parametrize("size", [(60, 45), (200, 150), (201, 149), (800, 600)])
def test_film_is_brought_to_the_size_that_was_asked_for_and_its_map_with_it(size):
    geometry = framed(200, 150)
    grid = np.full((8, 8), 0.1)
    grid[5, 2] = 1
    screen = Screen.sized(np.full((150, 200), 77, np.uint8), geometry, *size)

    values = screen.values(heatmap_of(grid, geometry))

    assert values.shape == screen.film.shape == size[::-1]
    assert (screen.film == 77).all()
    row, column = np.unravel_index(values.argmax(), values.shape)
    expected = (25 + 2.5 / 8 * 150) / 200 * size[0] - 0.5, 5.5 / 8 * size[1] - 0.5  # of a crop from 25 to 175
    assert_allclose((column, row), expected, atol=max(1, size[0] / 200))


def test_film_shrinks_to_means_and_grows_to_what_lies_between():
    ys, xs = np.mgrid[0:60, 0:80]
    chequered = ((xs + ys) % 2 * 200).astype(np.uint8)
    half = Screen.sized(chequered, framed(80, 60), 40, 30)
    double = Screen.sized((xs * 3).astype(np.uint8), framed(80, 60), 160, 120)

    assert (half.film == 100).all()
    assert_allclose(double.film[:, 1:-1], np.broadcast_to(xs.max() * 3 * np.arange(1, 159) / 159, (120, 158)), atol=2)
    assert len(np.unique(double.film)) > 80


def test_square_film_is_shown_whole_without_an_outline():
    film = ramp(80, 80)

    panel = Screen.of(film, framed(80, 80), longest=100).panel(None, Display())

    assert_array_equal(panel, np.repeat(film[..., None], 3, axis=2))


def test_hidden_overlays_show_the_film_alone():
    film, geometry = ramp(90, 60), framed(90, 60)
    heatmap, hidden = heatmap_of(np.ones((7, 7)), geometry), Display(threshold=0, overlays=False)
    screen = Screen.of(film, geometry, longest=90)

    assert_array_equal(source_overlay(film, heatmap, hidden), np.repeat(film[..., None], 3, axis=2))
    assert_array_equal(screen.panel(heatmap, hidden), screen.panel(None, hidden))
    assert not np.array_equal(screen.panel(heatmap, Display(threshold=0)), screen.panel(None, hidden))


def test_drawing_changes_neither_film_nor_map():
    film, values = ramp(90, 60), smooth(90, 60)
    kept = film.copy(), values.copy()
    picture = overlay(film, values, Display(), seen=(0, 0, 90, 60))
    shown = picture.copy()
    outline(picture, (15, 0, 75, 60))

    for now, before in zip((film, values, picture), (*kept, shown), strict=True):
        assert_array_equal(now, before)


def test_encoded_pictures_have_red_first_and_png_loses_nothing():
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 220, 40, 10
    picture[:, 32:] = np.random.default_rng(0).integers(0, 256, (48, 32, 3))

    assert_array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)
    shown = Image.open(io.BytesIO(jpeg(picture)))
    assert (shown.mode, shown.size) == ("RGB", (64, 48))
    assert_allclose(np.asarray(shown)[24, 10], (220, 40, 10), atol=6)


@pytest.mark.parametrize("wrong", [{"threshold": 1.1}, {"opacity": -0.1}, {"colormap": "bone"}, {"style": "dots"}])
def test_display_refuses_what_cannot_be_drawn(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"{name}: got .*allowed"):
        Display(**wrong)


def test_the_truths_contour_runs_along_the_masks_rim_and_nowhere_else():
    picture, mask = np.full((200, 300, 3), 90, np.uint8), np.zeros((200, 300), bool)
    mask[50:120, 100:220] = True
    drawn = draw_truth(picture, mask)
    changed = (drawn != picture).any(axis=2)
    rim = mask & ~binary_erosion(mask)
    assert changed[rim].all()
    assert not changed[~binary_dilation(rim, iterations=4)].any()
    assert np.abs(drawn[rim].astype(int) - TRUTH_COLOUR).max() < 60  # thin lines are softened
    assert (picture == 90).all()  # what was given stays
    assert_array_equal(draw_truth(picture, np.zeros_like(mask)), picture)


@pytest.mark.parametrize("at", [(150, 80), (0, 0), (299, 199)])
def test_a_point_is_ringed_and_itself_left_free(at):
    picture = np.full((200, 300, 3), 90, np.uint8)
    drawn = draw_point(picture, at, colour=(255, 176, 0))
    assert_array_equal(drawn[at[1], at[0]], picture[at[1], at[0]])
    ys, xs = np.nonzero((drawn != picture).any(axis=2))
    distances = np.hypot(xs - at[0], ys - at[1])
    assert len(distances)
    assert distances.max() < 20
    assert (np.abs(drawn.astype(int) - (255, 176, 0)).max(axis=2) < 60).any()


@pytest.mark.parametrize("size", [(400, 400), (500, 400), (301, 417)])
def test_masks_and_points_of_a_film_stand_at_the_same_place_on_the_screen(size):
    width, height = size
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height // 2, width // 8 : width // 3] = True
    for longest in (200, 1000):  # shrunk, and as it is
        screen = Screen.of(smooth_film(width, height), framed(width, height), longest=longest)
        seen = screen.mask(mask)
        h, w = screen.film.shape
        assert seen.shape == (h, w)
        ys, xs = np.nonzero(seen)
        scale = w / width
        expected = np.array([width // 8, height // 4, width // 3, height // 2]) * scale
        assert_allclose((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1), expected, atol=1)
        for x, y in ((0, 0), (width - 1, height - 1), (width // 8, height // 4)):
            column, row = screen.point((x, y))
            assert 0 <= column < w
            assert 0 <= row < h
            assert_allclose(((column + 0.5) / w, (row + 0.5) / h), ((x + 0.5) / width, (y + 0.5) / height), atol=1 / w)


def smooth_film(width: int, height: int) -> np.ndarray:
    return (smooth(width, height) * 255).astype(np.uint8)
