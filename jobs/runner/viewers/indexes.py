"""Builds the indexes of a dataset, and reads its bounds, before requests share it.

pandas builds the table of an index when it is asked for the first time, and this is not safe
between threads: the second one that asks may be told that the values are not unique. A map asks
for many tiles at once, so the first tiles of a new viewer failed (`InvalidIndexError`).

Bounds of coordinates are a few numbers, but xcube reads each of the outermost by itself, again for
each answer about the dataset.
"""

from __future__ import annotations

import xarray
from xcube.core.mldataset.lazy import LazyMultiLevelDataset
from xcube.core.schema import get_dataset_bounds_var_name

MOST_BYTES = 1 << 20
"""Larger bounds stay in the store."""


def build_before_sharing() -> None:
    """Let each level of each dataset, in this process, have its indexes when it is opened."""
    publish = LazyMultiLevelDataset.set_dataset

    def set_dataset(self: LazyMultiLevelDataset, index: int, level_dataset: xarray.Dataset) -> None:
        build(level_dataset)
        if index == 0:
            read_bounds(level_dataset)
        publish(self, index, level_dataset)

    LazyMultiLevelDataset.set_dataset = set_dataset


def build(dataset: xarray.Dataset) -> None:
    """Build the indexes of its dimensions, as the first selection would."""
    for index in dataset.indexes.values():
        _ = index.is_unique, index.is_monotonic_increasing, index.is_monotonic_decreasing


def read_bounds(dataset: xarray.Dataset) -> None:
    """Keep the bounds of its dimensions in memory."""
    for name in dataset.indexes:
        bounds = get_dataset_bounds_var_name(dataset, str(name))
        if bounds is not None and dataset[bounds].nbytes <= MOST_BYTES:
            dataset.variables[bounds].load(scheduler="synchronous")
