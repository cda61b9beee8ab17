import hashlib
import subprocess
import sys
from functools import cache

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from ensemble_cam.errors import ConfigError
from ensemble_cam.phantom import FINDINGS, TRAINING_SEEDS, VERSION, Phantom, draw_phantom, exposure, were_learned_from
from ensemble_cam.phantom.canvas import Canvas
from ensemble_cam.phantom.exposure import Pose

SEEDS = (3, 11, 58)


def grown(mask: np.ndarray, share: float) -> np.ndarray:
    """Grow a mask by a share of the film's side."""
    side = 2 * round(share * min(mask.shape)) + 1
    return cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


@cache
def small(seed: int, findings: tuple[str, ...] | None = None, **how: object) -> Phantom:
    """Draw a film of 256×256 once for all tests that look at it."""
    return draw_phantom(seed, findings=findings, size=256, **how)


def fingerprint(phantom: Phantom) -> str:
    digest = hashlib.sha256(phantom.pixels.tobytes())
    for name, mask in phantom.masks.items():
        digest.update(name.encode() + mask.tobytes())
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_another_process():
    code = (
        f"import sys; sys.path.insert(0, {str(__file__.rsplit('/', 1)[0])!r})\n"
        "from test_phantom import others\n"
        "print(*others())"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.split() == others()


def others() -> list[str]:
    return [fingerprint(each) for each in (draw_phantom(5, size=300), draw_phantom(6, size=(256, 320), bits=16))]


def test_a_pose_reads_between_pixels_and_repeats_the_rim():
    canvas = Canvas(90, 70)
    pose = Pose.drawn(canvas, np.random.default_rng(3))
    layer = np.random.default_rng(4).random((70, 90), dtype=np.float32)
    expected = map_coordinates(layer, [pose.from_y, pose.from_x], order=1, mode="nearest")
    assert pose.from_x.max() > 89 or pose.from_x.min() < 0  # some of it lies beyond
    np.testing.assert_allclose(pose.apply(layer), expected, atol=2e-5)


def test_the_side_marker_stands_at_the_side_that_it_names():
    bright, sides = Canvas(320, 320).zeros(), set()
    for number in range(40):
        film = exposure.mark(Canvas(320, 320), bright, np.random.default_rng(number))
        ys, xs = np.nonzero(film > 0.5)
        if len(xs):
            width, tall = np.ptp(xs) + 1, np.ptp(ys) + 1
            assert 0.9 < tall / (320 * (0.0455 + 0.0068)) < 1.1
            left = film[:, xs.min() : xs.min() + 3].max(axis=1) > 0.5
            assert left.sum() > 0.8 * tall  # both letters have a stem
            is_r = (film[ys.min() : ys.min() + tall // 3, xs.max() - width // 3 : xs.max() + 1] > 0.5).any()
            assert is_r == (xs.mean() < 160)
            sides.add(bool(is_r))
    assert sides == {True, False}


def test_another_seed_gives_another_film():
    assert len({fingerprint(small(seed)) for seed in range(6)}) == 6


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_changes_the_film_inside_its_mask_and_nowhere_else(name):
    for seed in SEEDS:
        with_it = small(seed, (name,), bits=16, difficulty=0.3)
        without = small(seed, (), bits=16, difficulty=0.3)
        changed = np.abs(with_it.pixels.astype(float) - without.pixels) / 65535
        # Smoothed, as the film's grain follows its brightness.
        changed = cv2.GaussianBlur(changed, (0, 0), 1.5)
        mask = with_it.masks[name]
        assert mask.any()
        # A larger heart was drawn for the whole mask, but differs from the smaller one at its borders only.
        assert changed[mask].mean() > (0.004 if name == "Cardiomegaly" else 0.02)
        # A soft border, and for a mass its spikes, reach a little over the mask; soft ones fade slowly.
        around = {"Consolidation": 0.07, "Effusion": 0.10, "Edema": 0.13}.get(name, 0.045)
        # Fluid thins out towards the heart, where the mask ends before it does.
        assert np.quantile(changed[~grown(mask, around)], 0.999) < (0.04 if name == "Effusion" else 0.02)


def test_masks_stay_on_the_film_and_are_of_a_size_to_be_seen():
    for seed in range(30):
        phantom = small(seed)
        for name, mask in phantom.masks.items():
            assert mask.shape == phantom.pixels.shape
            assert mask.dtype == bool
            assert 20 <= mask.sum() < 0.5 * mask.size, (seed, name)


@pytest.mark.parametrize("name", FINDINGS)
def test_a_film_shows_the_same_chest_at_any_size(name):
    little = small(SEEDS[0], (name,))
    large = draw_phantom(SEEDS[0], findings=[name], size=1100, bits=16)
    reduced = cv2.resize(large.masks[name].astype(np.float32), (256, 256), interpolation=cv2.INTER_AREA) > 0.5
    assert overlap(reduced, little.masks[name]) > (0.75 if name in ("Nodule", "Atelectasis") else 0.85)
    picture = cv2.resize(large.pixels.astype(np.float32) / 257, (256, 256), interpolation=cv2.INTER_AREA)
    difference = cv2.GaussianBlur(picture, (0, 0), 2) - cv2.GaussianBlur(little.pixels.astype(np.float32), (0, 0), 2)
    assert np.quantile(np.abs(difference), 0.98) < 9


@pytest.mark.parametrize(("width", "height"), [(320, 256), (256, 320)])
def test_a_longer_film_shows_more_of_the_same_chest(width, height):
    square = draw_phantom(8, findings=["Consolidation", "Effusion"], size=256, difficulty=0.2)
    longer = draw_phantom(8, findings=["Consolidation", "Effusion"], size=(width, height), difficulty=0.2)
    assert longer.pixels.shape == (height, width)
    top, left = (height - 256) // 2, (width - 256) // 2
    for name, mask in square.masks.items():
        assert overlap(longer.masks[name][top : top + 256, left : left + 256], mask) > 0.95
        # What lies outside of the square is a finding's only where it runs on.
        outside = longer.masks[name].sum() - longer.masks[name][top : top + 256, left : left + 256].sum()
        assert outside <= 0.05 * mask.sum()


def test_without_findings_named_some_films_are_normal_and_every_finding_occurs():
    drawn = [small(seed).findings for seed in range(60)]
    assert 0.08 < sum(not findings for findings in drawn) / len(drawn) < 0.35
    assert {name for findings in drawn for name in findings} == set(FINDINGS)
    assert max(map(len, drawn)) == 3


def test_findings_come_in_the_order_of_the_list_of_findings():
    assert draw_phantom(1, findings=["Pneumothorax", "Atelectasis"], size=256).findings == (
        "Atelectasis",
        "Pneumothorax",
    )


def test_a_hearts_ratio_tells_an_enlarged_one_from_a_normal_one_also_where_it_is_borderline():
    for difficulty in (0, 0.5, 1):
        normal = draw_phantom(2, findings=[], size=256, difficulty=difficulty).measures["cardiothoracic ratio"]
        enlarged = draw_phantom(2, findings=["Cardiomegaly"], size=256, difficulty=difficulty)
        assert normal < 0.5 < enlarged.measures["cardiothoracic ratio"]
    assert enlarged.measures["cardiothoracic ratio"] - normal < 0.1


def test_a_hearts_ratio_is_the_one_that_was_drawn():
    phantom = draw_phantom(4, findings=["Cardiomegaly"], size=512, difficulty=0)
    columns = np.flatnonzero(phantom.masks["Cardiomegaly"].any(0))
    heart = (columns[-1] - columns[0]) / 512
    # The thorax is .64 to .77 of the unscaled film's width and the pose enlarges by up to 1.2; the turn tilts a little.
    assert 0.62 < heart / phantom.measures["cardiothoracic ratio"] < 1.0


def test_a_plain_finding_is_seen_better_than_a_borderline_one():
    for name in ("Consolidation", "Edema", "Effusion", "Mass", "Nodule", "Atelectasis"):
        contrast = []
        for difficulty in (0.0, 1.0):
            without = small(21, (), bits=16, difficulty=difficulty).pixels.astype(float)
            with_it = small(21, (name,), bits=16, difficulty=difficulty).pixels
            contrast.append(np.abs(with_it - without).sum())
        assert contrast[0] > 1.5 * contrast[1], name


def test_sixteen_bits_hold_the_same_film_as_eight():
    eight, sixteen = (draw_phantom(9, size=256, bits=bits) for bits in (8, 16))
    assert sixteen.pixels.dtype == np.uint16
    assert np.abs(sixteen.pixels / 257 - eight.pixels).max() <= 0.51


def test_a_phantom_says_what_it_is():
    phantom = draw_phantom(7, findings=["Mass"], size=(400, 300), difficulty=0.25)
    assert (phantom.seed, phantom.version, phantom.difficulty, phantom.bits) == (7, VERSION, 0.25, 8)
    assert phantom.pixel_spacing == pytest.approx(400 / 300)
    assert not phantom.pixels.flags.writeable
    assert not phantom.masks["Mass"].flags.writeable


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"size": 255}, "size: got 255×255, allowed are sides of 256 to 3000"),
        ({"size": (3001, 2500)}, "size: got 3001×2500"),
        ({"size": (800, 500)}, r"size: got 800×500; the longer side may be 1\.5 times"),
        ({"bits": 12}, "bits: got 12, allowed are 8 and 16"),
        ({"difficulty": 1.5}, "difficulty: got 1.5"),
        ({"difficulty": "hard"}, "difficulty: got 'hard'"),
        ({"findings": ["Fracture"]}, "findings: got 'Fracture', allowed are Atelectasis, "),
        ({"findings": ["Efusion"]}, 'Did you mean "Effusion"'),
        ({"findings": "Effusion"}, "findings: got 'Effusion'; hand over a list"),
        ({"findings": (each for each in ["Effusion"])}, "findings: got <generator.*hand over a list"),
        ({"seed": -1}, "seed: got -1"),
        ({"seed": 3.0}, "seed: got 3.0, allowed is a whole number"),
        ({"size": 256.0}, "size: got 256.0, allowed is a side in pixels"),
        ({"size": (256,)}, "size: got .256,."),
        ({"bits": "8"}, "bits: got '8'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(how, message):
    with pytest.raises(ConfigError, match=message):
        draw_phantom(**{"seed": 0, **how})


def test_numbers_of_numpys_are_pythons_own_in_the_truth_that_is_written():
    phantom = draw_phantom(np.int64(7), size=(np.int32(256), 300), bits=np.int16(8), difficulty=np.float32(0.25))
    assert [type(value) for value in (phantom.seed, phantom.bits, phantom.difficulty)] == [int, int, float]
    np.testing.assert_array_equal(phantom.pixels, draw_phantom(7, size=(256, 300), difficulty=0.25).pixels)


def test_films_that_networks_learned_from_are_known():
    first, last = TRAINING_SEEDS.start, TRAINING_SEEDS.stop - 1
    assert were_learned_from(first)
    assert were_learned_from(last)
    assert were_learned_from(first - 10, 11)
    assert not were_learned_from(first - 10, 10)
    assert not were_learned_from(last + 1, 500)
