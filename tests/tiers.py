"""Runs all tests in tiers, in lanes side by side, and fails if any fails: `make test`.

Most tests of processes, of clusters and of browsers wait; the plain ones compute. So they run at
the same time, and the plain ones are nice: whoever has waited goes on at once. A lane runs its
tiers one after the other, so that each server starts once. The lanes with a cluster begin when
its programs have been built. Each tier's output is in build/tests/TIER.log, printed when it ends.
At the end it prints when each tier ran, and how much processor time it took.

A few tests that failed beside all others run once more, alone. One that fails again fails the run.
One that passes alone is listed at the end as uncertain: it, or the hub, depends on how busy the
machine is. That is a fault to look for (CONTRIBUTING.md), but not one of the change under test.

With COVERAGE=1 (`make coverage`) it also measures which lines the tests reach.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parent.parent
LOGS = CHECKOUT / "build" / "tests"
COVERAGE = bool(os.environ.get("COVERAGE"))  # the tracer takes two fifths of the time
COVERED = 90  # of lines and branches, the runner included

RUNNER = "tests/runner"
PODS = sorted(
    str(path.relative_to(CHECKOUT))
    for subject in ("pod", "service", "takeover", "viewer")
    for path in (CHECKOUT / RUNNER).glob(f"test_{subject}*.py")
)
# Tests that start and kill hubs, and those that look at pages in a browser.
PROCESSES = ("tests/processes", "tests/chaos")
BROWSERS = ("tests/signon", "tests/journeys", "tests/pages")
CLUSTER = "tests/kubernetes"  # all that need one, but for benchmarks
BENCHMARKS = "tests/benchmarks"
ELSEWHERE = (RUNNER, *PROCESSES, *BROWSERS)
# Others with a real runner, edge or database server: they wait, and share one runner.
LIVE = sorted(
    {
        "tests/races/test_postgresql.py",
        "tests/services/edge",
        "tests/services/xcube_server/test_real_server.py",
        *(
            str(path.relative_to(CHECKOUT))
            for path in (CHECKOUT / "tests").rglob("test_*.py")
            if "mark.xcube" in path.read_text()
            and not str(path.relative_to(CHECKOUT)).startswith((*ELSEWHERE, CLUSTER, BENCHMARKS))
        ),
    }
)
FAULTS = "tests/kubernetes/test_hub_faults.py"
ALONE = "not benchmark and not kubernetes and not node"
TIERS = {
    "plain": ("-m", ALONE, "-n", "2", *(f"--ignore={path}" for path in (*ELSEWHERE, *LIVE))),
    "live": ("-m", ALONE, *LIVE),
    "runner": ("-m", ALONE, RUNNER, *(f"--ignore={path}" for path in PODS)),
    "pods": ("-m", ALONE, *PODS),
    "processes": ("-m", ALONE, *PROCESSES),
    "browsers": ("-m", ALONE, *BROWSERS),
    "benchmarks": ("-m", "benchmark and not kubernetes", BENCHMARKS),
    "faults": ("-m", "kubernetes", FAULTS),
    "kubernetes": ("-m", "kubernetes and not node", f"--ignore={FAULTS}", CLUSTER),
    "node": ("-m", "node", CLUSTER),
    "cluster-benchmarks": ("-m", "benchmark and kubernetes", BENCHMARKS),
}
# All lanes but the plain one wait more than they compute, and are about as long as one another; the
# plain one takes what they leave of the processors.
LANES = (("runner", "live"), ("pods", "browsers"), ("processes", "benchmarks"), ("plain",))
# The fault tests wait for outages to end: long, and beside a cluster that works meanwhile.
CLUSTER_LANES = (("faults", "node"), ("kubernetes", "cluster-benchmarks"))
NICE = {"plain": 5}
# More tests than these fail for another reason than that the machine is busy.
FEW = 10
# A tracer doubles the time of what they measure, and they show no line that no test shows.
NOT_COVERED = frozenset({"benchmarks", "cluster-benchmarks"})


class Ran(NamedTuple):
    """When a tier ran, in seconds since the beginning of all; what it and its children took."""

    tier: str
    began: float
    ended: float
    processor_s: float


_BEGAN = time.monotonic()
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_ran: list[Ran] = []


def main() -> int:
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    before = machine_times()
    preparing = start("programs", ["-m", "tests.servers.kubernetes", ".xcube/bin/python"], nice=19)
    with ThreadPoolExecutor(len(LANES) + len(CLUSTER_LANES)) as beside:
        lanes = [beside.submit(run_lane, tiers) for tiers in LANES]
        # Without the programs the tests say what is missing: skipped here, failed in CI.
        preparing.wait()
        show("programs", "Programs and images of the cluster")
        lanes += [beside.submit(run_lane, tiers) for tiers in CLUSTER_LANES]
        failed = [tier for lane in lanes for tier in lane.result()]
    print_time_line()
    print_machine_time(before)
    failed, uncertain = run_alone(failed)
    failed += coverage() if COVERAGE else []
    if uncertain:
        print("\nUncertain (failed beside the other tests, passed alone):", *uncertain, sep="\n  ")
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll tests passed.", flush=True)
    return 1 if failed else 0


def run_lane(tiers: Sequence[str]) -> list[str]:
    """Run these tiers one after the other; returns those that fail."""
    return [tier for tier in tiers if not run(tier)]


def run(tier: str) -> bool:
    """Run a tier to its end; whether it passed."""
    print(f"The {tier} tests run: {log_of(tier).relative_to(CHECKOUT)}", flush=True)
    began = time.monotonic() - _BEGAN
    is_covered = COVERAGE and tier not in NOT_COVERED
    options = ["--durations=15", "--durations-min=5"]
    options = [*pytest(tier), *options, *(["--cov", "--cov-report="] if is_covered else [])]
    process = start(tier, options, nice=NICE.get(tier, 0), is_covered=is_covered)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    _ran.append(Ran(tier, began, time.monotonic() - _BEGAN, used.ru_utime + used.ru_stime))
    took = f"{_ran[-1].ended - began:.0f} s"
    show(tier, f"The {tier} tests {'failed' if status else 'passed'} after {took}")
    return status == 0


def run_alone(failed: Sequence[str]) -> tuple[list[str], list[str]]:
    """Run the failed tests of these tiers again, one after the other, if they are few.

    Returns the tiers that failed in both runs, and the tests that passed in the second.
    """
    tests = {tier: failed_tests(tier) for tier in failed}
    if not all(tests.values()) or sum(map(len, tests.values())) > FEW:
        return list(failed), []
    again, passed = [], []
    for tier, names in tests.items():
        print(f"{len(names)} of the {tier} tests failed; again, alone:", *names, sep="\n  ")
        log = f"{tier}-alone"
        status = start(log, [*pytest(tier), "--last-failed", "-n", "0"]).wait()
        show(log, f"Alone, these tests {'failed, too' if status else 'passed'}")
        again += [tier] if status else []
        passed += [] if status else names
    return again, passed


def failed_tests(tier: str) -> list[str]:
    """By name; none if the tier ended before its end."""
    try:
        return list(json.loads((cache_of(tier) / "v/cache/lastfailed").read_text()))
    except FileNotFoundError:
        return []


def pytest(tier: str) -> list[str]:
    """The command that runs a tier."""
    return ["-m", "pytest", "--color=no", "-o", f"cache_dir={cache_of(tier)}", *TIERS[tier]]


def start(
    name: str, arguments: Sequence[str], *, nice: int = 0, is_covered: bool = False
) -> subprocess.Popen[bytes]:
    """`is_covered`: runners that the tests start are covered too (tests/runner/measured.py)."""
    with log_of(name).open("wb") as log:
        return subprocess.Popen(
            ["nice", "-n", str(nice), sys.executable, *arguments],
            cwd=CHECKOUT,
            env={
                **os.environ,
                **({"COVERAGE_FILE": str(LOGS / f"coverage-{name}")} if is_covered else {}),
                "BENCHMARK_SMOKE": "1",  # whole ones: make bench
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def show(name: str, title: str) -> None:
    text = log_of(name).read_text(errors="replace").strip()
    print(f"\n======== {title}\n{text}\n======== {title}\n", flush=True)


def print_time_line(*, columns: int = 60) -> None:
    """A line for each tier: whether lanes that are beside each other end at the same time."""
    whole = max(it.ended for it in _ran)
    print(f"\n{'':20}{'begins':>7}{'ends':>7}{'processor':>11}")
    for it in sorted(_ran, key=lambda it: (it.began, -it.ended)):
        first, last = (round(at / whole * columns) for at in (it.began, it.ended))
        bar = " " * first + "█" * max(1, last - first)
        print(f"{it.tier:20}{it.began:5.0f} s{it.ended:5.0f} s{it.processor_s:9.0f} s  {bar}")
    print(f"{'all':20}{'':7}{whole:5.0f} s{sum(it.processor_s for it in _ran):9.0f} s", flush=True)


def machine_times() -> dict[str, float]:
    """Seconds of all processors of this machine, whoever used them."""
    try:
        first, *_ = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return {}
    user, nice, system, idle, disks, irq, softirq, stolen, *_ = map(int, first.split()[1:])
    ticks = {"busy": user + nice + system + irq + softirq, "idle": idle}
    ticks |= {"waiting for disks": disks, "taken by other machines": stolen}
    return {name: count * _TICK_S for name, count in ticks.items()}


def print_machine_time(before: dict[str, float]) -> None:
    """Idle: lanes have waited. Busy for longer than all tiers: by what they left behind."""
    spent = [f"{name} {now - before[name]:.0f} s" for name, now in machine_times().items()]
    print(f"{'processors':20}{', '.join(spent)}", flush=True)


def log_of(name: str) -> Path:
    return LOGS / f"{name}.log"


def cache_of(tier: str) -> Path:
    """Where pytest keeps which tests of the tier failed."""
    return LOGS / "cache" / tier


def coverage() -> list[str]:
    """Of all tiers together."""
    data = [str(path) for path in LOGS.glob("coverage-*")]
    for command in (["combine", *data], ["report", f"--fail-under={COVERED}"]):
        if subprocess.run([sys.executable, "-m", "coverage", *command], cwd=CHECKOUT).returncode:
            return ["coverage"]
    return []


if __name__ == "__main__":
    sys.exit(main())
