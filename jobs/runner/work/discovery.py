"""Answers what a store of the hub holds: its data sets, one of them described, its parameters.

Runs in a store reader: a process as an estimator is, but of a pool of its own, because a store
may be slow or hang. Nothing is remembered between two requests (`estimate.forget`).
"""

from __future__ import annotations

import os
import posixpath
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from ..record.failures import Failure
from ..record.failures import describe as describe_failure
from ..record.workload import WorkloadError
from ..system.process import say
from . import containment, estimate, probe

MOST_IDS = 100_000
MOST_CHARS = 12_000_000
"""Of all ids together: what the service sends at most (estimates/front.py)."""
MOST_ID_CHARS = 512
MOST_ACCESSORS = 50
LOOKED_AT = 10 * MOST_IDS
"""So many names are looked at for usable ones."""

MISSING = "missing"
BROKEN = "broken"
"""Further kinds of failures: no such data set; one that cannot be opened."""


class _NoSuchData(Exception):
    pass


class _Broken(Exception):
    """A data set cannot be opened; the cause says why."""


def answer(body: Any) -> dict[str, Any]:
    """{"status": "ok", …} or an error as of an estimate, whose kind may be MISSING or BROKEN too.

    `body`: {"do": "list" | "describe" | "parameters", "store": name, "stores": {name: store},
    "data_id"}. See the functions for their answers.
    """
    from .stores import NamedStores

    stores = NamedStores()
    try:
        do = _check_body(body)
        stores = NamedStores.from_dict(body["stores"])
        return {"status": "ok", **do(stores.get_store(body["store"]), body)}
    except estimate.EstimateTimeout:
        return estimate.failed(Failure("store", 504, "The data store did not answer in time."))
    except (estimate.EstimateTooLarge, MemoryError):
        return estimate.failed(Failure(BROKEN, 422, "It needs too much memory."))
    except (_NoSuchData, containment.OutsideStore):
        return estimate.failed(Failure(MISSING, 404, "There is no such data set."))
    except Exception as error:  # noqa: BLE001 - any failure is an answer
        say("a store reader failed:\n" + traceback.format_exc())
        failure = describe_failure(error.__cause__ or error, store=stores.last_used)
        if isinstance(error, _Broken) and not _is_unreachable(failure):
            failure = failure._replace(kind=BROKEN)
        return estimate.failed(estimate.without_places(failure, body))
    finally:
        estimate.forget()


def _check_body(body: Any) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    if not isinstance(body, dict) or not isinstance(body.get("stores"), dict):
        raise WorkloadError("stores: must be an object.")
    if not isinstance(body.get("store"), str) or body["store"] not in body["stores"]:
        raise WorkloadError("store: must name one of the stores.")
    do = _ACTIONS.get(str(body.get("do")))
    if do is None:
        raise WorkloadError(f"do: must be one of {', '.join(_ACTIONS)}.")
    if do is _describe and not isinstance(body.get("data_id"), str):
        raise WorkloadError("data_id: must be a text.")
    return do


def _is_unreachable(failure: Failure) -> bool:
    return failure.kind == "store" and failure.message.startswith("Cannot reach")


def _list(store: Any, body: dict[str, Any]) -> dict[str, Any]:
    """{"ids": [[data id, data type], …] sorted, "is_complete", "has_root"}.

    Left out are names that no request could hold, and links that lead out of the store.
    """
    found: dict[str, str] = {}
    chars, is_complete = 0, True
    is_inside, type_of = _inside(store), _types(store)
    for number, data_id in enumerate(store.get_data_ids()):
        if number >= LOOKED_AT:
            is_complete = False
            break
        if not _is_usable(data_id) or not is_inside(data_id):
            continue
        chars += len(data_id)
        if len(found) == MOST_IDS or chars > MOST_CHARS:
            is_complete = False
            break
        found[data_id] = type_of(data_id)
    return {
        "ids": sorted(found.items()),
        "is_complete": is_complete,
        "has_root": bool(found) or probe.has_root(store),
    }


def _is_usable(data_id: Any) -> bool:
    return isinstance(data_id, str) and 0 < len(data_id) <= MOST_ID_CHARS and data_id.isprintable()


def _inside(store: Any) -> Callable[[str], bool]:
    """Whether a data set of a local store lies in it, with links resolved."""
    if getattr(store, "protocol", None) != "file":
        return lambda data_id: True
    root = os.path.realpath(store.root)
    known: dict[str, bool] = {}

    def is_inside(path: str) -> bool:
        return path == root or path.startswith(f"{root.rstrip('/')}/")

    def check(data_id: str) -> bool:
        folder = posixpath.dirname(data_id)
        if folder not in known:
            known[folder] = is_inside(os.path.realpath(f"{root}/{folder}"))
        path = f"{root}/{data_id}"
        return known[folder] and (not os.path.islink(path) or is_inside(os.path.realpath(path)))

    return check


def _types(store: Any) -> Callable[[str], str]:
    """xcube's data type of an id: in a file system by its extension, which is asked for once."""
    if getattr(store, "fs", None) is None:
        types = store.get_data_types()
        only = str(types[0]) if len(types) == 1 else ""
        return lambda data_id: only
    known: dict[str, str] = {}

    def type_of(data_id: str) -> str:
        extension = posixpath.splitext(data_id)[1].lower()
        if extension not in known:
            known[extension] = next(iter(store.get_data_types_for_data(data_id)), "")
        return known[extension]

    return type_of


def _describe(store: Any, body: dict[str, Any]) -> dict[str, Any]:
    """{"description": see description.py}. Raises _NoSuchData, _Broken."""
    from .description import describe

    data_id = body["data_id"]
    containment.hold(store, data_id)
    if not store.has_data(data_id):
        raise _NoSuchData
    try:
        return {"description": describe(store.open_data(data_id), data_id=data_id)}
    except containment.OutsideStore:
        raise
    except Exception as error:
        raise _Broken from error


def _parameters(store: Any, body: dict[str, Any]) -> dict[str, Any]:
    """{"openers": [{"id", "schema"}, …], "writers": …}, schemas as xcube has them."""
    return {
        "openers": list(
            _accessors(
                store.get_data_opener_ids(),
                lambda name: store.get_open_data_params_schema(opener_id=name),
            )
        ),
        "writers": list(
            _accessors(
                store.get_data_writer_ids() if hasattr(store, "get_data_writer_ids") else (),
                lambda name: store.get_write_data_params_schema(writer_id=name),
            )
        ),
    }


def _accessors(ids: Any, schema_of: Callable[[str], Any]) -> Iterator[dict[str, Any]]:
    for name in list(ids)[:MOST_ACCESSORS]:
        try:
            yield {"id": str(name), "schema": schema_of(name).to_dict()}
        except Exception as error:  # noqa: BLE001 - one that cannot be made here is left out
            say(f"{name} cannot be used here: {type(error).__name__}: {error}")


_ACTIONS = {"list": _list, "describe": _describe, "parameters": _parameters}
