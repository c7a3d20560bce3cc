"""The form of a new cube, and the cube generation request that it stands for.

A form that begins with an earlier job changes that job's request: what the form does not show
(chunks, metadata, further inputs) stays as it is.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hubsite.console.typed_numbers import NumberField
from hubsite.refusals import FieldError
from hubsite.translations.sentences import translated

from ... import known_errors
from ...stores.store import Store

MOST_VARIABLES = 1000
CORNERS = ("x1", "y1", "x2", "y2")

FIELD_OF: dict[str, str] = {
    "input_config.store_id": "store",
    "input_config": "dataset",
    "input_configs[0].store_id": "store",
    "input_configs[0]": "dataset",
    "cube_config.variable_names": "variables",
    "cube_config.crs": "crs",
    "cube_config.bbox": "x1",
    "cube_config.spatial_res": "resolution",
    "cube_config.time_range[1]": "until",
    "cube_config.time_range": "since",
    "cube_config.time_period": "period",
    "output_config.store_id": "output_store",
    "output_config.write_params": "levels",
    "output_config.replace": "replace",
    "output_config": "name",
}
"""Which field of the form a field of the request is, by the longest beginning."""

FIELD_OF_ERROR = {
    "dataset-missing": "dataset",
    "crs": "crs",
    "variable-missing": "variables",
    "time-range": "since",
    "area": "x1",
}
"""The form's field for errors of xcube that name no field (`known_errors.py`)."""

SHOWN = frozenset({*FIELD_OF, "input_config.data_id", "output_config.data_id"})
"""The parts of a request that the form shows."""


class VariablesField(forms.MultipleChoiceField):
    """Names of variables: chosen, or typed and separated by commas."""

    def validate(self, value: list[str]) -> None:
        if len(value) > MOST_VARIABLES:
            raise forms.ValidationError(f"Choose at most {MOST_VARIABLES} variables.")

    def to_python(self, value: Any) -> list[str]:
        names = [name.strip() for text in value or [] for name in str(text).split(",")]
        return list(dict.fromkeys(name for name in names if name))


class NewCubeForm(forms.Form):
    """What a person says of a new cube. Empty fields mean: as the dataset has it."""

    store = forms.ChoiceField(label=_("Store"))
    dataset = forms.CharField(label=_("Dataset"), max_length=500)
    variables = VariablesField(label=_("Variables"), required=False)
    x1 = NumberField(label=_("West"), required=False)
    y1 = NumberField(label=_("South"), required=False)
    x2 = NumberField(label=_("East"), required=False)
    y2 = NumberField(label=_("North"), required=False)
    crs = forms.CharField(label=_("Coordinate system"), max_length=200, required=False)
    resolution = NumberField(label=_("Resolution"), required=False, min_value=0)
    since = forms.DateField(label=_("From"), required=False)
    until = forms.DateField(label=_("To"), required=False)
    period = forms.CharField(label=_("Time step"), max_length=10, required=False)
    output_store = forms.ChoiceField(label=_("Write to"))
    name = forms.CharField(label=_("Name"), max_length=255, required=False)
    replace = forms.BooleanField(label=_("Replace a cube of this name"), required=False)
    levels = forms.BooleanField(label=_("Also a pyramid, for the viewer"), required=False)

    def __init__(self, *args: Any, stores: Iterable[Store], base: Mapping[str, Any], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.base = base
        """The request that this form changes; empty for a new one."""
        known = [(f"@{store.name}", store.title or store.name, store) for store in stores]
        readable = [(name, title) for name, title, store in known if store.readable]
        writable = [(name, title) for name, title, store in known if store.writable]
        self._unknown = {
            field: self._offer(field, choices)
            for field, choices in (("store", readable), ("output_store", writable))
        }

    def _offer(self, field: str, choices: list[tuple[str, str]]) -> str:
        """Let a person choose these; returns the name asked for if it is none of them.

        That name stays chosen, with an error: another store would be taken silently.
        """
        asked = self[field].value()
        is_unknown = isinstance(asked, str) and asked != "" and asked not in dict(choices)
        self.fields[field].choices = [(asked, asked), *choices] if is_unknown else choices
        return asked if is_unknown else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for field, unknown in self._unknown.items():
            if unknown:
                self.add_error(field, f"There is no data store {unknown} for this. Choose another.")
        given = [name for name in CORNERS if cleaned.get(name) is not None]
        if 0 < len(given) < len(CORNERS):
            missing = next(name for name in CORNERS if name not in given)
            if missing not in self.errors:
                self.add_error(missing, "Give all four sides of the area, or none.")
        west, south, east, north = (cleaned.get(name) for name in CORNERS)
        if len(given) == len(CORNERS):
            if west >= east:
                self.add_error(
                    "x1", "West is not smaller than east. Across the date line, make two cubes."
                )
            if south >= north:
                self.add_error("y1", "South is not smaller than north.")
        if cleaned.get("levels") and str(cleaned.get("name", "")).endswith(".levels"):
            self.add_error("levels", "A cube whose name ends with .levels is a pyramid already.")
        return cleaned

    def request_document(self) -> dict[str, Any]:
        """The cube generation request. Call it for a valid form only."""
        said, document = self.cleaned_data, copy.deepcopy(dict(self.base))
        input_config = {**_first_input(document), "store_id": said["store"]}
        input_config["data_id"] = said["dataset"]
        if "input_configs" in document:
            document["input_configs"] = [input_config, *document["input_configs"][1:]]
        else:
            document["input_config"] = input_config
        box = [said[name] for name in CORNERS]
        times = [said[name].isoformat() if said[name] else None for name in ("since", "until")]
        cube_config = {
            **document.get("cube_config", {}),
            "variable_names": said["variables"] or None,
            "bbox": box if None not in box else None,
            "crs": said["crs"] or None,
            "spatial_res": said["resolution"],
            "time_range": times if any(times) else None,
            "time_period": said["period"] or None,
        }
        document["cube_config"] = {k: v for k, v in cube_config.items() if v is not None}
        document["output_config"] = self._output_config(document.get("output_config", {}))
        return document

    def _output_config(self, before: Mapping[str, Any]) -> dict[str, Any]:
        said = self.cleaned_data
        params = {**before.get("write_params", {}), "levels": said["levels"] or None}
        output_config = {
            **before,
            "store_id": said["output_store"],
            "data_id": said["name"] or None,
            "replace": said["replace"] or None,
            "write_params": {k: v for k, v in params.items() if v is not None} or None,
        }
        return {k: v for k, v in output_config.items() if v is not None}

    def add_faults(self, faults: Iterable[FieldError], *, otherwise: str) -> None:
        """Show faults of the request beside the fields that they are of."""
        placed = False
        for fault in faults:
            field = field_of(fault.field)
            if field is None and self._add_known(str(fault)):
                placed = True
                continue
            message = fault.message if field else str(fault)
            if field == "name" and message.startswith(("exists", "is ", "holds ")):
                message = f"a cube of this name {message}".replace(
                    "set output_config.replace to true", f"choose “{self['replace'].label}”"
                )
            self.add_error(field, _sentence(translated(message)))
            placed = True
        if not placed and not self._add_known(otherwise):
            self.add_error(None, _sentence(translated(otherwise)))

    def _add_known(self, text: str) -> bool:
        """Show an error of xcube that the hub knows beside the field that it is of."""
        known = known_errors.recognise(text)
        field = FIELD_OF_ERROR.get(known.name) if known else None
        if known and field:
            self.add_error(field, f"{known.text} {known.what_helps}")
        return field is not None


def field_of(path: str) -> str | None:
    """The field of the form for a field of the request; None if the form does not show it."""
    matching = [
        known for known in FIELD_OF if path == known or path.startswith((f"{known}.", f"{known}["))
    ]
    return FIELD_OF[max(matching, key=len)] if matching else None


def initial_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the form that stand for this request."""
    cube, output = document.get("cube_config") or {}, document.get("output_config") or {}
    source = _first_input(document)
    times = [*(cube.get("time_range") or []), None, None]
    return {
        "store": source.get("store_id", ""),
        "dataset": source.get("data_id", ""),
        "variables": cube.get("variable_names") or [],
        **dict(zip(CORNERS, cube.get("bbox") or [], strict=False)),
        "crs": cube.get("crs", ""),
        "resolution": cube.get("spatial_res"),
        "since": times[0],
        "until": times[1],
        "period": cube.get("time_period", ""),
        "output_store": output.get("store_id", ""),
        "name": output.get("data_id", ""),
        "replace": bool(output.get("replace")),
        "levels": bool((output.get("write_params") or {}).get("levels")),
    }


def differences(
    before: Any, after: Any, path: str = ""
) -> list[tuple[str, str | None, str | None]]:
    """What differs between two requests: (field, before, after), in words; None if absent."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return [
            found
            for key in dict.fromkeys([*before, *after])
            for found in differences(before.get(key), after.get(key), f"{path}.{key}".strip("."))
        ]
    return [] if before == after else [(path, _words(before), _words(after))]


def _words(value: Any) -> str | None:
    """A value of a request as people read it."""
    if isinstance(value, list):
        return ", ".join("open" if it is None else str(it) for it in value)
    if isinstance(value, bool | Mapping):
        return json.dumps(value)
    return None if value is None else str(value)


def name_of(dataset: str, now: datetime) -> str:
    """A name for a cube that its user did not name: of the dataset and the time."""
    stem = PurePosixPath(dataset).name.partition(".")[0]
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:60] or "cube"
    return f"{stem}-{now:%Y%m%d-%H%M%S}.zarr"


def next_name(name: str) -> str:
    """A name for the next cube like this one: north.zarr, north-2.zarr, north-3.zarr."""
    stem, dot, ending = name.partition(".")
    numbered = re.fullmatch(r"(.+)-(\d{1,4})", stem)
    first, number = (numbered[1], int(numbered[2]) + 1) if numbered else (stem, 2)
    return f"{first}-{number}{dot}{ending}" if first else name


def _first_input(document: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = document.get("input_configs") or [{}]
    return document.get("input_config") or inputs[0]


def _sentence(text: str) -> str:
    """With a capital and a full stop, as people read it."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."
