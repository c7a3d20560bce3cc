"""Calls to the GeoServer: its REST API in JSON, and its maps (WMS, WFS).

Each call has a time-out and a bounded answer, and all calls for one layer end by one deadline.
Paths, statuses and documents are those of GeoServer's REST documentation.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from hubsite import http_client
from hubsite.coordination.delivery import NotDelivered, Unreachable

from .settings import hub

CALL_S = 10.0
LAYER_S = 25.0
"""Seconds that all calls for one layer may take together."""
_MOST_JSON = 1 << 20
_MOST_LIST = 16 << 20
"""The list of all layers of a GeoServer: some 200 bytes each."""
_MOST_MAP = 4 << 20
_AWAY = (429, 502, 503, 504)


class Refusal(NotDelivered):
    """GeoServer refused a call; `status` is its answer's."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_final(self) -> bool:
        """Whether the same request would be refused again. Not if something stands in the way,
        or the place for it is gone, because that may change."""
        return 400 <= self.status < 500 and self.status not in (403, 404, 408, 409)


class GeoserverUnreachable(Unreachable):
    """GeoServer does not answer, or takes no one's calls, also for other layers."""


class OutOfTime(NotDelivered):
    """The calls for this layer took too long in all. The next try goes on."""


def path(*parts: str) -> str:
    """A path of the REST API. Each part is quoted, so it stays one part."""
    return "/".join(["/rest", *(quote(part, safe="") for part in parts)])


@dataclass
class GeoServer:
    """The configured GeoServer, until the deadline."""

    give_up: float = field(default_factory=lambda: time.monotonic() + LAYER_S)

    def get(self, where: str, *, most_bytes: int = _MOST_JSON) -> dict[str, Any] | None:
        """A JSON object, None if there is nothing at that path."""
        answer = self._rest("GET", f"{where}.json", most_bytes=most_bytes)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise _refusal("GET", where, answer.status)
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise NotDelivered(f"GeoServer's answer to GET {where} is no JSON object")
        return document

    def layers(self) -> dict[str, Any]:
        """The list of all layers."""
        return self.get(path("layers"), most_bytes=_MOST_LIST) or {}

    def post(self, where: str, document: Mapping[str, Any]) -> None:
        self._change("POST", where, document)

    def put(self, where: str, document: Mapping[str, Any]) -> None:
        self._change("PUT", where, document)

    def delete(self, where: str) -> None:
        """Delete what is there, and nothing that belongs to it. Nothing there is good, too.

        `recurse=true` is never sent: of a store it deletes all its layers, of a layer its styles.
        """
        answer = self._rest("DELETE", f"{where}?recurse=false")
        if answer.status != 404 and not 200 <= answer.status < 300:
            raise _refusal("DELETE", where, answer.status)

    def ask(self, where: str, **query: Any) -> bytes:
        """The answer of a map service. Raises NotDelivered: one layer may be slow or broken."""
        base = (hub.geoserver_url or "").rstrip("/")
        url = f"{base}/{where}?{urlencode(query)}"
        what = f"{query['service']} {query['request']}"
        try:
            answer = http_client.call(
                "GET", url, timeout_s=self._left_s(), most_bytes=_MOST_MAP, auth=_credentials()
            )
        except http_client.NotTaken as error:
            raise GeoserverUnreachable(f"GeoServer cannot be reached: {error}"[:300]) from None
        except http_client.NoAnswer as error:
            raise NotDelivered(f"{what}: {error}"[:300]) from None
        if answer.status in _AWAY:
            raise GeoserverUnreachable(f"GeoServer answers {answer.status}")
        if answer.status != 200:
            raise NotDelivered(f"{what} is answered {answer.status}")
        return answer.content

    def _change(self, method: str, where: str, document: Mapping[str, Any]) -> None:
        answer = self._rest(method, where, body=document)
        if not 200 <= answer.status < 300:
            raise _refusal(method, where, answer.status)

    def _rest(
        self, method: str, where: str, *, body: Any = None, most_bytes: int = _MOST_JSON
    ) -> http_client.Answer:
        try:
            answer = http_client.call(
                method,
                f"{hub.geoserver_url}{where}",
                timeout_s=self._left_s(),
                most_bytes=most_bytes,
                headers={"Accept": "application/json"},
                body=body,
                auth=_credentials(),
            )
        except http_client.TooLarge as error:
            raise NotDelivered(f"GeoServer's answer to {method} {where}: {error}") from None
        except http_client.NoAnswer as error:
            raise GeoserverUnreachable(f"GeoServer cannot be reached: {error}"[:300]) from None
        if answer.status in _AWAY:
            raise GeoserverUnreachable(f"GeoServer answers {answer.status}")
        if answer.status == 401:
            raise GeoserverUnreachable(
                "GeoServer does not take XCUBE_HUB_GEOSERVER_USERNAME and _PASSWORD"
            )
        return answer

    def _left_s(self) -> float:
        left = self.give_up - time.monotonic()
        if left <= 0:
            raise OutOfTime(f"GeoServer's answers took more than {LAYER_S:g} s in all")
        return min(CALL_S, left)


def _credentials() -> tuple[str, str] | None:
    return (hub.geoserver_username, hub.geoserver_password) if hub.geoserver_username else None


def _refusal(method: str, where: str, status: int) -> Refusal:
    """Without the answer's text, which may hold the connection parameters of a store."""
    return Refusal(f"GeoServer answers {status} to {method} {where}", status)
