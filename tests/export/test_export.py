"""A review's folder: every file says where it comes from, the numbers are the maps', and nothing is half written."""

import errno
import io
import json
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy import ndimage

from ensemble_cam import __version__
from ensemble_cam.archive import finished as places
from ensemble_cam.archive.batch import Batch
from ensemble_cam.archive.films import Film, FoundFilms
from ensemble_cam.classifiers.classifier import Classifier, WeightsInfo
from ensemble_cam.errors import ExportError
from ensemble_cam.export import drafts
from ensemble_cam.export import folder as export
from ensemble_cam.export import overlays as drawing
from ensemble_cam.export import record as records
from ensemble_cam.export.folder import write_review
from ensemble_cam.export.overlays import overlays
from ensemble_cam.export.record import overlay_name, review_json, review_record
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.rendering.overlay import changed_rows, source_overlay
from ensemble_cam.reviewing import sentences
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.reviewing.review import Review
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.settings.settings import Settings
from ensemble_cam.weights.store import Published
from support import films
from support.networks import Failing, bright_classifier, table
from support.records import assert_conforms
from support.reviews import RUN, dotted, made_review, two_classifiers


@pytest.fixture(autouse=True)
def blank_figure(monkeypatch):
    """Spare these tests the drawing of the figure, which test_figure.py looks at."""
    monkeypatch.setattr(export, "figure_png", lambda review: films.png(np.zeros((8, 8), np.uint8)))


@pytest.fixture(scope="module")
def review() -> Review:
    """Four maps and two ensembles on a film that is wider than high."""
    return made_review(dotted(301, 240, 190, 80), labels=("Mass", "Lung Lesion", "Pleural_Thickening"))


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the body of each chunk of a PNG whose checksums hold."""
    position = 8
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        name, body = png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        assert struct.unpack_from(">I", png, position + 8 + length)[0] == zlib.crc32(name + body)
        yield name, body
        position += length + 12


# Overlays


def test_overlays_are_named_by_rank_label_and_classifier(review):
    assert sorted(name for name, _ in overlays(review)) == [
        "1_mass_coarse.png",
        "1_mass_ensemble.png",
        "1_mass_fine.png",
        "2_lung_lesion_coarse.png",
        "2_lung_lesion_ensemble.png",
        "3_pleural_thickening_ensemble.png",
        "3_pleural_thickening_fine.png",
    ]


def test_overlays_begin_with_the_film_in_source_pixels_and_their_words_stand_below_as_wide(review):
    drawn = dict(overlays(review))
    for finding in review.analysis.findings:
        for id, heatmap in finding.heatmaps().items():
            picture = Image.open(io.BytesIO(drawn[overlay_name(finding, id)]))
            assert (picture.mode, picture.width) == ("RGB", 301)
            assert 240 < picture.height <= 240 + 240 // 2 + 200
            expected = source_overlay(review.analysis.radiograph.display, heatmap, review.display)
            assert_array_equal(np.asarray(picture)[:240], expected)


def test_every_overlay_says_where_it_comes_from_in_chunks_that_any_reader_reads(review):
    for name, data in overlays(review):
        names = [chunk for chunk, _ in chunks(data)]
        assert (names[0], names[-1]) == (b"IHDR", b"IEND")
        text = Image.open(io.BytesIO(data)).text

        assert text["Disclaimer"] == "Research and teaching use. Not for diagnosis."
        assert f"ensemble-cam {__version__}" in text["Software"]
        assert text["Film SHA-256"] == review.analysis.radiograph.sha256
        for result in review.analysis.results:
            assert f"{result.classifier.config.name}: by-hand, SHA-256 {'0' * 64}" in text["Classifiers"]
        assert text["Method"].startswith("Grad-CAM++")
        assert text["Threshold"] == "0.4"
        assert (text["Drawing"], text["Findings"]) == ("inferno, opacity 0.45", "Mass, Lung Lesion, Pleural_Thickening")
        assert (
            overlay_name(next(f for f in review.analysis.findings if f.label == text["Finding"]), text["Map"]) == name
        )


@pytest.mark.parametrize(
    ("weights", "remark"),
    [
        (WeightsInfo("untrained", sha256=None, published=Published.NO), "untrained: scores and maps mean nothing"),
        (WeightsInfo("mine", sha256="1" * 64, published=Published.NO), "not the published weights"),
    ],
)
def test_overlays_say_it_of_weights_that_are_not_the_published_ones(weights, remark):
    classifier = replace(bright_classifier(), weights=weights)

    _, data = next(overlays(made_review(classifiers=[classifier])))

    assert remark in Image.open(io.BytesIO(data)).text["Classifiers"]


def test_bare_overlays_are_the_film_alone_say_so_in_their_names_and_keep_their_words_in_the_file(review, tmp_path):
    bare = replace(review, display=replace(review.display, bare=True))

    pictures, with_words = dict(overlays(bare)), dict(overlays(review))

    assert [name.removesuffix("_bare.png") for name in pictures] == [name.removesuffix(".png") for name in with_words]
    for (name, data), other in zip(pictures.items(), with_words.values(), strict=True):
        picture, full = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(other))
        assert picture.size == (301, 240), name
        assert_array_equal(np.asarray(picture), np.asarray(full)[:240])
        assert picture.text == full.text
    folder = write_review(bare, tmp_path, "film")
    record = json.loads((folder / "review.json").read_text())
    named = {made["file"] for finding in record["findings"] for made in finding["maps"].values() if "file" in made}
    assert named == set(pictures)
    assert all((folder / name).is_file() for name in named)
    assert record["settings"]["bare"] is True


def drawing_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("drawing")]


@pytest.fixture
def submitted(monkeypatch) -> list[str]:
    """The name of what each thread was given to do."""
    names = []

    class Told(ThreadPoolExecutor):
        def submit(self, work, *args):
            names.append(work.__name__)
            return super().submit(work, *args)

    monkeypatch.setattr(drawing, "ThreadPoolExecutor", Told)
    return names


def test_overlays_come_in_the_same_order_with_the_same_bytes_however_many_cores_draw(review, monkeypatch):
    made = []
    for cores in (1, 2, 5):
        monkeypatch.setattr(drawing, "cores", lambda cores=cores: cores)
        made.append(list(overlays(review)))

    assert made[0] == made[1] == made[2]
    assert [name for name, _ in made[0]] == [
        overlay_name(finding, id) for finding in review.analysis.findings for id in finding.heatmaps()
    ]


def test_overlays_are_drawn_only_a_few_ahead_of_those_asked_for_and_none_once_nobody_asks(
    review, monkeypatch, submitted
):
    monkeypatch.setattr(drawing, "cores", lambda: 2)
    stream = overlays(review)
    assert submitted == []

    for asked_for in (1, 2):
        next(stream)
        assert len(submitted) == asked_for + 2  # of seven
    stream.close()

    assert len(submitted) == 4
    assert drawing_threads() == []


@pytest.mark.parametrize(("pixels", "at_once"), [(301 * 240, 1), (2 * 301 * 240, 2), (100, 1)])
def test_large_films_overlays_are_drawn_fewer_at_once_than_there_are_cores(review, monkeypatch, pixels, at_once):
    monkeypatch.setattr(drawing, "cores", lambda: 4)
    monkeypatch.setattr(drawing, "_PIXELS_AT_ONCE", pixels)
    now, most, lock = [], [], threading.Lock()

    def draw(film, heatmap, display, **how):
        with lock:
            now.append(heatmap)
            most.append(len(now))
        drawn = list(changed_rows(film, heatmap, display, **how))
        with lock:
            now.remove(heatmap)
        return drawn

    monkeypatch.setattr(drawing, "changed_rows", draw)

    assert len(list(overlays(review))) == 7
    assert max(most) <= at_once


# review.json, whose keys and values are held to its schema in contracts/test_review_schema.py


def teaching_review(data: bytes | None = None) -> Review:
    classifiers = [replace(bright_classifier(id), config=table(id, set="teaching")) for id in ("fine", "coarse")]
    return made_review(data, classifiers=classifiers)


LINE = "Teaching set: trained on synthetic phantoms, never on patients"


@pytest.mark.parametrize("is_phantom", [True, False])
def test_teaching_sets_line_is_in_every_file_whatever_the_run_calls_the_set(is_phantom):
    pixels = dotted(301, 240, 190, 80)
    review = teaching_review(films.phantom_png(pixels) if is_phantom else films.png(pixels))
    assert review.run.set == "clinical", "the line does not hang on what whoever made the review wrote there"

    record = json.loads(review_json(review))

    assert record["notice"] == LINE
    assert [warning.partition(":")[0] for warning in record["input"]["warnings"]] == (
        [] if is_phantom else ["Not a drawn phantom"]
    )
    drawn = list(overlays(review))
    assert len(drawn) == 3
    for name, data in drawn:
        text = Image.open(io.BytesIO(data)).text
        assert (text["Notice"], "Warning" in text) == (LINE, not is_phantom), name


def test_records_warnings_are_the_caution_first_then_the_films_own(review):
    radiograph = replace(review.analysis.radiograph, phantom=True, warnings=("Something of the file's.",))
    phantom = replace(review, analysis=replace(review.analysis, radiograph=radiograph))

    record = json.loads(review_json(phantom))

    assert record["notice"] is None
    assert [warning.partition(":")[0] for warning in record["input"]["warnings"]] == [
        "A drawn phantom, not a patient",
        "Something of the file's.",
    ]
    assert json.loads(review_json(review))["input"]["warnings"] == []


def test_records_facts_are_the_films_and_the_settings(review):
    record = json.loads(review_json(review))

    assert {key: record["input"][key] for key in ("format", "width", "height", "bits", "crop")} == {
        "format": "PNG",
        "width": 301,
        "height": 240,
        "bits": 8,
        "crop": [30, 0, 270, 240],
    }
    assert record["input"]["sha256"] == review.analysis.radiograph.sha256
    assert record["settings"]["ensemble_weights"] == {"fine": 1.0, "coarse": 1.0}
    assert record["settings"]["labels"] == ["Mass", "Lung Lesion", "Pleural_Thickening"]
    assert [finding["rank"] for finding in record["findings"]] == [1, 2, 3]
    assert [finding["calibrated"] for finding in record["findings"]] == [True, False, True]


def test_records_pixels_are_those_of_the_maps_at_the_threshold(review):
    record = json.loads(review_json(review))
    x0, y0, x1, y1 = record["input"]["crop"]
    looked_at = 0
    for told, finding in zip(record["findings"], review.analysis.findings, strict=True):
        for id, heatmap in finding.heatmaps().items():
            values, entry = heatmap.in_source(), told["maps"][id]
            ys, xs = np.nonzero(values >= 0.4)
            assert entry["box"] == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            assert_allclose(entry["area"], len(xs) / ((x1 - x0) * (y1 - y0)), atol=1e-6)
            assert_allclose(values[entry["hottest"]["y"], entry["hottest"]["x"]], values.max(), atol=1e-6)
            assert entry["file"] == overlay_name(finding, id)
            assert entry["region_count"] == len(entry["regions"]) == ndimage.label(values >= 0.4)[1]
            assert entry["regions"][0]["hottest"] == entry["hottest"]
            looked_at += 1
    assert looked_at == 7


def test_a_finding_in_both_lungs_is_two_regions_in_a_hull_that_spans_them():
    lungs = np.maximum(dotted(300, 300, 70, 200), dotted(300, 300, 230, 210))
    review = made_review(lungs, classifiers=[bright_classifier(cells=16)], display=Display(threshold=0.7))

    text = review_json(review)

    found = json.loads(text)["findings"][0]["maps"]["bright"]
    assert found["region_count"] == 2
    left, right = sorted(found["regions"], key=lambda region: region["box"])
    assert left["box"][2] < 150 < right["box"][0]
    assert found["box"] == [left["box"][0], left["box"][1], right["box"][2], right["box"][3]]
    assert found["area"] == pytest.approx(left["area"] + right["area"], abs=2e-6)
    assert abs(left["hottest"]["x"] - 70) <= 10
    assert abs(right["hottest"]["x"] - 230) <= 10
    assert f'"box": {left["box"]},\n' in text, "numbers that belong together stand on one line"
    assert f'"outline": {left["outline"]}\n' in text
    (finding,) = review.analysis.findings
    extent = review.extents[finding.label]["bright"]
    assert sentences.extent(finding.maps["bright"], extent, 0.7) == f"2 regions: {extent.area:.1%} of what was seen"


def test_record_tells_scores_of_known_labels_only_and_why_a_map_is_missing(review):
    record = json.loads(review_json(review))
    fine, coarse = record["classifiers"]
    assert sorted(fine["scores"]) == ["Mass", "Pleural_Thickening"]
    assert sorted(coarse["scores"]) == ["Lung Lesion", "Mass"]
    assert (fine["calibrated"], coarse["calibrated"]) == (True, False)
    mass, lesion, _ = record["findings"]
    assert mass["scores"] == {id: c["scores"]["Mass"] for id, c in (("fine", fine), ("coarse", coarse))}
    assert mass["score"] == fine["scores"]["Mass"], "an uncalibrated score counts where no other does"
    assert lesion["scores"] == {"coarse": coarse["scores"]["Lung Lesion"]}
    assert lesion["maps"]["fine"] == {"missing": "does not know this label", "call": None}
    calls = {id: found["call"] for id, found in mass["maps"].items()}
    assert calls == {"fine": "called", "coarse": "uncalibrated", "ensemble": "called"}
    assert (fine["operating_points_source"], coarse["operating_points_source"]) == ("published", None)
    assert [each["model_type"] for each in record["classifiers"]] == [
        result.classifier.config.model_type for result in review.analysis.results
    ]
    assert lesion["maps"]["ensemble"]["classifiers"] == ["coarse"]
    assert lesion["agreement"] is None
    assert mass["maps"]["ensemble"]["classifiers"] == ["fine", "coarse"]


def test_empty_map_is_told_as_such_and_no_number_is_missing():
    review = made_review(classifiers=[bright_classifier("bright"), bright_classifier("blind", slope=0.0)])

    text = review_json(review)

    record = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert_conforms(record)
    maps = record["findings"][0]["maps"]
    assert maps["blind"] == {
        "file": "1_nodule_blind.png",
        "empty": True,
        "hottest": None,
        "box": None,
        "area": 0.0,
        "region_count": 0,
        "regions": [],
        "call": "called",
    }
    assert maps["ensemble"]["empty_classifiers"] == ["blind"]


def test_record_tells_which_classifier_failed():
    broken = bright_classifier("broken", backbone=Failing(RuntimeError("secret")))
    review = made_review(classifiers=[bright_classifier(), broken])

    record = json.loads(review_json(review))

    assert "failure" not in record["classifiers"][0]
    assert record["classifiers"][1]["failure"].startswith("failed with RuntimeError")
    assert record["findings"][0]["maps"]["broken"] == {"missing": record["classifiers"][1]["failure"], "call": None}
    assert "secret" not in json.dumps(record)


# maps.npz


def test_saved_maps_are_the_maps_on_the_source_grid_in_half_precision(review, tmp_path):
    folder = write_review(review, tmp_path, "film", save_maps=True)

    with np.load(folder / "maps.npz") as saved:
        assert sorted(saved) == [
            "Lung Lesion/coarse",
            "Lung Lesion/ensemble",
            "Mass/coarse",
            "Mass/ensemble",
            "Mass/fine",
            "Pleural_Thickening/ensemble",
            "Pleural_Thickening/fine",
        ]
        for finding in review.analysis.findings:
            for id, heatmap in finding.heatmaps().items():
                values = saved[f"{finding.label}/{id}"]
                assert (values.dtype, values.shape) == (np.float16, (240, 301))
                assert_allclose(values, heatmap.in_source(), atol=5e-4)
                y, x = np.unravel_index(values.argmax(), values.shape)
                # Half precision makes ties around the peak: at most half a cell of the coarser grid away.
                assert np.abs(np.subtract((x, y), heatmap.hottest)).max() <= 240 / 8 / 2


# The folder


def names_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_folder_holds_what_the_record_names_and_nothing_else(review, tmp_path):
    folder = write_review(review, tmp_path / "made on the way", "film")

    record = json.loads((folder / "review.json").read_text(encoding="utf-8"))
    assert_conforms(record)
    files = {entry["file"] for f in record["findings"] for entry in f["maps"].values() if "file" in entry}
    assert {path.name for path in folder.iterdir()} == files | {"review.json", "review.png"}
    assert [path.name for path in folder.parent.iterdir()] == ["film"]


@pytest.mark.parametrize("broken_write", [1, 3, 8])
def test_disk_that_fills_up_half_way_leaves_no_folder_and_no_draft(review, tmp_path, monkeypatch, broken_write):
    writes = []
    real = Path.write_bytes

    def write_until_full(path: Path, data: bytes) -> int:
        writes.append(path)
        if len(writes) == broken_write:
            real(path, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_until_full)

    with pytest.raises(ExportError, match=r"could not be written \(No space left on device\)\. Free space"):
        write_review(review, tmp_path, "film")

    assert len(writes) == broken_write
    assert list(tmp_path.iterdir()) == []


def test_drawing_that_fails_leaves_no_draft_either(review, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "figure_png", lambda review: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        write_review(review, tmp_path, "film")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said", "message"),
    [
        (cv2.error("no memory for a contour"), ExportError, r"could not be written \(error\)\. Free space"),
        (OSError(errno.EIO, "Input/output error"), ExportError, r"could not be written \(Input/output error\)"),
        (MemoryError(), MemoryError, None),
    ],
    ids=["cv2", "system", "memory"],
)
def test_overlay_that_fails_in_its_thread_is_said_and_leaves_no_folder_and_no_thread(
    review, tmp_path, monkeypatch, error, said, message
):
    def draw(film, heatmap, display, **how):
        if heatmap.label == "Lung Lesion":
            raise error
        return changed_rows(film, heatmap, display, **how)

    monkeypatch.setattr(drawing, "changed_rows", draw)

    with pytest.raises(said, match=message):
        write_review(review, tmp_path, "film")

    assert list(tmp_path.iterdir()) == []
    assert drawing_threads() == []


def test_ctrl_c_drops_what_is_not_drawn_yet_and_leaves_no_draft_and_no_thread(review, tmp_path, monkeypatch, submitted):
    def interrupt(path: Path, data: bytes) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupt)
    monkeypatch.setattr(drawing, "cores", lambda: 1)

    with pytest.raises(KeyboardInterrupt):
        write_review(review, tmp_path, "film")

    assert submitted.count("_overlay") == 2  # of seven
    assert list(tmp_path.iterdir()) == []
    assert drawing_threads() == []


def test_maps_that_cannot_be_written_are_said_and_leave_no_draft(review, tmp_path, monkeypatch):
    def fill_up(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", fill_up)

    with pytest.raises(ExportError, match="No space left on device"):
        write_review(review, tmp_path, "film", save_maps=True)

    assert list(tmp_path.iterdir()) == []


def test_same_review_is_written_to_the_same_bytes_however_many_cores_draw(review, tmp_path, monkeypatch):
    written = []
    for cores in (1, 4):
        monkeypatch.setattr(drawing, "cores", lambda cores=cores: cores)
        folder = write_review(review, tmp_path, "film", save_maps=True)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})

    assert len(written[0]) == 10
    assert written[0] == written[1]


def test_folder_that_cannot_be_written_to_is_said(review, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ExportError, match=r"Not a directory|File exists"):
        write_review(review, tmp_path / "file", "film")

    def refuse(*args, **kwargs):  # chmod would not stop root, as whom containers run their tests
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ExportError, match=r"\(Permission denied\).*choose another folder"):
        write_review(review, tmp_path, "film")


@pytest.mark.parametrize("made_first", ["folder", "file"])
def test_what_is_there_already_keeps_its_name_and_its_content(review, tmp_path, made_first):
    if made_first == "folder":
        (tmp_path / "film").mkdir()
    else:
        (tmp_path / "film").write_text("mine")

    assert write_review(review, tmp_path, "film").name == "film_2"
    assert write_review(review, tmp_path, "film").name == "film_3"
    assert made_first == "folder" or (tmp_path / "film").read_text() == "mine"


def test_threads_that_take_the_same_name_at_once_get_a_folder_each(review, tmp_path, monkeypatch):
    count, real, waited = 3, drafts.os.rename, threading.local()
    barrier = threading.Barrier(count)

    def rename_together(source, target):
        if not hasattr(waited, "once"):  # all of them have seen that the name is free before the first one takes it
            waited.once = True
            barrier.wait(timeout=60)
        real(source, target)

    monkeypatch.setattr(drafts.os, "rename", rename_together)
    folders = []
    threads = [
        threading.Thread(target=lambda: folders.append(write_review(review, tmp_path, "film"))) for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(folder.name for folder in folders) == ["film", "film_2", "film_3"]
    assert len({tuple(names_under(folder)) for folder in folders}) == 1
    assert len(list(tmp_path.iterdir())) == count


# Passing over


def batch(*classifiers: Classifier, display: Display | None = None, run=RUN, **settings) -> Batch:
    classifiers = classifiers or tuple(two_classifiers())
    resolved = resolve(Settings(**({"top_k": 1} | settings)), classifiers)
    options = ReviewOptions(resolved, display or Display(), Pixels(run.intensity, run.rescale, run.negative))
    return Batch(classifiers, options, run, TerminalLine(None))


def reviewed(batch: Batch, path: Path, out: Path, **files: bool) -> int:
    return batch.review(FoundFilms((Film.of(path),)), out, errors=io.StringIO(), **files)


@pytest.fixture
def film(tmp_path) -> Path:
    path = tmp_path / "films" / "film.png"
    path.parent.mkdir()
    path.write_bytes(films.png(films.film()))
    return path


def states(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def folders(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def test_finished_review_of_the_same_film_is_passed_over_untouched(film, tmp_path):
    out = tmp_path / "out"
    assert reviewed(batch(), film, out) == 0
    before = states(out)

    assert reviewed(batch(), film, out) == 0

    assert states(out) == before
    assert len(before) == 5


def with_table(classifier: Classifier, **changed) -> Classifier:
    return replace(classifier, config=replace(classifier.config, **changed))


FINE, COARSE = two_classifiers()
OTHERWISE = {
    "threshold": lambda: batch(display=Display(threshold=0.5)),
    "opacity": lambda: batch(display=Display(opacity=0.5)),
    "colours": lambda: batch(display=Display(colormap="magma")),
    "style": lambda: batch(display=Display(style="contour")),
    "findings": lambda: batch(top_k=2),
    "labels": lambda: batch(labels=("Mass",)),
    "method": lambda: batch(method="gradcam"),
    "framing": lambda: batch(framing="pad"),
    "ensemble weight": lambda: batch(ensemble_weights={"fine": 0.5}),
    "intensity": lambda: batch(run=replace(RUN, intensity="windowed")),
    "rescaling": lambda: batch(run=replace(RUN, rescale=True)),
    "negative": lambda: batch(run=replace(RUN, negative=True)),
    "device": lambda: batch(run=replace(RUN, device="cuda")),
    "weights": lambda: batch(
        FINE, replace(COARSE, weights=WeightsInfo("by-hand", sha256="1" * 64, published=Published.YES))
    ),
    "their being published": lambda: batch(
        FINE, replace(COARSE, weights=WeightsInfo("by-hand", sha256="0" * 64, published=Published.UNKNOWN))
    ),
    "operating points": lambda: batch(FINE, with_table(COARSE, operating_points={"Mass": 0.3, "Lung Lesion": 0.3})),
    "input size": lambda: batch(with_table(FINE, input_size=96), COARSE),
    "classifiers": lambda: batch(FINE),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_review_that_differs_in_anything_gets_the_next_free_name(film, tmp_path, what):
    out = tmp_path / "out"
    reviewed(batch(FINE, COARSE), film, out)
    before = states(out / "film")

    for _ in range(2):  # the second time it is passed over, too
        assert reviewed(OTHERWISE[what](), film, out) == 0

    assert folders(out) == ["film", "film_2"]
    assert states(out / "film") == before


@pytest.mark.parametrize("greys", [Greys(120, 60), Greys(inverted=True)], ids=str)
def test_review_whose_greys_a_reader_set_is_not_taken_for_that_of_a_run(film, tmp_path, greys):
    out = tmp_path / "out"
    made = batch()
    radiograph = read_radiograph(film.read_bytes())
    windowed = analyse(radiograph.with_greys(greys), made.classifiers, made.options.settings)
    write_review(Review(windowed, made.options.display, made.run), out, "film")

    for _ in range(2):
        assert reviewed(made, film, out) == 0

    assert folders(out) == ["film", "film_2"]
    first, second = (json.loads((out / name / "review.json").read_text("utf-8")) for name in folders(out))
    assert (second["input"]["window"], second["input"]["inverted"]) == (None, False)
    assert first["settings"] == second["settings"]


def test_downloads_are_named_by_the_case_and_the_films_hash_never_by_its_file(review):
    sha256 = review.analysis.radiograph.sha256[:12]

    assert records.download_stem(review) == f"review_{sha256}"
    assert records.download_stem(replace(review, case="7 b")) == f"review_7_b_{sha256}"


def test_a_review_without_its_pdf_is_done_again_for_it_and_not_a_second_time(film, tmp_path):
    out = tmp_path / "out"
    for pdf in (False, True, True, False):
        reviewed(batch(), film, out, pdf=pdf)

    assert folders(out) == ["film", "film_2"]
    assert [(out / name / "review.pdf").exists() for name in folders(out)] == [False, True]


def test_saved_maps_and_another_version_are_another_review(film, tmp_path, monkeypatch):
    out = tmp_path / "out"
    reviewed(batch(), film, out)
    reviewed(batch(), film, out, save_maps=True)
    monkeypatch.setattr(places, "software", lambda: {"ensemble-cam": "0.2.0", "torch": "2.15.0"})
    reviewed(batch(), film, out)

    assert folders(out) == ["film", "film_2", "film_3"]
    assert [(out / name / "maps.npz").exists() for name in folders(out)] == [False, True, False]


def test_other_versions_of_what_decodes_films_leave_a_finished_review_finished(film, tmp_path, monkeypatch):
    out = tmp_path / "out"
    reviewed(batch(), film, out)
    monkeypatch.setattr(records, "packages", lambda: {"numpy": "9.0"})
    reviewed(batch(), film, out)

    assert folders(out) == ["film"]


def test_other_films_of_the_same_stem_get_numbers_and_are_all_found_again(film, tmp_path):
    out, others = tmp_path / "out", []
    for seed in (1, 2):
        others.append(tmp_path / str(seed) / "film.png")
        others[-1].parent.mkdir()
        others[-1].write_bytes(films.png(films.film(seed=seed)))
    for path in (film, *others):
        reviewed(batch(), path, out)
    before = states(out)
    assert folders(out) == ["film", "film_2", "film_3"]

    for path in (*others, film):
        reviewed(batch(), path, out)

    assert states(out) == before


@pytest.mark.parametrize(
    "record", [b"", b"null", b"[]", b"{}", b'{"schema": 1}', b'{"classifiers": [1]}', b"\xff\xfe\0", None]
)
def test_folder_with_a_broken_record_is_not_taken_for_finished_and_is_left_alone(film, tmp_path, record):
    out = tmp_path / "out"
    reviewed(batch(), film, out)
    whole = (out / "film" / "review.json").read_bytes()
    damaged = whole[: len(whole) // 2] if record is None else record
    (out / "film" / "review.json").write_bytes(damaged)

    assert reviewed(batch(), film, out) == 0

    assert folders(out) == ["film", "film_2"]
    assert (out / "film" / "review.json").read_bytes() == damaged


def test_review_in_which_a_classifier_failed_is_made_again(film, tmp_path):
    out = tmp_path / "out"
    failing = batch(bright_classifier(), bright_classifier("broken", backbone=Failing(RuntimeError())))
    for _ in range(2):
        assert reviewed(failing, film, out) == 0

    assert folders(out) == ["film", "film_2"]


def broken_into_lines(value: object) -> str:
    """Return JSON as `json` breaks it into lines, with lists of numbers in one line each."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return re.sub(r"\[\n[-+.,\d\seE\[\]]*\]", lambda found: "".join(found[0].split()).replace(",", ", "), text)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"a": [], "b": {}, "c": [1, [2, 3.5e-7], []]},
        [1, None],
        [[True], [False, 1]],
        ['ä, ö\n"1"', {"b": {}}],
        {"regions": [{"box": [0, 1, 2, 3], "outline": [[1, 2], [3, 4]]}], "failure": None},
        {"large": [1e22, -0.0, 10**20]},
    ],
    ids=str,
)
def test_records_text_is_jsons_own_with_a_line_for_each_list_of_numbers(monkeypatch, review, value):
    monkeypatch.setattr("ensemble_cam.export.record.review_record", lambda review, **files: value)

    assert review_json(review) == broken_into_lines(value) + "\n"


def test_a_whole_records_text_is_so_broken_too(review):
    assert review_json(review) == broken_into_lines(review_record(review)) + "\n"
