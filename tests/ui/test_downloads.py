"""DICOM objects are offered for films that have a study, and what is missing of them is said in the archive."""

import io
import zipfile

from ensemble_cam.export.dicom.codes import finding_code
from ensemble_cam.export.dicom.reading import read_object
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.verdicts import Mark, Reader, Verdict
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.ui.review import downloads
from ensemble_cam.ui.session.films import SessionFilms
from ensemble_cam.ui.session.keeping import Keeping
from support import films
from support.dicom_films import PLANTED, computed_radiography, objects, phantom_dx, reviewed, spot
from support.networks import as_teaching, bright_classifier
from support.reviews import made_review

BUTTON = "DICOM objects (ZIP)"


def offered(data: bytes, review=None) -> list[str]:
    return [each.label for each in downloads._offers(review or reviewed(data), None, bytes)]


def in_zip(data: bytes, **verdicts: tuple[str, ...]) -> dict[str, bytes]:
    archive = downloads._dicom_zip(reviewed(data), data, verdicts)
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


def test_what_the_page_says_of_a_film_is_in_its_report(tmp_path):
    film = computed_radiography(spot())
    review = reviewed(film)
    called = [ranked.label for ranked in review.analysis.ranking if ranked.score.call is Call.CALLED]
    with Store.open(tmp_path) as store:
        here, opened = Keeping(store, True, Reader.named(store, "A")), SessionFilms().add("film.dcm", film)
        row = here.row(opened)
        here.reader.reveal(row, first_read=False)
        here.reader.judge(row, called[0], Verdict.DISAGREE)
        here.reader.judge(row, called[0], Verdict.AGREE)
        here.reader.mark(row, Mark("Hernia", (9.0, 9.0)))
        Reader.named(store, "B").reveal(row, first_read=False)
        Reader.named(store, "B").judge(row, called[0], Verdict.DISAGREE)  # another reader's word is theirs
        said = here.assessments(opened, review.analysis)
    assert said == {called[0]: ("accepted",), "Hernia": ("supplemented",)}
    report = read_object(in_zip(film, **said)["report_sr.dcm"])
    told = {finding.code: (finding.verdicts, finding.score is None) for finding in report.findings if finding.verdicts}
    assert told == {
        finding_code(called[0]).value: (("accepted",), False),
        finding_code("Hernia").value: (
            ("supplemented",),
            "Hernia" not in [each.label for each in review.analysis.ranking],
        ),
    }
