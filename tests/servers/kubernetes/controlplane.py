"""etcd, API server, controller manager and scheduler, as a cluster of its own on free ports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S
from tests.servers.ports import free_port

from .api import Api, write_kubeconfig
from .certificates import Authority
from .processes import Processes, clean_up_after_the_dead
from .programs import CONTROL_PLANE, Say, programs

SERVICE_RANGE, API_SERVICE = "10.96.0.0/16", "10.96.0.1"
USERS = {  # of the certificates: user and group
    "admin": ("admin", "system:masters"),
    "apiserver-kubelet": ("apiserver-kubelet", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
}


class Cluster:
    """A cluster that tests use, and need not be ours."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.api = Api(kubeconfig)

    @property
    def url(self) -> str:
        return self.api.url

    @property
    def ca(self) -> Path | None:
        path = self.api.configuration.ssl_ca_cert
        return Path(path) if path else None


def given_cluster() -> Cluster | None:
    """The cluster that TEST_KUBECONFIG names."""
    path = os.environ.get("TEST_KUBECONFIG")
    return Cluster(Path(path)) if path else None


class ControlPlane(Cluster):
    """Started by its making; `close` ends it. Its parts can be ended and started again.

    The folder, with logs and keys, is in the system's temporary folder, etcd's data in memory.
    """

    def __init__(
        self,
        *,
        say: Say,
        address: str = "127.0.0.1",
        within: tuple[str, ...] = (),
        clean_up: str = f"{__name__}:remove_data",
        folder: Path | None = None,
    ) -> None:
        self._programs = programs(CONTROL_PLANE, say=say)
        clean_up_after_the_dead("xcube-hub-kubernetes-*", below=Path(tempfile.gettempdir()))
        self.folder = folder or new_folder()
        self.address = address
        self._port = free_port()
        self._etcd_url = f"http://127.0.0.1:{free_port()}"
        self._keys = self.folder / "keys"
        self.authority = Authority(self._keys)
        self.authority.sign(
            "apiserver",
            user="kube-apiserver",
            hosts=["localhost", "kubernetes.default.svc", "127.0.0.1", address, API_SERVICE],
        )
        self.authority.write_key_pair("service-account")
        for name, (user, group) in USERS.items():
            self.authority.sign(name, user=user, group=group)
        self.processes = Processes(self.folder, within=within, clean_up=clean_up)
        super().__init__(self.kubeconfig_of("admin"))
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def kubeconfig_of(self, name: str) -> Path:
        """A kubeconfig file for the owner of this certificate."""
        user = {
            "client-certificate": str(self._keys / f"{name}.crt"),
            "client-key": str(self._keys / f"{name}.key"),
        }
        return write_kubeconfig(
            self.folder / f"{name}.kubeconfig",
            url=f"https://{self.address}:{self._port}",
            ca=self._keys / "ca.crt",
            user=user,
        )

    @property
    def pids(self) -> dict[str, int]:
        return self.processes.pids

    def start(self) -> None:
        """Start what does not run, and wait until it is ready."""
        self.start_etcd()
        self.start_apiserver()
        self.start_controller_manager()
        self.start_scheduler()
        # The controller manager is at work once it has made the default ServiceAccount.
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self.processes.until(lambda: self.api.exists(account), "controller manager")

    def close(self) -> None:
        self.processes.close()

    def start_etcd(self) -> None:
        data = _memory_of(self.folder)
        peers = f"http://127.0.0.1:{free_port()}"
        self.processes.start(
            "etcd",
            self._programs["etcd"],
            f"--data-dir={data}",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
        )

    def start_apiserver(self) -> None:
        keys = self._keys
        self.processes.start(
            "kube-apiserver",
            self._programs["kube-apiserver"],
            f"--etcd-servers={self._etcd_url}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self._port}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            # On loopback, as there is nobody to serve: no pod finds the API server by its Service.
            "--endpoint-reconciler-type=none",
            # Together a tenth of its processor time: shares of callers, and counts of all objects.
            "--enable-priority-and-fairness=false",
            "--etcd-count-metric-poll-period=0",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",  # Pod Security decides, not this
            f"--client-ca-file={keys}/ca.crt",
            f"--tls-cert-file={keys}/apiserver.crt",
            f"--tls-private-key-file={keys}/apiserver.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys}/service-account.pub",
            f"--service-account-signing-key-file={keys}/service-account.key",
            f"--kubelet-certificate-authority={keys}/ca.crt",
            f"--kubelet-client-certificate={keys}/apiserver-kubelet.crt",
            f"--kubelet-client-key={keys}/apiserver-kubelet.key",
            "--kubelet-preferred-address-types=InternalIP",
        )
        self.processes.until(self.api.answers, "API server")

    def kill_apiserver(self) -> None:
        self.processes.end("kube-apiserver", by=signal.SIGKILL)

    def restart_apiserver(self) -> None:
        self.kill_apiserver()
        self.start_apiserver()

    def start_controller_manager(self) -> None:
        self.processes.start(
            "kube-controller-manager",
            self._programs["kube-controller-manager"],
            f"--kubeconfig={self.kubeconfig_of('controller-manager')}",
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials",
            # With the default of 20/s it would need 149 s for 500 Jobs, not 11 s.
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            # Kubelet and kwok may be late on a busy machine; no test loses a node.
            "--node-monitor-grace-period=1h",
            # Claims without a volume are looked at again only so often.
            "--pvclaimbinder-sync-period=1s",
            f"--root-ca-file={self._keys}/ca.crt",
            f"--service-account-private-key-file={self._keys}/service-account.key",
        )

    def stop_controller_manager(self) -> None:
        self.processes.end("kube-controller-manager")

    def start_scheduler(self) -> None:
        self.processes.start(
            "kube-scheduler",
            self._programs["kube-scheduler"],
            f"--kubeconfig={self.kubeconfig_of('scheduler')}",
            "--secure-port=0",
            "--leader-elect=false",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        )

    def stop_scheduler(self) -> None:
        self.processes.end("kube-scheduler")

    def compact_etcd(self) -> int:
        """Forget all that was before now, in etcd and in the API server, which is restarted.

        Whoever then watches from an earlier version gets 410; the answer is the oldest version.
        """
        revision = self._etcd("maintenance/status", {})["header"]["revision"]
        self._etcd("kv/compaction", {"revision": revision, "physical": True})
        self.restart_apiserver()
        return int(revision)

    def _etcd(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._etcd_url}/v3/{path}", data=json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)


def new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix=f"xcube-hub-kubernetes-{os.getpid()}-"))


def remove_data(folder: Path) -> None:
    """What lies outside of the folder (called by the guard)."""
    shutil.rmtree(_memory_of(folder), ignore_errors=True)


def _memory_of(folder: Path) -> Path:
    """etcd's data: in memory where there is some that has a folder."""
    shared = Path("/dev/shm")
    return shared / folder.name if os.access(shared, os.W_OK) else folder / "etcd"
