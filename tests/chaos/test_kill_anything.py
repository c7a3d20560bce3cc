"""Kill any process at any time: nothing is lost, nothing runs twice, the ledger is exact.

Meanwhile users submit with keys of their own, and cancel some of their jobs.

Each part is killed, as often as it is among the targets; when and in which order is at random.
`CHAOS_SEEDS=7,8` replays seeds, `CHAOS_ROUNDS=50` runs that many; a fixed one by default.
"""

from __future__ import annotations

import collections
import json
import os
import random
import threading
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

from .hub import STORES, Hub

pytestmark = [pytest.mark.chaos, pytest.mark.xcube]

JOBS = 100
REAL_JOBS = 6
TARGETS = (
    ["web"] * 6
    + ["worker"] * 4
    + ["outside"] * 2
    + ["observer"] * 6
    + ["run", "supervisor"] * 2
    + ["runner"]
)
UNITS = 5000


def seeds() -> list[int]:
    if "CHAOS_SEEDS" in os.environ:
        return [int(seed) for seed in os.environ["CHAOS_SEEDS"].split(",")]
    return list(range(1, 1 + int(os.environ.get("CHAOS_ROUNDS", "1"))))


def request(number: int) -> dict:
    kind = "real" if number < REAL_JOBS else "standin"
    return {
        "input_config": {"store_id": "@demo", "data_id": "demo.zarr"},
        "cube_config": {
            "variable_names": ["sst"],
            "bbox": [0, 0, 40, 40],
            "spatial_res": 10,
            "time_range": ["2020-01-01", "2020-01-02"],
            "time_period": "1D",
        },
        "output_config": {"store_id": "@cubes", "data_id": f"{kind}-{number}.zarr"},
    }


def submit_all(
    hub: Hub, token: str, numbers: list[int], accepted: dict[int, str], chance: random.Random
) -> None:
    """Submit each job until it is answered, as a client does that gives a key of its own;
    cancel one in eight, at once or a little later."""
    for number in numbers:
        deadline = time.monotonic() + PATIENCE_S
        while number not in accepted:
            assert time.monotonic() < deadline, f"job {number} was never answered"
            try:
                status, body = hub.call(
                    "PUT", "/cubegens", token, request(number), **{"Idempotency-Key": f"k{number}"}
                )
            except OSError:
                time.sleep(0.2)
                continue
            if status == 200:
                accepted[number] = body["job_id"]
            else:
                assert status in (429, 503), (status, body)
                time.sleep(0.3)
        if chance.random() < 0.125:
            time.sleep(chance.choice([0, 0.05, 0.5]))
            cancel(hub, token, accepted[number])


def cancel(hub: Hub, token: str, job_id: str) -> None:
    while True:
        try:
            status, body = hub.call("DELETE", f"/cubegens/{job_id}", token)
        except OSError:
            time.sleep(0.2)
            continue
        if status == 503:  # as for a submission: it may be asked again
            time.sleep(0.3)
            continue
        assert (status, body) == (200, "Success")
        return


def kill_at_random(hub: Hub, chance: random.Random) -> list[str]:
    killed = []
    for part in chance.sample(TARGETS, len(TARGETS)):
        time.sleep(chance.uniform(0.1, 1.2))
        killed.append(hub.kill_something(chance, part))
    return killed


FACTS = """
import json
from django_q.models import OrmQ
from accounts.units import ledger
from accounts.models import Balance, LedgerEntry, User
from jobs.models import Job, JobEvent
from django.db import transaction
with transaction.atomic():  # all of one moment: a cancelled job is billed when its run is over
    user = User.objects.get(email="chaos@example.org")
    balance = Balance.objects.get(user=user)
    print("FACTS" + json.dumps({
        "total": balance.total, "reserved": balance.reserved,
        "differences": [str(d) for d in ledger.check_ledger()],
        "bills": list(LedgerEntry.objects.filter(kind__in=["settle", "release"]).values_list(
            "reference", "kind")),
        "jobs": list(Job.objects.values("job_id", "state", "reason", "units", "is_live",
                                        "output_data_id")),
        "ends": [[e.job.job_id, e.from_state, e.to_state] for e in JobEvent.objects.filter(
            to_state__in=["SUCCEEDED", "FAILED", "CANCELLED"]).select_related("job")],
    }))
"""


@pytest.mark.parametrize("seed", seeds())
def test_kill_anything(seed: int, tmp_path: Path, xcube_python: Path, demo_cube: Path) -> None:
    print(f"\nseed {seed}: CHAOS_SEEDS={seed} replays it")
    chance = random.Random(seed)
    (tmp_path / "stores.yaml").write_text(STORES.replace("SOURCE", str(demo_cube.parent)))
    with Hub(tmp_path, xcube_python) as hub:
        hub.manage(
            "create_client", "--email", "chaos@example.org", "--permission", "manage:cubegens",
            "--units", str(UNITS), "--json",
        )  # fmt: skip
        token = hub.manage(
            "issue_token", "--email", "chaos@example.org", "--permission", "manage:cubegens"
        ).strip()
        accepted: dict[int, str] = {}
        numbers = list(range(JOBS))
        chance.shuffle(numbers)
        submitters = [
            threading.Thread(
                target=submit_all,
                args=(hub, token, numbers[i::4], accepted, random.Random(f"{seed}/{i}")),
            )
            for i in range(4)
        ]
        killed: list[str] = []
        killer = threading.Thread(target=lambda: killed.extend(kill_at_random(hub, chance)))
        for thread in (*submitters, killer):
            thread.start()
        for thread in (*submitters, killer):
            thread.join()
        assert len(accepted) == JOBS
        facts = wait_until_over(hub)

    jobs, ran = facts["jobs"], collections.Counter(hub.ran.read_text().split())
    states = collections.Counter(job["state"] for job in jobs)
    lost = [job["job_id"] for job in jobs if job["state"] == "FAILED"]
    print(f"seed {seed}: {dict(states)}, {len(killed)} kills, lost: {lost}")

    assert {job["job_id"] for job in jobs} == set(accepted.values()), "none lost, none made twice"
    assert len(jobs) == JOBS
    ends = {job_id: (origin, to) for job_id, origin, to in facts["ends"]}
    assert len(facts["ends"]) == len(ends) == JOBS, "each reached exactly one final state"
    assert max(ran.values()) == 1, f"ran twice: {[j for j, n in ran.items() if n > 1]}"
    for job in jobs:
        if job["output_data_id"].startswith("standin-") and job["state"] == "SUCCEEDED":
            assert ran[job["job_id"]] == 1
        if ends[job["job_id"]] == ("QUEUED", "CANCELLED"):
            assert ran[job["job_id"]] == 0, "cancelled before it was launched"
    assert {job["reason"] for job in jobs if job["state"] == "FAILED"} <= {"LOST"}
    assert facts["differences"] == []
    bills = dict(facts["bills"])
    assert len(facts["bills"]) == len(bills) == JOBS, "each was billed once"
    for job in jobs:
        origin, end = ends[job["job_id"]]
        if end != "CANCELLED" or origin == "QUEUED":  # else by whether its run had succeeded
            assert bills[job["job_id"]] == ("settle" if end == "SUCCEEDED" else "release")
    charged = sum(job["units"] for job in jobs if bills[job["job_id"]] == "settle")
    assert (facts["total"], facts["reserved"]) == (UNITS - charged, 0)


def wait_until_over(hub: Hub) -> dict:
    """What the database holds when every job is final and no run is left."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        facts = json.loads(hub.manage("shell", "-c", FACTS).partition("FACTS")[2])
        open_jobs = [
            job
            for job in facts["jobs"]
            if job["is_live"] or job["state"] not in ("SUCCEEDED", "FAILED", "CANCELLED")
        ]
        if not open_jobs and not hub.processes_left():
            return facts
        assert time.monotonic() < deadline, (open_jobs, hub.processes_left())
        time.sleep(1)
