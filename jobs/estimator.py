"""Asks the warm runner what a request would make, before anything is promised or stored."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from hubsite.api.errors import ApiError
from hubsite.engines.local.connection import Reply, SocketUnavailable, call
from hubsite.engines.local.paths import estimate_socket

RETRY_AFTER_S = 5
_VERSIONS_KEPT_S = 60.0

_versions: tuple[float, dict[str, str]] | None = None


@dataclass(frozen=True)
class Estimate:
    """What a request would make. `result` is xcube's: dataset_descriptor, size_estimation.

    `input_times` is how many time steps will really be written, where that is known: xcube
    counts by `time_period`, but does not resample in time.
    """

    result: dict[str, Any]
    input_times: int | None
    output_exists: bool | None

    def priced_descriptor(self) -> dict[str, Any]:
        """The dataset descriptor with the larger of both counts of time steps."""
        descriptor = self.result["dataset_descriptor"]
        dims = descriptor.get("dims") or {}
        times = max(dims.get("time") or 1, self.input_times or 1)
        return {**descriptor, "dims": {**dims, "time": times}}


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
        return Estimate(answer["result"], answer.get("input_times"), answer.get("output_exists"))
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
