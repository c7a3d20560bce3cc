"""Calls of the operators' API, as a script of theirs makes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from tests.accounts.factories import bearer

API = "/api/v2/operator"


def ask(
    client: Client, headers: dict[str, str], method: str, path: str, body: object = None
) -> HttpResponse:
    """The answer to one call; `headers` say who asks."""
    return client.generic(
        method,
        f"{API}/{path}",
        data="" if body is None else json.dumps(body),
        content_type="application/json",
        headers=headers,
    )


def calls_of(client: Client, operator: User) -> Callable[..., Any]:
    """A function that sends a method, a path and a body, and returns the JSON of the answer."""
    headers = bearer(operator)

    def send(method: str, path: str, body: object = None, *, status: int = 200, **more: str) -> Any:
        answer = ask(client, {**headers, **more}, method, path, body)
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None

    return send
