"""The bundle of a run in a pod: its workload file, its token, its owner's uploaded code.

A process of its own reads and fetches it. The run is never forked from that process.
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..record.workload import WorkloadError, is_address
from ..system.handover import Handover
from ..system.process import say

CODE_BYTES = 10 << 20
PATIENCE_S = 240.0
TRY_S = 60.0
CONNECT_S = 10.0
LONGEST_PAUSE_S = 15.0
# Variables that `environment.for_run` sets itself.
_NOT_GIVEN = {"HOME", "TMPDIR", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "PYTHONPATH"}
_ADDING = {"append_dim", "group"}
"""Write parameters that add to a dataset which exists."""
_AGAIN = {408, 425, 429}


class CodeUnavailable(Exception):
    """The uploaded code cannot be fetched; the message says why."""


def complete(workload: Any, handed: Handover) -> bytes:
    """The workload as `admit` expects it. Raises WorkloadError and CodeUnavailable."""
    if not isinstance(workload, dict):
        return json.dumps(workload).encode()
    workload = dict(workload)
    report = workload.get("report")
    if handed.token and isinstance(report, dict) and "token" not in report:
        workload["report"] = {**report, "token": handed.token}
    payload = workload.get("payload")
    if isinstance(payload, dict):
        workload["payload"] = payload = dict(payload)
        if handed.retries:
            _write_over(payload)
        address = workload.pop("code_url", None)
        if address is not None:
            if not is_address(address):
                raise WorkloadError("code_url: must be an http or https address.")
            payload["code"] = base64.b64encode(fetch(address, handed.token or "")).decode()
        if not _has_code(payload):
            env = workload.get("env")
            given = {k: v for k, v in handed.environment.items() if k not in _NOT_GIVEN}
            workload["env"] = {**given, **(env if isinstance(env, dict) else {})}
    return json.dumps(workload).encode()


def _write_over(payload: dict[str, Any]) -> None:
    """Let a retried run replace the half-written cube of the try before.

    The hub checked at admission that the output belongs to this job. A run that adds to an
    existing dataset is not changed: it could neither overwrite it nor safely add twice.
    """
    request = payload.get("request")
    output = request.get("output_config") if isinstance(request, dict) else None
    if isinstance(output, dict):
        if _ADDING & set(output.get("write_params") or ()):
            raise WorkloadError(
                "The run was driven off its node. It adds to an existing dataset, and may have "
                "done so in part: look at that, and submit it again if nothing was added."
            )
        payload["request"] = {**request, "output_config": {**output, "replace": True}}


def _has_code(payload: dict[str, Any]) -> bool:
    request = payload.get("request")
    inline = isinstance(request, dict) and request.get("code_config") is not None
    return inline or payload.get("code") is not None


def fetch(address: str, token: str, *, patience_s: float = PATIENCE_S) -> bytes:
    """Fetch the code from `address`; if the hub is unreachable, retry with back-off."""
    give_up = time.monotonic() + patience_s
    pause = 0.5
    while True:
        try:
            return _fetch(urlsplit(address), token)
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
        if time.monotonic() + pause > give_up:
            raise CodeUnavailable(f"The run's code could not be fetched: {problem}")
        say(f"the run's code could not be fetched yet: {problem}")
        time.sleep(pause)
        pause = min(LONGEST_PAUSE_S, 2 * pause)


def _fetch(url: SplitResult, token: str) -> bytes:
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=CONNECT_S)
    try:
        target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/zip"}
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        if answer.status in _AGAIN or answer.status >= 500:
            raise http.client.HTTPException(f"HTTP status {answer.status}")
        if answer.status != 200:
            raise CodeUnavailable(_refusal(answer.status))
        return _read(answer)
    finally:
        connection.close()


def _read(answer: http.client.HTTPResponse) -> bytes:
    """Read the whole answer within a time that a slow sender cannot extend."""
    give_up = time.monotonic() + TRY_S
    length = answer.length
    data = bytearray()
    while piece := answer.read1(1 << 16):
        data += piece
        if len(data) > CODE_BYTES:
            raise CodeUnavailable(f"The run's code has more than {CODE_BYTES >> 20} MiB.")
        if time.monotonic() > give_up:
            raise TimeoutError("the answer came too slowly")
    if length is not None and len(data) < length:
        raise http.client.IncompleteRead(b"", length - len(data))
    return bytes(data)


def _refusal(status: int) -> str:
    why = {
        401: "the hub does not accept the run's token",
        403: "the hub does not allow it",
        404: "the hub has none for this run",
        410: "the hub says that this run is over",
    }.get(status, f"the hub answered with HTTP status {status}")
    return f"The run's code could not be fetched: {why}."
