"""Asks an estimator (a warm runner with xcube) how large the cube of a request would be.

The estimator runs on this machine, or at XCUBE_HUB_ESTIMATOR_URL.
"""

from __future__ import annotations

import logging
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from hubsite.coordination import places
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
"""The HTTP statuses of an estimator's answer; any other comes from something else."""

_versions: tuple[float, dict[str, str]] | None = None


@dataclass(frozen=True)
class Estimate:
    """An estimate. `result` has xcube's shape: dataset_descriptor, size_estimation.

    `written` is the size that the runner measured: {"images", "width", "height"}, or null if it
    cannot open the inputs; and, if a pyramid is asked for, `levels`, a list of the same.
    `result` may contain the output's `zarr_format`.
    """

    result: dict[str, Any]
    written: dict[str, Any]
    output_exists: bool | None
    levels_exist: bool | None = None

    @property
    def size(self) -> CubeSize:
        """The size to pay for: the measured one if there is one, else xcube's estimate."""
        images, width, height = (self.written.get(n) for n in ("images", "width", "height"))
        if images and width and height:
            levels = tuple(CubeSize(**level) for level in self.written.get("levels") or ())
            return CubeSize(images, width, height, levels)
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
    """Estimate `request`; xcube can use only `stores`. `who` is the caller.

    Raises Refused: INVALID if the request is wrong; UNAVAILABLE if the estimator or a store of
    the hub cannot be reached, or if too many requests wait; BUSY if too many are from `who`.
    """
    body = {"request": request, "stores": stores, "egress": egress}
    with place_to_wait(who), _own_store_place() if uses_own_store else nullcontext():
        reply = _call("POST", "/estimates", body, timeout_s=hub.estimate_timeout_s)
    answer = reply.body
    if reply.status not in _ANSWERS or (reply.status == 200 and not _is_answer(answer)):
        logger.error("the estimator answered with HTTP status %d: %.500s", reply.status, answer)
        raise _unavailable()
    if answer.get("status") == "ok":
        return Estimate(
            answer["result"],
            answer.get("written") or {},
            answer.get("output_exists"),
            answer.get("levels_exist"),
        )
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
    """Whether the answer comes from an estimator that has used xcube."""
    if answer.get("status") == "error":
        return "kind" in answer
    result = answer.get("result")
    return (
        answer.get("status") == "ok"
        and isinstance(result, dict)
        and isinstance(result.get("dataset_descriptor"), dict)
    )


def _own_store_place() -> AbstractContextManager[None]:
    """Hold one of the places for estimates with callers' own stores: half of all estimators.

    A caller's store may be slow on purpose, and must not occupy all estimators.
    """
    return places.one_of(
        [f"own-store-{number}" for number in range(max(1, hub.estimators // 2))],
        until=time.monotonic() + OWN_STORE_WAIT_S,
        look_every_s=0.05,
        refusal=lambda: Refused(
            "Too many requests with stores of their own are being estimated. "
            "Nothing was stored; please try again.",
            kind=Kind.UNAVAILABLE,
            retry_after_s=RETRY_AFTER_S,
        ),
    )


def remove_output(
    *, run: str, output: dict[str, Any], stores: dict[str, Any], timeout_s: float
) -> bool:
    """Ask an estimator to remove the unfinished output of `run`; True if there was any.

    Raises Refused if it could not be removed.
    """
    body = {"run": run, "output": output, "stores": stores}
    reply = _call("POST", "/removals", body, timeout_s=timeout_s)
    if reply.status == 200 and reply.body.get("status") == "ok":
        return bool(reply.body.get("removed"))
    said = str(reply.body.get("message") or f"HTTP status {reply.status}")[:500]
    raise Refused(said, kind=Kind.UNAVAILABLE)


def probe(name: str, store: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Ask an estimator to open one dataset of a store: {"data_id", "dims", "variables"}.

    Raises Refused if it cannot be opened.
    """
    body = {"store": name, "stores": {name: store}}
    reply = _call("POST", "/probes", body, timeout_s=timeout_s)
    if reply.status == 200 and reply.body.get("status") == "ok":
        return reply.body
    said = str(reply.body.get("message") or f"HTTP status {reply.status}")[:500]
    raise Refused(said, kind=Kind.UNAVAILABLE)


def versions() -> dict[str, str]:
    """Versions of xcube and its plugins by name. Raises Refused (UNAVAILABLE)."""
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
    """The estimator's answer, a JSON object. Raises Refused (UNAVAILABLE)."""
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
