"""Imports xcube, and what it would import later, once before processes are forked.

Nothing here may start a thread or open a file that a fork must not share.
"""

from __future__ import annotations

import gc
import json
import os
import time
from pathlib import Path

from ..system import linux, process


def import_xcube() -> str:
    """Import everything a generation needs; gives xcube's version."""
    started = time.monotonic()
    process.say("importing xcube …")
    before = linux.open_fds()
    # What a first estimate and a first generation were seen to import.
    import multiprocessing.synchronize  # noqa: F401
    import xml.etree.ElementTree  # noqa: F401

    import s3fs  # noqa: F401
    import xarray.backends.plugins
    import xarray.computation.nanops
    import xcube.core.gen2
    import xcube.core.gen2.local.generator
    import xcube.core.gridmapping.cfconv
    import xcube.core.gridmapping.dataset
    import xcube.core.gridmapping.regular
    import xcube.core.store  # noqa: F401
    from xcube.util.plugin import init_plugins
    from xcube.version import version

    from . import (  # noqa: F401
        codecs,
        containment,
        cubegen,
        described,
        description,
        discovery,
        estimate,
        made,
        outputs,
        removal,
        repairs,
        schemas,
        standin,
        stores,
        writing,
    )

    init_plugins()
    codecs.disarm()
    repairs.install()
    containment.install()
    schemas.trust_schemas()
    xarray.backends.plugins.list_engines()
    process.library_fds |= linux.open_fds() - before
    if linux.thread_count() != 1:
        raise RuntimeError("importing xcube has started a thread")
    gc.collect()
    gc.freeze()
    process.say(f"xcube {version} imported in {time.monotonic() - started:.1f} s")
    return version


def import_pictures() -> None:
    """Import what quick-looks need, which takes a tenth of a job's time if each does it."""
    from .quicklooks.of_run import prepare

    before = linux.open_fds()
    prepare()
    process.library_fds |= linux.open_fds() - before
    gc.collect()
    gc.freeze()


def write_versions(root: Path) -> None:
    """List xcube's versions into a file. In a child: it imports 100 MB more."""
    from xcube.util.versions import get_xcube_versions

    os.nice(5)
    file = root / ".cache" / f"versions.json.{os.getpid()}"
    file.write_text(json.dumps(get_xcube_versions()))
    os.replace(file, root / ".cache" / "versions.json")


def without_threads() -> None:
    """Coordinates and metadata only are read: threads would cost more than they give."""
    import dask

    dask.config.set(scheduler="synchronous")


def rehearse() -> None:
    """Prepare an estimator by an estimate of nothing: the first takes five times as long."""
    import numpy
    import xarray

    from .estimate import answer

    without_threads()
    path = "/xcube-hub-rehearsal/cube.zarr"
    axes = {"time": numpy.array(["2000-01-01", "2000-01-02"], dtype="datetime64[ns]")}
    axes |= {"lat": numpy.array([1.0, 0.0]), "lon": numpy.array([0.0, 1.0])}
    data = (("time", "lat", "lon"), numpy.zeros((2, 2, 2), dtype="float32"))
    cube = xarray.Dataset({"zero": data}, coords=axes)
    import fsspec

    memory = fsspec.filesystem("memory")
    try:
        cube.to_zarr(memory.get_mapper(path), zarr_format=2)
        store = {"store_id": "memory", "store_params": {"root": "/xcube-hub-rehearsal"}}
        answer(
            {
                "request": {
                    "input_config": {"store_id": "@s", "data_id": "cube.zarr"},
                    "output_config": {"store_id": "@s", "data_id": "other.zarr"},
                },
                "stores": {"s": store},
            }
        )
        memory.rm("/xcube-hub-rehearsal", recursive=True)
    except Exception as error:  # noqa: BLE001 - only a rehearsal
        process.say(f"the rehearsal of an estimate failed: {error!r}")
