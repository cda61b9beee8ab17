"""A film reads as the same film in every form in which archives hold it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.film.kinds import is_a_picture
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.phantom.drawing import draw_phantom
from ensemble_cam.reviewing.pipeline import examine
from support.dicom_forms import WINDOW, forms
from support.films import dicom, look_up_table
from support.streams import HTJ2K, HTJ2K_PIXELS

FILM = (draw_phantom(5, findings=["Effusion"], size=256, bits=16, difficulty=0.2).pixels >> 4).astype(np.uint16)
FORMS = forms(FILM)


@pytest.fixture(scope="module")
def teaching(config) -> list[Classifier]:
    return [load_classifier(table) for table in config.in_set("teaching") if not table.optional]


@pytest.mark.parametrize("name", FORMS)
def test_film_reads_the_same_and_its_effusion_is_called(name, teaching):
    form = FORMS[name]()
    assert is_a_picture(form.data[:1024])

    radiograph = read_radiograph(form.data)

    expected = FILM >> 4 if form.bits == 8 else FILM * (2 ** (form.bits - 12))
    if form.exact:
        assert_array_equal(radiograph.source, 2**form.bits - 1 - expected if form.negative else expected)
    assert (radiograph.bits, len(radiograph.warnings)) == (form.bits, bool(form.warning))
    assert form.warning in "".join(radiograph.warnings)
    assert form.syntax in ("", radiograph.facts["Transfer syntax"])
    # Screen and networks see the film the right way round.
    for seen in (radiograph.display, radiograph.model):
        assert np.corrcoef(seen[8:].ravel(), FILM[8:].ravel())[0, 1] > 0.95
    assert np.percentile(radiograph.display, 99) > 200
    scores = [result.scores["Effusion"] for result in examine(radiograph, teaching).results]
    assert np.mean(scores) >= 0.5


def test_the_same_film_turned_round_for_the_networks_would_be_missed(teaching):
    turned = read_radiograph(dicom(4095 - FILM, bits=12, **WINDOW))
    assert np.mean([result.scores["Effusion"] for result in examine(turned, teaching).results]) < 0.5


@pytest.mark.parametrize("number", [1, 2, 3])
def test_high_throughput_jpeg_2000_is_read(number):
    syntax = f"1.2.840.10008.1.2.4.20{number}"
    radiograph = read_radiograph(dicom(HTJ2K_PIXELS, syntax=syntax, stream=HTJ2K))
    assert_array_equal(radiograph.source, HTJ2K_PIXELS)
    assert radiograph.facts["Transfer syntax"].startswith("high-throughput JPEG 2000")


def test_table_that_stays_below_half_of_white_is_shown_by_the_letter():
    halved = dicom(FILM, bits=12, VOILUTSequence=look_up_table(np.arange(4096) * 8, first=0, bits=16))
    radiograph = read_radiograph(halved)
    assert radiograph.warnings == ()
    assert_array_equal(radiograph.display, np.floor(FILM * 8.0 / 65535 * 255 + 0.5))
