"""A client of the API server for tests: plain JSON, as admin or as whoever a kubeconfig names."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from kubernetes import client, config
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from tests.patience import PATIENCE_S, pause

__all__ = ["Api", "ApiException", "until", "write_kubeconfig"]

READY_WITHIN_S = 10
T = TypeVar("T")
CONTENT_TYPES = {
    "PATCH": "application/merge-patch+json",
    "APPLY": "application/apply-patch+yaml",
}


class Api:
    """Requests raise kubernetes.client.ApiException, whose `status` is the HTTP status."""

    def __init__(self, kubeconfig: Path) -> None:
        self.configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=self.configuration)
        self._client = client.ApiClient(self.configuration)

    @property
    def url(self) -> str:
        return self.configuration.host

    def get(self, path: str, *, timeout_s: float = PATIENCE_S, **query: Any) -> Any:
        return self._call("GET", path, query=query, timeout_s=timeout_s)

    def text(self, path: str, **query: Any) -> str:
        """What is not JSON, as a pod's log."""
        return self._raw("GET", path, query=query).decode()

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        return self.get(path, **query)["items"]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, body=body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("PATCH", path, body=body)

    def apply(self, path: str, body: dict[str, Any]) -> Any:
        """Make it so, whether or not it is there (server-side apply)."""
        query = {"fieldManager": "tests", "force": "true"}
        return self._call("APPLY", path, body=body, query=query)

    def delete(self, path: str, **query: Any) -> Any:
        return self._call("DELETE", path, query=query)

    def exists(self, path: str) -> bool:
        try:
            self.get(path)
        except ApiException as error:
            if error.status == 404:
                return False
            raise
        return True

    def answers(self) -> bool:
        """Whether the API server is ready."""
        try:
            self._raw("GET", "/readyz", timeout_s=READY_WITHIN_S)
        except (ApiException, HTTPError):
            return False
        return True

    def _call(self, method: str, path: str, **rest: Any) -> Any:
        return json.loads(self._raw(method, path, **rest))

    def _raw(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
        timeout_s: float = PATIENCE_S,
    ) -> bytes:
        verb, url, headers, _, _ = self._client.param_serialize(
            "PATCH" if method == "APPLY" else method,
            path,
            query_params=list((query or {}).items()),
            header_params={
                "Accept": "application/json, */*",
                "Content-Type": CONTENT_TYPES.get(method, "application/json"),
            },
            auth_settings=["BearerToken"],
        )
        response = self._client.rest_client.pool_manager.request(
            verb,
            url,
            headers=headers,
            body=None if body is None else json.dumps(body),
            timeout=timeout_s,
            retries=False,
        )
        if response.status >= 400:
            error = ApiException(status=response.status, reason=response.reason)
            error.body, error.headers = response.data.decode(), response.headers
            raise error
        return response.data


def write_kubeconfig(
    path: Path, *, url: str, ca: Path | None, user: dict[str, str], namespace: str = "default"
) -> Path:
    """A kubeconfig file with one context; `ca` None for plain HTTP."""
    cluster = {"server": url} | ({"certificate-authority": str(ca)} if ca else {})
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [
            {"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}
        ],
        "current-context": "test",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def until(look: Callable[[], T | None], what: str, *, within_s: float = PATIENCE_S) -> T:
    """What `look` finds, as soon as it finds something."""
    began = time.monotonic()
    while not (found := look()):
        waited_s = time.monotonic() - began
        assert waited_s < within_s, f"no {what} within {within_s} s"
        pause(waited_s)
    return found
