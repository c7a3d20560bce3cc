"""Asks the warm runner what a request would make, before anything is promised or stored."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from hubsite.api.errors import ApiError
from hubsite.engines.local.connection import Reply, SocketUnavailable, call
from hubsite.engines.local.paths import estimate_socket

from .cost import CubeSize

RETRY_AFTER_S = 5
OWN_STORE_WAIT_S = 10.0
_VERSIONS_KEPT_S = 60.0

_versions: tuple[float, dict[str, str]] | None = None


@dataclass(frozen=True)
class Estimate:
    """What a request would make. `result` is xcube's: dataset_descriptor, size_estimation.

    `written` tells what xcube does not count: {"images", "width", "height"}, null if unknown.
    """

    result: dict[str, Any]
    written: dict[str, int | None]
    output_exists: bool | None

    @property
    def size(self) -> CubeSize:
        """The size to pay for: the larger of what xcube estimates and what was measured."""
        estimated = CubeSize.of(self.result["dataset_descriptor"])
        width, height = self.written.get("width"), self.written.get("height")
        if width and height and width * height > estimated.width * estimated.height:
            estimated = replace(estimated, width=width, height=height)
        return replace(estimated, images=max(estimated.images, self.written.get("images") or 0))


def estimate(
    request: dict[str, Any],
    *,
    stores: dict[str, Any],
    egress: dict[str, Any] | None,
    uses_own_store: bool,
) -> Estimate:
    """Estimate `request` with only `stores` to be had.

    Raises ApiError: 400 where the request is at fault, 503 where the estimator or a store
    of ours cannot be reached.
    """
    body = {"request": request, "stores": stores, "egress": egress}
    reply = _call(
        "POST", "/estimates", body, timeout_s=settings.HUB["XCUBE_HUB_ESTIMATE_TIMEOUT_S"]
    )
    answer = reply.body
    if reply.status == 200 and answer.get("status") == "ok":
        return Estimate(answer["result"], answer.get("written") or {}, answer.get("output_exists"))
    if reply.status >= 500:
        raise _unavailable()
    message = str(answer.get("message") or "xcube could not estimate this request.")[:2000]
    kind = answer.get("kind")
    if kind == "store" and not uses_own_store:
        raise ApiError(
            f"A data store cannot be reached now: {message}",
            status=503,
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    if kind == "internal":
        raise ApiError(f"xcube cannot make a cube of this request: {message}", status=422)
    raise ApiError(message)


@contextmanager
def _own_store_place() -> Iterator[None]:
    """Hold one of the places for estimates with callers' own stores: half of all estimators.

    A store that answers slowly, by its owner's will perhaps, must not hold them all. The
    places are locked files: they count for all web processes, and a dead one frees its own.
    """
    give_up = time.monotonic() + OWN_STORE_WAIT_S
    places = max(1, settings.HUB["XCUBE_HUB_ESTIMATORS"] // 2)
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
            raise ApiError(
                "Too many requests with stores of their own are being estimated. "
                "Nothing was stored; please try again.",
                status=503,
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        time.sleep(0.05)


def versions() -> dict[str, str]:
    """xcube and its plugins, name to version. Raises ApiError 503."""
    global _versions
    if _versions is None or _versions[0] < time.monotonic() - _VERSIONS_KEPT_S:
        reply = _call("GET", "/versions", None, timeout_s=10)
        if reply.status != 200:
            raise _unavailable()
        _versions = (time.monotonic(), reply.body["versions"])
    return _versions[1]


def _call(method: str, url: str, body: Any, *, timeout_s: float) -> Reply:
    try:
        return call(estimate_socket(), method, url, body, timeout_s=timeout_s)
    except SocketUnavailable as error:
        raise _unavailable() from error


def _unavailable() -> ApiError:
    return ApiError(
        "Estimates cannot be made just now; nothing was stored. Please try again.",
        status=503,
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
