"""The small form of `benchmarks/chance_labels.py`: three short trainings, and what is compared of them."""

import chance_labels
import numpy as np
import pytest

from ensemble_cam.teaching.films import Films, draw_films

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def films() -> Films:
    return draw_films(16, first_seed=chance_labels.TRAINING_SEEDS.start, varied=True, processes=1)


def test_labels_by_chance_are_the_films_own_in_another_order(films):
    drawn = chance_labels.by_chance(films)
    assert np.array_equal(drawn.pixels, films.pixels)
    assert not np.array_equal(drawn.labels, films.labels)
    assert sorted(map(bytes, drawn.labels)) == sorted(map(bytes, films.labels))


def test_maps_are_compared_with_those_of_the_network_that_was_taught_the_planted_findings(films):
    trained = [chance_labels.learned(taught, films, films, epochs=1) for taught in chance_labels.TAUGHT]
    networks = [chance_labels.classifier(each) for each in trained]
    found = chance_labels.compared(networks, 1, chance_labels.MAPS_SEED)
    for method in chance_labels.METHODS:
        ranks = [rank for rank, _ in found[method]]
        assert ranks[0] == pytest.approx(1.0)
        assert ranks[1] < 0.999  # other initial values
        assert all(hit in (0.0, 1.0) for _, hit in found[method])
    # The same seed, so that only what was taught differs; and it does, as each is measured on its own labels.
    first, _, chance = trained
    assert first.fresh != chance.fresh
    assert chance_labels.table(trained, found).count("\n") == 1 + len(chance_labels.TAUGHT)
