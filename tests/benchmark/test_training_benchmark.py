"""The small form of `benchmarks/training.py`: it trains, asks phantoms of other seeds, and counts right."""

import numpy as np
import pytest

import training
from ensemble_cam.validation.statistics import Share

pytestmark = pytest.mark.slow


def test_a_small_training_on_phantoms_beats_chance_and_counts_add_up(tmp_path, capsys):
    found = training.run(tmp_path, count=90, test=12, epochs=6, difficulty=0.0)
    assert found.confusion.sum() == 12
    assert found.confusion.sum(axis=1).tolist() == [4, 4, 4]
    assert {name: share.whole for name, share in found.hits.items()} == {"consolidation": 4, "effusion": 4}
    assert all(0 < share.part <= 4 for share in found.fixed.values())
    assert "pictures of the test are called right" in capsys.readouterr().out


def test_lines_say_what_was_found():
    counts = np.array([[9, 1, 0], [0, 10, 0], [0, 0, 10]])
    hits, fixed = {"effusion": Share(8, 10)}, {"effusion": Share(3, 10)}
    text = "\n".join(training.lines(training.Found(1.25, counts, hits, fixed)))
    assert "accuracy on phantoms of other seeds: 0.967 (29 of 30), 95 % interval 0.833 to 0.994" in text
    assert "effusion: the map points at it in 8 of 10 (0.80); the best fixed place in 3 (0.30)" in text
