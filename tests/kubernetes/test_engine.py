"""The engine against a real API server, under the hub's own Role."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hubsite.engines.facts import Gone, Phase, RunFact
from hubsite.engines.kubernetes.engine import KubernetesEngine
from hubsite.engines.outcomes import Outcome
from tests.patience import PATIENCE_S
from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import until
from tests.servers.kubernetes.controlplane import Cluster
from tests.servers.kubernetes.faults import FaultProxy

from .engines import Watching, apply, code, launch, make_engine, simulated, workload

pytestmark = pytest.mark.kubernetes

DONE = {
    "phase": "SUCCEEDED",
    "message": "Cube generated successfully after 0.10 seconds",
    "result": {"status": "ok", "status_code": 201, "result": {"data_id": "x.zarr"}},
}


watching = Watching()


@pytest.fixture(autouse=True)
def no_watch_is_left():
    yield
    watching.stop()


def phase_of(engine: KubernetesEngine, name: str) -> RunFact | None:
    return watching.facts(engine).get(name)


def until_phase(engine: KubernetesEngine, name: str, phase: Phase) -> RunFact:
    def look() -> RunFact | None:
        seen = phase_of(engine, name)
        return seen if seen and seen.phase == phase else None

    return until(look, f"{phase} of {name}")


def jobs_path(access: HubAccess, name: str = "") -> str:
    return f"/apis/batch/v1/namespaces/{access.namespace}/jobs" + (f"/{name}" if name else "")


def test_a_run_begins_ends_and_tells_its_result(
    cluster: Cluster, hub_access: HubAccess, simulated_node: str
) -> None:
    engine = make_engine(hub_access, **simulated(run="1h"))
    launch(engine, workload("good"))
    running = until_phase(engine, "good", Phase.RUNNING)
    assert running.started_at is not None
    succeed(cluster, hub_access, "good")
    ended = until_phase(engine, "good", Phase.SUCCEEDED)
    assert ended.result == DONE["result"]
    assert ended.message == DONE["message"]
    assert ended.attempt == 1
    assert ended.finished_at >= ended.started_at

    engine.runs.remove(["good"])
    until(lambda: not engine.runs.exists("good"), "removal")
    secret = f"/api/v1/namespaces/{hub_access.namespace}/secrets/good"
    until(lambda: not cluster.api.exists(secret), "removal of the Secret with its Job")
    engine.runs.remove(["good"])  # gone is success


def test_launching_a_name_twice_is_one_run(
    cluster: Cluster, hub_access: HubAccess, simulated_node: str
) -> None:
    engine = make_engine(hub_access, **simulated(run="30s"))
    launch(engine, workload("once"))
    uid = cluster.api.get(jobs_path(hub_access, "once"))["metadata"]["uid"]
    launch(make_engine(hub_access, **simulated(run="30s")), workload("once"))
    assert cluster.api.get(jobs_path(hub_access, "once"))["metadata"]["uid"] == uid


def test_a_launch_that_was_cut_off_before_the_secret_is_completed(
    cluster: Cluster, hub_access: HubAccess
) -> None:
    engine = make_engine(hub_access)
    launch(engine, workload("halved"))
    secret = f"/api/v1/namespaces/{hub_access.namespace}/secrets/halved"
    cluster.api.delete(secret)
    launch(engine, workload("halved"))
    found = cluster.api.get(secret)
    job = cluster.api.get(jobs_path(hub_access, "halved"))
    assert found["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    document = json.loads(gzip.decompress(base64.b64decode(found["data"]["workload.json.gz"])))
    assert document["payload"]["stores"] == {"s": {"key": "top-secret"}}
    assert "token" not in document["report"]
    assert base64.b64decode(found["data"]["token"]) == b"run.t"
    assert "top-secret" not in json.dumps(job)
    assert "run.t" not in json.dumps(job)


def test_a_job_of_that_name_that_is_not_ours_is_left_alone(
    cluster: Cluster, hub_access: HubAccess
) -> None:
    other = make_engine(hub_access, instance="another-hub")
    launch(other, workload("taken"))
    refused = apply(make_engine(hub_access), workload("taken"))
    assert refused.outcome is Outcome.REFUSED
    assert "another Job is called taken" in refused.message
    assert apply(other, workload("taken", attempt=2)).outcome is Outcome.REFUSED
    assert watching.facts(make_engine(hub_access)) == {}


def test_a_job_that_is_being_deleted_is_waited_for(cluster: Cluster, hub_access: HubAccess) -> None:
    engine = make_engine(hub_access)
    launch(engine, workload("going"))
    path = jobs_path(hub_access, "going")
    cluster.api.patch(path, {"metadata": {"finalizers": ["tests/held"]}})
    engine.runs.remove(["going"])
    assert apply(engine, workload("going")).outcome is Outcome.WAITS
    cluster.api.patch(path, {"metadata": {"finalizers": []}})
    until(lambda: not engine.runs.exists("going"), "removal")
    launch(engine, workload("going"))


@pytest.mark.parametrize(
    ("facts", "reason", "says"),
    [
        ({"exit": "137"}, "OUT_OF_MEMORY", "more memory"),
        ({"exit": "139"}, None, "SIGSEGV"),
        ({"exit": "1"}, None, "exit code 1"),
        ({"exit": "137", "reason": "Error"}, None, "not by Kubernetes"),
        (
            {"exit": "1", "message": {"phase": "FAILED", "reason": "COST", "message": "Too big."}},
            "COST",
            "Too big.",
        ),
    ],
)
def test_a_failure_of_its_own_is_final_and_has_its_reason(
    cluster: Cluster,
    hub_access: HubAccess,
    simulated_node: str,
    facts: dict,
    reason: str | None,
    says: str,
) -> None:
    engine = make_engine(hub_access, **simulated(run="1ms", **facts))
    launch(engine, workload("bad"))
    ended = until_phase(engine, "bad", Phase.FAILED)
    assert ended.reason == reason
    assert says in ended.message
    job = until(
        lambda: _failed_job(cluster, hub_access, "bad"), "the Job's end as Kubernetes sees it"
    )
    assert job["status"].get("active", 0) == 0, "a user's error is not tried again"


def _failed_job(cluster: Cluster, access: HubAccess, name: str) -> dict | None:
    job = cluster.api.get(jobs_path(access, name))
    conditions = {c["type"]: c["status"] for c in job["status"].get("conditions", [])}
    return job if conditions.get("Failed") == "True" else None


def test_a_run_that_takes_too_long_has_its_deadline(
    cluster: Cluster, hub_access: HubAccess, simulated_node: str
) -> None:
    """Should the run not keep its deadline itself, Kubernetes does."""
    engine = make_engine(hub_access, pending_s=1000, retries=0, **simulated(run="1h"))
    launch(engine, workload("slow", deadline_s=2000))
    until_phase(engine, "slow", Phase.RUNNING)
    path = jobs_path(hub_access, "slow")
    assert cluster.api.get(path)["spec"]["activeDeadlineSeconds"] == 1000 + 2000 + 60
    cluster.api.patch(path, {"spec": {"activeDeadlineSeconds": 1}})  # as if so much later
    assert until_phase(engine, "slow", Phase.FAILED).reason == "DEADLINE"


def test_an_evicted_run_is_begun_again_and_knows_it(
    cluster: Cluster, hub_access: HubAccess, simulated_node: str
) -> None:
    engine = make_engine(hub_access, retries=1, **simulated(run="1h"))
    launch(engine, workload("driven"))
    until_phase(engine, "driven", Phase.RUNNING)
    evict(cluster, hub_access, "driven")
    until(lambda: len(pods(cluster, hub_access, "driven")) == 2, "a second pod")
    until(lambda: running_pod(cluster, hub_access, "driven"), "a second pod that runs")
    counts = [
        p["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"]
        for p in pods(cluster, hub_access, "driven")
    ]
    assert sorted(counts) == ["0", "1"]
    evict(cluster, hub_access, "driven")
    ended = until_phase(engine, "driven", Phase.FAILED)
    assert ended.reason == "EVICTED"
    assert "low on memory" in ended.message


def pods(cluster: Cluster, access: HubAccess, job: str) -> list[dict]:
    selector = f"batch.kubernetes.io/job-name={job}"
    return cluster.api.items(f"/api/v1/namespaces/{access.namespace}/pods", labelSelector=selector)


def evict(cluster: Cluster, access: HubAccess, job: str) -> None:
    """What a kubelet under pressure does with the running pod of this job."""
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "TerminationByKubelet",
        "message": "The node was low on memory.",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    pod = running_pod(cluster, access, job)
    assert pod
    change_status(
        cluster,
        pod,
        {
            "phase": "Failed",
            "reason": "Evicted",
            "message": "The node was low on memory.",
            "conditions": [*pod["status"]["conditions"], condition],
        },
    )


def succeed(cluster: Cluster, access: HubAccess, job: str) -> None:
    """End the running pod of this job, when the test wants it and not when a time is over."""
    pod = running_pod(cluster, access, job)
    assert pod
    (container,) = pod["status"]["containerStatuses"]
    started_at = container["state"]["running"]["startedAt"]
    ended = {
        "exitCode": 0,
        "reason": "Completed",
        "message": json.dumps(DONE),
        "startedAt": started_at,
        "finishedAt": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    container = {**container, "ready": False, "started": False, "state": {"terminated": ended}}
    status = {"phase": "Succeeded", "containerStatuses": [container]}
    change_status(cluster, pod, status)


def running_pod(cluster: Cluster, access: HubAccess, job: str) -> dict | None:
    running = [p for p in pods(cluster, access, job) if p["status"]["phase"] == "Running"]
    return running[0] if running else None


def change_status(cluster: Cluster, pod: dict, status: dict) -> None:
    namespace, name = (pod["metadata"][key] for key in ("namespace", "name"))
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
    cluster.api.patch(path, {"status": status})


def test_an_unschedulable_run_says_why_and_is_stuck_in_the_end(
    cluster: Cluster, hub_access: HubAccess, simulated_node: str
) -> None:
    options = {"node_selector": {"disk": "none-has-this"}}
    engine = make_engine(hub_access, **options)
    launch(engine, workload("homeless"))
    waiting = until(
        lambda: (seen := phase_of(engine, "homeless")) and seen.message and seen, "the reason"
    )
    assert waiting.phase == Phase.PENDING
    assert "node" in waiting.message
    impatient = make_engine(hub_access, pending_s=0, **options)
    stuck = phase_of(impatient, "homeless")
    assert (stuck.phase, stuck.reason) == (Phase.STUCK, "UNSCHEDULABLE")
    assert "didn't match Pod's node affinity/selector" in stuck.message


@pytest.mark.parametrize(
    ("waiting", "reason"),
    [("ImagePullBackOff", "IMAGE"), ("CreateContainerConfigError", "LAUNCH")],
)
def test_a_container_that_cannot_be_made_says_why(
    cluster: Cluster, hub_access: HubAccess, simulated_node: str, waiting: str, reason: str
) -> None:
    engine = make_engine(hub_access, pending_s=0, **simulated(waiting=waiting, message="not there"))
    launch(engine, workload("waits"))
    until_phase(engine, "waits", Phase.STUCK)
    until(lambda: phase_of(engine, "waits").reason == reason, reason)
    stuck = phase_of(engine, "waits")
    assert "not there" in stuck.message


def test_a_pod_that_the_namespace_refuses_is_told(
    cluster: Cluster, hub_access: HubAccess, simulated_node: str
) -> None:
    """Only an event says so; the watch asks for it."""
    path = f"/api/v1/namespaces/{hub_access.namespace}"
    cluster.api.post(
        f"{path}/resourcequotas",
        {"metadata": {"name": "no-pods"}, "spec": {"hard": {"pods": "0"}}},
    )
    quota = f"{path}/resourcequotas/no-pods"
    until(lambda: cluster.api.get(quota).get("status", {}).get("hard"), "the quota")
    engine = make_engine(hub_access, **simulated(run="1s"))
    launch(engine, workload("refused"))
    told = watch_until(engine, lambda fact: isinstance(fact, RunFact) and bool(fact.message))
    assert told.reason == "REJECTED"
    assert "exceeded quota" in told.message
    cluster.api.delete(quota)
    engine.runs.remove(["refused"])


def watch_until(
    engine: KubernetesEngine, wanted: Callable[[object], bool], *, within_s: float = PATIENCE_S
) -> object:
    """The first fact of the engine's watch that is wanted; levels are taken apart."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        for fact in engine.runs.watch(wait_s=0.5):
            for each in getattr(fact, "facts", [fact]):
                if wanted(each):
                    return each
    raise AssertionError(f"not told within {within_s} s")


def test_a_full_quota_of_jobs_is_waited_for(cluster: Cluster, hub_access: HubAccess) -> None:
    path = f"/api/v1/namespaces/{hub_access.namespace}/resourcequotas"
    quota = {"metadata": {"name": "one"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    cluster.api.post(path, quota)
    until(lambda: cluster.api.get(f"{path}/one").get("status", {}).get("hard"), "the quota")
    engine = make_engine(hub_access)
    full = apply(engine, workload("later"))
    assert full.outcome is Outcome.UNREACHABLE
    assert "quota is used up" in full.detail
    cluster.api.delete(f"{path}/one")
    until(lambda: apply(engine, workload("later")).outcome is Outcome.MADE, "a launch")


def test_what_the_api_server_does_not_understand_is_refused_for_good(hub_access: HubAccess) -> None:
    engine = make_engine(hub_access, cpu_request="4", cpu_limit="1")
    refused = apply(engine, workload("invalid"))
    assert refused.outcome is Outcome.REFUSED
    assert "cpu" in refused.message


def test_a_namespace_that_is_not_there_is_waited_for(hub_access: HubAccess) -> None:
    engine = make_engine(hub_access)
    engine.cluster._namespace = "nowhere"
    assert apply(engine, workload("lost")).outcome is Outcome.UNREACHABLE


def test_the_watch_tells_of_every_step_and_of_the_end(
    cluster: Cluster, hub_access: HubAccess, simulated_node: str
) -> None:
    engine = make_engine(hub_access, **simulated(run="1h"))
    launch(engine, workload("watched", code=code("watched")))
    watch_until(engine, lambda f: isinstance(f, RunFact) and f.phase == Phase.RUNNING)
    succeed(cluster, hub_access, "watched")
    ended = watch_until(engine, lambda f: isinstance(f, RunFact) and f.phase.is_final)
    assert ended.result == DONE["result"]
    engine.runs.remove(["watched"])
    gone = watch_until(engine, lambda f: isinstance(f, Gone))
    assert gone.name == "watched"


def test_runs_of_users_code_get_no_extra_environment(
    cluster: Cluster, hub_access: HubAccess
) -> None:
    engine = make_engine(hub_access, env_secret="sentinelhub", env_config_map="extras")
    launch(engine, workload("trusted"))
    launch(engine, workload("untrusted", is_untrusted=True, code=code("untrusted")))
    trusted, untrusted = (
        cluster.api.get(jobs_path(hub_access, name))["spec"]["template"]["spec"]["containers"][0]
        for name in ("trusted", "untrusted")
    )
    assert [next(iter(e)) for e in trusted["envFrom"]] == ["secretRef", "configMapRef"]
    assert "envFrom" not in untrusted


def test_the_program_is_brought_once(cluster: Cluster, hub_access: HubAccess) -> None:
    engine = make_engine(hub_access)
    for name in ("first", "second"):
        launch(engine, workload(name))
    maps = cluster.api.items(f"/api/v1/namespaces/{hub_access.namespace}/configmaps")
    programs = [m for m in maps if m["metadata"]["name"].startswith("xcube-hub-runner-")]
    assert len(programs) == 1
    assert programs[0]["immutable"] is True
    newer = replace(workload("third").container.program, archive=b"another")
    launch(engine, workload("third", program=newer))
    maps = cluster.api.items(f"/api/v1/namespaces/{hub_access.namespace}/configmaps")
    assert len([m for m in maps if m["metadata"]["name"].startswith("xcube-hub-runner-")]) == 2


def test_kubelets_that_do_not_answer_hold_up_one_look_at_a_log_not_all(
    faulty_access: HubAccess, fault_proxy: FaultProxy, simulated_node: str
) -> None:
    engine = make_engine(faulty_access, **simulated(run="1ms"))
    for name in ("first", "second"):
        launch(engine, workload(name))
        until_phase(engine, name, Phase.SUCCEEDED)
    fault_proxy.answer(504, path="/log", times=2)
    assert [engine.runs.log(name, most_lines=9, wait_s=3) for name in ("first", "second")] == [
        [],
        [],
    ]
    assert fault_proxy.count(path="/log") == 1
