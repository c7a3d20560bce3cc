"""Objects made in a cluster a second: the launch path, from rows, against a bare loop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from hubsite.engines.kubernetes import runs
from hubsite.engines.kubernetes.engine import KubernetesEngine
from jobs.models import Job, State
from jobs.queue import launching
from jobs.running.workload import build_run
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.kubernetes.engines import make_engine, simulated
from tests.patience import PATIENCE_S
from tests.servers.kubernetes import access
from tests.servers.kubernetes.controlplane import ControlPlane

from .report import Report, alternate
from .sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.kubernetes]

JOBS = size(40, 5)
ROUNDS = size(11, 1)


@pytest.fixture
def idle_cluster(cluster: ControlPlane):
    """Nobody acts on what is made: only the making is measured."""
    namespace = access.new_namespace(cluster)
    cluster.stop_controller_manager()
    yield cluster, namespace
    cluster.start()
    cluster.api.delete(f"/api/v1/namespaces/{namespace}")


def queued(owner: Any, count: int) -> list[Job]:
    return [make_job(owner, engine="kubernetes") for _ in range(count)]


def bare_loop(access: Any, namespace: str) -> Callable[[list[tuple[Any, Any]]], float]:
    """Makes Jobs with their Secrets by the client library's own client, and nothing else."""
    from kubernetes import client, config

    configuration = client.Configuration()
    config.load_kube_config(str(access.kubeconfig), client_configuration=configuration)
    api = client.ApiClient(configuration)
    headers = {"Accept": "application/json", "Content-Type": "application/json"}

    def create(path: str, body: Any) -> Any:
        prepared = api.param_serialize(
            "POST", path, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        response = api.call_api(*prepared, _request_timeout=PATIENCE_S).response
        content = response.read()
        response.release_conn()
        assert response.status == 201, content
        return json.loads(content)

    def loop(pairs: list[tuple[Any, Any]]) -> float:
        began = time.perf_counter()
        for job, secret in pairs:
            made = create(f"/apis/batch/v1/namespaces/{namespace}/jobs", job)
            secret["metadata"]["ownerReferences"][0]["uid"] = made["metadata"]["uid"]
            create(f"/api/v1/namespaces/{namespace}/secrets", secret)
        return len(pairs) / (time.perf_counter() - began)

    return loop


@pytest.mark.django_db(transaction=True)
def test_launching_is_nearly_as_fast_as_a_bare_loop(
    report: Report, idle_cluster, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, namespace = idle_cluster
    hub = access.hub_access(cluster, namespace, folder=tmp_path)
    engine: KubernetesEngine = make_engine(hub, places=10_000, **simulated(run="1s"))
    monkeypatch.setattr(launching, "find_engine", lambda name: engine)
    owner = make_user(units=100_000)
    loop = bare_loop(hub, namespace)

    def launch() -> float:
        """Rows queued → objects made, as the worker's tick does it."""
        queued(owner, JOBS)
        began = time.perf_counter()
        assert launching.launch_due() == JOBS
        took = time.perf_counter() - began
        assert not Job.objects.exclude(state=State.LAUNCHED).exists()
        assert not Job.objects.filter(made_at=None).exists()
        return JOBS / took

    def bare() -> float:
        pairs = []
        for job in queued(owner, JOBS):
            built = build_run(job)
            secret = runs.secret(built, job_uid="", instance=engine.options.instance)
            pairs.append((runs.job(built, engine.options), secret))
            Job.objects.filter(pk=job.pk).delete()
        return loop(pairs)

    launch(), bare()  # connections, caches, the program's ConfigMap
    pairs = alternate(launch, bare, rounds=ROUNDS)
    jobs = cluster.api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs")
    secrets = cluster.api.items(f"/api/v1/namespaces/{namespace}/secrets")
    assert len(jobs) == len(secrets) == 2 * (ROUNDS + 1) * JOBS
    report.ratio("launched jobs / a bare loop that makes the same objects", pairs, unit="/s",
                 at_least=0.8)  # fmt: skip
