"""What an archive keeps of a film is what its review says, by ways that are quicker."""

import numpy as np
import pytest

from ensemble_cam.archive.measuring import box_and_area, grey_percentiles
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.maps.heatmap import Heatmap, relative
from ensemble_cam.maps.regions import extent_of
from support import films


@pytest.mark.parametrize("framing", ["crop", "pad"])
@pytest.mark.parametrize("size", [(96, 131), (300, 200), (64, 64)])
@pytest.mark.parametrize("cells", [(7,), (7, 16), (1,)])
def test_box_and_area_are_those_of_all_regions_together(framing, size, cells):
    rng = np.random.default_rng(sum(size) + len(cells))
    geometry = Geometry.framed(size, framing=framing, cells=1)
    for threshold in (0.0, 0.3, 0.5, 0.9, 1.0):
        grids = tuple(relative(rng.random((n, n), dtype=np.float32) ** 3) for n in cells)
        heatmap = Heatmap("Mass", geometry, grids, tuple([1 / len(cells)] * len(cells)))
        expected = extent_of(heatmap, threshold)
        box, area = box_and_area(heatmap, threshold)
        assert (None if box is None else tuple(box)) == (None if expected is None else expected.box)
        assert area == (0.0 if expected is None else round(expected.area, 6))


def test_empty_map_reaches_nothing():
    geometry = Geometry.framed((50, 40), framing="crop", cells=1)
    assert box_and_area(Heatmap("Mass", geometry, (np.zeros((7, 7), np.float32),), (1.0,)), 0.0) == (None, 0.0)


@pytest.mark.parametrize("signed", [False, True])
def test_percentiles_are_those_of_the_stored_values(signed):
    pixels = films.film(bits=12, signed=signed)
    radiograph = read_radiograph(films.dicom(pixels, bits=12))
    found = grey_percentiles(radiograph)
    assert list(found.values()) == np.percentile(pixels, [1, 5, 25, 50, 75, 95, 99], method="inverted_cdf").tolist()


def test_padding_counts_for_no_percentile():
    pixels = films.film(bits=12)
    pixels[:120] = 4000
    data = films.dicom(pixels, bits=12, PixelPaddingValue=4000)
    found = grey_percentiles(read_radiograph(data))
    assert found["grey_p50"] == np.percentile(pixels[120:], 50, method="inverted_cdf")


@pytest.mark.parametrize(
    ("maker", "model", "device"),
    [
        ("Philips Medical Systems", "DigitalDiagnost", "Philips DigitalDiagnost"),
        ('"GE Healthcare"', "Definium 5000", None),
        ("GE Healthcare", "Definium 5000", "GE Definium 5000"),
        ("GERMAN HOSPITAL", "X", None),
        ("KONICA MINOLTA", "0862", "Konica Minolta 0862"),
        ("FUJI PHOTO FILM Co., ltd.", "CR-IR 357", "Fujifilm CR-IR 357"),
        ("ZZHOSPITAL", "ZZFREETEXT", None),
        ("Siemens", "ZZNAME^Planted", "Siemens"),
        ("Siemens", "a" * 33, "Siemens"),
        ("", "DX-D 100", None),
    ],
)
def test_device_is_a_known_maker_and_a_plain_model(maker, model, device):
    data = films.dicom(films.film(), Manufacturer=maker, ManufacturerModelName=model)
    radiograph = read_radiograph(data)
    assert radiograph.device == device
    # No screen shows it.
    assert model not in str(dict(radiograph.facts)) or not model
