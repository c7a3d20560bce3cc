"""Calls to the Kubernetes API server: JSON in and out, with time limits and typed errors.

The client library provides the connection and the credentials. Its models are not used, because
plain JSON takes a fifteenth of the time.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..outcomes import EngineUnavailable

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

Json = dict[str, Any]

CONNECT_S = 3.05
READ_S = 10.0
WATCH_S = 10
WATCH_READ_S = 13.0
"""The server ends a watch after WATCH_S. If nothing arrives for longer, the connection is lost."""
PAGE = 500
_MOST_LOG_BYTES = 1 << 20


class Refused(Exception):
    """The API server refused this call; it may accept others."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message or reason or f"status {status}")
        self.status = status
        self.reason = reason


class Unavailable(EngineUnavailable):
    """The API server cannot be reached, is busy, or does not accept our credentials."""


class NotAccepted(Unavailable):
    """401: the token has expired, or belongs to another cluster."""


class Api:
    """Makes its client at first use, and again after a fork or after a refused credential."""

    def __init__(self, configure: Callable[[], Configuration]) -> None:
        # Import it now, in one thread. Its modules import each other, so two threads that import
        # it at once could leave it broken.
        import kubernetes.client.api_client  # noqa: F401

        self._configure = configure
        self._lock = threading.Lock()
        self._client: ApiClient | None = None
        self._pid = 0

    def get(self, path: str, **query: Any) -> Json:
        return self._json("GET", path, query=query)

    def create(self, path: str, body: Json) -> Json:
        return self._json("POST", path, body=body)

    def try_create(self, path: str, body: Json) -> tuple[Json, list[str]]:
        """A dry run of `create`: the object, and the server's warnings. Nothing is created."""
        response = self._open("POST", path, query={"dryRun": "All"}, body=body)
        warnings = response.headers.getlist("Warning")
        return _parsed(self._body(response)), [_warning_text(warning) for warning in warnings]

    def replace(self, path: str, body: Json) -> Json:
        """Replace an object; refused (409) if it has changed since the version in `body`."""
        return self._json("PUT", path, body=body)

    def delete(self, path: str, body: Json) -> Json:
        return self._json("DELETE", path, body=body)

    def pages(self, path: str, **query: Any) -> Iterator[Json]:
        """A list, page by page. Raises Refused (410) if it took too long."""
        token = None
        while True:
            page = self.get(path, limit=PAGE, **query, **({"continue": token} if token else {}))
            yield page
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return

    def events(self, path: str, **query: Any) -> Iterator[Json]:
        """The events of a watch, until the server ends it. Raises the same errors as `list`."""
        response = self._open(
            "GET",
            path,
            query={**query, "watch": "true", "timeoutSeconds": WATCH_S},
            timeout=(CONNECT_S, WATCH_READ_S),
        )
        try:
            for line in _lines(response):
                yield _parsed(line)
        finally:
            response.close()

    def text(self, path: str, *, wait_s: float, **query: Any) -> str:
        """A pod's log; waits at most `wait_s` for the kubelet."""
        limited = {"limitBytes": _MOST_LOG_BYTES, **query}
        response = self._open("GET", path, query=limited, timeout=(CONNECT_S, wait_s))
        return self._body(response).decode("utf-8", "replace")

    def date(self) -> str | None:
        """The server's time, from the Date header of its answer."""
        response = self._open("GET", "/version")
        try:
            return response.headers.get("Date")
        finally:
            response.close()

    def _json(self, method: str, path: str, *, query: Any = None, body: Json | None = None) -> Json:
        return _parsed(self._body(self._open(method, path, query=query, body=body)))

    def _body(self, response: Any) -> bytes:
        import urllib3

        try:
            return response.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(_sentence(error)) from error
        finally:
            response.release_conn()

    def _open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        timeout: tuple[float, float] = (CONNECT_S, READ_S),
    ) -> Any:
        """The response with its body unread. Raises if the server refused."""
        known = self._client
        client = self._get_client()
        response = self._ask(client, method, path, query=query, body=body, timeout=timeout)
        if response.status == 401 and client is known:
            # The token has expired. If there is a newer one, use it at once.
            response.close()
            self._forget_client(client)
            client = self._get_client()
            response = self._ask(client, method, path, query=query, body=body, timeout=timeout)
        if 200 <= response.status < 300:
            return response
        if response.status == 401:
            self._forget_client(client)  # the next call reads a newer token, if there is one
        raise self._error(response)

    @staticmethod
    def _ask(
        client: ApiClient,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None,
        body: Json | None,
        timeout: tuple[float, float],
    ) -> Any:
        import urllib3
        from kubernetes.client import ApiException

        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            prepared = client.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            return client.call_api(*prepared, _request_timeout=timeout).response
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise Unavailable(_sentence(error)) from error

    def _error(self, response: Any) -> Exception:
        try:
            content = _status(self._body(response))
        except Unavailable:
            content = {}
        status = response.status
        reason, message = content.get("reason") or "", content.get("message") or ""
        if status == 401:
            return NotAccepted("the API server does not accept our credentials (401)")
        if status in (408, 429) or status >= 500:
            return Unavailable(f"the API server answered {status}: {message or 'no reason given'}")
        return Refused(status, reason, message)

    def _get_client(self) -> ApiClient:
        from kubernetes.client import ApiClient

        with self._lock:
            if self._client is None or self._pid != os.getpid():
                self._client, self._pid = ApiClient(self._configure()), os.getpid()
            return self._client

    def _forget_client(self, client: ApiClient) -> None:
        with self._lock:
            if self._client is client:  # another thread may have made a newer one meanwhile
                self._client = None


def _warning_text(header: str) -> str:
    """The text of a Warning header: `299 - "text"`, with quotes escaped."""
    text = header.partition('"')[2].rpartition('"')[0]
    return text.replace('\\"', '"').replace("\\\\", "\\") or header


def _lines(response: Any) -> Iterator[bytes]:
    import urllib3

    begun: list[bytes] = []
    try:
        # Read each chunk as soon as it arrives, instead of waiting for a full buffer.
        while piece := response.read1(1 << 16):
            *ends, rest = piece.split(b"\n")
            for end in ends:
                line, begun = b"".join([*begun, end]), []
                if line.strip():
                    yield line
            begun.append(rest)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable(_sentence(error)) from error


def _parsed(data: bytes) -> Json:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unavailable("the API server's answer is not JSON") from error
    if not isinstance(content, dict):
        raise Unavailable("the API server's answer is not an object")
    return content


def _status(body: bytes) -> Json:
    """The Status object of a refusal. A proxy may answer something else, which is the message."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {"message": body[:300].decode("utf-8", "replace").strip()}
    return content if isinstance(content, dict) else {}


def _sentence(error: Exception) -> str:
    text = str(getattr(error, "reason", None) or error).strip().replace("\n", " ")
    return f"the API server cannot be reached: {text[:300] or type(error).__name__}"
