"""The structure of an accepted xcube server configuration, in xcube's own spelling.

It is a part of what xcube 1.14.1 accepts (`xcube/webapi/*/config.py`), and closed: whatever can
execute code, open a file, reach another host, or hold credentials is missing on purpose. The
sentences in `refused` are for members that xcube knows.
"""

from __future__ import annotations

from typing import Any

from jobs.request.structure import Structure

MAX_STORES = 20
MAX_DATASETS = 200
"""In each list; `checks.py` counts all of them together."""
MAX_STYLES = 100
MAX_MAPPINGS = 200
MAX_COLOR_MAPS = 50
MAX_COLORS = 256
MAX_GROUPS = 100
MAX_NAMES = 1000

_NO_CODE = "not accepted: a server runs no code of its users"
_NO_FILES = "not accepted: a server reads no file outside of its stores"
_NO_ACCESS = "not accepted: the hub decides who may use a server"
_NO_PLACE = "not accepted: the hub decides where a server listens"
_NO_LIMITS = "not accepted: the profile says what a server may use"
_IN_STORES = "not accepted: data is reached through the stores of the hub only"


def _text(expected: str, longest: int, **rules: Any) -> dict[str, Any]:
    return {
        "type": "string", "minLength": 1, "maxLength": longest, "expected": expected, **rules,
    }  # fmt: skip


def _list(items: dict[str, Any], most: int, what: str, least: int = 0) -> dict[str, Any]:
    amount = f"{least} to {most}" if least else f"at most {most}"
    return {
        "type": "array",
        "items": items,
        "minItems": least,
        "maxItems": most,
        "expected": f"a list of {amount} {what}",
    }


def _object(
    properties: dict[str, Any],
    required: tuple[str, ...] = (),
    refused: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        "refused": refused or {},
        "expected": "an object",
    }


IDENTIFIER = _text(
    "an identifier of 1 to 200 letters, digits and _ . ~ : @ + -",
    200,
    pattern=r"\A[A-Za-z0-9_][A-Za-z0-9_.~:@+-]*\Z",
)
STORE_NAME = _text(
    "the name of a store of the hub, such as '@my_store'",
    101,
    pattern=r"\A@[A-Za-z0-9_][A-Za-z0-9_.-]*\Z",
)
_STORE_REFERENCE = _text(
    "the Identifier of an entry of DataStores, or the name of a store such as '@my_store'",
    200,
    pattern=r"\A@?[A-Za-z0-9_][A-Za-z0-9_.~:@+-]*\Z",
)
_TITLE = _text("a text of 1 to 200 characters", 200)
_DESCRIPTION = _text("a text of 1 to 1000 characters", 1000)
_NAME = _text("a name of 1 to 256 characters", 256)
_LINE = _text("a text of 1 to 500 characters", 500)
_NUMBER = {"type": "number", "expected": "a number"}
_BOOLEAN = {"type": "boolean", "expected": "true or false"}
_SIZE = _text(
    "a number of bytes such as '100M', at most 1G",
    8,
    pattern=r"\A([0-9]{1,6}[Kk]|[0-9]{1,3}[Mm]|[01][Gg]|[0-9]{1,8})\Z",
)
_RANGE = {
    "type": "array",
    "items": _NUMBER,
    "minItems": 2,
    "maxItems": 2,
    "expected": "two numbers [lowest, highest]",
}
_ATTRIBUTION = {
    "type": ["string", "array"],
    "minLength": 1,
    "maxLength": 500,
    "items": _LINE,
    "maxItems": 20,
    "expected": "a text of 1 to 500 characters, or a list of at most 20",
}

_COMMON = {
    "Title": _TITLE,
    "Description": _DESCRIPTION,
    "GroupTitle": _TITLE,
    "GroupId": IDENTIFIER,
    "SortValue": _NUMBER,
    "Tags": _list(_text("a text of 1 to 100 characters", 100), 20, "texts"),
    "Variables": _list(_NAME, MAX_NAMES, "names of variables, or wildcards", 1),
    "TimeSeriesDataset": _NAME,
    "BoundingBox": {
        "type": "array",
        "items": _NUMBER,
        "minItems": 4,
        "maxItems": 4,
        "expected": "four numbers [west, south, east, north] in degrees",
    },
    "ChunkCacheSize": _SIZE,
    "Style": IDENTIFIER,
    "Hidden": _BOOLEAN,
    "Attribution": _ATTRIBUTION,
    "StoreOpenParams": {"type": "object", "maxProperties": 30, "expected": "an object"},
}
_REFUSED_IN_DATASETS = {
    "Augmentation": _NO_CODE,
    "Function": _NO_CODE,
    "Class": _NO_CODE,
    "InputDatasets": _NO_CODE,
    "InputParameters": _NO_CODE,
    "FileSystem": _IN_STORES,
    "Anonymous": _IN_STORES,
    "Endpoint": _IN_STORES,
    "Region": _IN_STORES,
    "AccessControl": _NO_ACCESS,
    "PlaceGroups": _NO_FILES,
}
_PATH = _text("the name of a dataset in the store, or a wildcard such as '*.zarr'", 512)

STORE_DATASET = _object(
    {"Path": _PATH, "Identifier": IDENTIFIER, **_COMMON},
    required=("Path",),
    refused={
        **_REFUSED_IN_DATASETS,
        "StoreInstanceId": "not accepted here: the dataset is in the store that lists it",
    },
)
DATASET = _object(
    {"Path": _PATH, "Identifier": IDENTIFIER, "StoreInstanceId": _STORE_REFERENCE, **_COMMON},
    required=("Identifier", "Path", "StoreInstanceId"),
    refused=_REFUSED_IN_DATASETS,
)
DATA_STORE = _object(
    {
        "Identifier": IDENTIFIER,
        "StoreId": STORE_NAME,
        "Datasets": _list(STORE_DATASET, MAX_DATASETS, "datasets", 1),
    },
    required=("StoreId",),
    refused={"StoreParams": "not accepted: a store named with '@' brings its own"},
)

_CHANNEL = _object({"Variable": _NAME, "ValueRange": _RANGE}, required=("Variable", "ValueRange"))
_COLOR_MAPPING = _object(
    {"ColorBar": _text("the name of a color bar such as 'viridis'", 200), "ValueRange": _RANGE},
    refused={"ColorFile": _NO_FILES},
)
STYLE = _object(
    {
        "Identifier": IDENTIFIER,
        "ColorMappings": {
            "type": "object",
            "properties": {
                "rgb": _object(
                    {"Red": _CHANNEL, "Green": _CHANNEL, "Blue": _CHANNEL},
                    required=("Red", "Green", "Blue"),
                )
            },
            "additionalProperties": _COLOR_MAPPING,
            "maxProperties": MAX_MAPPINGS,
            "expected": f"an object of at most {MAX_MAPPINGS} variables, each with its mapping",
        },
    },
    required=("Identifier", "ColorMappings"),
)
COLOR_MAP = _object(
    {
        "Identifier": IDENTIFIER,
        "Type": {
            "enum": ["categorical", "continuous", "stepwise"],
            "expected": "'categorical', 'continuous' or 'stepwise'",
        },
        "Colors": _list(
            {
                "type": ["array", "object"],
                "minItems": 2,
                "maxItems": 3,
                "maxProperties": 3,
                "expected": "[value, color] or [value, color, label]",
            },
            MAX_COLORS,
            "colors",
            2,
        ),
    },
    required=("Identifier", "Type", "Colors"),
)
GROUP = _object(
    {"Identifier": IDENTIFIER, "Title": _TITLE, "Description": _DESCRIPTION},
    required=("Identifier", "Title"),
)

_PHONE = _object({"Voice": _LINE, "Facsimile": _LINE})
_ADDRESS = _object(
    {
        "DeliveryPoint": _LINE,
        "City": _LINE,
        "AdministrativeArea": _LINE,
        "PostalCode": _LINE,
        "Country": _LINE,
        "ElectronicMailAddress": _LINE,
    }
)
SERVICE_PROVIDER = _object(
    {
        "ProviderName": _LINE,
        "ProviderSite": _text("a URL that begins with https:// or http://", 500,
                              pattern=r"\Ahttps?://[^\s]+\Z"),
        "ServiceContact": _object(
            {
                "IndividualName": _LINE,
                "PositionName": _LINE,
                "ContactInfo": _object({"Phone": _PHONE, "Address": _ADDRESS}),
            }
        ),
    }
)  # fmt: skip
_COLLECTION = _object({"Identifier": IDENTIFIER, "Title": _TITLE, "Description": _DESCRIPTION})

CONFIGURATION = _object(
    {
        "DataStores": _list(DATA_STORE, MAX_STORES, "stores"),
        "Datasets": _list(DATASET, MAX_DATASETS, "datasets"),
        "DatasetGroups": _list(GROUP, MAX_GROUPS, "groups"),
        "Styles": _list(STYLE, MAX_STYLES, "styles"),
        "CustomColorMaps": _list(COLOR_MAP, MAX_COLOR_MAPS, "color maps"),
        "DatasetAttribution": _ATTRIBUTION,
        "DatasetChunkCacheSize": _SIZE,
        "EntrypointDatasetId": _NAME,
        "ServiceProvider": SERVICE_PROVIDER,
        "STAC": _object({**_COLLECTION["properties"], "Collection": _COLLECTION}),
    },
    refused={
        "AccessControl": _NO_ACCESS,
        "Authentication": _NO_ACCESS,
        "PlaceGroups": _NO_FILES,
        "Viewer": "not accepted: the hub configures the viewer",
        "Compute": _NO_LIMITS,
        "VolumesAccess": _NO_LIMITS,
        "base_dir": _NO_FILES,
        "static_routes": _NO_FILES,
        "address": _NO_PLACE,
        "port": _NO_PLACE,
        "allowed_hosts": _NO_PLACE,
        "api_spec": _NO_PLACE,
        "prefix": _NO_PLACE,
        "url_prefix": _NO_PLACE,
        "reverse_url_prefix": _NO_PLACE,
        "tornado": _NO_PLACE,
        "trace_perf": _NO_LIMITS,
    },
)

STRUCTURE = Structure(CONFIGURATION)
