"""What a run tells about its cube, as examples."""

from __future__ import annotations

from typing import Any

DESCRIPTION: dict[str, Any] = {
    "data_id": "cube.zarr",
    "data_type": "dataset",
    "crs": "EPSG:4326",
    "bbox": [0.0, 0.0, 40.0, 40.0],
    "bbox_wgs84": [0.0, 0.0, 40.0, 40.0],
    "time_range": ["2020-01-01T12:00:00Z", "2020-01-06T12:00:00Z"],
    "time_steps": 6,
    "dims": {"time": 6, "lat": 4, "lon": 4},
    "variables": {
        "sst": {
            "dtype": "float64",
            "dims": ["time", "lat", "lon"],
            "chunks": [1, 4, 4],
            "units": "K",
            "long_name": "sea surface temperature",
            "standard_name": "sea_surface_temperature",
            "fill_value": "NaN",
            "valid_range": [270.0, 310.0],
        },
        "chl": {"dtype": "int16", "dims": ["time", "lat", "lon"], "fill_value": -999},
        "crs": {"dtype": "int64", "dims": []},
    },
    "coords": {},
    "spatial_res": 10.0,
    "zarr_format": 2,
    "size_bytes": 1536,
    "attributes": {"title": "A small cube"},
}
MADE: dict[str, Any] = {
    "description": DESCRIPTION,
    "footprint": {
        "metres_per_unit": 111_195.08,
        "bbox": [0.0, 0.0, 40.0, 40.0],
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[0.0, 0.0], [40.0, 0.0], [40.0, 40.0], [0.0, 40.0], [0.0, 0.0]]],
        },
    },
    "files": {"count": 23, "size_bytes": 4711, "sha256": "0" * 64},
}
