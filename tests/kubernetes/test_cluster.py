"""The cluster for tests is what the other tests take it for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import Api, ApiException, until
from tests.servers.kubernetes.controlplane import Cluster, ControlPlane
from tests.servers.kubernetes.processes import CHECKOUT, clean_up_after_the_dead, is_running
from tests.servers.kubernetes.programs import Say

from .objects import job, pod, pods_of

pytestmark = pytest.mark.kubernetes


def test_a_restricted_pod_is_accepted_and_a_privileged_one_refused(
    cluster: Cluster, namespace: str
) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    cluster.api.post(pods, pod("restricted"))
    privileged = pod("privileged")
    privileged["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(ApiException, match="violates PodSecurity") as refused:
        cluster.api.post(pods, privileged)
    assert refused.value.status == 403


def test_a_job_ends_on_the_simulated_node_as_its_annotations_say(
    cluster: Cluster, namespace: str, simulated_node: str
) -> None:
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    cluster.api.post(jobs, job("good", **{"fake/run": "1ms", "fake/message": '{"a": "b: c"}'}))
    cluster.api.post(jobs, job("bad", **{"fake/run": "1ms", "fake/exit": "137"}))
    until(lambda: _condition(cluster.api, f"{jobs}/good") == "Complete", "end of good")
    until(lambda: _condition(cluster.api, f"{jobs}/bad") == "Failed", "end of bad")
    (good,) = pods_of(cluster.api, namespace, "good")
    (bad,) = pods_of(cluster.api, namespace, "bad")
    assert good["spec"]["nodeName"] == simulated_node
    good, bad = (p["status"]["containerStatuses"][0]["state"]["terminated"] for p in (good, bad))
    assert (good["exitCode"], good["reason"], good["message"]) == (0, "Completed", '{"a": "b: c"}')
    assert (bad["exitCode"], bad["reason"]) == (137, "OOMKilled")


def test_a_simulated_pod_waits_for_an_image_that_never_comes(
    cluster: Cluster, namespace: str, simulated_node: str
) -> None:
    waiting = {"fake/waiting": "ImagePullBackOff", "fake/message": "no such image"}
    cluster.api.post(f"/apis/batch/v1/namespaces/{namespace}/jobs", job("waits", **waiting))

    def reason() -> dict[str, Any] | None:
        for found in pods_of(cluster.api, namespace, "waits"):
            for container in found["status"].get("containerStatuses", []):
                return container["state"]["waiting"]
        return None

    assert until(reason, "waiting pod") == {
        "reason": "ImagePullBackOff",
        "message": "no such image",
    }


def test_the_hub_may_do_what_its_role_names_and_nothing_else(
    cluster: Cluster, namespace: str, hub_access: HubAccess
) -> None:
    rules = hub_access.api.post(
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": namespace}}
    )
    mine = {
        "/".join(filter(None, [*rule["apiGroups"], resource])): set(rule["verbs"])
        for rule in rules["status"]["resourceRules"]
        for resource in rule["resources"]
    }
    of_everybody = ("selfsubject", "clustertrustbundles")
    mine = {
        key: verbs
        for key, verbs in mine.items()
        if not key.rpartition("/")[2].startswith(of_everybody)
    }
    assert mine == {
        "batch/jobs": {"create", "get", "list", "watch", "delete"},
        "apps/deployments": {"create", "get", "list", "watch", "update", "delete"},
        "services": {"create", "get", "list", "watch", "update"},
        "secrets": {"create", "delete"},
        "configmaps": {"create", "get"},
        "pods": {"list", "watch"},
        "pods/log": {"get"},
        "events": {"list"},
        "persistentvolumeclaims": {"get"},
        "namespaces": {"get"},
    }
    hub_access.api.get(f"/apis/batch/v1/namespaces/{namespace}/jobs")
    for refused in (
        f"/api/v1/namespaces/{namespace}/secrets",
        "/apis/batch/v1/namespaces/default/jobs",
        "/api/v1/nodes",
    ):
        with pytest.raises(ApiException) as error:
            hub_access.api.get(refused)
        assert error.value.status == 403


def test_objects_outlive_a_killed_api_server(control_plane: ControlPlane, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    made = control_plane.api.post(pods, pod("kept"))
    control_plane.kill_apiserver()
    assert not control_plane.api.answers()
    control_plane.start_apiserver()
    assert control_plane.api.get(f"{pods}/kept")["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_watch_from_before_a_compaction_gets_410(
    control_plane: ControlPlane, namespace: str
) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    before = control_plane.api.post(pods, pod("first"))["metadata"]["resourceVersion"]
    control_plane.api.post(pods, pod("second"))
    control_plane.compact_etcd()
    watch = until(
        lambda: control_plane.api.text(pods, watch="1", resourceVersion=before, timeoutSeconds=5),
        "event",
    )
    event = json.loads(watch)  # under HTTP 200
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_parts_are_stopped_and_started_one_by_one(
    control_plane: ControlPlane, namespace: str
) -> None:
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    control_plane.stop_controller_manager()
    control_plane.stop_scheduler()
    assert {"kube-controller-manager", "kube-scheduler"}.isdisjoint(control_plane.pids)
    control_plane.api.post(jobs, job("later"))
    assert pods_of(control_plane.api, namespace, "later") == []
    control_plane.start()
    until(lambda: pods_of(control_plane.api, namespace, "later"), "pod")


def test_nothing_is_left_of_a_control_plane_that_was_closed(say: Say) -> None:
    own = ControlPlane(say=say)
    pids, folder = own.pids, own.folder
    assert len(pids) == 4
    own.close()
    assert not any(is_running(pid) for pid in pids.values())
    assert not folder.exists()
    assert not Path("/dev/shm", folder.name).exists()


# In place of a control plane, which takes long to start. test_node.py kills a real one.
KILLED = """
import os, signal
from pathlib import Path
from tests.servers.kubernetes import controlplane
from tests.servers.kubernetes.processes import Processes
folder = controlplane.new_folder()
own = Processes(folder, clean_up=f"{controlplane.__name__}:remove_data")
Path("/dev/shm", folder.name).mkdir()
for name in controlplane.CONTROL_PLANE:
    own.start(name, "sleep", "600")
print(folder, *own.pids.values(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_of_processes_whose_test_run_was_killed() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder, *pids = killed.stdout.splitlines()[-1].split()
    assert len(pids) == 4
    until(lambda: not Path(folder).exists(), "end of the folder")
    assert not any(is_running(int(pid)) for pid in pids)
    assert not Path("/dev/shm", Path(folder).name).exists()


KILLED_WITH_ITS_GUARD = KILLED.replace(
    "os.kill(os.getpid()",
    """[guard] = [
    int(pid)
    for pid in os.popen(f"ps -o pid= --ppid {os.getpid()}").read().split()
    if "kubernetes.processes" in open(f"/proc/{pid}/cmdline").read()
]
os.kill(guard, signal.SIGKILL)
os.kill(os.getpid()""",
)


def test_the_next_test_run_cleans_up_after_one_that_was_killed_with_its_guard() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WITH_ITS_GUARD],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder, *pids = killed.stdout.splitlines()[-1].split()
    assert all(is_running(int(pid)) for pid in pids)

    def is_cleaned_up() -> bool:
        # Not at the first try while the killed guard still holds its lock, or another test run
        # cleans up at the same time.
        clean_up_after_the_dead(Path(folder).name, below=Path(folder).parent)
        return not Path(folder).exists()

    until(is_cleaned_up, "end of the folder")
    assert not any(is_running(int(pid)) for pid in pids)


def _condition(api: Api, path: str) -> str | None:
    """How a Job ended."""
    for condition in api.get(path)["status"].get("conditions", []):
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return condition["type"]
    return None
