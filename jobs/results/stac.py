"""A cube as a STAC item (1.1), with the extensions datacube, projection and raster.

    https://github.com/radiantearth/stac-spec, https://github.com/stac-extensions

Pure functions of what is known of the cube. What is not known is left out, so that an item is
valid also for a cube of which the hub knows little more than its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..models import QuickLook
from .cube import Cube
from .document import Links

VERSION = "1.1.0"
EXTENSIONS = (
    "https://stac-extensions.github.io/datacube/v2.2.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
)
MEDIA_TYPES = {
    "zarr": "application/vnd.zarr",
    "levels": "application/vnd.zarr",
    "netcdf": "application/netcdf",
}
ITEM = "application/geo+json"
JSON = "application/json"

_DATA_TYPES = frozenset(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)) | {
    "float16",
    "float32",
    "float64",
}
_NODATA_WORDS = {"nan": "nan", "infinity": "inf", "-infinity": "-inf", "inf": "inf", "-inf": "-inf"}
_MOST_VALUES = 100


def item_of(
    cube: Cube, links: Links, *, looks: Sequence[QuickLook] = (), root: str, parent: str
) -> dict[str, Any]:
    """The item of a cube; `root` and `parent` are addresses of catalogues."""
    job, told = cube.job, cube.description
    area = _area(cube)
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": job.job_id,
        **area,
        "properties": {
            "title": _title(cube),
            "created": _moment(job.finished_at),
            **_times(cube),
            **_projection(told),
            **_dimensions(told),
            "xcube-hub:store_id": job.output_store,
            "xcube-hub:data_id": cube.name,
        },
        "links": [
            {"rel": "self", "href": links.stac, "type": ITEM},
            {"rel": "root", "href": root, "type": JSON},
            {"rel": "parent", "href": parent, "type": JSON},
            {"rel": "about", "href": links.result, "type": JSON, "title": "How to open the cube"},
        ],
        "assets": _assets(cube, links, looks),
    }


def _title(cube: Cube) -> str:
    title = (cube.description.get("attributes") or {}).get("title")
    return title if isinstance(title, str) and title.strip() else cube.name


def _moment(moment: Any) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _area(cube: Cube) -> dict[str, Any]:
    """Geometry and bounding box in WGS84; without them, geometry is null."""
    if cube.footprint is not None:
        return {key: cube.footprint[key] for key in ("geometry", "bbox")}
    bbox = cube.description.get("bbox_wgs84")
    if bbox is None and cube.description.get("crs") == "EPSG:4326":
        bbox = cube.description.get("bbox")
    if not bbox or len(bbox) != 4:
        return {"geometry": None}
    west, south, east, north = bbox
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        return {"geometry": None}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": list(bbox)}


def _times(cube: Cube) -> dict[str, Any]:
    """The time range; a cube without times has the time at which it was made."""
    times = cube.description.get("time_range")
    if not times:
        return {"datetime": _moment(cube.job.finished_at)}
    first, last = (_shortened(text) for text in times)
    if first == last:
        return {"datetime": first}
    return {"datetime": None, "start_datetime": first, "end_datetime": last}


def _shortened(text: str) -> str:
    """A moment with microseconds at most, because many readers know no more."""
    seconds, dot, fraction = text.rstrip("Z").partition(".")
    return f"{seconds}{dot}{fraction[:6]}Z"


def _projection(told: dict[str, Any]) -> dict[str, Any]:
    """The fields `proj:…`. A CRS without a code is told as WKT."""
    fields: dict[str, Any] = {}
    crs = told.get("crs")
    if isinstance(crs, str) and crs:
        authority, colon, code = crs.partition(":")
        if colon and authority.isalnum() and code.isalnum():
            fields["proj:code"] = crs.upper()
        else:
            fields["proj:code"] = None
            if "[" in crs:
                fields["proj:wkt2"] = crs
    if told.get("bbox"):
        fields["proj:bbox"] = list(told["bbox"])
    y, x = _axes(told)
    dims = told.get("dims") or {}
    if x in dims and y in dims:
        fields["proj:shape"] = [dims[y], dims[x]]
    return fields


def _axes(told: dict[str, Any]) -> tuple[str, str]:
    """The names of the dimensions y and x: the last two of the variable that has most."""
    variables = (told.get("variables") or {}).values()
    dims = max(((v.get("dims") or []) for v in variables), key=len, default=[])
    return (dims[-2], dims[-1]) if len(dims) >= 2 else ("", "")


def _dimensions(told: dict[str, Any]) -> dict[str, Any]:
    """`cube:dimensions` and `cube:variables`; nothing if no dimensions are known."""
    dims = told.get("dims") or {}
    if not dims:
        return {}
    return {
        "cube:dimensions": {name: _dimension(name, size, told) for name, size in dims.items()},
        "cube:variables": {
            name: _variable(variable)
            for name, variable in (told.get("variables") or {}).items()
            if set(variable.get("dims") or ()) <= dims.keys()
        },
    }


def _dimension(name: str, size: int, told: dict[str, Any]) -> dict[str, Any]:
    y, x = _axes(told)
    bbox = told.get("bbox")
    if name == "time" and told.get("time_range"):
        return {"type": "temporal", "extent": [_shortened(text) for text in told["time_range"]]}
    if name in (x, y) and bbox:
        first = 0 if name == x else 1
        extent = [bbox[first], bbox[first + 2]]
        dimension: dict[str, Any] = {
            "type": "spatial",
            "axis": "x" if name == x else "y",
            "extent": extent,
        }
        if size:
            dimension["step"] = abs(extent[1] - extent[0]) / size
        if reference := _reference_system(told.get("crs")):
            dimension["reference_system"] = reference
        return dimension
    values = list(range(size)) if 0 < size <= _MOST_VALUES else None
    kind = {"type": "index", "description": "Numbered from 0"}
    return {**kind, "values": values} if values else {**kind, "extent": [0, max(0, size - 1)]}


def _reference_system(crs: Any) -> int | str | None:
    if not isinstance(crs, str) or not crs:
        return None
    code = crs.upper().removeprefix("EPSG:")
    return int(code) if code.isdecimal() else crs


def _variable(told: dict[str, Any]) -> dict[str, Any]:
    dims = told.get("dims") or []
    variable: dict[str, Any] = {"dimensions": dims, "type": "data" if dims else "auxiliary"}
    if description := told.get("long_name") or told.get("standard_name"):
        variable["description"] = description
    if told.get("units"):
        variable["unit"] = told["units"]
    if limits := told.get("value_range") or told.get("valid_range"):
        variable["extent"] = limits
    return variable


def _assets(cube: Cube, links: Links, looks: Sequence[QuickLook]) -> dict[str, Any]:
    media_type = MEDIA_TYPES[cube.format]
    bands = _bands(cube)
    if (url := cube.url(cube.name)) is not None:
        data = {"href": url, "type": media_type, "title": cube.name}
    elif cube.local_path is not None:
        data = {"href": links.zip, "type": "application/zip", "title": f"{cube.name}, as a zip"}
    else:
        # It lies where the hub leads no one: what can be told of it is at that address.
        data = {"href": links.result, "type": JSON, "title": f"{cube.name}: how to open it"}
    assets = {"data": {**data, "roles": ["data"], **({"bands": bands} if bands else {})}}
    if cube.levels_name and (pyramid := cube.url(cube.levels_name)):
        assets["levels"] = {
            "href": pyramid,
            "type": media_type,
            "title": "Pyramid (xcube multi-level dataset)",
            "roles": ["overview"],
        }
    for number, look in enumerate(looks):
        assets[f"quicklook-{look.name}"] = {
            "href": f"{links.quicklooks}/{look.name}.png",
            "type": "image/png",
            "title": look.title or look.variable,
            "roles": ["overview"] if number else ["overview", "thumbnail"],
        }
    return assets


def _bands(cube: Cube) -> list[dict[str, Any]]:
    """The variables that are images."""
    told = cube.description
    axes = set(_axes(told))
    resolution, factor = told.get("spatial_res"), (cube.footprint or {}).get("metres_per_unit")
    bands = []
    for name, variable in (told.get("variables") or {}).items():
        if not axes <= set(variable.get("dims") or ()):
            continue
        band: dict[str, Any] = {"name": name}
        dtype = variable.get("dtype")
        if dtype:
            band["data_type"] = dtype if dtype in _DATA_TYPES else "other"
        if description := variable.get("long_name") or variable.get("standard_name"):
            band["description"] = description
        if variable.get("units"):
            band["unit"] = variable["units"]
        if (nodata := _nodata(variable.get("fill_value"))) is not None:
            band["nodata"] = nodata
        if limits := variable.get("value_range"):
            band["statistics"] = {"minimum": limits[0], "maximum": limits[1]}
        if resolution and factor and resolution * factor > 0:
            band["raster:spatial_resolution"] = round(resolution * factor, 3)
        bands.append(band)
    return bands


def _nodata(value: Any) -> float | str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    return _NODATA_WORDS.get(str(value).lower()) if value is not None else None
