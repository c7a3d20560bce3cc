"""Rules of a caller's own store, which is used with the caller's own credentials.

Only listed keys are allowed in `storage_options` for s3fs, botocore and aiohttp, because
profiles, sessions, proxies and certificates could use files and networks of the hub's machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..stores.location import endpoint_url
from ..stores.store import FILE_SYSTEM_TYPES
from .accessors import EXTENSIONS, FORMATS_FROM_CALLERS, format_of
from .addresses import endpoint_fault
from .errors import FieldError
from .json_rules import member
from .paths import path_fault

_PARAMS = ("root", "storage_options", "max_depth", "includes", "excludes", "read_only")
_OPTIONS = ("key", "secret", "token", "anon", "endpoint_url", "client_kwargs")
_CLIENT_KWARGS = ("endpoint_url", "region_name")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_CREDENTIAL = re.compile(r"[\x21-\x7e]{1,1024}")


def own_store_faults(
    field: str, config: dict, *, networks: Sequence[str], writes: bool
) -> Iterator[FieldError]:
    """Faults of the config at `field`, whose store is the caller's own."""
    params = config.get("store_params", {})
    field_of_params = f"{field}.store_params"
    store_type = config["store_id"]
    if store_type == "s3":
        yield from _s3_faults(field_of_params, params, networks=networks, writes=writes)
    else:  # the operator allowed this type, which the hub cannot guard; URLs are checked anyway
        yield from _url_faults(field_of_params, params, networks)
    if writes or store_type not in FILE_SYSTEM_TYPES:
        return
    if format_of(config["data_id"]) not in FORMATS_FROM_CALLERS:
        allowed = " or ".join(e for f in FORMATS_FROM_CALLERS for e in EXTENSIONS[f])
        yield FieldError(
            f"{field}.data_id", f"expected a name that ends with {allowed} in a store of your own"
        )


def _s3_faults(
    field: str, params: dict, *, networks: Sequence[str], writes: bool
) -> Iterator[FieldError]:
    yield from _unknown(field, params, _PARAMS)
    root = params.get("root")
    if not isinstance(root, str):
        yield FieldError(f"{field}.root", "missing; expected 'bucket' or 'bucket/prefix'")
    elif not _BUCKET.fullmatch(root.partition("/")[0]) or path_fault(root.removesuffix("/")):
        yield FieldError(f"{field}.root", "expected 'bucket' or 'bucket/prefix'")
    yield from _listing_faults(field, params)
    if writes and params.get("read_only"):
        yield FieldError(f"{field}.read_only", "expected false for an output")
    options = params.get("storage_options")
    field = f"{field}.storage_options"
    if not isinstance(options, dict):
        yield FieldError(field, "missing; expected an object with key and secret, or anon: true")
        return
    yield from _unknown(field, options, _OPTIONS)
    yield from _credential_faults(field, options, writes=writes)
    client = options.get("client_kwargs", {})
    if not isinstance(client, dict):
        yield FieldError(f"{field}.client_kwargs", "expected an object")
        return
    yield from _unknown(f"{field}.client_kwargs", client, _CLIENT_KWARGS)
    region = client.get("region_name")
    if region is not None and not (isinstance(region, str) and _REGION.fullmatch(region)):
        yield FieldError(f"{field}.client_kwargs.region_name", "expected such as 'eu-central-1'")
    yield from _endpoint_faults(field, options, client, networks)


def _listing_faults(field: str, params: dict) -> Iterator[FieldError]:
    depth = params.get("max_depth")
    if depth is not None and (type(depth) is not int or not 1 <= depth <= 100):
        yield FieldError(f"{field}.max_depth", "expected an integer of 1 to 100, or null")
    if not isinstance(params.get("read_only", False), bool):
        yield FieldError(f"{field}.read_only", "expected true or false")
    for name in ("includes", "excludes"):
        patterns = params.get(name)
        listed = patterns if isinstance(patterns, list) else [patterns]
        if patterns is not None and not all(isinstance(item, str) for item in listed):
            yield FieldError(f"{field}.{name}", "expected a wildcard pattern, or a list of them")


def _credential_faults(field: str, options: dict, *, writes: bool) -> Iterator[FieldError]:
    anonymous = options.get("anon", False)
    if not isinstance(anonymous, bool):
        yield FieldError(f"{field}.anon", "expected true or false")
        return
    if anonymous:
        if writes:
            yield FieldError(f"{field}.anon", "expected key and secret: an output is not anonymous")
        for name in ("key", "secret", "token"):
            if options.get(name) is not None:
                yield FieldError(f"{field}.{name}", "expected either credentials or anon: true")
        return
    for name in ("key", "secret", "token"):
        value = options.get(name)
        if value is None and name == "token":
            continue
        if not (isinstance(value, str) and _CREDENTIAL.fullmatch(value)):
            state = "missing; expected" if value is None else "expected"
            yield FieldError(f"{field}.{name}", f"{state} key and secret, or anon: true")


def _endpoint_faults(
    field: str, options: dict, client: dict, networks: Sequence[str]
) -> Iterator[FieldError]:
    given = {
        f"{field}.endpoint_url": options.get("endpoint_url"),
        f"{field}.client_kwargs.endpoint_url": client.get("endpoint_url"),
    }
    given = {place: url for place, url in given.items() if url is not None}
    for place, url in given.items():
        fault = endpoint_fault(url, networks=networks) if isinstance(url, str) else "expected a URL"
        if fault:
            yield FieldError(place, fault)
    if len(given) == 2 and options["endpoint_url"] != client["endpoint_url"]:
        yield FieldError(f"{field}.endpoint_url", "expected one endpoint_url, not two")


def _unknown(field: str, given: dict, known: tuple[str, ...]) -> Iterator[FieldError]:
    for key in given:
        if key not in known:
            yield FieldError(member(field, key), f"not accepted; expected {', '.join(known)}")


def _url_faults(field: str, value: object, networks: Sequence[str]) -> Iterator[FieldError]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _url_faults(member(field, key), item, networks)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _url_faults(f"{field}[{index}]", item, networks)
    elif isinstance(value, str) and "://" in value:
        fault = endpoint_fault(value, networks=networks)
        if fault:
            yield FieldError(field, fault)


def display_name(config: dict) -> str:
    """A caller's own store as it is shown: its type and root, never its credentials."""
    params = config.get("store_params", {})
    endpoint = endpoint_url(params) if config["store_id"] == "s3" else None
    root = params.get("root", "")
    return f"{config['store_id']}: {root}" + (f" at {endpoint}" if endpoint else "")
