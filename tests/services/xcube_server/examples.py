"""A configuration that uses everything that is accepted."""

from __future__ import annotations

from typing import Any

FULL: dict[str, Any] = {
    "DataStores": [
        {
            "Identifier": "a",
            "StoreId": "@cubes",
            "Datasets": [
                {
                    "Path": "*.zarr",
                    "Style": "warm",
                    "GroupTitle": "All",
                    "StoreOpenParams": {"consolidated": True},
                },
                {
                    "Path": "deep/one.levels",
                    "Identifier": "one",
                    "Title": "Sea – Ostsee",
                    "Description": "Two\nlines",
                    "GroupId": "g",
                    "SortValue": 3,
                    "Tags": ["sea", "warm"],
                    "Variables": ["chl*", "sst"],
                    "TimeSeriesDataset": "a~one.zarr",
                    "BoundingBox": [-10, 40, 10, 60.5],
                    "ChunkCacheSize": "100M",
                    "Style": "warm",
                    "Hidden": False,
                    "Attribution": ["© ESA", "© us"],
                },
            ],
        },
        {"StoreId": "@mine"},
    ],
    "Datasets": [{"Identifier": "k", "StoreInstanceId": "@keys", "Path": "k.zarr"}],
    "DatasetGroups": [{"Identifier": "g", "Title": "Group", "Description": "of cubes"}],
    "Styles": [
        {
            "Identifier": "warm",
            "ColorMappings": {
                "sst": {"ColorBar": "thermal_r_alpha", "ValueRange": [270, 310.5]},
                "chl": {"ColorBar": "mine", "ValueRange": [0, 10]},
                "class": {"ColorBar": "classes"},
                "rgb": {
                    "Red": {"Variable": "r", "ValueRange": [0, 1]},
                    "Green": {"Variable": "g", "ValueRange": [0, 1]},
                    "Blue": {"Variable": "b", "ValueRange": [0, 1]},
                },
            },
        }
    ],
    "CustomColorMaps": [
        {
            "Identifier": "mine",
            "Type": "continuous",
            "Colors": [[0, "#000000"], [1.5, [255, 0, 0], "half"], [10, [0.5, 1, 1, 0.5]]],
        },
        {
            "Identifier": "classes",
            "Type": "categorical",
            "Colors": [
                {"Value": 0, "Color": "red", "Label": "land"},
                {"Value": 1, "Color": "#00ff0080"},
            ],
        },
        {
            "Identifier": "steps",
            "Type": "stepwise",
            "Colors": [[0, "red"], [1, "blue"], [2, "red"]],
        },
    ],
    "DatasetAttribution": "© all of us",
    "DatasetChunkCacheSize": "1G",
    "EntrypointDatasetId": "one",
    "ServiceProvider": {
        "ProviderName": "Brockmann",
        "ProviderSite": "https://example.org/a",
        "ServiceContact": {
            "IndividualName": "N",
            "PositionName": "P",
            "ContactInfo": {
                "Phone": {"Voice": "+1", "Facsimile": "+2"},
                "Address": {"DeliveryPoint": "Street 1", "City": "Hamburg", "Country": "Germany"},
            },
        },
    },
    "STAC": {"Identifier": "c", "Title": "T", "Collection": {"Identifier": "d", "Title": "U"}},
}


def one(**dataset: Any) -> dict[str, Any]:
    """A configuration with one dataset of the store @cubes, changed by `dataset`."""
    entry = {"Path": "one.zarr", **dataset}
    return {"DataStores": [{"StoreId": "@cubes", "Datasets": [entry]}]}


def styled(**mapping: Any) -> dict[str, Any]:
    """One dataset, and a style with a mapping of `sst`."""
    return {**one(), "Styles": [{"Identifier": "s", "ColorMappings": {"sst": mapping}}]}


def mapped(*colors: Any, kind: str = "continuous", **color_map: Any) -> dict[str, Any]:
    """One dataset, and a color map of `colors`."""
    entry = {"Identifier": "m", "Type": kind, "Colors": list(colors), **color_map}
    return {**one(), "CustomColorMaps": [entry]}
