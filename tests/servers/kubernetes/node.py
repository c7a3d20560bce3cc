"""One real node: kubelet, containerd and runc, with a control plane, in a network of their own.

Pods run as in any cluster, and reach this machine's `host_address` and nothing else.
Needs root and Debian's packages (`REQUIRED`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

from . import containerd, controlplane, network
from .controlplane import ControlPlane
from .images import PAUSE, copy_images, images_cache
from .programs import Say, programs

REQUIRED = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "busybox": "busybox-static",
}
NODE = "node-1"


def lacks() -> str:
    """What keeps this machine from having a node, as a sentence; empty if nothing does."""
    if os.geteuid() != 0:
        return "a real node needs root"
    packages = sorted({package for name, package in REQUIRED.items() if not shutil.which(name)})
    return f"a real node needs: apt-get install {' '.join(packages)}" if packages else ""


class NodeCluster(ControlPlane):
    """A control plane and the node, ready; `close` leaves nothing behind."""

    def __init__(self, *, say: Say, xcube_python: Path) -> None:
        self._kubelet = programs(["kubelet"], say=say)["kubelet"]
        self._network = network.make_network()
        try:
            folder = controlplane.new_folder()
            self._network.write(folder / "network.json")
            copy_images(xcube_python, _images_of(folder), say=say)
            super().__init__(
                say=say,
                address=self._network.node_address,
                within=self._network.within,
                clean_up=f"{__name__}:clean_up",
                folder=folder,
            )
        except BaseException:
            network.remove_network(self._network)
            raise
        try:
            self._start_containerd()
            self._start_kubelet()
        except BaseException:
            self.close()
            raise

    @property
    def host_address(self) -> str:
        """This machine, as pods reach it: the hub under test is to listen here."""
        return self._network.host_address

    @property
    def node(self) -> str:
        return NODE

    def make_volume(self, namespace: str, name: str, folder: Path) -> None:
        """A PersistentVolumeClaim of this name over a folder of this machine; pods may write."""
        folder.chmod(0o777)
        storage = {"storage": "1Gi"}
        spec = {"storageClassName": "", "accessModes": ["ReadWriteMany"]}
        volume = f"{namespace}-{name}"
        self.api.post(
            "/api/v1/persistentvolumes",
            {
                "metadata": {"name": volume},
                "spec": {
                    **spec,
                    "capacity": storage,
                    "persistentVolumeReclaimPolicy": "Retain",
                    "claimRef": {"namespace": namespace, "name": name},
                    "hostPath": {"path": str(folder), "type": "Directory"},
                },
            },
        )
        self.api.post(
            f"/api/v1/namespaces/{namespace}/persistentvolumeclaims",
            {
                "metadata": {"name": name},
                "spec": {**spec, "resources": {"requests": storage}, "volumeName": volume},
            },
        )

    def _start_containerd(self) -> None:
        state = self.folder / "containerd"
        configuration = containerd.configure(root=_images_of(self.folder), state=state, pause=PAUSE)
        bridge = {
            "type": "bridge",
            "bridge": "pods",
            "isGateway": True,
            "ipam": {
                "type": "host-local",
                "dataDir": str(state / "addresses"),
                "ranges": [[{"subnet": self._network.pods}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
        plugins = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
        (state / "cni").mkdir()
        (state / "cni" / "pods.conflist").write_text(json.dumps(plugins))
        program = shutil.which("containerd")
        assert program
        self.processes.start("containerd", program, "--config", configuration)
        self.processes.until(lambda: containerd.answers(state), "containerd")

    def _start_kubelet(self) -> None:
        for hierarchy in _cgroup_hierarchies():
            _make_cgroup(hierarchy / self.folder.name, hierarchy)
        keys = self.folder / "keys"
        self.authority.sign(
            "kubelet",
            user=f"system:node:{NODE}",
            group="system:nodes",
            hosts=[NODE, self.address],
        )
        configuration = self.folder / "kubelet.json"
        configuration.write_text(json.dumps(self._kubelet_configuration(keys)))
        self.processes.start(
            "kubelet",
            self._kubelet,
            f"--config={configuration}",
            f"--kubeconfig={self.kubeconfig_of('kubelet')}",
            f"--hostname-override={NODE}",
            f"--node-ip={self.address}",
            f"--root-dir={self.folder}/kubelet",
            f"--cert-dir={self.folder}/kubelet/pki",
        )
        self.processes.until(self._is_ready, "node")

    def _kubelet_configuration(self, keys: Path) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "healthzPort": 0,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{keys}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{keys}/kubelet.crt",
            "tlsPrivateKeyFile": f"{keys}/kubelet.key",
            "containerRuntimeEndpoint": f"unix://{self.folder}/containerd/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.folder.name}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "seccompDefault": True,
            "podLogsDir": f"{self.folder}/pod-logs",
            "volumePluginDir": f"{self.folder}/kubelet/volume-plugins",
            "enforceNodeAllocatable": ["pods"],
            "evictionHard": {
                "memory.available": "200Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
            },
            "imageGCHighThresholdPercent": 100,
        }

    def _is_ready(self) -> bool:
        path = f"/api/v1/nodes/{NODE}"
        if not self.api.exists(path):
            return False
        found = self.api.get(path)
        conditions = {c["type"]: c["status"] for c in found["status"].get("conditions", [])}
        return conditions.get("Ready") == "True" and not found["spec"].get("taints")


def clean_up(folder: Path) -> None:
    """End and remove what the node's programs leave outside of their folder (run by the guard)."""
    _kill_containers(folder)
    _remove_traces(folder)
    for mount in reversed(_mounts_below(folder)):
        subprocess.run(["umount", "--lazy", mount], check=True)
    network.remove_network(network.read_network(folder / "network.json"))
    for cgroup in _cgroups(folder.name):
        cgroup.rmdir()
    shutil.rmtree(_images_of(folder), ignore_errors=True)
    controlplane.remove_data(folder)


def _images_of(folder: Path) -> Path:
    """On the disk of the cache, so that files can be linked."""
    return images_cache() / f"of-{folder.name}"


def _kill_containers(folder: Path) -> None:
    """The shims, whose command lines name the folder; then what ran in the pods' cgroups."""
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and int(process.name) != os.getpid():
                command = (process / "cmdline").read_bytes()
                if b"containerd-shim" in command and str(folder).encode() in command:
                    os.kill(int(process.name), signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while pids := _pids_in_cgroups(folder.name):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes of pods do not end: {pids}")
        time.sleep(0.05)


def _remove_traces(folder: Path) -> None:
    """What shims, the CNI library and the kubelet write into the system's folders."""
    for address in folder.glob("containerd/io.containerd.runtime.v2.task/*/*/address"):
        Path(address.read_text().removeprefix("unix://")).unlink(missing_ok=True)
    for result in Path("/var/lib/cni").glob("**/results/*"):
        if str(folder) in result.read_text(errors="replace"):
            result.unlink()
    for link in Path("/var/log/containers").glob("*"):
        if link.is_symlink() and str(folder) in os.readlink(link):
            link.unlink()


def _mounts_below(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [where for line in lines if (where := line.split()[1]).startswith(f"{folder}/")]


def _cgroup_hierarchies() -> list[Path]:
    """The root of each: one with version 2, one for each controller with version 1."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [root]
    return [path for path in root.iterdir() if path.is_dir() and not path.is_symlink()]


def _make_cgroup(cgroup: Path, hierarchy: Path) -> None:
    cgroup.mkdir(exist_ok=True)
    if (hierarchy / "cgroup.subtree_control").exists():
        for controller in (hierarchy / "cgroup.controllers").read_text().split():
            (hierarchy / "cgroup.subtree_control").write_text(f"+{controller}")
    for name in ("cpuset.cpus", "cpuset.mems"):  # version 1 wants them, before anyone joins
        if (hierarchy / name).exists():
            (cgroup / name).write_text((hierarchy / name).read_text())


def _cgroups(name: str) -> Iterator[Path]:
    for hierarchy in _cgroup_hierarchies():
        for path, _, _ in os.walk(hierarchy / name, topdown=False):
            yield Path(path)


def _pids_in_cgroups(name: str) -> set[int]:
    pids: set[int] = set()
    for cgroup in _cgroups(name):
        with contextlib.suppress(OSError):
            pids.update(int(pid) for pid in (cgroup / "cgroup.procs").read_text().split())
    return pids
