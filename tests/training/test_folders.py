"""Pictures by class: what is one, which part it falls into, and that no patient is in two."""

import numpy as np
import pytest

from ensemble_cam.errors import ConfigError
from ensemble_cam.training.folders import PARTS, STOP, TEST, TRAIN, Folders, Sample, find_samples, load_pixels, split
from support.training import picture, write_pictures


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pictures", each=10)


def of_patients(counts: dict[str, list[int]], *, label: int = 0) -> list[Sample]:
    return [
        Sample(None, f"{name}/{number}", label, name)  # type: ignore[arg-type]
        for name, numbers in counts.items()
        for number in numbers
    ]


def test_classes_are_folders_in_their_order_and_pictures_their_files(pictures):
    (pictures / ".hidden").mkdir()
    (pictures / "bright" / "more").mkdir()
    (pictures / "bright" / "00.png").rename(pictures / "bright" / "more" / "00.png")
    (pictures / "bright" / "notes.txt").write_text("no picture")
    found = find_samples(pictures)
    assert found.classes == ("bright", "dark", "none")
    assert np.bincount(found.labels).tolist() == [10, 10, 10]
    assert "bright/more/00.png" in {each.shown for each in found.samples}
    assert not found.by_patient


def test_parts_are_whole_disjoint_by_class_and_seeded(pictures):
    folders = find_samples(pictures)
    parts = split(folders, seed=1)
    assert sorted(np.concatenate([parts[part] for part in PARTS])) == list(range(30))
    assert {part: np.bincount(folders.labels[parts[part]]).tolist() for part in PARTS} == {
        TRAIN: [6, 6, 6],
        STOP: [2, 2, 2],
        TEST: [2, 2, 2],
    }
    assert all(np.array_equal(one, split(folders, seed=1)[part]) for part, one in parts.items())
    assert any(not np.array_equal(one, split(folders, seed=2)[part]) for part, one in parts.items())


def test_no_patient_is_on_two_sides(pictures, tmp_path):
    rows = ["file,patient,more"]
    for path in sorted(pictures.rglob("*.png")):
        rows.append(f"{path.relative_to(pictures).as_posix()},Jones {int(path.stem) // 2},x")
    (tmp_path / "patients.csv").write_text("\n".join(rows))
    for seed in range(5):
        folders = find_samples(pictures, tmp_path / "patients.csv")
        parts = split(folders, seed=seed)
        of = {part: {folders.samples[index].patient for index in parts[part]} for part in PARTS}
        assert all(of.values())
        assert not of[TRAIN] & of[STOP]
        assert not of[TRAIN] & of[TEST]
        assert not of[STOP] & of[TEST]


def test_a_part_without_a_class_is_refused():
    both = of_patients({name: [1, 2] for name in "abc"}) + of_patients({"a": [3]}, label=1)
    folders = Folders(("one", "two"), tuple(both), by_patient=True)
    with pytest.raises(ConfigError, match="class two: its pictures are of patients of other classes"):
        split(folders, seed=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,who\na,b", "the first line must name the columns file and patient"),
        ("file,patient\nbright/00.png,Jones\n", r"does not name 29 of 30 pictures, the first of them bright/01.png"),
        ("file,patient\nbright/00.png,\n", "line 2: a cell of file or patient is empty"),
        ("file,patient\nbright/00.png,Jones\nbright/00.png,Smith\n", "line 3: the file has another patient"),
    ],
)
def test_a_table_of_patients_that_cannot_be_is_one_sentence_without_a_name(pictures, tmp_path, text, message):
    (tmp_path / "patients.csv").write_text(text)
    with pytest.raises(ConfigError, match=message) as refused:
        find_samples(pictures, tmp_path / "patients.csv")
    assert "Jones" not in str(refused.value)


def test_folders_that_are_no_classes_are_one_sentence(tmp_path, pictures):
    with pytest.raises(ConfigError, match="holds one for each class"):
        find_samples(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="got no folders; allowed: a folder for each class"):
        find_samples(pictures / "bright")
    (tmp_path / "one" / "alone").mkdir(parents=True)
    with pytest.raises(ConfigError, match="got one folder, alone; allowed: a folder for each class, two or more"):
        find_samples(tmp_path / "one")
    (pictures / "void").mkdir()
    with pytest.raises(ConfigError, match="void: the folder holds no files"):
        find_samples(pictures)
    (pictures / "bright" / "00.png").rename(pictures / "void" / "00.png")
    with pytest.raises(ConfigError, match="class void: got 1 pictures; allowed: 3 or more"):
        find_samples(pictures)


def test_pixels_are_the_whole_pictures_as_explain_shows_them(pictures):
    folders = find_samples(pictures)
    told = []
    pixels = load_pixels(folders.samples[:3], size=32, channels=1, report=told.append)
    assert (pixels.shape, pixels.dtype, told) == ((3, 1, 32, 32), np.uint8, [1, 2, 3])
    means = picture("bright", 0).reshape(32, 2, 32, 2).mean((1, 3))
    # Pillow's bilinear with antialiasing is a triangle over four pixels; the means are near it inside of areas.
    assert np.abs(pixels[0, 0].astype(float) - means).mean() < 12
    assert load_pixels(folders.samples[:1], size=16, channels=3).shape == (1, 3, 16, 16)


def test_pictures_that_cannot_be_read_are_one_sentence(pictures):
    for name in ("03", "05"):
        (pictures / "none" / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(ConfigError, match=r"2 of 30 pictures cannot be read. The first: none/03.png: .* Mend them"):
        load_pixels(find_samples(pictures).samples, size=16, channels=1)
