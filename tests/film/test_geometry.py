import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.classifiers.torch_upstream import torchxrayvision
from ensemble_cam.errors import GeometryError
from ensemble_cam.film.geometry import BLACK, Geometry, centre_square, padded_square

FILMS = [(1, 1), (2, 1), (5, 8), (224, 224), (2500, 2048), (2047, 2500), (3001, 1998)]
RANGE = 2048  # of torchxrayvision's pixels


def geometries():
    for source_size in FILMS:
        for framing in ("crop", "pad"):
            for cells in (1, 7, 16, 224):
                geometry = Geometry.framed(source_size, framing=framing, cells=cells)
                yield from (geometry, geometry.flipped())


def film(width: int, height: int, *, low: float = -1024, high: float = 1024, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    field = np.sin(x / 23) * np.cos(y / 31) / 2 + 0.5 + rng.normal(0, 0.2, (height, width))
    return (low + np.clip(field, 0, 1) * (high - low)).astype(np.float32)


def test_points_come_back_from_the_grid():
    points = np.random.default_rng(0).uniform(-500, 3500, (50, 2))
    for geometry in geometries():
        assert_allclose(geometry.to_source(geometry.to_model(points)), points, atol=1e-9)
        assert_allclose(geometry.to_model(geometry.to_source(points)), points, rtol=1e-12, atol=1e-9)


def test_boxes_come_back_from_the_grid():
    box = (12.0, 7.5, 830.25, 901.0)
    for geometry in geometries():
        assert_allclose(geometry.box_to_source(geometry.box_to_model(box)), box, atol=1e-9)
        assert_allclose(geometry.box_to_model(geometry.box_to_source(box)), box, rtol=1e-12, atol=1e-9)


def test_the_square_is_the_whole_grid():
    for geometry in geometries():
        assert_allclose(geometry.box_to_model(geometry.square), (0, 0, geometry.cells, geometry.cells), atol=1e-9)


@pytest.mark.parametrize(
    ("framing", "mirrored", "cells", "matrix"),
    [
        # 2500×2048: the crop starts at column 226, 2048 pixels for 16 cells are 128 a cell.
        ("crop", False, 16, [[1 / 128, 0, -226 / 128], [0, 1 / 128, 0]]),
        ("crop", True, 16, [[-1 / 128, 0, 2274 / 128], [0, 1 / 128, 0]]),
        # Padded to 2500×2500: 226 black rows above, 250 pixels a cell.
        ("pad", False, 10, [[1 / 250, 0, 0], [0, 1 / 250, 226 / 250]]),
        ("pad", True, 10, [[-1 / 250, 0, 10], [0, 1 / 250, 226 / 250]]),
    ],
)
def test_matrix_is_the_one_worked_out_by_hand(framing, mirrored, cells, matrix):
    geometry = Geometry.framed((2500, 2048), framing=framing, cells=cells)
    geometry = geometry.flipped() if mirrored else geometry

    assert_allclose(geometry.to_model_matrix(), matrix, atol=1e-12)
    edges = np.array([[0, 0], [226, 0], [1250, 1024], [2500, 2048]])
    by_matrix = np.column_stack([edges, np.ones(4)]) @ np.array(matrix).T
    for (x0, y0), (gx0, gy0) in zip(edges, by_matrix, strict=True):
        box = geometry.box_to_model((x0, y0, x0 + 1, y0 + 1))
        assert_allclose((box[2] if mirrored else box[0], box[1]), (gx0, gy0), atol=1e-9)


@pytest.mark.parametrize(
    ("source_size", "framing", "cells", "mirrored", "source", "model"),
    [
        # One cell over 2×2 pixels of a film of 4×2: its centre is between the four.
        ((4, 2), "crop", 1, False, (1.5, 0.5), (0, 0)),
        # As many cells as pixels: pixels are cells, the crop's offset apart.
        ((6, 4), "crop", 4, False, (1, 0), (0, 0)),
        ((6, 4), "crop", 4, False, (4, 3), (3, 3)),
        ((6, 4), "crop", 4, True, (1, 0), (3, 0)),
        ((6, 4), "crop", 4, True, (4, 3), (0, 3)),
        # Four cells over eight pixels: the first pixel's centre is a quarter cell before the first cell's centre.
        ((8, 8), "crop", 4, False, (0, 0), (-0.25, -0.25)),
        ((8, 8), "crop", 4, False, (7, 1), (3.25, 0.25)),
        ((8, 8), "crop", 4, True, (0, 0), (3.25, -0.25)),
        # Enlarged threefold: a pixel's centre is the middle one of three cells.
        ((5, 5), "crop", 15, False, (2, 4), (7, 13)),
        # Padded from 5×2 to 5×5: one black row above, two below.
        ((5, 2), "pad", 5, False, (3, 0), (3, 1)),
        ((5, 2), "pad", 5, False, (0, 1), (0, 2)),
        # Portrait: the crop starts at row 226.
        ((2048, 2500), "crop", 16, False, (63.5, 289.5), (0, 0)),
        ((2048, 2500), "crop", 16, False, (2047, 226), (15.49609375, -0.49609375)),
    ],
)
def test_points_land_where_the_table_says(source_size, framing, cells, mirrored, source, model):
    geometry = Geometry.framed(source_size, framing=framing, cells=cells)
    geometry = geometry.flipped() if mirrored else geometry

    assert_allclose(geometry.to_model(np.array([source])), [model], atol=1e-12)
    assert_allclose(geometry.to_source(np.array([model])), [source], atol=1e-12)


@pytest.mark.parametrize(
    ("source_size", "square"),
    [
        ((5, 2), (0, -1, 5, 4)),
        ((2, 5), (-1, 0, 4, 5)),
        ((4, 4), (0, 0, 4, 4)),
        ((2500, 2048), (0, -226, 2500, 2274)),
    ],
)
def test_padding_puts_the_film_in_the_middle(source_size, square):
    assert padded_square(*source_size) == square


def test_axes_are_the_columns_of_points():
    positions = np.array([-3.0, 0, 17.25, 400])
    for geometry in geometries():
        both = geometry.to_model(np.column_stack([positions, positions]))
        assert_array_equal(geometry.axis_to_model(positions, axis="x"), both[:, 0])
        assert_array_equal(geometry.axis_to_model(positions, axis="y"), both[:, 1])


def test_flipping_twice_is_no_flip_and_on_changes_only_the_cells():
    for geometry in geometries():
        assert geometry.flipped().flipped() == geometry
        assert geometry.on(3).on(geometry.cells) == geometry
        assert_allclose(geometry.on(3).box_to_model(geometry.square), (0, 0, 3, 3), atol=1e-9)


def test_centre_square_is_what_torchxrayvision_keeps():
    crop = torchxrayvision().datasets.XRayCenterCrop()
    sides = [1, 2, 3, 10, 11, 12, 13, 64, 65]
    for height in sides:
        for width in sides:
            index = np.arange(height * width).reshape(1, height, width)
            x0, y0, x1, y1 = centre_square(width, height)
            assert_array_equal(index[0, y0:y1, x0:x1], crop(index)[0], err_msg=f"{width}×{height}")


@pytest.mark.parametrize("cells", [224, 512])
@pytest.mark.parametrize(
    ("width", "height"), [(901, 700), (700, 901), (300, 257), (224, 224), (512, 640), (225, 1024), (100, 33)]
)
def test_model_pixels_are_torchxrayvisions(width, height, cells):
    datasets = torchxrayvision().datasets
    geometry = Geometry.framed((width, height), framing="crop", cells=cells)
    # Where a film nowhere reaches 0, skimage clips in another way: all positive, all negative, and constant ones.
    for low, high in ((-1024, 1024), (300, 1000), (-1000, -300), (0, 1024), (512, 512)):
        pixels = film(width, height, low=low, high=high)
        before = pixels.copy()

        got = geometry.to_model_pixels(pixels)

        expected = datasets.XRayResizer(cells)(datasets.XRayCenterCrop()(pixels[None]))[0]
        assert got.dtype == np.float32
        assert_allclose(got, expected, rtol=0, atol=1e-5 * RANGE, err_msg=f"{low} to {high}")
        assert_array_equal(pixels, before)


def test_mirrored_model_pixels_are_the_others_mirrored():
    geometry = Geometry.framed((300, 257), framing="crop", cells=64)
    pixels = film(300, 257)
    assert_array_equal(geometry.flipped().to_model_pixels(pixels), geometry.to_model_pixels(pixels)[:, ::-1])


@pytest.mark.parametrize(("width", "height"), [(400, 200), (200, 400), (401, 200)])
def test_padding_is_black_and_the_film_lies_where_the_map_says(width, height):
    geometry = Geometry.framed((width, height), framing="pad", cells=40)
    seen = geometry.to_model_pixels(np.full((height, width), 1024, np.float32))

    x0, y0, x1, y1 = geometry.box_to_model((0, 0, width, height))
    ys, xs = np.mgrid[0:40, 0:40]
    # Three cells around the film's rim, and the picture's own, are blurred by the resize.
    inner = slice(3, -3)
    inside = (xs >= x0 + 3) & (xs + 1 <= x1 - 3) & (ys >= y0 + 3) & (ys + 1 <= y1 - 3)
    outside = (xs + 1 <= x0 - 3) | (xs >= x1 + 3) | (ys + 1 <= y0 - 3) | (ys >= y1 + 3)
    assert inside.sum() > 300
    assert outside[inner, inner].sum() > 100
    assert_allclose(seen[inside], 1024, atol=1)
    assert_allclose(seen[inner, inner][outside[inner, inner]], BLACK, atol=1)


@pytest.mark.parametrize(("width", "height"), [(400, 201), (201, 400), (300, 300)])
def test_padded_model_pixels_are_torchxrayvisions_of_a_film_padded_by_hand(width, height):
    pixels = film(width, height)
    side = max(width, height)
    by_hand = np.full((1, side, side), -1024, np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    by_hand[0, top : top + height, left : left + width] = pixels

    got = Geometry.framed((width, height), framing="pad", cells=224).to_model_pixels(pixels)

    expected = torchxrayvision().datasets.XRayResizer(224)(by_hand)[0]
    assert_allclose(got, expected, rtol=0, atol=1e-5 * RANGE)


def test_no_part_of_the_padding_counts_as_film():
    for source_size in FILMS:
        geometry = Geometry.framed(source_size, framing="pad", cells=16)
        assert geometry.crop == (0, 0, *source_size)
        assert geometry.box_to_model(geometry.crop)[0] >= -1e-9


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("framing", ["crop", "pad"])
@pytest.mark.parametrize(("width", "height"), [(1250, 1024), (1024, 1250), (999, 640)])
def test_a_dot_lands_where_to_model_says(width, height, framing, mirrored):
    geometry = Geometry.framed((width, height), framing=framing, cells=64)
    geometry = geometry.flipped() if mirrored else geometry
    x0, y0, x1, y1 = geometry.crop
    for across, down in ((0.1, 0.1), (0.5, 0.5), (0.9, 0.2), (0.33, 0.87)):
        x, y = int(x0 + across * (x1 - x0)), int(y0 + down * (y1 - y0))
        pixels = np.zeros((height, width), np.float32)
        pixels[y - 20 : y + 21, x - 20 : x + 21] = 1000

        seen = geometry.to_model_pixels(pixels, outside=0).astype(np.float64)

        ys, xs = np.mgrid[0:64, 0:64]
        centroid = (seen * xs).sum() / seen.sum(), (seen * ys).sum() / seen.sum()
        assert_allclose(centroid, geometry.to_model(np.array([[x, y]]))[0], atol=0.02)


def test_what_does_not_fit_is_refused():
    geometry = Geometry.framed((30, 20), framing="crop", cells=4)
    with pytest.raises(GeometryError, match=r"\(n, 2\).*got the shape \(2,\)"):
        geometry.to_model(np.zeros(2))
    with pytest.raises(GeometryError, match=r"\(n, 2\).*got the shape \(4, 3\)"):
        geometry.to_source(np.zeros((4, 3)))
    with pytest.raises(GeometryError, match=r"a film of 30×20; got \(20, 30\)"):
        geometry.to_model_pixels(np.zeros((30, 20), np.float32))
    with pytest.raises(GeometryError, match="sees a square"):
        Geometry(source_size=(30, 20), square=(0, 0, 20, 19), cells=4)
    with pytest.raises(GeometryError, match="lies outside"):
        Geometry(source_size=(30, 20), square=(30, 0, 40, 10), cells=4)
    with pytest.raises(GeometryError, match="at least one pixel"):
        Geometry(source_size=(30, 20), square=(0, 0, 20, 20), cells=0)
