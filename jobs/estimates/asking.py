"""Asks a warm runner what a request would make, before anything is promised or stored.

It is on this machine, or at XCUBE_HUB_ESTIMATOR_URL.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from hubsite.engines.local.connection import Reply, SocketUnavailable, call
from hubsite.engines.local.paths import estimate_socket
from hubsite.refusals import Kind, Refused
from hubsite.web.waiting import place_to_wait
from jobs.settings import hub

from . import remote
from .cost import CubeSize
from .counting import counted
from .remote import EstimatorUnreachable

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
OWN_STORE_WAIT_S = 10.0
_VERSIONS_KEPT_S = 60.0

_ANSWERS = (200, 400, 413)
"""What the estimator says to a request; any other HTTP status is no answer to it."""

_versions: tuple[float, dict[str, str]] | None = None


@dataclass(frozen=True)
class Estimate:
    """What a request would make. `result` has xcube's shape: dataset_descriptor, size_estimation.

    `written` is the size that the runner measured: {"images", "width", "height"}, null where it
    cannot look at the inputs. `result` may name the output's `zarr_format`.
    """

    result: dict[str, Any]
    written: dict[str, int | None]
    output_exists: bool | None

    @property
    def size(self) -> CubeSize:
        """The size to pay for: what was measured; what xcube estimates where nothing was."""
        images, width, height = (self.written.get(n) for n in ("images", "width", "height"))
        if images and width and height:
            return CubeSize(images, width, height)
        return CubeSize.of(self.result["dataset_descriptor"])


@counted
def estimate(
    request: dict[str, Any],
    *,
    stores: dict[str, Any],
    egress: dict[str, Any] | None,
    uses_own_store: bool,
    who: str = "",
) -> Estimate:
    """Estimate `request` with only `stores` to be had. `who` asks: each has a share of waiting.

    Raises Refused: INVALID if the request is at fault, UNAVAILABLE if the estimator or a store
    of ours cannot be reached, or too many requests wait (BUSY: too many of `who`).
    """
    body = {"request": request, "stores": stores, "egress": egress}
    with place_to_wait(who), _own_store_place() if uses_own_store else nullcontext():
        reply = _call("POST", "/estimates", body, timeout_s=hub.estimate_timeout_s)
    answer = reply.body
    if reply.status not in _ANSWERS or (reply.status == 200 and not _is_answer(answer)):
        logger.error("the estimator answered with HTTP status %d: %.500s", reply.status, answer)
        raise _unavailable()
    if answer.get("status") == "ok":
        return Estimate(answer["result"], answer.get("written") or {}, answer.get("output_exists"))
    message = str(answer.get("message") or "xcube could not estimate this request.")[:2000]
    kind = answer.get("kind")
    if kind == "store" and not uses_own_store:
        raise Refused(
            f"A data store cannot be reached now: {message}",
            kind=Kind.UNAVAILABLE,
            retry_after_s=RETRY_AFTER_S,
        )
    if kind == "internal":
        raise Refused(f"xcube cannot make a cube of this request: {message}", kind=Kind.UNSUPPORTED)
    field = answer.get("field")
    if isinstance(field, str) and message.startswith(f"{field}: "):
        raise Refused(message.removeprefix(f"{field}: "), field=field)
    raise Refused(message)


def _is_answer(answer: dict[str, Any]) -> bool:
    """Whether it is an estimator that has answered, and xcube was asked."""
    if answer.get("status") == "error":
        return "kind" in answer
    result = answer.get("result")
    return (
        answer.get("status") == "ok"
        and isinstance(result, dict)
        and isinstance(result.get("dataset_descriptor"), dict)
    )


@contextmanager
def _own_store_place() -> Iterator[None]:
    """Hold one of the places for estimates with callers' own stores: half of all estimators.

    A store that answers slowly, by its owner's will perhaps, must not hold them all. The
    places are locked files: they count for all web processes, and a dead one frees its own.
    """
    give_up = time.monotonic() + OWN_STORE_WAIT_S
    places = max(1, hub.estimators // 2)
    while True:
        for number in range(places):
            path = settings.DATA_DIR / f"own-store-{number}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            try:
                yield
            finally:
                os.close(descriptor)
            return
        if time.monotonic() > give_up:
            raise Refused(
                "Too many requests with stores of their own are being estimated. "
                "Nothing was stored; please try again.",
                kind=Kind.UNAVAILABLE,
                retry_after_s=RETRY_AFTER_S,
            )
        time.sleep(0.05)


def remove_output(
    *, run: str, output: dict[str, Any], stores: dict[str, Any], timeout_s: float
) -> bool:
    """Have an estimator remove what `run` left unfinished at `output`; whether anything was.

    Raises Refused if it could not.
    """
    body = {"run": run, "output": output, "stores": stores}
    reply = _call("POST", "/removals", body, timeout_s=timeout_s)
    if reply.status == 200 and reply.body.get("status") == "ok":
        return bool(reply.body.get("removed"))
    said = str(reply.body.get("message") or f"HTTP status {reply.status}")[:500]
    raise Refused(said, kind=Kind.UNAVAILABLE)


def probe(name: str, store: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Have an estimator open a store and one dataset of it: {"data_id", "dims", "variables"}.

    Raises Refused if it could not.
    """
    body = {"store": name, "stores": {name: store}}
    reply = _call("POST", "/probes", body, timeout_s=timeout_s)
    if reply.status == 200 and reply.body.get("status") == "ok":
        return reply.body
    said = str(reply.body.get("message") or f"HTTP status {reply.status}")[:500]
    raise Refused(said, kind=Kind.UNAVAILABLE)


def versions() -> dict[str, str]:
    """xcube and its plugins, name to version. Raises Refused (UNAVAILABLE)."""
    global _versions
    if _versions is None or _versions[0] < time.monotonic() - _VERSIONS_KEPT_S:
        with place_to_wait():
            reply = _call("GET", "/versions", None, timeout_s=10)
        if reply.status != 200 or not isinstance(reply.body.get("versions"), dict):
            raise _unavailable()
        _versions = (time.monotonic(), reply.body["versions"])
    return _versions[1]


def _is_remote() -> bool:
    return bool(hub.estimator_url)


def _call(method: str, path: str, body: Any, *, timeout_s: float) -> Reply:
    """The estimator's answer, which is an object. Raises Refused (UNAVAILABLE)."""
    try:
        if _is_remote():
            reply = remote.call(
                hub.estimator_url,
                hub.estimator_secret or "",
                method,
                path,
                body,
                timeout_s=timeout_s,
            )
        else:
            reply = call(estimate_socket(), method, path, body, timeout_s=timeout_s)
    except (SocketUnavailable, EstimatorUnreachable) as error:
        logger.warning("no estimate could be made: %s", error)
        raise _unavailable() from error
    if not isinstance(reply.body, dict):
        logger.error("the estimator answered with HTTP status %d and no object", reply.status)
        raise _unavailable()
    return reply


def _unavailable() -> Refused:
    return Refused(
        "Estimates cannot be made just now; nothing was stored. Please try again.",
        kind=Kind.UNAVAILABLE,
        retry_after_s=RETRY_AFTER_S,
    )
