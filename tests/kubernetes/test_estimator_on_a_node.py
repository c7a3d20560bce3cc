"""The estimator of deploy/kubernetes in a real pod: the hub's own requests are answered by it.

There is no kube-proxy: the hub is told the address that the Service would lead to.
"""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command

from accounts.models import Balance
from jobs.estimates import asking as estimator_module
from jobs.models import Job
from tests.accounts.factories import bearer, make_user
from tests.jobs.factories import cubegen_request, submit
from tests.servers.kubernetes import manifests
from tests.servers.kubernetes.access import new_namespace
from tests.servers.kubernetes.api import until
from tests.servers.kubernetes.images import XCUBE
from tests.servers.kubernetes.node import NodeCluster

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.kubernetes,
    pytest.mark.node,
    pytest.mark.xcube,
]

Json = dict[str, Any]

FILE = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "estimator.yaml"
NAME = "xcube-hub-estimator"
SECRET = "an-estimators-secret-of-the-test-0123456789"
SCOPES = ("manage:cubegens",)


@dataclasses.dataclass(frozen=True)
class Deployed:
    """The Deployment in its namespace."""

    cluster: NodeCluster
    namespace: str

    def scale(self, replicas: int) -> None:
        """Returns when there are so many pods, ready; none is left of others."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{NAME}"
        self.cluster.api.patch(path, {"spec": {"replicas": replicas}})
        until(
            lambda: len(self.addresses()) == replicas == len(self.pods()),
            f"{replicas} estimators",
        )

    def pods(self) -> list[Json]:
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        return self.cluster.api.items(path, labelSelector="app.kubernetes.io/component=estimator")

    def addresses(self) -> list[str]:
        """Where the Service leads to: the pods that are ready."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices"
        return [
            f"http://{endpoint['addresses'][0]}:{slice_['ports'][0]['port']}"
            for slice_ in self.cluster.api.items(
                path, labelSelector=f"kubernetes.io/service-name={NAME}"
            )
            for endpoint in slice_.get("endpoints") or []
            if endpoint["conditions"]["ready"]
        ]

    def is_ready_again(self) -> bool:
        """Whether the container of the one pod was started once more, and answers."""
        (pod,) = self.pods()
        (container,) = pod["status"]["containerStatuses"]
        return container["restartCount"] == 1 and container["ready"]

    def process(self) -> Path:
        """The first process of the one pod, as this machine sees it."""
        (pod,) = self.pods()
        uid = pod["metadata"]["uid"]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                is_of_pod = uid in (process / "cgroup").read_text()
                is_first = is_of_pod and _status(process)["NSpid"].split()[-1] == "1"
                if is_first and b"estimate" in (process / "cmdline").read_bytes():
                    return process
            except OSError:
                continue  # it has just ended
        raise AssertionError("no process of the estimator")


@pytest.fixture(scope="module")
def deployed(node_cluster: NodeCluster, demo_cube: Path) -> Iterator[Deployed]:
    """One estimator, set up as docs/kubernetes.md says; it mounts what runs mount."""
    namespace = new_namespace(node_cluster)
    data = demo_cube.parent.parent
    (data / "cubes").mkdir(exist_ok=True)
    subprocess.run(["chmod", "-R", "a+rX", demo_cube.parent], check=True)
    volumes = {"source": data / "source", "cubes": data / "cubes"}
    for claim, folder in volumes.items():
        node_cluster.make_volume(namespace, claim, folder)
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    node_cluster.api.post(secrets, {"metadata": {"name": NAME}, "stringData": {"secret": SECRET}})
    printed = io.StringIO()
    call_command("runner_package", "--configmap", stdout=printed)
    documents = [yaml.safe_load(printed.getvalue()), *map(_for_the_test, manifests.read(FILE))]
    for document in documents:
        if document["kind"] == "Deployment":
            _mount(document, volumes)
    manifests.apply(node_cluster.api, documents, namespace=namespace)
    yield Deployed(node_cluster, namespace)
    node_cluster.api.delete(f"/api/v1/namespaces/{namespace}")


def _for_the_test(document: Json) -> Json:
    """One pod, of the image that the node has: as by `images` of a kustomization."""
    if document["kind"] == "Deployment":
        document["spec"]["replicas"] = 1
        (container,) = document["spec"]["template"]["spec"]["containers"]
        container["image"] = XCUBE
        container["resources"]["requests"]["cpu"] = "10m"
    return document


def _mount(deployment: Json, volumes: dict[str, Path]) -> None:
    """The patch that docs/kubernetes.md shows for `file` stores."""
    spec = deployment["spec"]["template"]["spec"]
    for claim, folder in volumes.items():
        source = {"claimName": claim, "readOnly": True}
        spec["volumes"].append({"name": claim, "persistentVolumeClaim": source})
        spec["containers"][0]["volumeMounts"].append(
            {"name": claim, "mountPath": str(folder), "readOnly": True}
        )


@pytest.fixture(autouse=True)
def hub(deployed: Deployed, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks this estimator, and no runner of this machine."""
    monkeypatch.setattr(estimator_module, "_versions", None)
    deployed.scale(1)
    (address,) = deployed.addresses()
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_ESTIMATOR_URL": address,
        "XCUBE_HUB_ESTIMATOR_SECRET": SECRET,
    }


@pytest.fixture
def user() -> Any:
    return make_user(permissions=SCOPES, units=1000)


@pytest.fixture
def headers(user: Any) -> dict[str, str]:
    return bearer(user, SCOPES)


def info(client: Any, headers: dict[str, str]) -> Any:
    return client.post(
        "/api/v2/cubegens/info",
        cubegen_request(),
        content_type="application/json",
        headers=headers,
    )


def refuses_both(client: Any, headers: dict[str, str], user: Any) -> None:
    """503 with Retry-After to users, and not a trace of their requests."""
    for response in (info(client, headers), submit(client, headers)):
        assert response.status_code == 503, response.content
        assert int(response.headers["Retry-After"]) > 0
        assert "Estimates cannot be made" in response.content.decode()
    assert not Job.objects.exists()
    assert Balance.objects.get(user=user).reserved == 0


def test_info_and_a_submission_have_their_estimate_from_the_pod(client, headers, user) -> None:
    answer = info(client, headers)
    assert answer.status_code == 200, answer.content
    result = answer.json()["result"]
    assert result["dataset_descriptor"]["dims"] == {"time": 6, "lat": 4, "lon": 4}
    assert result["cost_estimation"]["required"] == 12
    response = submit(client, headers, cubegen_request("estimated.zarr"))
    assert response.status_code == 200, response.content
    job = Job.objects.get(job_id=response.json()["job_id"])
    assert (job.units, Balance.objects.get(user=user).reserved) == (12, 12)


def test_the_wrong_secret_is_refused_and_nothing_is_stored(client, headers, user, settings) -> None:
    settings.HUB = {**settings.HUB, "XCUBE_HUB_ESTIMATOR_SECRET": "w" * 40}
    refuses_both(client, headers, user)


def test_the_pod_may_do_little(deployed: Deployed) -> None:
    process = deployed.process()
    status = _status(process)
    assert status["Uid"].split() == ["1000"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    mounts = [line.split() for line in (process / "mounts").read_text().splitlines()]
    options = {where: choices.split(",") for _, where, _, choices, *_ in mounts}
    assert "ro" in options["/"]
    assert "rw" in options["/scratch"]
    assert not any("serviceaccount" in where for where in options)


def test_a_killed_estimator_is_back_by_itself(
    client, headers, user, deployed: Deployed, settings
) -> None:
    killed = deployed.process()
    os.kill(int(killed.name), signal.SIGKILL)
    refuses_both(client, headers, user)
    until(deployed.is_ready_again, "pod that is ready again")
    address = settings.HUB["XCUBE_HUB_ESTIMATOR_URL"]
    until(lambda: deployed.addresses() == [address], "the same address")
    assert submit(client, headers).status_code == 200


def test_without_estimators_users_hear_so(client, headers, user, deployed: Deployed) -> None:
    deployed.scale(0)
    refuses_both(client, headers, user)


def _status(process: Path) -> dict[str, str]:
    lines = (process / "status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
