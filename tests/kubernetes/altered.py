"""A proxy that changes the API server's answers: what no real server can be made to say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.servers.kubernetes.faults import FaultProxy

Document = dict[str, Any]


class AlteringProxy(FaultProxy):
    """As FaultProxy; `heal` ends the changes too."""

    def alter(
        self,
        *,
        method: str,
        path: str,
        change: Callable[[Document], Document] = lambda document: document,
        date: Callable[[], str] | None = None,
    ) -> None:
        """Answers to these requests pass through `change`, and come with this Date of then."""

        def act(handler: Any, body: bytes) -> None:
            with handler.asked(body) as response:
                document = json.loads(response.read())
                headers = {"Date": date() if date else response.getheader("Date")}
                handler.say(response.status, change(document), headers)

        self._add(method, path, 1_000_000, act)
