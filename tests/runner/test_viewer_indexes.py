"""What viewers prepare before their first request: indexes, bounds, colormaps, no versions."""

from __future__ import annotations

import pytest

from tests.benchmarks.hub import CHECKOUT

pytestmark = pytest.mark.xcube

AT_ONCE = """
import threading
from concurrent.futures import ThreadPoolExecutor
import pandas
from xcube.core.mldataset import BaseMultiLevelDataset
from xcube.core.new import new_cube
from jobs.runner.viewers import indexes

indexes.build_before_sharing()
day, failures, together = pandas.Timestamp("2010-02-01"), 0, threading.Barrier(8)

def select(dataset):
    together.wait()
    try:
        dataset["a"].sel(time=day, method="nearest")
    except Exception as error:
        return repr(error)

with ThreadPoolExecutor(8) as threads:
    for _ in range(20):
        cube = new_cube(width=4, height=2, time_periods=3000, time_freq="h", variables={"a": 1.0})
        dataset = BaseMultiLevelDataset(cube).get_dataset(0)
        for told in threads.map(select, [dataset] * 8):
            assert told is None, told
print("all found")
"""


def test_requests_that_come_at_once_to_a_new_dataset(xcube_forks):
    assert "all found" in xcube_forks.run("-c", AT_ONCE, cwd=CHECKOUT).stdout


PREPARED = """
import sys
from types import SimpleNamespace
import numpy
from xcube.core.geom import get_dataset_bounds
from xcube.core.mldataset import BaseMultiLevelDataset
from xcube.core.new import new_cube
from xcube.util.cmaps import ColormapRegistry
from xcube.webapi.meta import routes
from jobs.runner.viewers import apis, colors, indexes

def opened(steps):
    cube = new_cube(width=steps, height=2, time_periods=2, variables={"a": 1.0})
    return BaseMultiLevelDataset(cube.chunk()).get_dataset(0)

before, plain = opened(4), ColormapRegistry().to_json()
assert before.lon_bnds.chunks and before.time_bnds.chunks, "nothing is left to read"
indexes.build_before_sharing()
indexes.MOST_BYTES = 1000
after, large = opened(4), opened(100)
assert after.lon_bnds.chunks is None and after.lat_bnds.chunks is None
assert after.a.chunks and large.lon_bnds.chunks, "more than small bounds was read"
assert get_dataset_bounds(after) == get_dataset_bounds(before)
assert numpy.array_equal(after.lon_bnds, before.lon_bnds)

colors.share()  # as in a process that has drawn none
assert ColormapRegistry().to_json() == plain
colors.draw()
colors.share()
first, second = ColormapRegistry(), ColormapRegistry()
assert first.to_json() == plain and list(first.colormaps) == list(second.colormaps)
assert first.colormaps["viridis"] is second.colormaps["viridis"]
first.register_colormap(colors.Colormap("own", cmap=first.get_cmap("viridis")[0]))
assert second.find_colormap("own") is None, "one registry has changed another"
assert first.get_cmap("magma_r")[0](0.2) == first.get_cmap("magma")[0](0.8)

apis.hide_process()
context = SimpleNamespace(apis=[], start_time="", current_time="", update_time="")
assert set(routes.get_service_info(context)) & {"pid", "versions"} == set()
assert sys.modules["xcube.util.versions"]._XCUBE_VERSIONS is None, "each library was asked"
print("all prepared")
"""


def test_what_is_prepared_once_is_what_xcube_would_make(xcube_forks):
    assert "all prepared" in xcube_forks.run("-c", PREPARED, cwd=CHECKOUT).stdout
