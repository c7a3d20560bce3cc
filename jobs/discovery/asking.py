"""Asks a store reader (a warm process with xcube) what a store holds.

The reader runs on this machine, or with the estimators at XCUBE_HUB_ESTIMATOR_URL.
"""

from __future__ import annotations

import logging
from typing import Any

from hubsite.engines.local.connection import Reply, SocketUnavailable, call
from hubsite.engines.local.paths import stores_socket
from hubsite.refusals import Kind, Refused
from jobs.settings import hub

from ..estimates import remote
from ..estimates.remote import EstimatorUnreachable
from .stores import View

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 10
MOST_BYTES = 32 << 20
MARGIN_S = 3.0
"""The reader has a shorter limit, so its own answer is what a slow store comes to."""


class StoreDown(Refused):
    """The store did not answer. `is_late`: not in time, else it could not be reached."""

    def __init__(self, view: View, reason: str, *, is_late: bool = False) -> None:
        self.reason = reason
        self.is_late = is_late
        super().__init__(
            f"The data store @{view.store.name} does not answer just now: {reason}",
            kind=Kind.UNAVAILABLE,
            retry_after_s=RETRY_AFTER_S,
        )


def list_ids(view: View, *, limit_s: float) -> dict[str, Any]:
    """{"ids": [[data id, data type], …] sorted, "is_complete"}. Raises Refused, StoreDown."""
    answer = _ask(view, {"do": "list"}, limit_s=limit_s)
    if not isinstance(answer.get("ids"), list):
        raise _unavailable()
    if not answer.get("has_root", True) and not view.store.writable and not view.store.per_user:
        raise StoreDown(view, "its root does not exist.")
    return answer


def describe(view: View, data_id: str, *, limit_s: float) -> dict[str, Any]:
    """The description of a data set. Raises Refused, StoreDown."""
    answer = _ask(view, {"do": "describe", "data_id": data_id}, limit_s=limit_s)
    if not isinstance(answer.get("description"), dict):
        raise _unavailable()
    return answer["description"]


def parameters(view: View, *, limit_s: float) -> dict[str, Any]:
    """xcube's parameters of a store: {"openers": [{"id", "schema"}], "writers"}."""
    return _ask(view, {"do": "parameters"}, limit_s=limit_s)


def _ask(view: View, what: dict[str, Any], *, limit_s: float) -> dict[str, Any]:
    name = view.store.name
    body = {**what, "store": name, "stores": {name: view.given}, "limit_s": limit_s}
    try:
        reply = _call(body, timeout_s=limit_s + MARGIN_S)
    except (SocketUnavailable, EstimatorUnreachable) as error:
        logger.warning("@%s could not be looked into: %s", name, error)
        raise _unavailable() from error
    answer = reply.body
    if reply.status != 200 or not isinstance(answer, dict) or "status" not in answer:
        logger.error("a store reader answered with HTTP status %d: %.500s", reply.status, answer)
        raise _unavailable()
    if answer["status"] == "ok":
        return answer
    raise _refusal(view, answer, what.get("data_id"))


def _refusal(view: View, answer: dict[str, Any], data_id: Any) -> Refused:
    kind, message = answer.get("kind"), str(answer.get("message") or "")[:300]
    if kind == "missing":
        return Refused(f"@{view.store.name} has no data set {data_id!r}.", kind=Kind.NOT_FOUND)
    if kind == "store" or data_id is None:
        return StoreDown(view, message, is_late=answer.get("status_code") == 504)
    return Refused(
        f"The data set {data_id!r} of @{view.store.name} cannot be described: {message}",
        kind=Kind.UNSUPPORTED,
    )


def _call(body: dict[str, Any], *, timeout_s: float) -> Reply:
    if hub.estimator_url:
        return remote.call(
            hub.estimator_url,
            hub.estimator_secret or "",
            "POST",
            "/stores",
            body,
            timeout_s=timeout_s,
            most_bytes=MOST_BYTES,
        )
    return call(stores_socket(), "POST", "/stores", body, timeout_s=timeout_s)


def _unavailable() -> Refused:
    return Refused(
        "Data stores cannot be looked into just now. Please try again.",
        kind=Kind.UNAVAILABLE,
        retry_after_s=RETRY_AFTER_S,
    )
