"""Kill any process at any time: nothing is lost, nothing runs twice, the ledger is exact.

`CHAOS_SEEDS=7,8` replays seeds, `CHAOS_ROUNDS=50` runs that many; 3 fixed ones by default.
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

from .hub import Hub

pytestmark = [pytest.mark.chaos, pytest.mark.xcube]

JOBS = 100
REAL_JOBS = 6
KILLS = 24
TARGETS = ["web"] * 6 + ["worker"] * 6 + ["observer"] * 6 + ["run", "supervisor"] * 2 + ["runner"]
UNITS = 5000

STORES = """
demo:
  store_id: file
  store_params: {root: SOURCE}
  writable: false
  cost_params: {input_pixels_per_punit: 512, output_pixels_per_punit: 512}
cubes:
  store_id: file
  store_params: {root: cubes}
  per_user: true
"""


def seeds() -> list[int]:
    if "CHAOS_SEEDS" in os.environ:
        return [int(seed) for seed in os.environ["CHAOS_SEEDS"].split(",")]
    return list(range(1, 1 + int(os.environ.get("CHAOS_ROUNDS", "3"))))


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


def submit_all(hub: Hub, token: str, numbers: list[int], accepted: dict[int, str]) -> None:
    """Submit each job until it is answered, as a client does that gives a key of its own."""
    for number in numbers:
        deadline = time.monotonic() + 120
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
                assert status == 503, (status, body)
                time.sleep(0.3)


def kill_at_random(hub: Hub, chance: random.Random, stop: threading.Event) -> list[str]:
    killed = []
    for _ in range(KILLS):
        if stop.wait(chance.uniform(0.1, 1.2)):
            break
        killed.append(hub.kill_something(chance, chance.choice(TARGETS)))
    return killed


def jobs_of(hub: Hub, token: str) -> list[dict]:
    while True:
        try:
            status, body = hub.call("GET", "/cubegens", token)
        except OSError:
            time.sleep(0.2)
            continue
        assert status == 200, body
        return body


FACTS = """
import json
from django_q.models import OrmQ
from accounts import ledger
from accounts.models import Balance, User
from jobs.models import Job
user = User.objects.get(email="chaos@example.org")
balance = Balance.objects.get(user=user)
print("FACTS" + json.dumps({
    "total": balance.total, "reserved": balance.reserved,
    "differences": [str(d) for d in ledger.check_ledger()],
    "live": Job.objects.filter(is_live=True).count(), "rows": Job.objects.count(),
    "final_events": [j.events.filter(to_state__in=["SUCCEEDED", "FAILED", "CANCELLED"]).count()
                     for j in Job.objects.all()],
    "failed": list(Job.objects.filter(state="FAILED").values_list("reason", "message")),
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
            threading.Thread(target=submit_all, args=(hub, token, numbers[i::4], accepted))
            for i in range(4)
        ]
        stop = threading.Event()
        killed: list[str] = []
        killer = threading.Thread(
            target=lambda: killed.extend(kill_at_random(hub, chance, stop)), daemon=True
        )
        for thread in (*submitters, killer):
            thread.start()
        for thread in submitters:
            thread.join()
        killer.join()
        assert len(accepted) == JOBS

        deadline = time.monotonic() + 120
        while True:
            jobs = jobs_of(hub, token)
            if all(j["state"] in ("SUCCEEDED", "FAILED") for j in jobs):
                break
            assert time.monotonic() < deadline, [j for j in jobs if "job_result" not in j]
            time.sleep(0.5)
        while hub.processes_left():
            assert time.monotonic() < deadline, "runs outlive their jobs"
            time.sleep(0.2)
        output = hub.manage("shell", "-c", FACTS)
    facts = json.loads(output.partition("FACTS")[2])

    states = collections.Counter(j["state"] for j in jobs)
    ran = collections.Counter(hub.ran.read_text().split())
    print(f"seed {seed}: {dict(states)}, {len(killed)} kills, failed: {facts['failed']}")

    assert {j["job_id"] for j in jobs} == set(accepted.values()), "none lost, none made twice"
    assert facts["rows"] == JOBS
    assert facts["final_events"] == [1] * JOBS, "each reached exactly one final state"
    assert max(ran.values()) == 1, f"ran twice: {[j for j, n in ran.items() if n > 1]}"
    for job in jobs:
        if job["data_id"].startswith("standin-") and job["state"] == "SUCCEEDED":
            assert ran[job["job_id"]] == 1
    assert {reason for reason, _ in facts["failed"]} <= {"LOST"}, facts["failed"]
    assert facts["live"] == 0
    assert facts["differences"] == []
    charged = sum(j["units"] for j in jobs if j["state"] == "SUCCEEDED")
    assert (facts["total"], facts["reserved"]) == (UNITS - charged, 0)
