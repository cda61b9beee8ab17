import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import numpy as np
import pydicom
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.torch_upstream import torchxrayvision
from ensemble_cam.errors import Cancelled, ClassifierError, ConfigError
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.reviewing.analysis import UNKNOWN_LABEL
from ensemble_cam.reviewing.pipeline import analyse, examine, explain, model_input
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.settings import Settings
from support.networks import Brightness, Failing, bright_classifier
from support.reviews import bits

RANGE = 2048  # of torchxrayvision's pixels
RUN_TOGETHER = ("first", 1.0, 64), ("second", 2.0, 96), ("third", 3.0, 64)
XRAYS = Path(__file__).parents[3] / "shared" / "xrays"


def encoded(pixels: np.ndarray, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def png(pixels: np.ndarray) -> bytes:
    return encoded(pixels, "PNG", compress_level=1)


def dicom(pixels: np.ndarray, *, bits: int, photometric: str) -> bytes:
    film = Dataset()
    film.SOPClassUID, film.SOPInstanceUID, film.Modality = "1.2.840.10008.5.1.4.1.1.1.1", "2.25.7", "DX"
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel, film.PhotometricInterpretation, film.PixelRepresentation = 1, photometric, 0
    film.BitsAllocated, film.BitsStored, film.HighBit = 8 * pixels.itemsize, bits, bits - 1
    film.PixelData = pixels.tobytes()
    film["PixelData"].VR = "OW" if pixels.itemsize == 2 else "OB"
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID, film.file_meta.MediaStorageSOPInstanceUID = film.SOPClassUID, "2.25.7"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, film, enforce_file_format=True)
    return buffer.getvalue()


def textured(width: int, height: int, *, bits: int = 8, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    field = np.sin(x / 41) * np.cos(y / 33) / 2 + 0.5 + rng.normal(0, 0.05, (height, width))
    return np.round(np.clip(field, 0, 1) * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def film(seed: int = 0, *, side: int = 240) -> Radiograph:
    return read_radiograph(png(textured(side, side, seed=seed)))


def black(side: int = 240) -> Radiograph:
    return read_radiograph(png(np.zeros((side, side), np.uint8)))


# What the networks see


def assert_seen_as_torchxrayvision_reads_it(path: Path, size: int) -> None:
    xrv = torchxrayvision()
    loaded = xrv.utils.load_image(str(path))
    expected = xrv.datasets.XRayResizer(size)(xrv.datasets.XRayCenterCrop()(loaded))[0]

    got = model_input(read_radiograph(path.read_bytes()), framing="crop", size=size)

    assert got.shape == (1, 1, size, size)
    assert got.dtype == np.float32
    assert_allclose(got[0, 0], expected, rtol=0, atol=1e-5 * RANGE)


FILES = {
    "grey.png": lambda: png(textured(601, 480)),
    "colour.png": lambda: png(np.dstack([textured(480, 601)] * 3)),
    "grey.jpg": lambda: encoded(textured(601, 480), "JPEG", quality=90),
    "8-bit.dcm": lambda: dicom(textured(600, 480), bits=8, photometric="MONOCHROME2"),
    "12-bit.dcm": lambda: dicom(textured(480, 601, bits=12), bits=12, photometric="MONOCHROME2"),
    "12-bit-negative.dcm": lambda: dicom(textured(601, 480, bits=12), bits=12, photometric="MONOCHROME1"),
    "16-bit.dcm": lambda: dicom(textured(601, 480, bits=16), bits=16, photometric="MONOCHROME2"),
}


@pytest.mark.filterwarnings("ignore:Converting MONOCHROME1")
@pytest.mark.parametrize("size", [224, 512])
@pytest.mark.parametrize("name", FILES)
def test_networks_see_what_torchxrayvision_reads(name, size, tmp_path):
    path = tmp_path / name
    path.write_bytes(FILES[name]())
    assert_seen_as_torchxrayvision_reads_it(path, size)


@pytest.mark.skipif(not XRAYS.is_dir(), reason="needs the films of ../shared/xrays, which are not part of the project")
@pytest.mark.filterwarnings("ignore:Converting MONOCHROME1")
@pytest.mark.parametrize("size", [224, 512])
def test_networks_see_real_films_as_torchxrayvision_reads_them(size):
    paths = [path for path in sorted(XRAYS.iterdir()) if path.suffix in (".png", ".jpg", ".dcm")]
    assert len(paths) >= 7
    for path in paths:
        assert_seen_as_torchxrayvision_reads_it(path, size)


# A network that answers where the film is brightest


def with_dot(width: int, height: int, x: int, y: int) -> np.ndarray:
    """Return a black film with a white square around a pixel."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[max(y - 40, 0) : y + 41, max(x - 40, 0) : x + 41] = 255
    return pixels


def hottest(radiograph: Radiograph, framing: str, *, id: str | None = None) -> tuple[int, int] | None:
    classifiers = [bright_classifier("fine", cells=16), bright_classifier("coarse", cells=8)]
    finding = analyse(radiograph, classifiers, Settings(top_k=1, framing=framing)).findings[0]
    return finding.heatmaps()[id or "ensemble"].hottest


def dots(x0: int, y0: int, x1: int, y1: int):
    """Yield places in a box of source pixels: its middle, near its corners, and elsewhere."""
    for across, down in ((0.5, 0.5), (0.04, 0.04), (0.96, 0.05), (0.05, 0.96), (0.97, 0.97), (0.31, 0.72)):
        yield int(x0 + across * (x1 - x0)), int(y0 + down * (y1 - y0))


@pytest.mark.parametrize(
    ("width", "height", "framing", "seen"),
    [
        (2500, 2048, "crop", (226, 0, 2274, 2048)),
        (2048, 2500, "crop", (0, 226, 2048, 2274)),
        (2500, 2048, "pad", (0, 0, 2500, 2048)),
        (2048, 2500, "pad", (0, 0, 2048, 2500)),
    ],
)
def test_a_dot_is_the_hottest_point_in_source_pixels(width, height, framing, seen):
    for x, y in dots(*seen):
        radiograph = read_radiograph(png(with_dot(width, height, x, y)))
        analysis = analyse(
            radiograph,
            [bright_classifier("fine", cells=16), bright_classifier("coarse", cells=8)],
            Settings(top_k=1, framing=framing),
        )
        assert analysis.geometry.crop == seen
        side = max(seen[2] - seen[0], seen[3] - seen[1])
        for id, cells in (("fine", 16), ("coarse", 8), ("ensemble", 16)):
            at = analysis.findings[0].heatmaps()[id].hottest
            # Within the cell that the dot's centre lies in, or the next where it lies on their border.
            assert abs(at[0] - x) <= side / cells, (id, at, (x, y))
            assert abs(at[1] - y) <= side / cells, (id, at, (x, y))
            assert seen[0] <= at[0] < seen[2]
            assert seen[1] <= at[1] < seen[3]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_dot_on_a_film_turned_by_exif_is_found_where_the_upright_film_has_it(orientation):
    columns, rows = 2500, 2048
    for column, row in ((1250, 1024), (700, 300), (1900, 1700)):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encoded(with_dot(columns, rows, column, row), "JPEG", quality=90, exif=exif)
        # EXIF 2.3, tag 274: which side of the upright picture row 0 and column 0 are. From 5 on they change places.
        last_column, last_row = columns - 1, rows - 1
        x, y = {
            1: (column, row),
            2: (last_column - column, row),
            3: (last_column - column, last_row - row),
            4: (column, last_row - row),
            5: (row, column),
            6: (last_row - row, column),
            7: (last_row - row, last_column - column),
            8: (row, last_column - column),
        }[orientation]
        radiograph = read_radiograph(data)
        assert (radiograph.width, radiograph.height) == ((columns, rows) if orientation < 5 else (rows, columns))
        found = hottest(radiograph, "crop")
        assert_allclose(found, (x, y), atol=2048 / 16)


def test_what_lies_outside_the_crop_is_found_under_pad_alone():
    radiograph = read_radiograph(png(with_dot(2500, 2048, 100, 900)))
    assert hottest(radiograph, "crop") is None
    assert_allclose(hottest(radiograph, "pad"), (100, 900), atol=2500 / 16)


# Scores, ranking, labels


def test_findings_rank_by_score_then_by_name():
    first = bright_classifier("first", logits={"Mass": 1.0, "Nodule": -2.0, "Hernia": 1.0, "Edema": 0.0}, slope=0)
    second = bright_classifier("second", logits={"Edema": 3.0, "Fracture": -2.0}, slope=0)

    analysis = analyse(black(), [first, second], Settings(top_k=3))

    def sigmoid(value):
        return 1 / (1 + np.exp(-value))

    ranking = [(ranked.label, ranked.score.value) for ranked in analysis.ranking]
    assert [label for label, _ in ranking] == ["Hernia", "Mass", "Edema", "Fracture", "Nodule"]
    expected = [sigmoid(1), sigmoid(1), (0.5 + sigmoid(3)) / 2, sigmoid(-2), sigmoid(-2)]
    assert_allclose([score for _, score in ranking], expected, atol=1e-6)
    assert [ranked.score.call for ranked in analysis.ranking] == 3 * ["called"] + 2 * ["not called"]
    assert [(finding.rank, finding.label) for finding in analysis.findings] == [
        (1, "Hernia"),
        (2, "Mass"),
        (3, "Edema"),
    ]
    assert set(analysis.findings[2].maps) == {"first", "second"}
    assert analysis.findings[0].missing == {"second": UNKNOWN_LABEL}


@pytest.mark.parametrize("top_k", [1, 2, 18])
def test_top_k_findings_are_explained(top_k):
    classifier = bright_classifier(logits={"A": 0.0, "B": 2.0, "C": 1.0})
    analysis = analyse(film(), [classifier], Settings(top_k=top_k))
    assert [finding.label for finding in analysis.findings] == ["B", "C", "A"][:top_k]
    assert len(analysis.ranking) == 3


def test_named_labels_are_found_as_displayed_and_in_any_case_and_stand_by_rank():
    classifier = bright_classifier(logits={"Pleural_Thickening": 0.0, "Lung Lesion": 2.0, "Mass": 1.0})
    for names in (("pleural thickening", "LUNG lesion"), ("Lung Lesion", "Pleural_Thickening", " Pleural Thickening ")):
        analysis = analyse(film(), [classifier], Settings(labels=names))
        assert [finding.label for finding in analysis.findings] == ["Lung Lesion", "Pleural_Thickening"]
        assert set(analysis.settings.labels) == {"Lung Lesion", "Pleural_Thickening"}


def test_labels_that_nobody_knows_are_refused():
    with pytest.raises(ConfigError, match="labels: got 'Gout', which no classifier here knows"):
        analyse(film(), [bright_classifier()], Settings(labels=("Nodule", "Gout")))
    with pytest.raises(ConfigError, match="labels: got none"):
        analyse(film(), [bright_classifier()], Settings(labels=()))


def test_uncalibrated_scores_stand_beside_and_count_where_nobody_else_knows_the_label():
    calibrated = bright_classifier("calibrated", logits={"Mass": -1.0}, slope=0)
    bare = bright_classifier("bare", logits={"Mass": 5.0, "Edema": 2.0}, slope=0, calibrated=False)

    analysis = analyse(black(), [calibrated, bare], Settings())

    by_label = {ranked.label: ranked for ranked in analysis.ranking}
    assert by_label["Mass"].score.value == pytest.approx(1 / (1 + np.exp(1)), abs=1e-6)
    assert set(by_label["Mass"].scores) == {"calibrated", "bare"}
    assert by_label["Edema"].score.calibrated is False
    assert analysis.result("bare").call("Mass") is Call.UNCALIBRATED
    assert analysis.result("calibrated").call("Mass") is Call.NOT_CALLED


def test_ensemble_weights_of_the_settings_go_before_those_of_the_configuration():
    pair = [
        bright_classifier("a", logits={"Mass": -1.0}, slope=0, ensemble_weight=3.0),
        bright_classifier("b", logits={"Mass": 1.0}, slope=0),
    ]
    low, high = 1 / (1 + np.exp(1)), 1 / (1 + np.exp(-1))
    configured = analyse(black(), pair, Settings())
    changed = analyse(black(), pair, Settings(ensemble_weights={"a": 0}))
    assert configured.ranking[0].score.value == pytest.approx((3 * low + high) / 4, abs=1e-6)
    assert changed.ranking[0].score.value == pytest.approx(high, abs=1e-6)
    assert changed.findings[0].ensemble.classifiers == ("b",)
    assert set(changed.findings[0].maps) == {"a", "b"}
    for wrong, message in (({"c": 1.0}, "got one for 'c'"), ({"a": -1.0}, "got -1"), ({"a": 0, "b": 0}, "all are 0")):
        with pytest.raises(ConfigError, match=message):
            analyse(black(), pair, Settings(ensemble_weights=wrong))


def test_agreement_is_that_of_the_maps_behind_the_ensemble():
    trio = [bright_classifier(id) for id in ("a", "b")] + [bright_classifier("c", ensemble_weight=0.0)]
    finding = analyse(film(), trio, Settings()).findings[0]
    same = finding.agreement(0.4)
    assert (same.iou, same.rank_correlation) == (pytest.approx(1), pytest.approx(1))
    assert analyse(film(), trio[1:], Settings()).findings[0].agreement(0.4) is None


# Failures


class Nan:
    def __call__(self, pixels):
        return Brightness(16)(pixels) * float("nan")


@pytest.mark.parametrize(
    ("backbone", "said"),
    [
        (Failing(RuntimeError("a kernel is missing")), "failed with RuntimeError; the log has the details"),
        (Failing(ValueError("patient data")), "failed with ValueError; the log has the details"),
        (Failing(torch.OutOfMemoryError("CUDA out of memory.")), "ran out of memory"),
        (Failing(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")), "ran out of memory"),
        (Failing(MemoryError()), "ran out of memory"),
        (Nan(), "values that are not numbers"),
    ],
    ids=["runtime error", "value error", "cuda memory", "cpu memory", "memory error", "nan"],
)
def test_a_failing_classifier_is_named_and_the_others_keep_their_bits(backbone, said):
    good = [bright_classifier("a"), bright_classifier("b", cells=7, logits={"Nodule": 0.3, "Mass": 0.1})]
    broken = bright_classifier("broken", backbone=backbone, logits={"Nodule": 1.0, "Hernia": 4.0})
    settings = Settings(top_k=18)

    without = analyse(film(), good, settings)
    analysis = analyse(film(), [good[0], broken, good[1]], settings)

    assert said in analysis.result("broken").failure
    assert "patient" not in analysis.result("broken").failure
    assert not analysis.result("broken").scores
    assert [result.id for result in analysis.results] == ["a", "broken", "b"]
    assert bits(analysis) == bits(without)
    by_label = {finding.label: finding for finding in analysis.findings}
    assert by_label["Nodule"].missing == {"broken": analysis.result("broken").failure}
    assert by_label["Mass"].missing == {"a": UNKNOWN_LABEL, "broken": UNKNOWN_LABEL}
    # A label that only the failed classifier knows has no score, hence no rank, and asking for it says why.
    assert "Hernia" not in by_label
    with pytest.raises(ConfigError, match=r"only classifiers that failed.*Hernia"):
        analyse(film(), [good[0], broken], Settings(labels=("Hernia",)))


class FailingRun:
    logits = np.array([0.5], np.float32)

    def gradients(self, outputs):
        raise RuntimeError("out of memory")


def test_classifiers_that_run_side_by_side_say_the_same_in_the_same_order():
    barrier = Barrier(3, timeout=30)

    class Together(Brightness):
        def __call__(self, pixels: np.ndarray) -> np.ndarray:
            barrier.wait()  # broken where one runs before the other two have begun
            return super().__call__(pixels)

    given = [bright_classifier(id, slope=slope, input_size=side) for id, slope, side in RUN_TOGETHER]
    together = [replace(classifier, backbone=Together(16)) for classifier in given]
    seen = film(seed=3)
    one_by_one = analyse(seen, given, Settings(top_k=2))
    told: list[str] = []

    at_once = analyse(seen, together, Settings(top_k=2), at_once=3, progress=lambda what, share: told.append(what))

    assert [result.id for result in at_once.results] == ["first", "second", "third"]
    assert [result.scores for result in at_once.results] == [result.scores for result in one_by_one.results]
    assert bits(at_once) == bits(one_by_one)
    assert told[:4] == ["Preparing the film", *(f"{id.capitalize()}: running" for id, *_ in RUN_TOGETHER)]
    assert at_once.seconds.keys() == one_by_one.seconds.keys()


def test_a_classifier_that_fails_beside_others_leaves_them_alone():
    given = [bright_classifier(id, slope=slope, input_size=side) for id, slope, side in RUN_TOGETHER]
    given[1] = replace(given[1], backbone=Failing(RuntimeError("broken")))
    results = examine(film(), given, at_once=3).results
    assert [result.failure is None for result in results] == [True, False, True]


def test_a_classifier_that_fails_at_its_maps_keeps_its_scores(monkeypatch):
    good, broken = bright_classifier("a"), bright_classifier("broken", cells=8)
    monkeypatch.setattr(broken.head, "run", lambda activation: FailingRun())

    analysis = analyse(film(), [good, broken], Settings())

    finding = analysis.findings[0]
    assert set(finding.maps) == {"a"}
    assert finding.missing == {"broken": analysis.result("broken").failure}
    assert finding.ensemble.classifiers == ("a",)
    assert analysis.result("broken").scores == {"Nodule": pytest.approx(1 / (1 + np.exp(-0.5)))}


def test_all_failing_is_an_error_that_says_why_for_each():
    broken = [bright_classifier(id, backbone=Failing(RuntimeError(id))) for id in ("a", "b")]
    with pytest.raises(ClassifierError, match=r"No classifier could be run.*A: failed with RuntimeError.*; B: failed"):
        analyse(film(), broken, Settings())


def test_empty_maps_are_named_and_drawn_as_nothing():
    empty = bright_classifier("empty", slope=0)
    finding = analyse(film(), [bright_classifier("a"), empty], Settings()).findings[0]
    assert finding.maps["empty"].empty
    assert finding.maps["empty"].hottest is None
    assert finding.ensemble.empty_classifiers == ("empty",)


# Progress, stopping, explaining anew


def test_progress_rises_from_zero_to_one_and_names_each_classifier():
    said = []
    pair = [bright_classifier("a"), bright_classifier("b")]
    analyse(film(), pair, Settings(), progress=lambda what, share: said.append((what, share)))
    shares = [share for _, share in said]
    assert shares == sorted(shares)
    assert len(set(shares)) == len(shares)
    assert shares[0] == 0
    assert 0.85 <= shares[-1] < 1
    for name in ("A", "B"):
        assert sum(what.startswith(f"{name}:") for what, _ in said) == 2


def test_stopping_works_before_every_step():
    pair = [bright_classifier("a"), bright_classifier("b")]
    steps = []
    analyse(film(), pair, Settings(), cancelled=lambda: bool(steps.append(None)))
    assert len(steps) == 5
    for step in range(len(steps)):
        asked = []

        def stop(asked=asked, step=step):
            asked.append(None)
            return len(asked) > step

        with pytest.raises(Cancelled):
            analyse(film(), pair, Settings(), cancelled=stop)
        assert len(asked) == step + 1


def test_explaining_twice_gives_the_same_bits_as_analysing(untrained):
    radiograph, classifiers = film(3), [untrained["densenet121"], untrained["jfhealthcare"]]
    first, second = Settings(top_k=2), Settings(labels=("Effusion", "Mass"), method="layercam")

    examination = examine(radiograph, classifiers, framing="crop")
    explained = [explain(examination, settings) for settings in (first, second, first)]

    assert bits(explained[0]) == bits(explained[2]) == bits(analyse(radiograph, classifiers, first))
    assert bits(explained[1]) == bits(analyse(radiograph, classifiers, second))
    assert bits(explained[0]) != bits(explained[1])


@pytest.mark.slow
def test_eight_threads_with_eight_films_give_the_bits_of_one_after_the_other(config):
    # The real architectures, on a smaller film.
    tables = [replace(table, input_size=256) for table in config.in_set("clinical")]
    classifiers = [load_classifier(table, weights="untrained") for table in tables]
    settings = Settings(labels=("Effusion", "Cardiomegaly"))
    films = [film(seed) for seed in range(8)]
    alone = [bits(analyse(radiograph, classifiers, settings)) for radiograph in films]
    at_once = Barrier(len(films))

    def review(radiograph):
        at_once.wait()
        return bits(analyse(radiograph, classifiers, settings))

    with ThreadPoolExecutor(len(films)) as threads:
        together = list(threads.map(review, films))

    assert together == alone
    # Eight films, eight reviews.
    assert len({str(found["raw"]) for found in alone}) == len(films)


def test_an_analysis_leaves_the_film_as_it_was():
    radiograph = film(1)
    before = radiograph.model.tobytes(), radiograph.source.tobytes()
    analyse(radiograph, [bright_classifier()], Settings(framing="pad"))
    assert (radiograph.model.tobytes(), radiograph.source.tobytes()) == before
