"""Several sessions at once get the results that each of them gets alone."""

import pytest
from sessions import at_once, drawn_films, in_series

from support.apps import NO_WAY_OUT, serving_app


@pytest.mark.slow
def test_sessions_at_once_get_the_scores_that_they_get_one_after_the_other(tmp_path):
    films = drawn_films(4, side=256)
    with serving_app(tmp_path, **NO_WAY_OUT) as address:
        serial = in_series(address, films)
        together = at_once(address, films)
    assert together.scores == serial.scores
    assert [len(each) > 0 for each in serial.scores] == [True] * 4
    assert all(serial.scores[place] != serial.scores[place + 1] for place in range(3))
