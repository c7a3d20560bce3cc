"""What tests of viewers need: workloads, calls to a viewer's socket, its processes."""

from __future__ import annotations

import copy
import itertools
import json
import os
from pathlib import Path
from typing import Any

from .runnerprocess import Runner, UnixConnection, call, is_running, wait_for

TILE = "/tiles/demo~demo.zarr/chl/0/0/0?vmin=0&vmax=200"
_numbers = itertools.count()


def workload(root: Path, *paths: str, **fields: Any) -> dict[str, Any]:
    """A workload that shows these paths of a folder; all its Zarr cubes without any."""
    name = f"view-{os.getpid()}-{next(_numbers)}"
    datasets = [{"Path": path} for path in paths or ("demo.zarr",)]
    store = {"Identifier": "demo", "StoreId": "file", "StoreParams": {"root": str(root)}}
    return {
        "name": name,
        "revision": 1,
        "path": "",
        "probe": "/datasets",
        "memory_bytes": 1 << 30,
        "payload": {
            "kind": "xcube_server",
            "config": {"DataStores": [{**store, "Datasets": datasets}]},
            "viewer": {"server": {"id": name, "name": name, "url": f"http://{name}.localhost"}},
            "public_url": f"http://{name}.localhost",
        },
        **fields,
    }


class Viewers:
    """The services of a runner."""

    def __init__(self, runner: Runner):
        self.runner = runner

    def put(self, work: dict[str, Any]) -> dict[str, Any]:
        status, answer = self.try_put(work)
        assert status in (200, 201), answer
        return answer

    def try_put(self, work: dict[str, Any]) -> tuple[int, Any]:
        return call(self.runner.control, "PUT", f"/services/{work['name']}", work)

    def change(self, work: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Apply the next revision, with these fields; gives that workload."""
        changed = copy.deepcopy({**work, **fields, "revision": work["revision"] + 1})
        self.put(changed)
        return changed

    def get(self, name: str) -> dict[str, Any]:
        status, service = call(self.runner.control, "GET", f"/services/{name}")
        assert status == 200, service
        return service

    def names(self) -> list[str]:
        return [service["name"] for service in self.runner.list_services()]

    def refresh(self, name: str) -> int:
        return call(self.runner.control, "POST", f"/services/{name}/refresh")[0]

    def delete(self, name: str) -> int:
        return call(self.runner.control, "DELETE", f"/services/{name}")[0]

    def until(self, name: str, phase: str) -> dict[str, Any]:
        """The service once it is in this phase."""

        def look() -> dict[str, Any] | None:
            service = self.get(name)
            return service if service["phase"] == phase else None

        return wait_for(look, f"{name} in phase {phase}")

    def until_gone(self, name: str) -> None:
        wait_for(lambda: name not in self.names(), f"end of {name}")

    def folder(self, name: str) -> Path:
        return self.runner.services / name

    def socket(self, name: str) -> Path:
        return Path(self.get(name)["address"].removeprefix("unix:"))

    def supervisor(self, name: str) -> int:
        return self._pid(name, "supervisor.json")

    def child(self, name: str) -> int:
        return self._pid(name, "child.json")

    def _pid(self, name: str, file: str) -> int:
        path = self.folder(name) / file

        def read() -> int | None:
            try:
                pid = json.loads(path.read_text())["pid"]
            except FileNotFoundError:
                return None
            return pid if is_running(pid) else None

        return wait_for(read, f"process of {file}")


def fetch(
    socket: Path, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request to a viewer."""
    connection = UnixConnection(socket)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def json_of(socket: Path, path: str) -> Any:
    status, _, body = fetch(socket, path)
    assert status == 200, body
    return json.loads(body)


def ids(socket: Path) -> list[str]:
    return [dataset["id"] for dataset in json_of(socket, "/datasets")["datasets"]]
