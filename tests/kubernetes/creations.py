"""Every Job that was ever made in a namespace, by name: an admin's watch beside the hub's."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from kubernetes.client import ApiClient
from urllib3.exceptions import HTTPError

from tests.servers.kubernetes.controlplane import Cluster

PAUSE_S = 0.1
WATCH_S = 3


class Creations(threading.Thread):
    """Follows the Jobs until closed, whatever becomes of the API server meanwhile."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        super().__init__(daemon=True)
        self._uids: dict[str, set[str]] = defaultdict(set)
        self._url = f"{cluster.url}/apis/batch/v1/namespaces/{namespace}/jobs"
        # Its own connections: the faults of the test are not to be its own.
        self._http = ApiClient(cluster.api.configuration).rest_client.pool_manager
        self._closing = threading.Event()
        self._version = ""

    def __enter__(self) -> Creations:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.join()

    def of(self, name: str) -> int:
        """How many Jobs of this name there have been."""
        return len(self._uids.get(name, ()))

    def run(self) -> None:
        while not self._closing.is_set():
            # Down, or its answer was cut: after a while again, from where it was.
            with contextlib.suppress(HTTPError, ValueError, OSError):
                self._follow()
            self._closing.wait(PAUSE_S)

    def _follow(self) -> None:
        if not self._version:
            found = self._http.request("GET", self._url, timeout=10, retries=False)
            if found.status != 200:
                return
            document = json.loads(found.data)
            for job in document["items"]:
                self._note(job)
            self._version = document["metadata"]["resourceVersion"]
        for event in self._events():
            if event["type"] == "ERROR":
                self._version = ""  # too old: list again
                return
            self._note(event["object"])
            self._version = event["object"]["metadata"]["resourceVersion"]

    def _events(self) -> Iterator[dict[str, Any]]:
        query = f"watch=1&timeoutSeconds={WATCH_S}&resourceVersion={self._version}"
        response = self._http.request(
            "GET",
            f"{self._url}?{query}",
            preload_content=False,
            timeout=WATCH_S + 5,
            retries=False,
        )
        try:
            if response.status != 200:
                yield {"type": "ERROR"}
                return
            for line in response:
                yield json.loads(line)
        finally:
            response.close()

    def _note(self, job: dict[str, Any]) -> None:
        self._uids[job["metadata"]["name"]].add(job["metadata"]["uid"])
