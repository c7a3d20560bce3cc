"""Where data of a store lies, in words that are equal for equal places."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from .secret_names import is_secret_name


def location(store: Mapping, data_id: str) -> str:
    """The location of `data_id` in `store` ({"store_id", "store_params"}), to compare outputs.

    It is equal for equal places, whatever names or credentials reach them. At most 255
    characters.
    """
    store_id, params = store["store_id"], store.get("store_params") or {}
    root = str(params.get("root") or "")
    if store_id == "file":
        place = f"file:{os.path.realpath(f'{root}/{data_id}')}"
    elif store_id == "s3":
        path = posixpath.normpath(f"{root.removeprefix('s3://')}/{data_id}").strip("/")
        place = f"s3:{endpoint(params)}|{path}"
    else:
        path = posixpath.normpath(f"{root}/{data_id}").strip("/")
        place = f"{store_id}:{_digest(_identity(params))}|{path}"
    if len(place) > 255:
        place = f"{place[:180]}#{hashlib.sha256(place.encode()).hexdigest()}"
    return place


def endpoint_url(store_params: Mapping) -> str | None:
    """The endpoint in the parameters of an s3 store; s3fs reads it from two places."""
    options = store_params.get("storage_options") or {}
    return options.get("endpoint_url") or (options.get("client_kwargs") or {}).get("endpoint_url")


def endpoint(params: Mapping) -> str:
    """Host and port of an s3 store; all of AWS is one, because its bucket names are unique."""
    url = endpoint_url(params)
    if not url:
        return "s3.amazonaws.com"
    try:
        parts = urlsplit(str(url).strip().lower())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _digest(url)
    host = host.rstrip(".")
    if re.fullmatch(r"s3[a-z0-9.-]*\.amazonaws\.com", host):
        return "s3.amazonaws.com"
    if port is None or port == {"http": 80, "https": 443}.get(parts.scheme):
        return host
    return f"{host}:{port}"


def _identity(value: object) -> object:
    """Only the parameters that decide which data is reached."""
    if isinstance(value, Mapping):
        unimportant = {"root", "max_depth", "read_only", "includes", "excludes"}
        return {
            key: _identity(item)
            for key, item in value.items()
            if key not in unimportant and not is_secret_name(key)
        }
    return [_identity(item) for item in value] if isinstance(value, list) else value


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
