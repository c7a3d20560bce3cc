"""Calls to the control socket of the runner on this machine, for runs and for services."""

from __future__ import annotations

from typing import Any

from ..outcomes import EngineUnavailable
from .connection import Reply, SocketUnavailable, call
from .paths import control_socket

CALL_TIMEOUT_S = 10.0
PASSING = (408, 500, 503, 507)
"""Statuses of a runner that cannot take work now: it is too busy, or its disk is full."""


def ask_runner(
    method: str, url: str, body: Any = None, *, timeout_s: float = CALL_TIMEOUT_S
) -> Reply:
    """One request to the runner. Raises EngineUnavailable if it does not answer."""
    try:
        return call(control_socket(), method, url, body, timeout_s=timeout_s)
    except SocketUnavailable as error:
        raise EngineUnavailable(f"the runner does not answer ({error})") from error


def message_of(reply: Reply) -> str:
    body = reply.body if isinstance(reply.body, dict) else {}
    return str(body.get("error") or f"the runner answered {reply.status}")
