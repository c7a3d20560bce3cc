"""What may go wrong between the hub and its cluster: nothing is lost, nothing is done twice,
the cluster is left in peace while it is down, and all goes on when it is back.

Each fault happens while jobs run, wait and are submitted. One line of counts is printed for
each (`-s` shows them). FAULT_OUTAGE_S=60 kills the API server for a minute, FAULT_KILLS=100
kills that many processes, FAULT_SEED=7 others.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hubsite.engines.local import paths
from hubsite.engines.outcomes import EngineFull
from tests.benchmarks.replayed import ReplayedEstimates
from tests.patience import PATIENCE_S
from tests.servers.kubernetes import access
from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import Api, ApiException, until, write_kubeconfig
from tests.servers.kubernetes.controlplane import ControlPlane
from tests.servers.kubernetes.faults import FaultProxy
from tests.servers.kubernetes.programs import Say
from tests.servers.kubernetes.simulated import start_simulated_node

from .creations import Creations
from .hub import KubernetesHub
from .load import FINAL, Load, submit

pytestmark = [pytest.mark.kubernetes, pytest.mark.xcube, pytest.mark.chaos]

OUTAGE_S = float(os.environ.get("FAULT_OUTAGE_S", "20"))
KILLS = int(os.environ.get("FAULT_KILLS", "8"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
EVENTS = 10_000
REPEATS = 40
"""The API server makes one event of so many; the proxy does the rest, cheaply."""

PLACES = 6
RUN = "2s"
FULL = (EngineFull.shown, "exceeded quota")
"""What users see of a quota: of Jobs, for which no Job can be made, and of pods."""
MOST_PER_S = 4.0
"""Requests of the whole hub to an API server that is down. Five watches try after 0, 1, 3, 7, 13 …
seconds, each twice if its token is refused: up to 65 in the first 25 s, the worker besides."""
MOST_CPU = 0.3
"""Of one processor, for a part that has nothing to do but wait."""
OURS = "app.kubernetes.io/managed-by=xcube-hub,app.kubernetes.io/component=cubegen"


@dataclass
class Stage:
    """A hub, its cluster, and what is between them. Shared: each fault leaves it sound."""

    hub: KubernetesHub
    cluster: ControlPlane
    access: HubAccess
    proxy: FaultProxy
    creations: Creations
    say: Say
    user: str
    other: str
    folder: Path
    usual_s: float = 0.0
    """From submission to success where nothing is wrong, on this machine at this load."""

    @property
    def namespace(self) -> str:
        return self.access.namespace

    def load(self, *, every_s: float = 1) -> Load:
        return Load(self.hub, self.user, first=PLACES + 6, every_s=every_s)

    def path(self, kind: str) -> str:
        group = "/apis/batch/v1" if kind == "jobs" else "/api/v1"
        return f"{group}/namespaces/{self.namespace}/{kind}"

    def ours(self, kind: str) -> list[dict[str, Any]]:
        return self.cluster.api.items(self.path(kind), labelSelector=OURS)

    def recovery(self, load: Load, *, since: float) -> Recovery:
        """How long after `since` a new job has run, and the first of those that waited has."""
        waiting = load.open()
        new = submit(self.hub, self.other)
        load.accepted.append(new)
        ended: dict[str, float] = {}

        def have_moved() -> bool:
            now = time.monotonic() - since
            for row in load.rows():
                if row["state"] in FINAL:
                    ended.setdefault(row["job_id"], now)
            return new in ended and (not waiting or bool(waiting & ended.keys()))

        until(have_moved, "job that ends")
        backlog = min((ended[name] for name in waiting if name in ended), default=0.0)
        return Recovery(ended[new], backlog)

    def recovered(self, recovery: Recovery) -> str:
        return (
            f"new job done after {recovery.new_s:.1f} s, backlog moved after "
            f"{recovery.backlog_s:.1f} s (a job takes {self.usual_s:.1f} s)"
        )

    def renew_access(self) -> None:
        """A new token, and the Role where it is gone; the file is the same."""
        self.access = access.hub_access(
            self.cluster, self.namespace, folder=self.folder, url=self.proxy.url
        )

    def settle(self, load: Load, *, within_s: float = PATIENCE_S) -> list[dict[str, Any]]:
        """The jobs when all have ended, and nothing of them is left in the cluster."""
        rows: list[dict[str, Any]] = []

        def is_over() -> bool:
            rows[:] = load.rows()
            return all(row["state"] in FINAL and not row["is_live"] for row in rows)

        def what() -> str:
            states = [(r["job_id"][-6:], r["state"], r["message"]) for r in rows if r["is_live"]]
            return f"end of {states[:5]}; see {self.hub.folder / 'hub.log'}"

        deadline = time.monotonic() + within_s
        while not is_over():
            assert time.monotonic() < deadline, what()
            time.sleep(0.2)
        until(
            lambda: not any(self.ours(kind) for kind in ("jobs", "pods", "secrets")),
            "empty namespace",
        )
        return rows


@dataclass(frozen=True)
class Recovery:
    """Seconds from the end of a fault until a new job, and one that had waited, had run."""

    new_s: float
    backlog_s: float


@dataclass
class Outage:
    """What the hub did between two moments: how often it asked, how much it computed."""

    stage: Stage
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    def __enter__(self) -> Outage:
        self._cpu = {part: self.stage.hub.cpu_s(part) for part in ("observer", "worker")}
        self.began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = time.monotonic()
        self.cpu = {
            part: (self.stage.hub.cpu_s(part) - before) / self.seconds
            for part, before in self._cpu.items()
        }
        proxy = self.stage.proxy
        self.asked = max(
            self._within([request.at for request in proxy.requests]), self._within(proxy.attempts)
        )

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def counts(self) -> str:
        cpu = ", ".join(f"{part} {share:.0%}" for part, share in self.cpu.items())
        return f"{self.asked} requests in {self.seconds:.0f} s of it, processor: {cpu}"

    def assert_was_patient(self) -> None:
        assert self.asked <= MOST_PER_S * self.seconds, self.counts
        assert max(self.cpu.values()) <= MOST_CPU, self.counts

    def _within(self, instants: list[float]) -> int:
        return sum(self.began <= at <= self.ended for at in instants)


@pytest.fixture(scope="module")
def stage(
    cluster: ControlPlane,
    simulated_node: str,
    say: Say,
    runner: object,
    xcube_python: Path,
    demo_cube: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("hub")
    namespace = access.new_namespace(cluster)
    estimates = ReplayedEstimates(folder / "estimate.sock", runner=paths.estimate_socket())
    with FaultProxy(upstream=cluster.url, ca=cluster.ca) as proxy:
        given = access.hub_access(cluster, namespace, folder=folder, url=proxy.url)
        hub = KubernetesHub(
            folder,
            xcube_python,
            access=given,
            source=demo_cube.parent,
            places=PLACES,
            run=RUN,
        )
        with hub, Creations(cluster, namespace) as creations:
            user = hub.new_user("user@example.org", units=10**6)
            other = hub.new_user("other@example.org", units=10**6)
            stage = Stage(hub, cluster, given, proxy, creations, say, user, other, folder)
            with stage.load() as load:
                stage.usual_s = stage.recovery(load, since=time.monotonic()).new_s
            assert_nothing_lost_or_twice(
                stage, load, "nothing", f"a job takes {stage.usual_s:.1f} s"
            )
            yield stage
    estimates.close()


@pytest.fixture(autouse=True)
def sound_again(stage: Stage, control_plane: ControlPlane) -> Iterator[None]:
    yield
    stage.proxy.heal()


def assert_nothing_lost_or_twice(
    stage: Stage,
    load: Load,
    fault: str,
    *facts: str,
    may_be_lost: Collection[str] = (),
    may_be_made_again: Collection[str] = (),
) -> None:
    """Wait for the end, compare all books with each other, and print the counts."""
    rows = stage.settle(load)
    names = [row["job_id"] for row in rows]
    assert sorted(names) == sorted(set(load.accepted)), "each accepted once, none forgotten"

    marks = ",".join("?" * len(names))
    ends = stage.hub.rows(
        "SELECT job_id, count(*) n FROM jobs_jobevent WHERE to_state IN"
        " ('SUCCEEDED', 'FAILED', 'CANCELLED') GROUP BY job_id"
        " HAVING job_id IN (SELECT id FROM jobs_job WHERE job_id IN (" + marks + "))",
        *names,
    )
    assert [end["n"] for end in ends] == [1] * len(rows), "one final state each"

    bills = collections.defaultdict(list)
    for bill in stage.hub.rows(
        "SELECT reference, kind FROM accounts_ledgerentry WHERE kind IN ('settle', 'release')"
        " AND reference IN (" + marks + ")",
        *names,
    ):
        bills[bill["reference"]].append(bill["kind"])
    made = {name: stage.creations.of(name) for name in names}
    for row in rows:
        name, told = row["job_id"], (row["state"], row["reason"])
        allowed = {("SUCCEEDED", "")} | ({("FAILED", "LOST")} if name in may_be_lost else set())
        assert told in allowed, (row["state"], row["reason"], row["message"])
        assert bills[name] == ["settle" if row["state"] == "SUCCEEDED" else "release"]
        assert made[name] == 1 or (name in may_be_made_again and made[name] == 2), made[name]
    stage.hub.manage("check_ledger")  # fails where a balance differs from its entries

    states = collections.Counter(f"{row['state']} {row['reason']}".strip() for row in rows)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    again = sum(n > 1 for n in made.values())
    line = f"{len(rows)} jobs: {told}; {sum(made.values())} objects, {again} made again; 0 left"
    print(f"\n{fault}: {'; '.join([line, *facts])}")


def test_the_api_server_is_killed_and_comes_back(stage: Stage, control_plane: ControlPlane) -> None:
    with stage.load() as load:
        control_plane.kill_apiserver()
        with Outage(stage) as outage:
            time.sleep(OUTAGE_S)
        _restart(control_plane, stage.say)
        recovery = stage.recovery(load, since=time.monotonic())
    assert_nothing_lost_or_twice(
        stage, load, "API server killed", outage.counts, stage.recovered(recovery)
    )
    outage.assert_was_patient()


def _restart(control_plane: ControlPlane, say: Say) -> None:
    """The API server, and what by itself would look for it only every 30 s."""
    for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
        control_plane.processes.end(name)
    control_plane.start()
    start_simulated_node(control_plane, say=say)


def test_etcd_is_compacted(stage: Stage, control_plane: ControlPlane) -> None:
    """The watches' versions are too old afterwards: 410 as a status and as an ERROR event."""
    with stage.load() as load:
        began = time.monotonic()
        control_plane.compact_etcd()
        for kind in ("jobs", "pods"):
            stage.proxy.expire_watches(path=f"/{kind}[?]")
            stage.proxy.answer(410, method="GET", path=f"/{kind}[?]")
        _restart(control_plane, stage.say)
        until(lambda: not stage.proxy.faults_left, "end of the 410s")
        recovery = stage.recovery(load, since=time.monotonic())
    lists = stage.proxy.count(method="GET", path="/(jobs|pods)[?].*limit=", since=began)
    assert lists >= 4, "each of them made it list"
    assert_nothing_lost_or_twice(
        stage, load, "etcd compacted", f"410: 4, lists: {lists}", stage.recovered(recovery)
    )


def test_connections_go_silent(stage: Stage) -> None:
    """Watches that run, and creates."""
    with stage.load() as load:
        stage.proxy.silence()
        with Outage(stage) as outage:
            time.sleep(OUTAGE_S)
        stage.proxy.heal()
        recovery = stage.recovery(load, since=time.monotonic())
    assert_nothing_lost_or_twice(
        stage, load, "silent connections", outage.counts, stage.recovered(recovery)
    )
    outage.assert_was_patient()


def test_worker_and_observer_are_killed_at_random(stage: Stage) -> None:
    chance = random.Random(SEED)
    killed: collections.Counter[str] = collections.Counter()
    with stage.load(every_s=0.25) as load:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 1.2))
            part = chance.choice(["worker", "observer"])
            killed[part] += not stage.hub.kill_something(chance, part).endswith(
                ("there", "already")
            )
    kills = ", ".join(f"{count} x {part}" for part, count in killed.items())
    assert_nothing_lost_or_twice(stage, load, f"killed {kills} (seed {SEED})")


def test_the_network_is_cut_in_the_middle_of_creates(stage: Stage) -> None:
    """Before a request has arrived, and after it was done: nobody can tell from outside."""
    with stage.load() as load:
        for _ in range(3):
            for kind in ("jobs", "secrets"):
                stage.proxy.lose_answers(method="POST", path=f"/{kind}$")
                stage.proxy.lose_requests(method="POST", path=f"/{kind}$")
            stage.proxy.lose_answers(method="DELETE", times=2)
            time.sleep(1.5)
        until(lambda: not stage.proxy.faults_left, "end of the faults")
        recovery = stage.recovery(load, since=time.monotonic())
    assert_nothing_lost_or_twice(
        stage, load, "cut in creates", "12 creates cut, 6 deletes", stage.recovered(recovery)
    )


def test_the_api_server_refuses_for_a_while(stage: Stage) -> None:
    """409 for a name and for a quota being counted, 429 with a time to wait, 500."""
    refusals = [
        (409, "AlreadyExists", "POST", "/jobs$"),
        (409, "Conflict", "POST", "/jobs$"),
        (429, "TooManyRequests", "POST", "/jobs$"),
        (500, "InternalError", "POST", "/secrets$"),
        (429, "TooManyRequests", "DELETE", "/jobs/"),
        (409, "Conflict", "DELETE", "/jobs/"),
        (500, "InternalError", "GET", "/jobs[?]"),
        (429, "TooManyRequests", "GET", "/pods[?]"),
    ]
    with stage.load() as load:
        for status, reason, method, path in refusals:
            stage.proxy.answer(status, method=method, path=path, reason=reason, retry_after_s=1)
        until(lambda: not stage.proxy.faults_left, "end of the refusals")
        recovery = stage.recovery(load, since=time.monotonic())
    assert_nothing_lost_or_twice(
        stage, load, "409, 429, 500", f"{len(refusals)} refusals", stage.recovered(recovery)
    )


def test_the_token_expires(stage: Stage) -> None:
    """Its account is removed; the hub finds the new token in the same file."""
    old = write_kubeconfig(
        stage.folder / "old.kubeconfig",
        url=stage.cluster.url,
        ca=stage.cluster.ca,
        user={"token": stage.access.token},
    )
    with stage.load() as load:
        stage.cluster.api.delete(stage.path(f"serviceaccounts/{access.ACCOUNT}"))
        until(lambda: is_refused(Api(old), stage.path("jobs")), "end of the token")
        with Outage(stage) as outage:
            time.sleep(OUTAGE_S * 1.25)  # the old token's hour is over, the new one not there
        stage.renew_access()
        recovery = stage.recovery(load, since=time.monotonic())
    assert_nothing_lost_or_twice(
        stage, load, "token expired", outage.counts, stage.recovered(recovery)
    )
    outage.assert_was_patient()


def test_the_namespace_is_deleted(stage: Stage) -> None:
    """And made again, with the Role: what ran is lost, what had not been seen runs now."""
    path = f"/api/v1/namespaces/{stage.namespace}"
    with stage.load() as load:
        with held_runs(stage) as held:
            until(lambda: held & load.in_state("RUNNING"), "run that the hub has seen")
            before = {row["job_id"]: row["state"] for row in load.rows()}
            # As the namespace's end does, but before those that run have ended.
            stage.cluster.api.delete(stage.path("jobs"), propagationPolicy="Background")
            stage.cluster.api.delete(path)
            until(lambda: held & load.lost(), "loss that the hub has seen")
        until(lambda: not stage.cluster.api.exists(path), "end of the namespace")
        rows = load.rows()
        access.new_namespace(stage.cluster, name=stage.namespace)
        stage.renew_access()
        recovery = stage.recovery(load, since=time.monotonic())
    seen = {
        row["job_id"]
        for row in rows
        if row["seen_at"] and before.get(row["job_id"], "QUEUED") not in FINAL
    }
    # A Job can be seen before its Secret is made; without the Secret its launch is repeated.
    incomplete = {
        row["job_id"]
        for row in rows
        if row["launched_at"] and not (row["seen_at"] and row["made_at"])
    }
    assert_nothing_lost_or_twice(
        stage,
        load,
        "namespace deleted",
        f"{len(seen)} had been seen",
        stage.recovered(recovery),
        may_be_lost=seen,
        may_be_made_again=incomplete,
    )


@contextlib.contextmanager
def held_runs(stage: Stage) -> Iterator[set[str]]:
    """Jobs whose pods run, and do not end meanwhile, because the node stands still."""

    def stand_still() -> set[str]:
        os.kill(node, signal.SIGSTOP)
        running = [pod for pod in stage.ours("pods") if pod["status"]["phase"] == "Running"]
        if not running:
            os.kill(node, signal.SIGCONT)
        return {pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] for pod in running}

    node = stage.cluster.pids["kwok"]
    try:
        yield until(stand_still, "run that goes on")
    finally:
        os.kill(node, signal.SIGCONT)


@pytest.mark.parametrize("what", ["count/jobs.batch", "pods"])
def test_the_quota_is_used_up(stage: Stage, what: str) -> None:
    # None, because those that come one after the other may never be two at once.
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {what: "0"}}}
    with stage.load() as load:
        began = time.monotonic()
        stage.cluster.api.post(stage.path("resourcequotas"), quota)
        try:
            until(
                lambda: any(told in row["message"] for row in load.rows() for told in FULL),
                "job that tells of the quota",
            )
            time.sleep(OUTAGE_S / 5)
            refused = stage.proxy.count(method="POST", path="/jobs$", since=began)
            seconds = time.monotonic() - began
        finally:  # the stage is shared
            stage.cluster.api.delete(stage.path("resourcequotas/few"))
        recovery = stage.recovery(load, since=time.monotonic())
    assert_nothing_lost_or_twice(
        stage,
        load,
        f"quota of {what} used up",
        f"{refused} creates in {seconds:.0f} s of it",
        stage.recovered(recovery),
    )


def test_events_come_in_a_burst(stage: Stage) -> None:
    with stage.load() as load:
        before = stage.proxy.events
        stage.proxy.repeat_events(REPEATS)
        with Outage(stage) as burst:
            while stage.proxy.events - before < EVENTS:
                annotate_all(stage)
        events = stage.proxy.events - before
        stage.proxy.repeat_events(1)
        recovery = stage.recovery(load, since=time.monotonic())
    assert_nothing_lost_or_twice(
        stage,
        load,
        f"{events} events",
        f"{burst.counts}",
        stage.recovered(recovery),
    )


def annotate_all(stage: Stage) -> None:
    """Change each Job and pod a little: an event each."""
    for kind in ("jobs", "pods"):
        for item in stage.ours(kind):
            change = {"metadata": {"annotations": {"burst": str(time.monotonic())}}}
            with contextlib.suppress(ApiException):  # it is gone
                stage.cluster.api.patch(stage.path(f"{kind}/{item['metadata']['name']}"), change)


def test_two_observers_at_once_are_harmless(stage: Stage) -> None:
    with stage.hub.second_observer():
        with stage.load() as load:
            stage.proxy.cut()
            recovery = stage.recovery(load, since=time.monotonic())
        stage.settle(load)
    assert_nothing_lost_or_twice(stage, load, "two observers", stage.recovered(recovery))


def is_refused(api: Api, path: str) -> bool:
    try:
        api.get(path)
    except ApiException as error:
        return error.status == 401
    return False
