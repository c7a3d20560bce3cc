"""Plans the cube of a request without reading data: its true size, for the price.

The inputs are opened, cut and placed on their target grid by the same functions of xcube that
the run uses. So the price is that of the cube that is written:

- a variable is written if its dimensions are (time, …, y, x); others are not, but one that has
  both spatial dimensions and no time is counted once, as the price list says;
- of several inputs, the time steps and the pixels are those of their union;
- `time_period` changes nothing, because xcube resamples nothing in time.

Only inputs in file-system stores can be opened so; for others xcube's own estimate is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import xarray as xr
from xcube.core.gen2 import CubeGeneratorRequest
from xcube.core.gen2.config import CubeConfig, InputConfig
from xcube.core.gen2.local.helpers import strip_cube
from xcube.core.gen2.local.opener import CubeOpener
from xcube.core.gen2.local.resamplerxy import _compute_target_grid_mapping
from xcube.core.gen2.local.subsetter import CubeSubsetter
from xcube.core.normalize import DatasetIsNotACubeError
from xcube.core.schema import get_dataset_chunks
from xcube.core.store.storepool import get_data_store_instance

from ..record.failures import describe
from . import area, containment, pieces, refusals, repairs, requestcheck

_SPATIAL = ("lat", "lon", "y", "x", "latitude", "longitude")


@dataclass(frozen=True)
class Variable:
    """A variable of the cube: its dimensions and their lengths, and those of its pixels."""

    name: str
    dtype: Any
    sizes: dict[str, int]
    x: str
    y: str

    @property
    def images(self) -> int:
        """How many images it has: all dimensions but the spatial ones multiply."""
        return math.prod(n for dim, n in self.sizes.items() if dim not in (self.x, self.y))

    @property
    def pixels(self) -> int:
        return self.sizes[self.x] * self.sizes[self.y]


@dataclass(frozen=True)
class Part:
    """What one input gives: the cube on its target grid `gm`, sizes and coordinates by name.

    `known` are all its variables, `usable` those of a cube, `timeless` how many images the
    wanted variables have that have no time. `times` are all its times.
    """

    variables: list[Variable]
    coords: xr.Dataset
    gm: Any
    chunks: dict[str, int]
    timeless: int
    known: set[str]
    usable: set[str]
    times: Any
    is_zarr3: bool
    coord_names: set[str]


@dataclass(frozen=True)
class Plan:
    """The cube as it will be written; `config` is what was asked for, `parts` the inputs'."""

    config: CubeConfig
    parts: list[Part]
    variables: list[Variable]
    images: int
    width: int
    height: int

    @property
    def gm(self) -> Any:
        return self.parts[0].gm

    @property
    def names(self) -> set[str]:
        """Names of what will be written, coordinates included."""
        return {v.name for v in self.variables} | {
            name for part in self.parts for name in part.coord_names
        }

    @property
    def cut_by(self) -> str:
        """The field that says how the cube is cut into chunks, or may say so."""
        return "chunks" if self.config.chunks and not self.config.tile_size else "tile_size"

    @property
    def zarr_format(self) -> int:
        """The Zarr format that suits the inputs: 3 if any is, because its codecs need it."""
        return 3 if any(part.is_zarr3 for part in self.parts) else 2

    def chunk(self, variable: Variable, dim: str) -> int:
        """The chunk size of a dimension, as xcube's rechunker chooses it."""
        size = variable.sizes[dim]
        asked = dict(self.config.chunks or {})
        if self.config.tile_size:
            asked[variable.x], asked[variable.y] = self.config.tile_size
        if dim in asked:
            return min(asked[dim] or size, size)
        tile = dict(zip((variable.x, variable.y), self.gm.tile_size or (), strict=False))
        found = [part.chunks[dim] for part in self.parts if dim in part.chunks]
        return max(1, min((found or [tile.get(dim, size)])[0], size))

    @property
    def chunks(self) -> int:
        """How many chunks the variables are cut into: one file each, in Zarr."""
        return sum(
            math.prod(-(-size // self.chunk(v, dim)) for dim, size in v.sizes.items())
            for v in self.variables
        )


def plan(request: dict[str, Any], stores: Any) -> Plan | None:
    """The cube of `request`; None if an input is in no file system.

    Raises RequestError if nothing would be written, or what is asked for cannot be.
    """
    area.check_crs((request.get("cube_config") or {}).get("crs"))
    parsed = CubeGeneratorRequest.normalize(request).for_local()
    config = parsed.cube_config or CubeConfig()
    pieces.check_chunks(config, _SPATIAL)
    several = request.get("input_configs")
    opened = {}
    for number, item in enumerate(parsed.input_configs):
        field = f"input_configs[{number}]" if several else "input_config"
        with _said_of(field):
            dataset = _open(field, item, config, stores)
            if dataset is None:
                return None
            opened[field] = _decode(field, dataset)
    _check_names(config.variable_names, [(cube, rest) for cube, _, rest in opened.values()])
    parts = []
    for field, it in opened.items():
        with _said_of(field):
            parts.append(_part(field, config, *it))
    return _combined(config, parts)


@contextmanager
def _said_of(field: str) -> Iterator[None]:
    """Name the input at which xcube failed, unless its store or this machine is at fault.

    xcube raises errors of all kinds for data that it does not understand. Raises RequestError.
    """
    try:
        yield
    except (requestcheck.RequestError, MemoryError):
        raise
    except Exception as error:
        failure = describe(error)
        if failure.kind == "store":
            raise
        why = failure.message
        if failure.kind == "internal":
            why = f"xcube does not understand it ({type(error).__name__}: {why})"
        raise refusals.refuse(f"{field}.data_id", why) from error


def _open(field: str, item: InputConfig, config: CubeConfig, stores: Any) -> Any:
    """The dataset of an input as xcube's opener opens it; None if its store has no files."""
    if not item.store_id:
        return None
    store = get_data_store_instance(item.store_id, item.store_params or {}, stores).store
    if getattr(store, "fs", None) is None:
        return None
    opener_id = item.opener_id or CubeOpener._get_opener_id(item, store)
    known = store.get_open_data_params_schema(item.data_id).properties
    shared = {name: value for name, value in config.to_dict().items() if name in known}
    given = item.open_params or {}
    try:
        dataset = store.open_data(item.data_id, **{**given, "opener_id": opener_id, **shared})
        if given.get("chunks"):
            pieces.check_opened(f"{field}.open_params.chunks", dataset)
        return dataset
    except containment.OutsideStore as error:
        raise refusals.refuse(f"{field}.data_id", str(error)) from error
    except KeyError as error:
        raise refusals.refuse(field, f"cannot be opened: {error}") from error
    except TypeError as error:
        raise refusals.refuse(f"{field}.open_params", f"cannot be used: {error}") from error


def _decode(field: str, dataset: Any) -> tuple[xr.Dataset, Any, xr.Dataset]:
    """(cube, grid mapping, other variables). Multi-level data gives its first level."""
    dataset = getattr(dataset, "base_dataset", dataset)
    empty = [str(dim) for dim, size in dataset.sizes.items() if size == 0]
    if empty:
        raise refusals.refuse(f"{field}.data_id", f"it is empty: {empty[0]!r} has no elements")
    try:
        return repairs.decode_cube(dataset, normalize=True)
    except DatasetIsNotACubeError as error:
        raise refusals.refuse(f"{field}.data_id", f"it is no cube: {error}") from error


def _check_names(asked: Iterable[str] | None, opened: list[tuple[xr.Dataset, xr.Dataset]]) -> None:
    known = {str(name) for cube, rest in opened for name in (*cube.data_vars, *rest.data_vars)}
    usable = {str(name) for cube, _ in opened for name in cube.data_vars}
    wanted = list(asked or ())
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise refusals.unknown_variables(unknown, known)
    if not usable.intersection(wanted or usable):
        raise refusals.unusable_variables(wanted, usable)


def _part(field: str, config: CubeConfig, cube: xr.Dataset, gm: Any, rest: xr.Dataset) -> Part:
    known = {str(name) for name in (*cube.data_vars, *rest.data_vars)}
    usable = {str(name) for name in cube.data_vars}
    area.check(config, gm)
    times = cube.indexes.get("time")
    is_zarr3 = any("serializer" in variable.encoding for variable in cube.variables.values())
    try:
        cut, gm, left = CubeSubsetter().transform_cube(cube, gm, config)
        target = _compute_target_grid_mapping(left, gm)
    except ValueError as error:
        raise area.refusal(config, gm, error) from error
    area.check_size(target)
    requestcheck.check_answer(dict(zip(("x", "y"), target.size, strict=True)))
    x, y = gm.xy_dim_names
    resized = not gm.is_close(target)
    if resized:
        _check_resampled(cut)
        if not gm.is_regular:
            _check_rectified(field, cut, gm, target)
    sizes = {**cut.sizes}
    if resized:
        sizes[x], sizes[y] = target.size
    variables = [
        Variable(str(name), variable.dtype, {str(d): sizes[d] for d in variable.dims}, x, y)
        for name, variable in strip_cube(cut).data_vars.items()
    ]
    coords = {name: index for name, index in cut.indexes.items() if name not in (x, y)}
    for dim, grid in ((x, target.x_coords), (y, target.y_coords)):
        found = grid if resized else cut.coords.get(dim)
        if found is not None and found.ndim == 1:
            coords[dim] = found.values
    dims = set().union(*(variable.sizes for variable in variables)) if variables else set()
    return Part(
        variables=variables,
        coords=xr.Dataset(coords={dim: coords[dim] for dim in dims if dim in coords}),
        gm=target,
        chunks=get_dataset_chunks(cut) if variables else {},
        timeless=_timeless(config, rest, x, y),
        known=known,
        usable=usable,
        times=times,
        is_zarr3=is_zarr3,
        coord_names=set(map(str, cut.coords)),
    )


def _check_resampled(cube: xr.Dataset) -> None:
    """Only numbers, but no float16, can be placed on another grid. Raises RequestError."""
    for name, variable in cube.data_vars.items():
        kind, is_half = variable.dtype.kind, variable.dtype.name == "float16"
        if kind not in "biufc" or is_half:
            raise refusals.refuse(
                "cube_config.variable_names",
                f"{str(name)!r} is of type {variable.dtype} and cannot be resampled; expected "
                "only variables of numbers (not float16), or no other bbox, crs and spatial_res",
            )


def _check_rectified(field: str, cube: xr.Dataset, gm: Any, target: Any) -> None:
    """Let xcube place two images on the target grid, without reading it. Raises RequestError.

    Of a grid whose pixels are not equally wide (longitudes that go on at 0 after 359, steps of
    all sizes) xcube finds out only in the run whether it can.
    """
    sample = strip_cube(cube)
    image = sample[list(sample.data_vars)[:1]]
    image = image.isel({d: slice(0, 1) for d in image.dims if d not in gm.xy_dim_names})
    if not image.data_vars:
        return
    try:
        repairs.resample(image, source_gm=gm, target_gm=target)
    except (ValueError, LookupError) as error:
        raise refusals.refuse(
            f"{field}.data_id",
            f"its pixels are not equally wide, and xcube cannot place them on another grid "
            f"({type(error).__name__}: {error})",
        ) from error


def _timeless(config: CubeConfig, rest: xr.Dataset, x: str, y: str) -> int:
    """Images of the wanted variables that have both spatial dimensions, but no time."""
    wanted = config.variable_names or list(rest.data_vars)
    return sum(
        math.prod(size for dim, size in variable.sizes.items() if dim not in (x, y))
        for name, variable in rest.data_vars.items()
        if name in wanted and {x, y} <= set(variable.dims) and "time" not in variable.dims
    )


def _combined(config: CubeConfig, parts: list[Part]) -> Plan:
    """The union of what the inputs give, as xarray merges it: of times, and of pixels."""
    full = [part for part in parts if part.variables]
    if not full:
        raise _nothing(config, parts)
    sizes = _union(full)
    variables = {
        v.name: Variable(v.name, v.dtype, {dim: sizes[dim] for dim in v.sizes}, v.x, v.y)
        for part in full
        for v in part.variables
    }
    asked = dict.fromkeys(config.variable_names or variables)
    variables = {name: variables[name] for name in asked if name in variables}
    largest = max(variables.values(), key=lambda variable: variable.pixels)
    requestcheck.check_answer(sizes)
    return Plan(
        config=config,
        parts=full,
        variables=list(variables.values()),
        images=sum(v.images for v in variables.values()) + sum(part.timeless for part in full),
        width=largest.sizes[largest.x],
        height=largest.sizes[largest.y],
    )


def _union(parts: list[Part]) -> dict[str, int]:
    sizes = {dim: n for part in parts for v in part.variables for dim, n in v.sizes.items()}
    if len(parts) == 1:
        return sizes
    try:
        aligned = xr.align(*(part.coords for part in parts), join="outer", copy=False)
    except ValueError as error:
        raise refusals.refuse("input_configs", f"cannot be combined: {error}") from error
    for part, coords in zip(parts, aligned, strict=True):
        sizes |= {str(dim): n for dim, n in coords.sizes.items()}
        for variable in part.variables:
            for dim, size in variable.sizes.items():
                if dim not in coords.sizes and sizes[dim] != size:
                    raise refusals.refuse(
                        "input_configs",
                        f"cannot be combined: dimension {dim!r} has no coordinates, and has "
                        f"{sizes[dim]:,} and {size:,} elements",
                    )
    return sizes


def _nothing(config: CubeConfig, parts: list[Part]) -> Exception:
    times = [part.times for part in parts if part.times is not None and len(part.times)]
    if config.time_range and times:
        every = times[0].append(times[1:]) if len(times) > 1 else times[0]
        return refusals.no_times(config.time_range, every.min(), every.max(), len(every.unique()))
    return refusals.unusable_variables(
        list(config.variable_names or ()), set().union(*(part.usable for part in parts))
    )
