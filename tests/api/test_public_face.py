"""`import ensemble_cam as ec`: what is promised, what it costs, and what it gives for a film from anywhere."""

import io
import json
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import ensemble_cam as ec
from ensemble_cam.api.networks import Networks
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.purpose import PURPOSE, TEACHING_LINE
from support import films

pytestmark = pytest.mark.slow

TEACHING = ("teaching-densenet", "teaching-resnet", "teaching-jfhealthcare")
HEAVY = (
    "torch",
    "torchvision",
    "torchxrayvision",
    "streamlit",
    "openvino",
    "cv2",
    "numpy",
    "pandas",
    "PIL",
    "matplotlib",
)


@pytest.fixture(scope="module")
def phantom() -> ec.Phantom:
    return ec.draw_phantom(3, findings=["Effusion"], size=(300, 400), difficulty=0.2)


@pytest.fixture(scope="module")
def review(phantom) -> ec.Review:
    return ec.review(phantom, set="teaching")


# What is promised -----------------------------------------------------------------------------------------------------


def test_importing_the_package_loads_nothing_of_weight_and_finding_its_names_only_what_they_need():
    code = (
        "import sys, ensemble_cam as ec\n"
        f"loaded = lambda: sorted({set(HEAVY)!r} & set(sys.modules))\n"
        "print(loaded()); dir(ec); ec.RadiographError; print(loaded())\n"
        "ec.read_film(ec.draw_phantom(3, size=256)); print('torch' in sys.modules, 'pandas' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:3] == ["[]", "[]", "False False"]


def test_every_promised_name_is_there_and_no_other_is_made_up():
    assert set(ec.__all__) <= set(dir(ec))
    for name in ec.__all__:
        assert getattr(ec, name) is not None
    with pytest.raises(AttributeError, match="reviews"):
        ec.reviews  # noqa: B018
    assert ec.review is not None
    assert callable(ec.review), "no module took its place"


def test_each_promised_exception_is_of_one_family():
    for name in ec.__all__:
        value = getattr(ec, name)
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, ec.EnsembleCamError)


# A film from anywhere -------------------------------------------------------------------------------------------------


def test_one_film_is_the_same_from_a_path_bytes_and_a_phantom(tmp_path, phantom):
    data = film_bytes(phantom)
    (tmp_path / "film.png").write_bytes(data)
    by_path, by_text, by_bytes, by_phantom = (
        ec.read_film(source) for source in (tmp_path / "film.png", str(tmp_path / "film.png"), data, phantom)
    )
    assert len({film.sha256 for film in (by_path, by_text, by_bytes, by_phantom)}) == 1
    assert by_phantom.phantom
    np.testing.assert_array_equal(by_path.display, phantom.pixels)


def test_an_array_is_seen_as_the_picture_that_holds_the_same_values():
    pixels = films.film(300, 400, seed=3)
    film = ec.read_film(pixels)
    picture = read_radiograph(films.png(pixels))
    np.testing.assert_array_equal(film.model, picture.model)
    np.testing.assert_array_equal(film.display, picture.display)
    assert (film.format, film.bits, film.phantom) == ("array", 8, False)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (12, np.int64), (12, np.uint16), (16, np.uint16)])
def test_an_arrays_range_is_what_its_bits_declare_whatever_it_spans(bits, dtype):
    values = np.full((64, 64), 2**bits // 4, dtype=dtype)
    values[:32] = 2**bits // 2
    film = ec.read_film(values, bits=bits)
    # xrv.utils.normalize: from 0 … 2**bits - 1 to -1024 … 1024
    expected = (2 * (values.astype(np.float64) / (2**bits - 1)) - 1) * 1024
    np.testing.assert_allclose(film.model, expected, atol=1e-3)


def test_an_arrays_hash_tells_its_values_its_shape_and_its_bits_apart_and_not_its_layout():
    values = (np.arange(64 * 128) % 251).astype(np.uint16).reshape(64, 128)
    hashes = [
        ec.read_film(each, bits=bits).sha256
        for each, bits in ((values, 12), (values, 13), (values.reshape(128, 64), 12), (values + 1, 12))
    ]
    assert len(set(hashes)) == 4
    for same in (np.asfortranarray(values), values.astype(">u2"), values.astype(np.int32)):
        assert ec.read_film(same, bits=12).sha256 == hashes[0]


def test_an_array_that_is_changed_later_leaves_its_film_alone():
    values = films.film(64, 64, seed=1)
    film = ec.read_film(values)
    before = film.source.copy()
    values[:] = 0
    np.testing.assert_array_equal(film.source, before)


@pytest.mark.parametrize(
    ("source", "how", "error", "message"),
    [
        (np.zeros((64, 64, 3), np.uint8), {}, ec.RadiographError, r"shape \(64, 64, 3\).*one channel"),
        (np.zeros((64, 64)), {}, ec.RadiographError, "float64, which declares no range.*bits=…"),
        (np.zeros((64, 64), bool), {}, ec.RadiographError, "bool, which declares no range"),
        (np.zeros((64, 64), np.int16), {}, ec.RadiographError, "int16, and nobody knows which value is white.*bits=12"),
        (np.zeros((64, 64), np.uint16), {"bits": 17}, ec.RadiographError, "bits: got 17; allowed: .* 2 to 16"),
        (np.zeros((64, 64), np.uint16), {"bits": True}, ec.RadiographError, "bits: got True"),
        (np.full((64, 64), 4096, np.uint16), {"bits": 12}, ec.RadiographError, "from 4096 to 4096, and 12 bits allow"),
        (np.full((64, 64), -1, np.int16), {"bits": 12}, ec.RadiographError, "from -1 to -1"),
        (np.zeros((0, 64), np.uint8), {}, ec.RadiographError, "too small to be reviewed"),
        (b"notes", {}, ec.RadiographError, "This is a text file"),
        (b"", {"bits": 12}, TypeError, "bits: given for a film that declares its own"),
        ("no/such.png", {}, ec.RadiographError, "cannot be read"),
        (None, {}, TypeError, "A film is a path, bytes, .*; got NoneType"),
        ([[1, 2]], {}, TypeError, "got list"),
        (
            np.zeros((64, 64), np.uint8),
            {"intensity": "window"},
            ec.ConfigError,
            'got "window".*Did you mean "windowed"',
        ),
    ],
    ids=range(15),
)
def test_what_is_no_film_is_refused_in_one_sentence(source, how, error, message):
    with pytest.raises(error, match=message):
        ec.read_film(source, **how)


# A review -------------------------------------------------------------------------------------------------------------


def test_scores_and_calls_are_tables_of_findings_and_classifiers(review):
    assert tuple(review.scores.columns) == (*TEACHING, "ensemble") == (*review.classifiers, "ensemble")
    assert review.scores.index.name == "finding"
    assert review.scores["ensemble"].is_monotonic_decreasing
    assert review.findings == tuple(review.scores.index[:3])
    assert review.scores.loc["Effusion", "ensemble"] == pytest.approx(review.scores.loc["Effusion", [*TEACHING]].mean())
    assert review.calls.loc["Effusion", "ensemble"] == "called"
    assert review.calls.shape == review.scores.shape
    assert set(map(str, review.scores.dtypes)) == {"float64"}


def test_a_map_is_in_source_pixels_hottest_where_the_finding_was_planted_and_nan_outside_of_the_crop(review, phantom):
    for classifier in (*TEACHING, "ensemble"):
        found = review.map("effusion", classifier=classifier)
        assert (found.shape, found.dtype) == ((400, 300), np.float32)
        assert np.isnan(found[:50]).all()
        assert np.isnan(found[350:]).all()
        assert not np.isnan(found[50:350]).any()
        y, x = np.unravel_index(np.nanargmax(found), found.shape)
        ys, xs = np.nonzero(phantom.masks["Effusion"])
        assert np.hypot(ys - y, xs - x).min() <= 0.05 * 300
        assert np.nanmin(found) >= 0
        assert 0.9 < np.nanmax(found) <= 1


def test_a_map_that_was_changed_leaves_the_review_alone(review):
    review.map("Effusion")[:] = 7
    assert np.nanmax(review.map("Effusion")) <= 1


def test_regions_are_those_of_the_record_and_agreement_is_a_pairs_overlap(review):
    recorded = next(found for found in review.record["findings"] if found["label"] == "Effusion")
    regions = review.regions("Effusion", classifier=TEACHING[1])
    assert [list(region.box) for region in regions] == [
        region["box"] for region in recorded["maps"][TEACHING[1]]["regions"]
    ]
    assert review.agreement("Effusion").iou == pytest.approx(recorded["agreement"]["iou"], abs=1e-6)


def test_a_notebook_cell_shows_the_figure(review):
    small = Image.open(io.BytesIO(review._repr_png_()))
    figure = review.figure()
    assert small.width == 1400
    assert small.height == round(figure.height * 1400 / figure.width)
    assert small.text["Disclaimer"] == PURPOSE
    wide = np.asarray(figure.resize(small.size, reducing_gap=2.0), dtype=float)
    np.testing.assert_allclose(np.asarray(small.convert("RGB"), dtype=float), wide, atol=1)
    page = review._repr_html_()
    assert TEACHING_LINE in page
    assert 'src="data:image/jpeg;base64,' in page
    assert "<script" not in page
    assert "http" not in page


def test_what_is_meaningless_is_struck_in_a_notebook_and_says_so_in_words(phantom):
    review = ec.review(phantom.pixels, set="teaching", top_k=1)
    assert review.meaningless
    assert set(review.calls["ensemble"]) == {"meaningless"}
    assert "mean nothing" in review.cautions[0]
    page = review._repr_html_()
    assert "mean nothing" in page
    assert page.count("<s ") == len(TEACHING) + 1
    assert "meaningless" in repr(review)


def test_networks_that_were_never_trained_are_a_caution_by_name(phantom):
    review = ec.review(phantom, set="teaching", top_k=1, weights={"teaching-resnet": "untrained"})
    (caution,) = review.cautions
    assert caution.startswith("Teaching ResNet: untrained")
    assert caution in review._repr_html_()


def test_overlay_and_figure_are_the_exported_ones(review, tmp_path):
    folder = review.save(tmp_path)
    for classifier in (TEACHING[0], "ensemble"):
        with Image.open(folder / f"1_effusion_{classifier}.png") as written:
            np.testing.assert_array_equal(np.asarray(review.overlay("Effusion", classifier=classifier)), written)
    with Image.open(folder / "review.png") as written:
        np.testing.assert_array_equal(np.asarray(review.figure()), written)
    assert review.overlay("Effusion", bare=True).size == (300, 400)
    assert review.overlay("Effusion").height > 400


def test_a_part_of_the_film_is_drawn_anew_at_print_size(review):
    x, y = review.regions("effusion")[0].hottest
    alone, mapped = review.view((20, 130, 120, 180)), review.view((x - 20, y - 10, x + 20, y + 10), "effusion")
    assert alone.width == mapped.width == 2000
    greys, film = np.asarray(alone)[:1000], review.film.display[130:180, 20:120]
    np.testing.assert_allclose(greys[10::20, 10::20, 0], film, atol=6)  # a fortieth of a pixel from their centres
    assert np.ptp(greys.astype(int), axis=2).max() == 0 < np.ptp(np.asarray(mapped)[:1000].astype(int), axis=2).max()
    assert alone.info["View"] == "source pixels 20, 130, 120, 180, enlarged 20 times"
    for box, complaint in (
        ((500, 0, 600, 9), "Show some of them"),
        ((0.5, 0, 9, 9), "four whole numbers"),
        (3, "four"),
    ):
        with pytest.raises(ec.ConfigError, match=complaint):
            review.view(box)


def test_a_review_is_saved_beside_others_under_the_name_of_its_film(tmp_path, phantom):
    (tmp_path / "chest.png").write_bytes(film_bytes(phantom))
    review = ec.review(tmp_path / "chest.png", set="teaching", top_k=1)
    folders = [review.save(tmp_path / "out"), review.save(tmp_path / "out"), review.save(tmp_path / "out", name="own")]
    assert [folder.name for folder in folders] == ["chest", "chest_2", "own"]
    assert json.loads((folders[0] / "review.json").read_text())["findings"][0]["label"] == "Effusion"
    hashed = ec.review(phantom, set="teaching", top_k=1).save(tmp_path / "out")
    assert hashed.name == review.film.sha256[:16]
    cased = ec.review(phantom, set="teaching", top_k=1, case="Case 7").save(tmp_path / "out", bare=True, save_maps=True)
    assert cased.name == "Case 7"
    assert json.loads((cased / "review.json").read_text())["case"] == "Case 7"
    assert (cased / "maps.npz").exists()
    assert (cased / "1_effusion_ensemble_bare.png").exists()
    with pytest.raises(ec.ConfigError, match="name: got"):
        review.save(tmp_path, name="../elsewhere")
    with pytest.raises(ec.ConfigError, match="case: got"):
        ec.review(phantom, set="teaching", case="a/b")


def test_reweighting_runs_no_network_and_changes_the_mean_alone(review):
    alone = review.reweighted({TEACHING[1]: 0, TEACHING[2]: 0})
    np.testing.assert_array_equal(
        alone.scores["ensemble"], review.scores[TEACHING[0]].reindex(alone.scores.index), strict=True
    )
    np.testing.assert_array_equal(alone.map("Effusion"), review.map("Effusion", classifier=TEACHING[0]))
    assert alone.film is review.film


def test_options_are_those_of_the_command_line_and_what_they_say_is_recorded(phantom):
    review = ec.review(
        phantom,
        set="teaching",
        classifiers=["teaching-resnet"],
        labels=["mass", "Effusion"],
        method="gradcam",
        framing="pad",
        threshold=0.6,
        style="contour",
        negative=True,
        runtime="torch",
    )
    assert set(review.findings) == {"Mass", "Effusion"}
    settings = review.record["settings"]
    for key, value in {"method": "gradcam", "framing": "pad", "threshold": 0.6, "style": "contour"}.items():
        assert settings[key] == value
    assert (settings["runtime"], settings["negative"]) == ("torch", True)
    assert not np.isnan(review.map("Mass")).any()


def test_a_film_that_was_read_already_is_recorded_as_it_was_read_and_not_read_in_another_way(phantom):
    film = ec.read_film(phantom, negative=True)
    assert ec.review(film, set="teaching", top_k=1).record["settings"]["negative"] is True
    upright = ec.read_film(phantom)
    with pytest.raises(ec.ConfigError, match="negative: the film was read already, in another way"):
        ec.review(upright, set="teaching", negative=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"set": "clinic"}, ec.ConfigError, 'set: got "clinic".*Did you mean "clinical"'),
        ({"topk": 3}, TypeError, "no option 'topk'. Did you mean \"top_k\""),
        ({"top_k": 0}, ec.ConfigError, "top_k: got 0; allowed: a whole number from 1 to 18"),
        ({"threshold": 2}, ec.ConfigError, "threshold: got 2"),
        ({"labels": ["Efusion"]}, ec.ConfigError, 'Did you mean "Effusion"'),
        ({"labels": "Effusion"}, ec.ConfigError, r"labels: got the text 'Effusion'; hand over a list"),
        ({"classifiers": "teaching-resnet"}, ec.ConfigError, "classifiers: got the text"),
        ({"classifiers": ["densenet121"]}, ec.ConfigError, "is in the set clinical"),
        ({"method": "gradcam+"}, ec.ConfigError, r'Did you mean "gradcam\+\+"'),
        ({"ensemble_weights": {"resnet": 1}}, ec.ConfigError, "ensemble weight: got one for 'resnet'"),
        ({"device": "gpu"}, ec.ConfigError, "gpu"),
        ({"config": "absent.toml"}, ec.ConfigError, "absent.toml"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_options_that_are_not_allowed_are_said_before_anything_is_read(options, error, message):
    with pytest.raises(error, match=message):
        ec.review("no/such.png", **{"set": "teaching", **options})


def test_missing_weights_say_how_to_fetch_them_and_what_needs_none(tmp_path, monkeypatch, phantom):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ENSEMBLE_CAM_CACHE", str(tmp_path))
    with pytest.raises(ec.WeightsMissing, match=r'(?s)weights fetch.*Until then, set="teaching" needs no download'):
        ec.review(phantom)


@pytest.mark.parametrize(
    ("finding", "classifier", "message"),
    [
        ("Efusion", "ensemble", 'Did you mean "Effusion"'),
        (None, "ensemble", "finding: got None; this review has maps of"),
        ("Effusion", "teaching-resnt", 'Did you mean "teaching-resnet"'),
    ],
)
def test_what_has_no_map_is_said(review, finding, classifier, message):
    for ask in (review.map, review.regions, review.overlay):
        with pytest.raises(ec.ConfigError, match=message):
            ask(finding, classifier=classifier)


# Many films -----------------------------------------------------------------------------------------------------------


def test_many_films_come_in_their_order_read_as_one_by_one(phantom):
    drawn = [phantom, ec.draw_phantom(4, size=256), phantom]
    reviews = list(ec.review_films(iter(drawn), set="teaching", top_k=1))
    assert [review.film.sha256 for review in reviews] == [ec.read_film(each).sha256 for each in drawn]
    one = ec.review(drawn[1], set="teaching", top_k=1)
    assert reviews[1].scores.equals(one.scores)
    np.testing.assert_array_equal(reviews[1].map(one.findings[0]), one.map(one.findings[0]))


def test_a_film_that_fails_is_handed_over_with_its_reason_and_the_others_go_on(tmp_path, phantom):
    (tmp_path / "good.png").write_bytes(film_bytes(phantom))
    given = [tmp_path / "good.png", tmp_path / "absent.png", b"notes", phantom]
    failed = []
    reviews = list(
        ec.review_films(
            given, set="teaching", top_k=1, on_error=lambda source, error: failed.append((source, str(error)))
        )
    )
    assert len(reviews) == 2
    assert [source for source, _ in failed] == given[1:3]
    assert "cannot be read" in failed[0][1]
    assert "text file" in failed[1][1]
    with pytest.raises(ec.RadiographError) as caught:
        list(ec.review_films(given, set="teaching", top_k=1))
    assert caught.value.__notes__ == ["This was film 2 of those handed over."]


def test_a_loop_that_is_left_early_asks_for_few_films_and_leaves_no_thread(phantom):
    import threading

    asked = []

    def endless():
        while True:
            asked.append(1)
            yield phantom

    before = threading.active_count()
    for _ in ec.review_films(endless(), set="teaching", top_k=1):
        break
    deadline = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(asked) <= 5
    assert threading.active_count() <= before


def test_options_of_many_films_are_checked_before_the_first_is_asked_for():
    with pytest.raises(ec.ConfigError, match="top_k"):
        ec.review_films(iter([]), set="teaching", top_k=99)
    with pytest.raises(TypeError, match="a single one"):
        ec.review_films("film.png", set="teaching")


def test_networks_are_loaded_once_for_the_same_choice(monkeypatch, review):
    loads = []
    monkeypatch.setattr("ensemble_cam.api.networks.load_classifiers", lambda *given: loads.append(given))
    Networks.of({"set": "teaching", "top_k": 1, "method": "gradcam"})
    assert not loads
