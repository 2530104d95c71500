import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.derive import routing, strips, terrain
from soilloss.derive.ways import Ways
from soilloss.kernels import multiflow


@st.composite
def heights(draw):
    """Coarsely stepped heights with holes: flats, depressions and rivers cross the borders of strips."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 30))
    z = rng.integers(-3, draw(st.sampled_from([-2, 0, 5, 1000])), shape).astype(np.float32)
    for _ in range(draw(st.integers(0, 4))):
        z += np.roll(z, 1, axis=0) + np.roll(z, 1, axis=1)
    z[rng.random(shape) < draw(st.sampled_from([0, 0.03, 0.2]))] = np.nan
    return z


def cut(monkeypatch, workers):
    monkeypatch.setattr(strips, "worker_count", lambda: workers)
    monkeypatch.setattr(strips, "SMALLEST", 8)


@pytest.mark.parametrize("workers", [2, 7])
def test_strips_and_threads_do_not_change_a_bit(workers):
    def results(z):
        sides = routing.metres_of(30.0, z)
        sides[0] = np.linspace(20, 25, z.shape[0])
        codes, w = routing.directions(z, sides, Ways())
        own = sides[0] * sides[1]
        return [
            routing.filled(z, Ways(3)),
            codes,
            *(routing.accumulated(z, sides, own, routing.AREA_UNIT, name, 1.1, Ways()) for name in routing.ROUTINGS),
            terrain.flow_accumulation(z),
            w,
        ]

    @given(heights())
    @settings(max_examples=60, deadline=None)
    def equal(z):
        whole = results(z)
        with pytest.MonkeyPatch.context() as patch:
            cut(patch, workers)
            parts = results(z)
        for one, other in zip(whole, parts, strict=True):
            np.testing.assert_array_equal(one, other)

    equal()


def test_a_lake_and_a_river_over_all_strips(monkeypatch):
    """A flat that fills the grid drains to its one outlet, and all water passes there."""
    cut(monkeypatch, 3)
    z = np.full((60, 20), 5.0)
    z[0, 10] = 1
    z[1:-1, 1:-1] = 2
    assert len(strips.strips_of(z.shape)) == 6
    amount = terrain.flow_accumulation(z)
    assert amount[0, 10] == z.size
    np.testing.assert_array_equal(terrain.fill_depressions(z)[1:-1, 1:-1], 2)


def test_small_grids_are_one_strip_and_every_row_is_in_one(monkeypatch):
    assert strips.strips_of((100, 100)) == [strips.Strip(0, 100, 102, False, False)]
    cut(monkeypatch, 2)
    for rows in (1, 2, 3, 9, 100):
        found = strips.strips_of((rows, 50))
        assert [y for s in found for y in range(s.top, s.bottom)] == list(range(rows))
        assert rows < 2 or all(s.bottom - s.top >= 2 for s in found)


def test_powers_are_those_of_the_maths_library():
    rng = np.random.default_rng(4)
    x = np.concatenate([[0.0, 1.0, 0.5, 2**-0.5], rng.random(2000), 10 ** rng.uniform(-200, 0, 2000)])
    for exponent in (0.5, 1.0, 1.1, 7.3):
        raised = x.copy()
        multiflow._raise(raised, exponent)
        np.testing.assert_allclose(raised, x**exponent, rtol=1e-12, atol=1e-290)
