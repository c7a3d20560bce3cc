"""How large a cube will really be, beyond what xcube's estimate says, and whether it is so.

xcube's estimate looks at the first input only, counts times by `time_period` though nothing
is resampled in time, and knows no dimensions besides time, y and x. What is written is all of
every input. So the inputs are looked at here, and the run checks the cube it is about to write.
"""

from __future__ import annotations

import math
from typing import Any

from xcube.core.gen2.local import generator as local_generator
from xcube.core.select import select_temporal_subset
from xcube.core.store import DatasetDescriptor, new_data_descriptor
from xcube.core.store.storepool import get_data_store_instance

_SPATIAL = {"lon", "lat", "x", "y"}
TOLERANCE = 2.0
"""How many times the admitted size a cube may have: estimates round, and grids differ."""


class TooLarge(ValueError):
    """The cube is far larger than what was admitted; nothing of it has been written."""

    status_code = 413


def written(request: dict[str, Any], stores: Any) -> dict[str, int | None]:
    """{"images", "width", "height"}: the 2-D images (variables x times x other dimensions) of
    all inputs together, and the size of the largest; None where no input tells.

    Only file-system stores are asked: they describe their data by opening it, which is done
    here once for both.
    """
    config = request.get("cube_config") or {}
    images: dict[str, int] = {}
    for item in _inputs(request):
        dataset = _open(item, stores)
        if dataset is None:
            continue
        for name, count in _images(dataset, config).items():
            images[name] = max(count, images.get(name, 0))
    width, height = _largest(request, stores)
    return {"images": sum(images.values()) or None, "width": width, "height": height}


def _inputs(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [c for c in request.get("input_configs") or [request.get("input_config")] if c]


def _open(config: dict[str, Any], stores: Any) -> Any:
    """The dataset of an input in a file-system store; raises if there is none of that name."""
    store_id, data_id = config.get("store_id"), config.get("data_id")
    if not store_id or not data_id:
        return None
    instance = get_data_store_instance(store_id, config.get("store_params") or {}, stores)
    store = instance.store
    if getattr(store, "fs", None) is None:
        return None
    store.get_data_types_for_data(data_id)
    dataset = store.open_data(data_id)
    descriptor = new_data_descriptor(data_id, dataset, require=True)
    if not isinstance(descriptor, DatasetDescriptor):
        return None
    store.describe_data = _Described(store.describe_data, data_id, descriptor)
    return getattr(dataset, "base_dataset", dataset)


def _images(dataset: Any, config: dict[str, Any]) -> dict[str, int]:
    """The number of 2-D images of each variable that will be written."""
    if config.get("time_range") and "time" in dataset.coords and "time" in dataset.dims:
        dataset = select_temporal_subset(dataset, time_range=config["time_range"])
    wanted = config.get("variable_names") or list(dataset.data_vars)
    return {
        name: math.prod(size for dim, size in variable.sizes.items() if dim not in _SPATIAL)
        for name, variable in dataset.data_vars.items()
        if name in wanted and _SPATIAL.intersection(variable.dims)
    }


def _largest(request: dict[str, Any], stores: Any) -> tuple[int | None, int | None]:
    """Width and height of the largest of several inputs; xcube's estimate tells of one."""
    inputs = _inputs(request)
    if len(inputs) < 2:
        return None, None
    sizes = []
    for config in inputs:
        single = {k: v for k, v in request.items() if k != "input_configs"}
        generator = local_generator.LocalCubeGenerator(store_pool=stores, raise_on_error=True)
        info = generator.get_cube_info({**single, "input_config": config}).to_dict()
        dims = info["result"]["dataset_descriptor"].get("dims") or {}
        sizes.append((dims.get("lon") or dims.get("x"), dims.get("lat") or dims.get("y")))
    known = [(w, h) for w, h in sizes if w and h]
    return max(known, key=math.prod, default=(None, None))


class _Described:
    """A store's `describe_data` that knows the answer for one data set."""

    def __init__(self, describe: Any, data_id: str, descriptor: Any):
        self._describe, self._data_id, self._descriptor = describe, data_id, descriptor

    def __call__(self, data_id: str, data_type: Any = None) -> Any:
        if data_id == self._data_id:
            return self._descriptor
        return self._describe(data_id, data_type=data_type)


def hold_to(admitted_cells: int) -> None:
    """From now on this process writes no cube much larger than that (values of variables)."""

    class Writer(local_generator.CubeWriter):
        def write_cube(self, cube: Any, gm: Any) -> Any:
            cells = sum(
                variable.size
                for variable in cube.data_vars.values()
                if _SPATIAL.intersection(variable.dims)
            )
            if cells > admitted_cells * TOLERANCE:
                raise TooLarge(
                    f"The cube has {cells:,} values, its estimate said {admitted_cells:,}. "
                    "Nothing was written."
                )
            return super().write_cube(cube, gm)

    local_generator.CubeWriter = Writer
