"""The small form of `benchmarks/trust.py`: where the truth is planted, the measures tell it from the same elsewhere."""

import pytest
import trust

pytestmark = pytest.mark.slow


def test_planted_masks_and_trained_networks_maps_beat_themselves_at_another_place():
    rows = list(trust.pairs(8, slow=False))
    found = trust.summary(rows)
    for name in trust.CURVES:
        for what in ("mask", "map"):
            assert found[f"{what} {name}"]["mean"] > 0, (what, name)
    assert found["map road"]["above"] >= 0.75
    assert found["fall inside"]["mean"] > 2 + abs(found["fall outside"]["mean"])
    # A network that has learned nothing has a faithful map as well, and no idea of the finding's place.
    assert found["untrained mask road"]["above"] < found["mask road"]["above"]
    assert trust.table(found).count("\n") == len(found) + 1


def test_summary_is_paired_and_turned_so_that_above_0_is_right():
    assert trust.oriented("deletion", -2.0) == 2.0
    assert trust.oriented("road", -2.0) == -2.0
    found = trust.summary([{"map road": 1.0}, {"map road": 2.0}, {"map road": 6.0}])["map road"]
    assert (found["n"], found["mean"], found["above"]) == (3, 3.0, 1.0)
    assert found["low"] < 0 < found["high"]
