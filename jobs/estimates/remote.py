"""JSON over HTTP to an estimator on another machine: deploy/kubernetes/estimator.yaml.

Each request has a connection of its own, so none is shared by threads or forked processes.
"""

from __future__ import annotations

import time
from typing import Any

from hubsite import http_client
from hubsite.engines.local.connection import Reply
from hubsite.storable import storable

ANSWER_BYTES = 4 << 20


class EstimatorUnreachable(Exception):
    """The estimator does not answer, answers too late, or sends no JSON."""


def call(
    address: str,
    secret: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    timeout_s: float,
    most_bytes: int | None = None,
) -> Reply:
    """One request below `address`, within `timeout_s`. Raises EstimatorUnreachable.

    An answer of more than `most_bytes` (ANSWER_BYTES by default) is none.
    """
    most_bytes = most_bytes or ANSWER_BYTES
    give_up = time.monotonic() + timeout_s
    try:
        try:
            answer = _call(address, secret, method, path, body, timeout_s, most_bytes)
        except http_client.NotTaken:
            # It is being replaced. An estimate changes nothing, and another estimator may be there.
            left_s = give_up - time.monotonic()
            if left_s <= 0:
                raise
            answer = _call(address, secret, method, path, body, left_s, most_bytes)
        return Reply(answer.status, storable(answer.json()))
    except (http_client.NoAnswer, ValueError) as error:
        raise EstimatorUnreachable(f"{type(error).__name__}: {error}") from error


def _call(
    address: str,
    secret: str,
    method: str,
    path: str,
    body: Any,
    timeout_s: float,
    most_bytes: int,
) -> http_client.Answer:
    return http_client.call(
        method,
        address.rstrip("/") + path,
        timeout_s=timeout_s,
        most_bytes=most_bytes,
        headers={"Authorization": f"Bearer {secret}"},
        body=body,
        through_proxy=False,
    )
