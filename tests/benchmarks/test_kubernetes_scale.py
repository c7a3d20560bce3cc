"""Thousands of jobs over a real API server, with pods that run in name only."""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles

import pytest

from hubsite.engines.local import paths
from tests.servers.postgresql import postgresql_server

from .cluster_hub import ClusterHub, Event, Probe
from .hub import API, Session, cpu_s, most_resident_mb
from .report import Report
from .shares import FINAL, Step, last_ends, shares
from .sizes import IS_SMOKE, size
from .test_web_process import FOREIGN, HANDLE_REQUESTS

pytestmark = [pytest.mark.benchmark, pytest.mark.kubernetes, pytest.mark.xcube]

USERS, HEAVY = size(50, 6), size(10, 2)
HEAVY_JOBS, LIGHT_JOBS = size(120, 10), size(20, 3)  # 2,000 in all
FEW = size(4, 1)  # each, 200 in all
PLACES = size(200, 8)
DATABASES = ["SQLite"] if IS_SMOKE else ["PostgreSQL", "SQLite"]
MOST_LAGS, MOST_LAG_MORE_S = 2, 0.3  # times a bare watcher's, and so much more
MOST_OBSERVER_MB = 250
MOST_GROWTH = 1.5


@dataclass(frozen=True)
class Run:
    """Jobs from their submission to their end."""

    jobs: int
    per_second: float
    steps: list[Step]
    events: list[Event]
    probes: list[Probe]
    observer_s: float
    workers_mb: list[float]

    @property
    def cost(self) -> float:
        """Processor time of the observer for each event that a watcher was sent, in seconds."""
        return self.observer_s / len(self.events)


@dataclass(frozen=True)
class Scale:
    database: str
    hub: ClusterHub
    users: list[Session]
    few: Run
    many: Run


def run(hub: ClusterHub, jobs: Sequence[Session], *, before: int) -> Run:
    """Have these users submit a job each time that they are named; then run them all."""
    seen, probed, cpu = len(hub.events()), len(hub.probes()), cpu_s(hub.observer_pid)
    per_second = hub.submit(list(jobs))
    with hub.worker() as worker:
        steps = hub.history(ended=before + len(jobs))
        workers_mb = [most_resident_mb(pid) for pid in worker.running("qcluster")]
    taken = cpu_s(hub.observer_pid) - cpu
    events, probes = hub.events()[seen:], hub.probes()[probed:]
    return Run(len(jobs), per_second, steps, events, probes, taken, workers_mb)


@pytest.fixture(scope="module", params=DATABASES)
def scale(
    request: pytest.FixtureRequest, tmp_path_factory, cluster, simulated_node, runner, xcube_python,
    demo_cube,
) -> Iterator[Scale]:  # fmt: skip
    """200 jobs, then 2,000, each time of 50 users, all waiting before the first is launched."""
    with ExitStack() as stack:
        url = None
        if request.param == "PostgreSQL":
            url = stack.enter_context(postgresql_server(syncs_commits=True))
        hub = ClusterHub(
            stack,
            folder=tmp_path_factory.mktemp("scale"),
            cluster=cluster,
            runner=paths.estimate_socket(),
            places=PLACES,
            database_url=url,
            xcube_python=xcube_python,
            demo_cube=demo_cube,
        )
        users = hub.make_users(USERS)
        few = run(hub, [user for user in users for _ in range(FEW)], before=0)
        # One after the other, those with many first: a plain queue would starve the others.
        wanted = [HEAVY_JOBS] * HEAVY + [LIGHT_JOBS] * (USERS - HEAVY)
        jobs = [user for user, count in zip(users, wanted, strict=True) for _ in range(count)]
        many = run(hub, jobs, before=few.jobs)
        yield Scale(request.param, hub, users, few, many)


def of_run(run: Run) -> list[Step]:
    """The steps of its own jobs, of all that were read after it."""
    mine = {event.job for event in run.events}
    return [step for step in run.steps if step.job in mine]


def lags(run: Run) -> list[float]:
    """From each change of a pod to its row in the database.

    A change was made as long before a bare watcher saw it as that one's lag was just then. A pod
    that has ended before the observer looked is never RUNNING in the database: its end says both.
    """
    first: dict[tuple[str, str], float] = {}
    for event in run.events:
        if event.phase in ("Running", "Succeeded"):
            first.setdefault((event.job, event.phase.upper()), event.at)
    written = {(step.job, step.to): step.at for step in of_run(run)}
    written = {(job, "RUNNING"): at for (job, to), at in written.items() if to in FINAL} | written
    assert len(first) == 2 * run.jobs
    seen = [probe.at for probe in run.probes]

    def watchers_lag(at: float) -> float:
        return run.probes[max(bisect(seen, at) - 1, 0)].lag

    return [written[change] - at + watchers_lag(at) for change, at in first.items()]


def p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[-1]


def test_two_thousand_jobs_of_fifty_users_share_fairly(report: Report, scale: Scale) -> None:
    many, name = scale.many, scale.database
    steps = of_run(many)
    ends = [step for step in steps if step.to in FINAL]
    assert len(ends) == many.jobs == HEAVY * HEAVY_JOBS + (USERS - HEAVY) * LIGHT_JOBS
    assert {step.to for step in ends} == {"SUCCEEDED"}
    began = min(step.at for step in steps if step.to == "LAUNCHED")
    pace = many.jobs / (ends[-1].at - began)
    shared = shares(steps, places=PLACES)
    report.count(
        f"{name}: {many.jobs:,} jobs of {USERS} users: places held at most",
        shared.most_placed,
        of=f"in {many.per_second:.1f}, out {pace:.1f} /s",
        limit=f"≤ {PLACES}",
        holds=shared.most_placed <= PLACES,
    )
    report.measured(
        "… places by which users with jobs waiting differ, free ones given to the last",
        shared.widest,
        of=f"without these: {shared.held:.0%} of the time ≤ 1",
        limit="≤ 1",
        holds=shared.widest <= 1,
    )
    owners = list(dict.fromkeys(step.owner for step in steps if step.to == "QUEUED"))
    last = last_ends(steps)
    light = max(last[owner] for owner in owners[HEAVY:])
    fair = USERS * LIGHT_JOBS + PLACES
    report.measured(
        f"… jobs that ended before the last one of all with {LIGHT_JOBS}",
        light,
        of=str(many.jobs),
        limit=f"≤ {fair}",
        holds=light <= fair,
    )


def test_what_becomes_of_a_pod_is_soon_in_the_database(report: Report, scale: Scale) -> None:
    """Beside what a watcher without any of our code hears of the same API server."""
    found, bare = sorted(lags(scale.many)), sorted(probe.lag for probe in watched(scale.many))
    most = MOST_LAGS * p99(bare) + MOST_LAG_MORE_S
    report.measured(
        f"{scale.database}: from pod change to database, p99 of {len(found):,}, s",
        round(p99(found), 2),
        of=f"a bare watcher {p99(bare):.2f} (medians {median(found):.2f}, {median(bare):.2f})",
        limit=f"≤ {MOST_LAGS} × + {MOST_LAG_MORE_S}",
        holds=p99(found) <= most,
    )


def watched(run: Run) -> list[Probe]:
    """The changes of the probe while the pods of this run changed."""
    first, last = run.events[0].at, run.events[-1].at
    return [probe for probe in run.probes if first <= probe.at <= last]


def test_an_event_costs_the_same_in_thousands(report: Report, scale: Scale) -> None:
    few, many = scale.few, scale.many
    ratio = many.cost / few.cost
    report.measured(
        f"{scale.database}: observer's CPU for each of {len(many.events):,} events / of "
        f"{len(few.events):,}",
        round(ratio, 2),
        of=f"{many.cost * 1000:.2f} / {few.cost * 1000:.2f} ms",
        limit=f"≤ {MOST_GROWTH:g}",
        holds=ratio <= MOST_GROWTH,
    )


def test_the_observer_stays_small(report: Report, scale: Scale) -> None:
    most = most_resident_mb(scale.hub.observer_pid)
    report.measured(
        f"{scale.database}: observer's memory at most, after all jobs, MB",
        round(most),
        of=f"worker {max(scale.many.workers_mb):.0f}",
        limit=f"≤ {MOST_OBSERVER_MB}",
        holds=most <= MOST_OBSERVER_MB,
    )


def test_web_asks_the_cluster_nothing(report: Report, scale: Scale) -> None:
    """Neither for the jobs submitted, nor for those read: its way leads by a proxy that counts."""
    hub, reads = scale.hub, 0
    for user in scale.users:
        status, jobs = user.insist("GET", "/cubegens")
        assert status == 200 and len(jobs) in (FEW + HEAVY_JOBS, FEW + LIGHT_JOBS)
        for job in jobs[:5]:
            status, detail = user.insist("GET", f"/cubegens/{job['job_id']}")
            assert status == 200 and detail["job_status"]["succeeded"]
        reads += 6
    asked = len(hub.proxy.requests) + len(hub.proxy.attempts)
    report.count(
        f"{scale.database}: API requests by web: {reads} reads, {hub.estimates.answered:,} submits",
        asked,
        limit="= 0",
        holds=asked == 0,
    )
    requests = [["GET", f"{API}/cubegens", None], ["GET", f"{API}/cubegens/{job['job_id']}", None]]
    printed = hub.web.python("-c", HANDLE_REQUESTS, json.dumps([user.token, requests]))
    statuses, imported = json.loads(printed.splitlines()[-1])
    assert statuses == [200, 200]
    assert not FOREIGN.intersection(imported)
    assert len(hub.proxy.requests) == 0
    hub.by_proxy.api.get("/version")
    assert len(hub.proxy.requests) == 1, "the proxy counts"
