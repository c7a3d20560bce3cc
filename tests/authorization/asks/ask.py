"""One request that changes something: who asks, with what, and what the audit then says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..world import World

PASSWORD = "a-long-password-of-a-test"


Arrange = Callable[[World], dict[str, Any] | None]


@dataclass(frozen=True)
class Ask:
    """A request that changes something, and the action that must then be in the audit.

    `arrange` prepares rows, and returns parameters of the route and fields of the body that are
    only known then.
    """

    endpoint: str
    caller: str
    action: str
    body: dict[str, Any] = field(default_factory=dict)
    arrange: Arrange = lambda world: None
    headers: dict[str, str] = field(default_factory=dict)


def owner(endpoint: str, action: str, arrange: Arrange = lambda world: None, /, **body: Any) -> Ask:
    return Ask(endpoint, "owner", action, body, arrange)


def operator(
    endpoint: str, action: str, arrange: Arrange = lambda world: None, /, **body: Any
) -> Ask:
    key = {"Idempotency-Key": "a-key"} if "/operator/" in endpoint else {}
    return Ask(endpoint, "operator", action, body, arrange, key)


def chosen(model: str, action: str, audited: str, arrange: Arrange, /, **body: Any) -> Ask:
    """An action of a list in the admin, on the row that `arrange` returns."""
    return operator(f"POST admin/{model}/", audited, arrange, action=action, **body)


WHOLE_FORM = {"_whole_form": True}
"""The form of the page is sent as it is shown."""


API = "api/v2"
OPERATOR = f"{API}/operator"
