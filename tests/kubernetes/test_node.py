"""The real node runs pods as any cluster does, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import Api, until
from tests.servers.kubernetes.images import XCUBE, XCUBE_CONDA
from tests.servers.kubernetes.node import NodeCluster
from tests.servers.kubernetes.processes import CHECKOUT

from .objects import pod

pytestmark = [pytest.mark.kubernetes, pytest.mark.node, pytest.mark.xcube]


def run(api: Api, namespace: str, made: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Run a pod to its end: the container's end, and the log."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    path = f"{pods}/{made['metadata']['name']}"
    api.post(pods, made)

    def end() -> dict[str, Any] | None:
        for container in api.get(path)["status"].get("containerStatuses", []):
            return container["state"].get("terminated")
        return None

    ended = until(end, f"end of {path}")
    return ended, api.text(f"{path}/log")


def script(name: str, text: str, *, image: str = XCUBE) -> dict[str, Any]:
    return pod(name, "/bin/sh", "-c", text, image=image)


def test_a_restricted_pod_tells_by_log_and_termination_message(
    node_cluster: NodeCluster, node_namespace: str
) -> None:
    # The node writes two streams down in any order.
    text = "exec 2>&1; id -u; touch /tmp/x || echo read-only; echo over > /dev/termination-log"
    end, log = run(node_cluster.api, node_namespace, script("tells", f"{text}; exit 3"))
    assert (end["exitCode"], end["message"]) == (3, "over\n")
    assert log.splitlines()[0] == "1000"
    assert log.splitlines()[-1] == "read-only"


def test_the_hub_reads_a_log_under_its_own_role(
    node_cluster: NodeCluster, node_namespace: str, node_hub_access: HubAccess
) -> None:
    run(node_cluster.api, node_namespace, script("said", "echo hello"))
    path = f"/api/v1/namespaces/{node_namespace}/pods/said/log"
    assert node_hub_access.api.text(path) == "hello\n"


@pytest.mark.parametrize(
    "image, python", [(XCUBE, "python"), (XCUBE_CONDA, "/opt/conda/envs/xcube/bin/python")]
)
def test_the_images_have_xcube(
    node_cluster: NodeCluster, node_namespace: str, image: str, python: str
) -> None:
    text = f"command -v python; {python} -c 'import xcube, ssl, sqlite3, numcodecs; print(1)'"
    end, log = run(node_cluster.api, node_namespace, script("imports", text, image=image))
    assert end["exitCode"] == 0, log
    on_path = ["python"] if python == "python" else []
    assert [Path(line).name for line in log.splitlines()] == [*on_path, "1"]


def test_too_much_memory_is_a_kill(node_cluster: NodeCluster, node_namespace: str) -> None:
    greedy = pod("greedy", "python", "-c", "b'x' * 200_000_000", image=XCUBE)
    greedy["spec"]["containers"][0]["resources"] = {"limits": {"memory": "64Mi", "cpu": "1"}}
    end, _ = run(node_cluster.api, node_namespace, greedy)
    assert (end["exitCode"], end["reason"]) == (137, "OOMKilled")


def test_a_pod_reaches_the_host_address_and_no_other(
    node_cluster: NodeCluster, node_namespace: str
) -> None:
    handler = http.server.SimpleHTTPRequestHandler
    server = http.server.ThreadingHTTPServer((node_cluster.host_address, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://{node_cluster.host_address}:{server.server_port}/"
    text = f"wget -q -O - {url} >/dev/null && echo reached; ping -c 1 -W 2 192.0.2.1; echo $?"
    try:
        _, log = run(node_cluster.api, node_namespace, script("calls", text))
    finally:
        server.shutdown()
        server.server_close()
    assert log.splitlines()[0] == "reached"
    assert log.splitlines()[-1] != "0"


def test_a_volume_is_a_folder_of_this_machine(
    node_cluster: NodeCluster, node_namespace: str, tmp_path: Path
) -> None:
    node_cluster.make_volume(node_namespace, "cubes", tmp_path)
    writer = script("writes", "echo written > /cubes/file")
    writer["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "cubes"}}]
    writer["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/cubes"}]
    end, log = run(node_cluster.api, node_namespace, writer)
    assert end["exitCode"] == 0, log
    assert (tmp_path / "file").read_text() == "written\n"


def names_below(folder: str) -> list[str]:
    """Of all files and folders, links with what they lead to; those that vanish meanwhile too."""
    found = []
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            with contextlib.suppress(OSError):
                name += f" -> {path.readlink()}" if path.is_symlink() else ""
            found.append(name)
    return found


def commands_that_name(text: str) -> list[str]:
    found = subprocess.check_output(["ps", "-eo", "args"], text=True).splitlines()
    return [command for command in found if text in command]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.kubernetes.test_node import run, script
from tests.servers.kubernetes.access import new_namespace
from tests.servers.kubernetes.api import until
from tests.servers.kubernetes.node import NodeCluster
own = NodeCluster(say=print, xcube_python=Path(sys.argv[1]))
namespace = new_namespace(own)
pods = f"/api/v1/namespaces/{namespace}/pods"
own.api.post(pods, script("sleeps", "sleep 600"))
until(lambda: own.api.get(pods + "/sleeps")["status"]["phase"] == "Running", "pod")
print(own.folder.name, own.host_address, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_of_a_node_whose_test_run_was_killed(
    node_cluster: NodeCluster, xcube_python: Path
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(xcube_python)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    name, host_address = killed.stdout.splitlines()[-1].split()
    assert host_address != node_cluster.host_address  # two at once do not meet
    folder = node_cluster.folder.parent / name
    until(lambda: not folder.exists(), "end of the folder")
    assert name not in Path("/proc/self/mounts").read_text()
    assert host_address not in subprocess.check_output(["ip", "-4", "address"], text=True)
    namespaces = [path.name for path in Path("/run/netns").iterdir()]
    assert f"xcube-hub-{name.split('-')[3]}" not in namespaces
    # Others make and remove folders there meanwhile: `ls` and `glob` would fail of it.
    assert name not in names_below("/sys/fs/cgroup")
    until(lambda: not commands_that_name(name), "end of all processes")
    for path in ("/var/log/containers", "/var/lib/cni", "/dev/shm"):
        assert not [found for found in names_below(path) if name in found]
