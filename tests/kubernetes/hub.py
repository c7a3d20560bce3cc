"""A hub of real processes whose jobs run in a cluster; it has no runner of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chaos.hub import CHECKOUT, PARTS, STORES, Hub
from tests.patience import PATIENCE_S
from tests.servers.kubernetes.access import HubAccess

OBSERVE_WITHOUT_LEASE = """
import django, threading
django.setup()
from hubsite.engines import get_engine
from jobs.running.following import make_follower
observer = make_follower(get_engine("kubernetes"), is_stopping=threading.Event().is_set)
observer._lease.hold = lambda: True
print("begins", flush=True)
observer.run()
"""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class KubernetesHub(Hub):
    """Its pods are simulated, and run for `run`. Others answer its estimates."""

    parts = tuple(part for part in PARTS if part != "runner")

    def __init__(
        self,
        folder: Path,
        xcube_python: Path,
        *,
        access: HubAccess,
        source: Path,
        places: int,
        run: str,
        **environment: str,
    ) -> None:
        super().__init__(folder, xcube_python)
        (folder / "stores.yaml").write_text(STORES.replace("SOURCE", str(source)))
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "hubsite.settings",
            "XCUBE_HUB_ENGINE": "kubernetes",
            "KUBECONFIG": str(access.kubeconfig),
            "XCUBE_HUB_POD_PLACES": str(places),
            "XCUBE_HUB_POD_NODE_SELECTOR": "type=kwok",
            "XCUBE_HUB_POD_ANNOTATIONS": f"fake/run={run}",
            "XCUBE_HUB_CALLBACK_URL": "http://hub.test/api/v2",
            **environment,
        }

    def new_user(self, email: str, *, units: int) -> str:
        """The token of a user who may submit."""
        permission = ("--permission", "manage:cubegens")
        self.manage("create_client", "--email", email, *permission, "--units", str(units), "--json")
        return self.manage("issue_token", "--email", email, *permission).strip()

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """What the database holds, read past the hub: a test asks often."""
        file = f"file:{self.folder / 'hub.sqlite3'}?mode=ro"
        with contextlib.closing(sqlite3.connect(file, uri=True, timeout=PATIENCE_S)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(sql, parameters)]

    def cpu_s(self, part: str) -> float:
        """The processor time that a part and its children, ended ones too, have used."""
        return sum(_cpu_s(pid) for pid in _family(self._processes[part].pid))

    @contextlib.contextmanager
    def second_observer(self) -> Iterator[None]:
        """One more observer, which does not ask for the lease."""
        process = subprocess.Popen(
            [sys.executable, "-c", OBSERVE_WITHOUT_LEASE],
            env=self.environment,
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n", f"see {self.folder / 'hub.log'}"
            yield
            assert process.poll() is None, f"it ended by itself; see {self.folder / 'hub.log'}"
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()


def request(number: int | str) -> dict[str, Any]:
    """A small cube generation with an output of its own."""
    return {
        "input_config": {"store_id": "@demo", "data_id": "demo.zarr"},
        "cube_config": {
            "variable_names": ["sst"],
            "bbox": [0, 0, 40, 40],
            "spatial_res": 10,
            "time_range": ["2020-01-01", "2020-01-02"],
            "time_period": "1D",
        },
        "output_config": {"store_id": "@cubes", "data_id": f"{number}.zarr"},
    }


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _family(int(child))


def _cpu_s(pid: int) -> float:
    """User and system time, that of children waited for included."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS_PER_S
