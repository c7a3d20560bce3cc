"""JSON over HTTP to an estimator on another machine: deploy/kubernetes/estimator.yaml.

Each request has a connection of its own, so none is shared by threads or forked processes.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from hubsite.engines.local.connection import Reply
from hubsite.storable import storable

CONNECT_S = 5.0
ANSWER_BYTES = 4 << 20
_PIECE = 1 << 16
_BEING_REPLACED = (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected)


class EstimatorUnreachable(Exception):
    """The estimator does not answer, answers too late, or sends no JSON."""


def call(
    address: str, secret: str, method: str, path: str, body: Any = None, *, timeout_s: float
) -> Reply:
    """One request below `address`, within `timeout_s`. Raises EstimatorUnreachable."""
    give_up = time.monotonic() + timeout_s
    data = None if body is None else json.dumps(body).encode()
    try:
        try:
            return _call(address, secret, method, path, data, give_up)
        except _BEING_REPLACED:
            # An estimate changes nothing, and there may be another estimator.
            return _call(address, secret, method, path, data, give_up)
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise EstimatorUnreachable(f"{type(error).__name__}: {error}") from error


def _call(
    address: str, secret: str, method: str, path: str, data: bytes | None, give_up: float
) -> Reply:
    url = urlsplit(address)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=min(CONNECT_S, _left(give_up)))
    headers = {"Authorization": f"Bearer {secret}", "Connection": "close"}
    if data is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.connect()
        sock = connection.sock
        sock.settimeout(_left(give_up))
        connection.request(method, url.path.rstrip("/") + path, body=data, headers=headers)
        response = connection.getresponse()
        content = _read(response, sock, give_up)
        return Reply(response.status, storable(json.loads(content)))
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, sock: socket.socket, give_up: float) -> bytes:
    """Read the whole body, up to a size, and within the time limit even if it arrives slowly."""
    content = bytearray()
    while piece := response.read1(_PIECE):
        content += piece
        if len(content) > ANSWER_BYTES:
            raise ValueError(f"the answer has more than {ANSWER_BYTES} bytes")
        sock.settimeout(_left(give_up))
    return bytes(content)


def _left(give_up: float) -> float:
    left = give_up - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left
