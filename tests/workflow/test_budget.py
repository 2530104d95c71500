"""What is predicted against what a run in tiles takes."""

import numpy as np
import pytest

from soilloss.derive.tiled import Source, route
from soilloss.sources import synthetic
from soilloss.workflow.budget import GRID_BYTES, RATES, kind_of, routing_cost
from soilloss.workflow.stored import Limits

JOBS = {
    "one receiver": ("flow_accumulation", {}),
    "divided": ("contributing_area", {"routing": "mfd"}),
    "slope length": ("slope_length", {"channel_area": 1e5}),
}


@pytest.mark.parametrize("kind", RATES)
def test_scratch_is_as_large_as_predicted(kind, tmp_path):
    z = synthetic.fractal((1000, 900), seed=4).astype(np.float32)
    name, options = JOBS[kind]
    route(name, Source(z.__getitem__, "z"), z.shape, 30.0, options=options, folder=tmp_path, tile=512)
    taken = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert taken == pytest.approx(routing_cost(kind, z.shape, Limits(1e6), 1).scratch, rel=0.25)


def test_memory_in_tiles_does_not_grow_with_the_grid_but_for_rims():
    small, large = (routing_cost("divided", (n, n), Limits(4e9), 2) for n in (20_000, 40_000))
    assert small.tile == large.tile == 2048
    assert large.memory < 2 * small.memory < 2e9
    assert large.scratch == 4 * small.scratch
    assert large.seconds == pytest.approx(4 * small.seconds)


def test_what_fits_stays_in_memory_and_a_cluster_takes_tiles():
    cost = routing_cost("one receiver", (1000, 1000), Limits(4e9), 2)
    assert (cost.tile, cost.scratch) == (None, 0)
    assert cost.memory > 1e6 * GRID_BYTES
    assert routing_cost("one receiver", (1000, 1000), Limits(4e9, "tcp://there:1"), 2).tile == 2048
    assert routing_cost("divided", (1000, 1000), Limits(4e9), 4).seconds < cost.seconds * 2


def test_kinds():
    assert kind_of("contributing_area", "mfd", masked=False) == "divided"
    assert kind_of("contributing_area", "d8", masked=True) == "divided"
    assert kind_of("flow_direction", "mfd", masked=True) == "one receiver"
    assert kind_of("slope_length", "d8", masked=False) == "slope length"
