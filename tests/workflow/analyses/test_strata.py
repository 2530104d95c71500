import numpy as np
import pytest

from soilloss.workflow.analyses import strata


def test_octants_and_flat_land():
    degrees = np.array([0, 22.4, 22.6, 90, 337.4, 337.6, np.nan, np.nan])
    slope = np.array([0.1] * 6 + [0.0, np.nan])
    assert strata._octants(degrees, slope).tolist() == [1, 1, 2, 3, 8, 1, 9, 0]


def test_an_edge_belongs_to_the_upper_class():
    found = strata.by_edges("slope", (5.0, 8.0), "°")

    class Place:
        @staticmethod
        def static(name):
            return np.radians(np.array([4.9, 5.0, 8.1, np.nan]))

    assert found.codes(Place()).tolist() == [1, 2, 3, 0]


@pytest.mark.parametrize(("low", "high", "step"), [(100, 150, 10), (300, 900, 100), (30, 1300, 200), (0, 8000, 1000)])
def test_bands_are_round_and_few(low, high, step):
    counts = np.zeros(strata.BINS, int)
    counts[(low + 500) // 10 : (high + 500) // 10] = 10
    edges = strata.bands(counts)
    assert 1 <= len(edges) <= strata.MOST_BANDS
    assert set(np.diff(edges)) == {float(step)}
    assert low < edges[0] <= low + step
    assert high - 2 * step <= edges[-1] <= high


def test_level_land_still_has_an_edge():
    counts = np.zeros(strata.BINS, int)
    counts[60] = 5
    assert len(strata.bands(counts)) == 1
