"""Ranks are SciPy's, without its import."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.stats import rankdata

from ensemble_cam.maps import agreement


@pytest.mark.parametrize("different", [1, 3, 1024])
def test_equal_values_share_the_mean_of_their_ranks(different):
    values = np.random.default_rng(different).integers(0, different, 1024) / 7

    assert_array_equal(agreement.ranked(values), rankdata(values))
