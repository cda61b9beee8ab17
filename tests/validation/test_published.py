"""Public sets' labels, boxes and masks, read from made files with the quirks that they are published with."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ensemble_cam.archive.films import Film
from ensemble_cam.errors import ConfigError
from ensemble_cam.readers.table import write_tables
from ensemble_cam.validation.labels import read_labels
from ensemble_cam.validation.places import Boxes, Runs
from ensemble_cam.validation.published_boxes import read_boxes
from ensemble_cam.validation.published_figures import FIGURES, published_record
from ensemble_cam.validation.published_masks import places_of, read_masks, runs_of_coco
from support import films as pictures
from support.sessions import read_by_two

KNOWN = ("Effusion", "Infiltration", "Mass", "Pleural_Thickening", "Pneumonia", "Pneumothorax", "Lung Opacity")


def films_of(tmp_path: Path, *names: str) -> list[Film]:
    folder = tmp_path / "films"
    return [Film.of(folder / name, below=folder) for name in names]


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


NIH = """Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\
OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],
00000001_000.png,Effusion|Infiltration,0,1,058Y,M,PA,2682,2749,0.143,0.143,
00000002_000.png,No Finding,0,2,414,F,AP,2894,2729,0.143,0.143,
99999999_000.png,Mass,0,9,50,F,PA,2500,2048,0.168,0.168,
"""


def test_nih_labels_say_absent_of_all_that_is_not_named_and_know_odd_ages(tmp_path):
    films = films_of(tmp_path, "00000001_000.png", "00000002_000.png")
    labels = read_labels(written(tmp_path, "Data_Entry_2017.csv", NIH), films, KNOWN)
    first, second = labels.films
    assert {name for name, there in first.truth.items() if there} == {"Effusion", "Infiltration"}
    assert set(first.truth) == set(KNOWN) - {"Lung Opacity"}  # which the set does not know
    assert not any(second.truth.values())
    assert (first.patient, dict(first.groups)) == ("1", {"view": "PA", "sex": "M", "age": "40–64"})
    assert dict(second.groups) == {"view": "AP", "sex": "F"}  # nobody is 414
    assert (labels.passed_over, labels.has_patients) == (1, True)
    assert "NIH ChestX-ray14" in labels.remarks[0]


def test_a_sessions_first_reads_are_labels_and_its_verdicts_are_none(tmp_path):
    (tmp_path / "session").mkdir()
    store, _ = read_by_two(tmp_path / "session")
    (tmp_path / "films").mkdir()
    given = films_of(tmp_path, *(f"other name {number}.png" for number in range(4)), "not there.png")
    for number, film in enumerate(given[:4]):
        film.path.write_bytes(pictures.png(pictures.film(seed=number)))
    with store:
        write_tables(store, tmp_path / "readers.csv")
    labels = read_labels(tmp_path / "readers.csv", given, (*KNOWN, "Hernia"))
    # A marked two masses before the reveal, and agreed with or denied others afterwards.
    assert [each.truth["Mass"] for each in labels.films] == [False, True, True, False]
    assert [each.film.shown for each in labels.films] == [each.shown for each in given[:4]]
    # B, who had seen the maps, added what A had not marked: one says yes and one no.
    assert ("Hernia" not in labels.films[0].truth, labels.undecided, labels.unlabelled) == (True, 1, 1)
    assert "first reads" in labels.remarks[0]


CHEXPERT = """Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,\
Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,\
Support Devices
CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,,,,1.0,,,,-1.0,,0.0,1.0,,,1.0
CheXpert-v1.0-small/train/patient00001/study1/view2_lateral.jpg,Female,68,Lateral,,,,,1.0,,,,1.0,,1.0,1.0,,,1.0
CheXpert-v1.0-small/train/patient00002/study2/view1_frontal.jpg,Unknown,87,Frontal,PA,1.0,,,,,,,,,,,,,
"""


def test_chexpert_leaves_out_what_is_unsure_blank_or_lateral(tmp_path):
    names = [f"train/patient00001/study1/view{each}.jpg" for each in ("1_frontal", "2_lateral")]
    films = films_of(tmp_path, *names, "train/patient00002/study2/view1_frontal.jpg")
    labels = read_labels(written(tmp_path, "train.csv", CHEXPERT), films, KNOWN)
    first, second = labels.films
    assert dict(first.truth) == {"Lung Opacity": True, "Pneumothorax": False, "Effusion": True}
    assert second.truth["Pneumonia"] is False
    assert "Mass" not in second.truth
    assert (first.patient, second.patient) == ("patient00001", "patient00002")
    assert (labels.unlabelled, "sex" in second.groups) == (1, False)


VINDR = """image_id,rad_id,Infiltration,Nodule/Mass,Pleural effusion,Pleural thickening,No finding
aaa,R8,0,0,1,0,0
aaa,R9,1,0,1,0,0
aaa,R10,0,0,0,0,1
bbb,R8,0,0,0,1,0
bbb,R9,0,0,0,0,1
"""


def test_vindr_readers_decide_by_majority(tmp_path):
    films = films_of(tmp_path, "aaa.dicom", "bbb.dicom")
    labels = read_labels(written(tmp_path, "image_labels_train.csv", VINDR), films, KNOWN)
    assert dict(labels.films[0].truth) == {"Infiltration": False, "Effusion": True, "Pleural_Thickening": False}
    assert dict(labels.films[1].truth) == {"Infiltration": False, "Effusion": False}
    assert labels.undecided == 1


RSNA = """patientId,x,y,width,height,Target
p1,264.0,152.0,213.0,379.0,1
p1,562.0,152.0,256.0,453.0,1
p2,,,,,0
"""


def test_rsna_labels_and_boxes_are_those_of_several_lines(tmp_path):
    films = films_of(tmp_path, "p1.dcm", "p2.dcm")
    table = written(tmp_path, "stage_2_train_labels.csv", RSNA)
    labels = read_labels(table, films, KNOWN)
    assert [dict(each.truth) for each in labels.films] == [{"Pneumonia": True}, {"Pneumonia": False}]
    places = read_boxes(table, films, KNOWN)
    assert list(places.by_film) == [films[0].place]
    mask = places.by_film[films[0].place]["Pneumonia"].mask(512, 512)
    assert mask.sum() == pytest.approx((213 * 379 + 256 * 453) / 4, rel=0.01)
    assert mask[80:260, 135:235].all()


def test_nih_boxes_are_of_1024_pixels_under_a_head_with_commas(tmp_path):
    text = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000001_000.png,Infiltrate,225.08,547.02,86.78,79.19\n"
    films = films_of(tmp_path, "00000001_000.png")
    for ending in ("", ",,,"):
        places = read_boxes(written(tmp_path, "BBox.csv", text.rstrip("\n") + ending + "\n"), films, KNOWN)
        mask = places.by_film[films[0].place]["Infiltration"].mask(2048, 2048)
        ys, xs = np.nonzero(mask)
        assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (450, 1094, 624, 1252)


def test_vindr_boxes_are_what_half_of_their_readers_enclose(tmp_path):
    text = (
        "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n"
        "aaa,R8,Pleural effusion,10,10,30,30\naaa,R9,Pleural effusion,20,10,40,30\n"
        "aaa,R10,Pleural effusion,25,10,50,30\n"
        "bbb,R8,No finding,,,,\n"
    )
    films = films_of(tmp_path, "aaa.dicom", "bbb.dicom")
    places = read_boxes(written(tmp_path, "annotations_train.csv", text), films, KNOWN)
    assert list(places.by_film) == [films[0].place]
    mask = places.by_film[films[0].place]["Effusion"].mask(60, 50)
    expected = np.zeros((50, 60), bool)
    expected[10:30, 20:40] = True  # two of three
    assert_array_equal(mask, expected)
    with pytest.raises(ConfigError, match="of a film of another size"):
        places.by_film[films[0].place]["Effusion"].mask(40, 50)


def siim_of(mask: np.ndarray) -> str:
    """SIIM-ACR's own way: down the columns, each start counted from the end of the run before."""
    flat, runs, last, at = mask.T.ravel().astype(int), [], 0, 0
    while at < len(flat):
        if flat[at]:
            begin = at
            while at < len(flat) and flat[at]:
                at += 1
            runs += [begin - last, at - begin]
            last = at
        at += 1
    return " ".join(map(str, runs))


def test_siim_runs_are_relative_down_the_columns_and_a_film_has_several_lines(tmp_path):
    one, other = np.zeros((2, 1024, 1024), bool)
    one[100:150, 600:640], other[700:710, 20:400] = True, True
    text = f"ImageId, EncodedPixels\np1, {siim_of(one)}\np1, {siim_of(other)}\np2, -1\n"
    films = films_of(tmp_path, "p1.dcm", "p2.dcm")
    table = written(tmp_path, "train-rle.csv", text)
    labels = read_labels(table, films, KNOWN)
    assert [dict(each.truth) for each in labels.films] == [{"Pneumothorax": True}, {"Pneumothorax": False}]
    places = read_masks(table, films, KNOWN)
    assert_array_equal(places.by_film[films[0].place]["Pneumothorax"].mask(1024, 1024), one | other)
    assert list(places.by_film) == [films[0].place]


def coco_of(mask: np.ndarray) -> str:
    """COCO's `rleEncode` and `rleToString`, from their definition."""
    counts, current, run = [], 0, 0
    for value in mask.T.ravel().astype(int):
        if value == current:
            run += 1
        else:
            counts.append(run)
            current, run = value, 1
    counts.append(run)
    letters = []
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            group, value = value & 31, value >> 5
            more = value != (-1 if group & 16 else 0)
            letters.append(chr((group | (32 if more else 0)) + 48))
    return "".join(letters)


@pytest.fixture
def blob() -> np.ndarray:
    ys, xs = np.mgrid[:90, :70]
    return (((ys - 40) / 25) ** 2 + ((xs - 30) / 12) ** 2 < 1) | ((ys > 80) & (xs > 60))


def test_chexlocalize_masks_are_coco_runs_and_a_swapped_size_is_refused(tmp_path, blob):
    films = films_of(tmp_path, "valid/patient64541/study1/view1_frontal.jpg")
    name = "patient64541_study1_view1_frontal"
    record = {name: {"Pleural Effusion": {"size": [90, 70], "counts": coco_of(blob)},
                     "Pneumothorax": {"size": [90, 70], "counts": coco_of(np.zeros_like(blob))}}}  # fmt: skip
    places = read_masks(written(tmp_path, "gt.json", json.dumps(record)), films, KNOWN)
    (place,) = places.by_film.values()
    assert list(place) == ["Effusion"]  # an empty mask is no place
    assert_array_equal(place["Effusion"].mask(70, 90), blob)
    record[name]["Pleural Effusion"]["size"] = [70, 90]
    swapped = read_masks(written(tmp_path, "gt.json", json.dumps(record)), films, KNOWN)
    with pytest.raises(ConfigError, match="Height and width are swapped"):
        swapped.by_film[films[0].place]["Effusion"].mask(70, 90)


def test_runs_of_coco_are_those_of_the_mask(blob):
    assert_array_equal(Runs(runs_of_coco(coco_of(blob)), blob.shape, exact=True).mask(70, 90), blob)
    with pytest.raises(ValueError, match="does not end"):
        runs_of_coco("P")
    with pytest.raises(ConfigError, match="reach beyond"):
        Runs(((6000, 400),), (90, 70), exact=True).mask(70, 90)


def test_masks_of_ones_own_are_pictures_of_the_films_size(tmp_path, blob):
    films = films_of(tmp_path, "a.png")
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "a_Mass.png"), blob.astype(np.uint8) * 255)
    place = read_masks(tmp_path / "masks", films, KNOWN).by_film[films[0].place]["Mass"]
    assert_array_equal(place.mask(70, 90), blob)
    with pytest.raises(ConfigError, match=r"a_Mass.png is of 70×90 pixels; its film is of 90×70"):
        place.mask(90, 70)


def test_marks_of_two_films_of_one_name_are_refused(tmp_path):
    films = films_of(tmp_path, "one/a.png", "other/a.png", "b.png")
    table = "file,finding,x0,y0,x1,y1\n{}.png,Mass,1,2,3,4\n"
    assert read_boxes(written(tmp_path, "b.csv", table.format("b")), films, KNOWN).by_film
    with pytest.raises(ConfigError, match="2 films are called a"):
        read_boxes(written(tmp_path, "a.csv", table.format("a")), films, KNOWN)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a_Mass.png").write_bytes(b"")
    with pytest.raises(ConfigError, match="2 films are called a"):
        read_masks(tmp_path / "masks", films, KNOWN)


def test_files_are_known_by_what_they_hold_and_not_mixed(tmp_path, blob):
    films = films_of(tmp_path, "a.png")
    boxes = b"file,finding,x0,y0,x1,y1\na.png,Mass,1,2,3,4\n"
    runs = b"ImageId, EncodedPixels\na, 1 2\n"
    picture = cv2.imencode(".png", blob.astype(np.uint8) * 255)[1].tobytes()
    kinds = [places_of([(name, data)], films, KNOWN) for name, data in (("x.csv", boxes), ("y.csv", runs))]
    assert [(each.kind, each.title) for each in kinds] == [
        ("boxes", "the site's own"),
        ("masks", "SIIM-ACR pneumothorax"),
    ]
    own = places_of([("a_Mass.png", picture), ("c_Mass.png", b"")], films, KNOWN).by_film[films[0].place]["Mass"]
    assert_array_equal(own.mask(70, 90), blob)
    for mixed in ([("x.csv", boxes), ("a_Mass.png", picture)], [("a_Mass.png", picture), ("x.csv", boxes)]):
        with pytest.raises(ConfigError, match="either one CSV or JSON, or pictures"):
            places_of(mixed, films, KNOWN)


def test_published_figures_are_shares_with_intervals_round_them():
    for label, of in FIGURES.items():
        for value, low, high in (of.people_hit, of.machine_iou):
            assert 0 <= low <= value <= high <= 1, label
    assert published_record("Effusion")["Grad-CAM, published"]["iou"] == 0.158
    assert published_record("Hernia") is None


@pytest.mark.parametrize(
    ("read", "name", "text", "message"),
    [
        (read_boxes, "b.csv", "a,b\n1,2\n", "head that is not known"),
        (read_boxes, "b.csv", "file,finding,x0,y0,x1,y1\na.png,Mass,1,2,3,oops\n", "line 2: a box has no four numbers"),
        (read_boxes, "b.csv", "file,finding,x0,y0,x1,y1\na.png,Mass,5,2,3,4\n", "x0 has to be below x1"),
        (read_boxes, "b.csv", "file,finding,x0,y0,x1,y1\nz.png,Mass,1,2,3,4\n", "none of a film and a finding"),
        (read_masks, "m.csv", "a,b\n", "is not known"),
        (read_masks, "m.csv", "ImageId, EncodedPixels\na, 1 2 3\n", "no pairs of a start and a length"),
        (read_masks, "m.json", "[1]", "not as CheXlocalize's"),
        (read_masks, "m.json", "{", "it is no JSON"),
    ],
)
def test_faults_are_told_without_what_a_cell_holds(tmp_path, read, name, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read(written(tmp_path, name, text), films_of(tmp_path, "a.png"), KNOWN)
    assert "oops" not in str(caught.value)


def test_labels_of_other_films_are_no_labels(tmp_path):
    with pytest.raises(ConfigError, match="none of a film and a finding that are here"):
        read_labels(written(tmp_path, "x.csv", NIH), films_of(tmp_path, "else.png"), KNOWN)


def test_boxes_of_one_reader_are_their_union():
    mask = Boxes((((0, 0, 4, 4), (2, 2, 6, 6)),), None).mask(8, 8)
    assert mask.sum() == 16 + 16 - 4
