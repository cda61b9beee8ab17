"""Watching: the rate of false alarms is the stated one, planted changes are found, and the reference cannot change."""

import io
import itertools
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom, norm, rankdata

from ensemble_cam.cli import main
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.validation import watch as method
from ensemble_cam.validation.watch import AMBER, Level, compare, cusum, normal_scores, rise_began
from ensemble_cam.validation.watched import read_tables, streams_of
from ensemble_cam.validation.watching import FROZEN, WHAT_TO_DO, freeze, watch
from support.tables import write_tables

SILENT = TerminalLine(None)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = write_tables(tmp_path_factory.mktemp("reference"), 400, seed=1)
    freeze(folder)
    return folder


def correlated(count: int, streams: int, random: np.random.Generator) -> np.ndarray:
    """Draw films whose streams depend on one another, are skewed, of 0 and 1, and missing."""
    common = random.standard_normal((count, 1))
    values = 0.7 * common + random.standard_normal((count, streams))
    values[:, 0] = np.exp(values[:, 0])
    values[:, 1] = values[:, 1] > 1.5
    values[random.random(count) < 0.3, 2] = np.nan
    return values


def test_normal_scores_are_those_of_the_ranks():
    values = np.random.default_rng(0).random((50, 2))
    values[5:9, 1] = 0.5
    values[3, 0] = np.nan
    scores, there = normal_scores(values)
    known = ~np.isnan(values[:, 0])
    expected = norm.ppf(rankdata(values[known, 0]) / (known.sum() + 1))
    assert_allclose(scores[known, 0], (expected - expected.mean()) / expected.std(), atol=1e-12)
    assert (scores[3, 0], there[3, 0]) == (0, False)
    assert len(set(scores[5:9, 1].tolist())) == 1


def test_cusums_are_those_of_the_definition():
    random = np.random.default_rng(2)
    scores, there = random.standard_normal((3, 40, 2)), random.random((3, 40, 2)) < 0.8
    scores[~there] = 0
    found = cusum(scores, there)
    for order, stream in itertools.product(range(3), range(2)):
        values = scores[order, :, stream]
        highest = 0.0
        for sign in (1, -1):
            for first in range(40):  # the largest sum of any run of films, which is what Page's sum reaches
                total = 0.0
                for film in range(first, 40):
                    total += (sign * np.clip(values[film], -3, 3) - method.SLACK) if there[order, film, stream] else 0.0
                    highest = max(highest, total)
        assert found[order, stream] == pytest.approx(highest)


def test_false_alarms_over_all_streams_and_both_tests_are_as_many_as_stated():
    random, windows, alarms = np.random.default_rng(3), 300, 0
    for number in range(windows):
        films = correlated(160, 12, random)
        alarms += bool(compare(films[:120], films[120:], seed=number, orders=199))
    assert alarms <= binom.ppf(0.999, windows, AMBER)
    assert alarms >= binom.ppf(0.001, windows, AMBER)


def test_a_shift_of_one_stream_is_named_and_its_beginning_found():
    random = np.random.default_rng(4)
    reference, window = correlated(300, 8, random), correlated(120, 8, random)
    window[60:, 5] += 1.5
    first, *others = compare(reference, window, seed=0, orders=1999)
    assert (first.stream, first.level) == (5, Level.RED)
    assert all(each.stream == 5 or each.p > first.p for each in others)
    scores, there = normal_scores(np.concatenate([reference, window]))
    assert rise_began(scores[-120:, 5], there[-120:, 5]) == pytest.approx(61, abs=6)


def test_films_of_the_reference_again_are_quiet():
    random = np.random.default_rng(5)
    reference = correlated(300, 8, random)
    assert compare(reference, reference[::3], seed=0, orders=499) == []


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"brighter": 0.05}, "grey"),
        ({"larger": 1.2}, "size"),
        ({"second": 0.9}, "devices"),
        ({"prevalence": 0.6}, "score"),
        ({"failed": 0.25}, "refused"),
    ],
)
def test_planted_changes_are_red_by_their_kind_and_say_what_to_do(reference, tmp_path, changed, kind):
    window = write_tables(tmp_path / "now", 150, seed=2, **changed)
    record = watch(window, reference, films=None, seed=0, line=SILENT)
    assert record["level"] == "red"
    loudest = [each for each in record["alarms"] if each["level"] == "red"]
    assert kind in {each["kind"] for each in loudest}
    assert all(each["what_to_do"] == WHAT_TO_DO[each["kind"]] for each in record["alarms"])


def test_films_as_before_are_quiet_and_the_rate_is_said(reference, tmp_path):
    window = write_tables(tmp_path / "now", 150, seed=7)
    printed = io.StringIO()
    record = watch(window, reference, films=None, seed=0, line=TerminalLine(printed))
    assert (record["level"], record["alarms"]) == ("quiet", [])
    assert record["streams"] > 40
    assert "20 windows of 1,000 are amber or red, 2 red, over all streams together" in printed.getvalue()


def test_streams_are_also_those_of_each_device(reference, tmp_path):
    tables = read_tables(reference)
    streams, one, other = streams_of(tables, read_tables(write_tables(tmp_path / "now", 150, seed=3)))
    devices = {each.device for each in streams}
    assert devices == {None, "Acme A", "Acme B"}
    assert one.shape == (400, len(streams))
    assert other.shape == (150, len(streams))
    place = next(
        n for n, each in enumerate(streams) if (each.kind, each.finding, each.device) == ("score", "Mass", "Acme B")
    )
    of_device = (tables.films["device"] == "Acme B").to_numpy()
    expected = tables.scores["ensemble", "Mass"].reindex(tables.films["film"]).to_numpy()
    assert_allclose(one[of_device, place], expected[of_device])
    assert np.isnan(one[~of_device, place]).all()


def test_a_device_that_the_reference_does_not_know_is_amber_whatever_its_films_are(reference, tmp_path):
    window = write_tables(tmp_path / "now", 60, seed=4, device="Other C")
    printed = io.StringIO()
    record = watch(window, reference, films=None, seed=0, line=TerminalLine(printed))
    assert record["new_devices"] == ["Other C"]
    assert record["level"] != "quiet"
    assert "Other C. Nothing is known of the networks on them" in printed.getvalue()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sha256": "b" * 64}, "other networks or weights than the reference"),
        ({"framing": "pad"}, "framing was 'pad', and 'crop' in the reference"),
        ({"count": 20}, "20 films are too few"),
        ({"meaningless": True}, "scores mean nothing"),
    ],
)
def test_windows_that_cannot_be_compared_are_refused(reference, tmp_path, given, message):
    window = write_tables(tmp_path / "now", given.pop("count", 60), seed=2, **given)
    with pytest.raises(ConfigError, match=message):
        watch(window, reference, films=None, seed=0, line=SILENT)


def test_the_command_freezes_once_refuses_a_changed_reference_and_writes_what_it_found(tmp_path, capsys):
    folder = write_tables(tmp_path / "reference", 120, seed=1)
    window = write_tables(tmp_path / "now", 60, seed=2, brighter=0.2)
    assert main(["watch", str(window), "--reference", str(folder)]) == 2
    assert "no frozen reference. Freeze it at acceptance" in capsys.readouterr().err
    assert main(["watch", "--reference", str(folder), "--freeze"]) == 0
    assert main(["watch", "--reference", str(folder), "--freeze"]) == 2
    assert "frozen already" in capsys.readouterr().err
    out = tmp_path / "out"
    assert main(["watch", str(window), "--reference", str(folder), "--window", "50", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].startswith("RED: 50 films beside 120 of the reference")
    record = json.loads((out / "watch.json").read_text(encoding="utf-8"))
    assert (record["schema"], record["level"]) == (1, "red")
    assert "film_0" not in (out / "watch.json").read_text(encoding="utf-8") + (folder / FROZEN).read_text(
        encoding="utf-8"
    )
    write_tables(folder, 121, seed=1)
    assert main(["watch", str(window), "--reference", str(folder)]) == 2
    assert "are not those that were frozen" in capsys.readouterr().err
    assert main(["watch", "--reference", str(folder)]) == 2
    assert "TABLES: none given" in capsys.readouterr().err


def test_a_reference_of_few_films_is_refused(tmp_path):
    folder = write_tables(tmp_path / "reference", 40, seed=1)
    with pytest.raises(ConfigError, match="40 films are no reference; 100 are the least"):
        freeze(folder)
    with pytest.raises(ConfigError, match="no archive's tables are here"):
        read_tables(tmp_path)
