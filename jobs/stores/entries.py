"""Reads one entry of the stores file, and says of each member what is wrong with it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ..estimates.cost import Price
from .store import FILE_SYSTEM_TYPES, READ_ONLY_TYPES, Store

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<braced>\w+)\}|(?P<named>[A-Za-z_]\w*))")
_KEYS = (
    "title",
    "description",
    "store_id",
    "store_params",
    "cost_params",
    "readable",
    "writable",
    "per_user",
)
_PIXELS = ("input_pixels_per_punit", "output_pixels_per_punit")
_WEIGHTS = ("input_punits_weight", "output_punits_weight")


class EntryReader:
    """Turns entries into stores and collects their faults."""

    def __init__(self, folder: Path, environ: Mapping[str, str]):
        self.folder, self.environ = folder, environ
        self.faults: list[str] = []

    def store(self, name: object, entry: object) -> Store | None:
        faults_before = len(self.faults)
        self.subject = f"Store {name!r}"
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            self._fault("expected a name of letters, digits, '_', '.', '-' (without '@')")
        if not isinstance(entry, dict):
            self._fault("expected a map with at least store_id")
            return None
        for key in entry:
            if key not in _KEYS:
                self._fault(f"{key!r} is unknown; expected {', '.join(_KEYS)}")
        store_id = self._text(entry, "store_id")
        if not store_id and not entry.get("store_id"):
            self._fault("store_id is missing; expected a store type such as 's3' or 'file'")
        params = self._params(entry.get("store_params"), store_id)
        read_only = store_id in READ_ONLY_TYPES or params.get("read_only") is True
        if params.get("read_only") is True and entry.get("writable") is True:
            self._fault("writable is true but store_params.read_only too; expected one of them")
        per_user = self._flag(entry, "per_user", False)
        if per_user and store_id and store_id not in FILE_SYSTEM_TYPES:
            self._fault(f"per_user needs a root, which a {store_id!r} store has not")
        elif per_user and not params.get("root"):
            self._fault("per_user needs store_params.root, which is missing")
        store = Store(
            name=str(name),
            store_id=store_id,
            title=self._text(entry, "title"),
            description=self._text(entry, "description"),
            store_params=params,
            price=self._price(entry.get("cost_params")),
            readable=self._flag(entry, "readable", True),
            writable=self._flag(entry, "writable", not read_only),
            per_user=per_user,
        )
        return store if len(self.faults) == faults_before else None

    def _fault(self, text: str) -> None:
        self.faults.append(f"{self.subject}: {text}.")

    def _text(self, entry: dict, key: str) -> str:
        value = entry.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._fault(f"{key} is {value!r}; expected text")
            return ""
        return self._interpolated(value, key)

    def _flag(self, entry: dict, key: str, default: bool) -> bool:
        value = entry.get(key, default)
        if not isinstance(value, bool):
            self._fault(f"{key} is {value!r}; expected true or false")
            return default
        return value

    def _params(self, value: object, store_id: str) -> dict:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self._fault("store_params is not a map")
            return {}
        params = self._interpolated(value, "store_params")
        root = params.get("root")
        if root is not None and not isinstance(root, str):
            self._fault("store_params.root is not text; expected a folder or bucket")
            params.pop("root")
        elif store_id == "file":
            if not root:
                self._fault("store_params.root is missing; expected the folder of the store")
            else:
                params["root"] = os.path.normpath(self.folder / Path(root).expanduser())
        elif store_id == "s3" and not root:
            self._fault("store_params.root is missing; expected bucket or bucket/prefix")
        return params

    def _interpolated(self, value, place: str):
        if isinstance(value, str):
            return _VARIABLE.sub(lambda match: self._variable(match, place), value)
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    self._fault(f"{place} has the key {key!r}; expected text")
            return {
                key: self._interpolated(item, f"{place}.{key}")
                for key, item in value.items()
                if isinstance(key, str)
            }
        if isinstance(value, list):
            return [self._interpolated(v, f"{place}[{i}]") for i, v in enumerate(value)]
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        self._fault(f"{place} is not text, finite number, true, false, list or map")
        return None

    def _variable(self, match: re.Match, place: str) -> str:
        if match["escaped"]:
            return "$"
        name = match["braced"] or match["named"]
        if name not in self.environ:
            self._fault(
                f"{place} names the environment variable {name}, which is not set "
                "(write $$ for a dollar)"
            )
            return ""
        return self.environ[name]

    def _price(self, value: object) -> Price | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self._fault("cost_params is not a map")
            return None
        known = ("scheme", *_PIXELS, *_WEIGHTS)
        for key in value:
            if key not in known:
                self._fault(f"cost_params.{key} is unknown; expected {', '.join(known)}")
        scheme = value.get("scheme", "punits")
        if scheme not in ("punits", "free"):
            self._fault(f"cost_params.scheme is {scheme!r}; expected 'punits' or 'free'")
        numbers: dict = {}
        for key in (*_PIXELS, *_WEIGHTS):
            if key in value:
                numbers[key] = self._number(key, value[key], whole=key in _PIXELS)
            elif key in _PIXELS and scheme != "free":
                self._fault(f"cost_params.{key} is missing; expected a whole number above 0")
        if None in numbers.values():
            return None
        return Price(**numbers, free=scheme == "free")

    def _number(self, key: str, value: object, *, whole: bool) -> int | float | None:
        usable = (
            isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1e15
        )
        if not usable or (whole and value != int(value)):
            expected = "a whole number above 0" if whole else "a number above 0"
            self._fault(f"cost_params.{key} is {value!r}; expected {expected}")
            return None
        return int(value) if whole else float(value)
