"""The first requests to a dataset come at once, and all find what they select."""

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
