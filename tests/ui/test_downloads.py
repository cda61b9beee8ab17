"""DICOM objects are offered for films that have a study, and what is missing of them is said in the archive."""

import io
import zipfile

from ensemble_cam.ui.review import downloads
from support import films
from support.dicom_films import PLANTED, computed_radiography, objects, phantom_dx, reviewed, spot
from support.networks import as_teaching, bright_classifier
from support.reviews import made_review

BUTTON = "DICOM objects (ZIP)"


def offered(data: bytes, review=None) -> list[str]:
    return [each.label for each in downloads._offers(review or reviewed(data), data, None)]


def in_zip(data: bytes) -> dict[str, bytes]:
    archive = downloads._dicom_zip(reviewed(data), data)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_they_are_offered_for_a_film_that_came_as_dicom_and_means_something():
    assert BUTTON in offered(computed_radiography(spot()))
    assert BUTTON not in offered(films.png(spot()))
    film = computed_radiography(spot())
    assert BUTTON not in offered(film, made_review(film, classifiers=[as_teaching(bright_classifier())]))
    assert BUTTON in offered(phantom_dx())


def test_the_archive_has_the_record_first_and_every_object():
    film = computed_radiography(spot(), **PLANTED)
    files = in_zip(film)

    assert list(files) == ["review.json", *objects(film)[0]]
    assert b"ZZNAME^Planted" in files["report_sr.dcm"]
    assert b"ZZ" not in files["review.json"]


def test_what_is_missing_is_said_in_the_archive():
    without_spacing = in_zip(computed_radiography(spot(), ImagerPixelSpacing=None))
    assert b"OHIF will not draw the segmentation" in without_spacing["what_is_missing.txt"]

    without_study = in_zip(computed_radiography(spot(), StudyInstanceUID=None))
    assert list(without_study) == ["review.json", "what_is_missing.txt"]
    assert without_study["what_is_missing.txt"].startswith(b"No DICOM objects. The film's header has no valid Study")
