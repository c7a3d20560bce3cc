"""Rules of openers, writers and their parameters: xcube must stay in the named store.

xcube finds an `opener_id` among all installed openers, whatever the store is. So it must be an
opener of that store, for datasets, and of the format that the dataset's name says; otherwise a
chunk of a user's cube could be opened as a GDAL file. File-system stores accept only the
parameters in a closed table (parameters.py). GDAL and HDF5 files can refer to other files and
hosts, which their libraries read outside Python. So if a caller controls the bytes, only Zarr is
read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..stores.store import FILE_SYSTEM_TYPES
from .errors import FieldError
from .json_rules import member
from .parameters import LEVELS, OPEN_PARAMS, WRITE_PARAMS, Kind, param_faults
from .paths import redirecting_values

EXTENSIONS = {
    "zarr": (".zarr",),
    "levels": (".levels",),
    "netcdf": (".nc",),
    "geotiff": (".tif", ".tiff", ".geotiff"),
    "j2k": (".jp2", ".j2k"),
}
WRITTEN_FORMATS = ("zarr", "levels", "netcdf")
FORMATS_FROM_CALLERS = ("zarr", "levels")

# fmt: off
REDIRECTING_PARAMS = frozenset({
    "fs", "fs_root", "fs_kwargs", "root", "storage_options", "filename", "filename_or_obj",
    "file", "path", "url", "uri", "href", "base_url", "endpoint", "endpoint_url", "api_url",
    "api_uri", "engine", "backend_kwargs", "base_dataset_id", "base_dataset_path",
    "base_dataset_params", "base_dataset_open_params", "chunked_array_type",
    "from_array_kwargs", "opener_id", "writer_id", "store_id", "store_params", "store",
    "data_id", "refs", "ref_path", "fo", "target_protocol", "target_options", "remote_protocol",
    "remote_options", "protocol", "compute", "mode", "proxy", "proxies", "verify", "cert",
})
# fmt: on
_HAVE_FIXED_PARAMS = FILE_SYSTEM_TYPES | {"reference"}


def format_of(data_id: str) -> str | None:
    """The format that xcube derives from the extension of `data_id`."""
    name = data_id.rpartition("/")[2].lower()
    for format_id, extensions in EXTENSIONS.items():
        if name.endswith(extensions):
            return format_id
    return None


def opener_faults(field: str, config: dict, store_type: str) -> Iterator[FieldError]:
    """Faults of an input's opener_id and open_params on a store of `store_type`."""
    opener_id, data_id = config.get("opener_id"), config["data_id"]
    yield from _accessor_faults(
        f"{field}.opener_id", opener_id, store_type, tuple(EXTENSIONS), data_id
    )
    params = config.get("open_params", {})
    yield from open_param_faults(
        f"{field}.open_params", params, store_type, data_id, opener_id=opener_id
    )


def open_param_faults(
    field: str, params: dict, store_type: str, data_id: str, *, opener_id: str | None = None
) -> Iterator[FieldError]:
    """Faults of the parameters that open `data_id` (or a wildcard) in a store of that type."""
    table = OPEN_PARAMS[_format(opener_id, data_id, OPEN_PARAMS)]
    yield from _param_faults(field, params, store_type, table)


def writer_faults(field: str, config: dict, store_type: str) -> Iterator[FieldError]:
    """Faults of the output's name, writer_id and write_params on a store of `store_type`."""
    writer_id, data_id = config.get("writer_id"), config.get("data_id", "unnamed.zarr")
    yield from _accessor_faults(
        f"{field}.writer_id", writer_id, store_type, WRITTEN_FORMATS, data_id
    )
    is_written = format_of(data_id) in (None, *WRITTEN_FORMATS)
    if store_type in FILE_SYSTEM_TYPES and not is_written:
        # xcube would write Zarr, but open it in the format that its name says.
        endings = ", ".join(EXTENSIONS[written][0] for written in WRITTEN_FORMATS)
        yield FieldError(f"{field}.data_id", f"expected a name that ends with one of {endings}")
    table = WRITE_PARAMS[_format(writer_id, data_id, WRITE_PARAMS)]
    params = config.get("write_params", {})
    yield from _param_faults(f"{field}.write_params", params, store_type, table)
    if params.get(LEVELS) is True:
        yield from _levels_faults(f"{field}.write_params.{LEVELS}", config, store_type)
    if "append_dim" in params and config.get("replace"):
        yield FieldError(f"{field}.write_params.append_dim", "expected not together with replace")


def _levels_faults(field: str, config: dict, store_type: str) -> Iterator[FieldError]:
    """Only a new cube whose name ends with .zarr, in a file system, can have a pyramid beside."""
    data_id, params = config.get("data_id", "unnamed.zarr"), config["write_params"]
    if store_type not in FILE_SYSTEM_TYPES:
        yield FieldError(field, "expected false in a store that is no file system")
    elif format_of(data_id) != "zarr":
        yield FieldError(field, "expected false for an output whose name does not end with .zarr")
    for name in ("append_dim", "group"):
        if name in params:
            yield FieldError(field, f"expected not together with {name}")


def _format(accessor_id: str | None, data_id: str, formats: Collection[str]) -> str:
    """The format in which xcube opens or writes `data_id`; Zarr if the name says none."""
    parts = (accessor_id or "").split(":")
    named = parts[1] if len(parts) == 3 else format_of(data_id)
    return named if named in formats else "zarr"


def _accessor_faults(
    field: str, accessor_id: str | None, store_type: str, formats: tuple[str, ...], data_id: str
) -> Iterator[FieldError]:
    if accessor_id is None:
        return
    expected = FieldError(
        field, f"expected 'dataset:<format>:{store_type}', such as 'dataset:zarr:{store_type}'"
    )
    parts = accessor_id.split(":")
    if len(parts) != 3 or parts[0] != "dataset" or parts[2] != store_type:
        yield expected
    elif store_type in FILE_SYSTEM_TYPES:
        by_name = format_of(data_id)
        if parts[1] not in formats:
            yield FieldError(field, f"expected one of the formats {', '.join(formats)}")
        elif by_name != parts[1] and (by_name or parts[1] not in FORMATS_FROM_CALLERS):
            yield FieldError(field, f"expected the format that the name {data_id[:80]!r} tells")


def _param_faults(
    field: str, params: dict, store_type: str, table: dict[str, Kind]
) -> Iterator[FieldError]:
    if store_type in _HAVE_FIXED_PARAMS:
        for name, value in params.items():
            wrong = list(param_faults(field, {name: value}, table))
            yield from wrong or redirecting_values(field, {name: value})
    else:
        yield from _redirecting_keys(field, params)
        yield from redirecting_values(field, params)


def _redirecting_keys(field: str, value: object) -> Iterator[FieldError]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key.lower() in REDIRECTING_PARAMS:
                yield FieldError(
                    member(field, key), "not accepted: data is reached through its store only"
                )
            yield from _redirecting_keys(member(field, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _redirecting_keys(f"{field}[{index}]", item)
