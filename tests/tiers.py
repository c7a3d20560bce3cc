"""Runs all tests in tiers, some side by side, and fails if any fails: `make test`.

The plain tier shares the cores among its tests, which wait now and then. Then come those that
mostly wait: tests that measure time, and beside them those with a cluster. Meanwhile the
cluster's programs are built, if that has not been done. Each tier's output is in
build/tests/TIER.log, printed when it ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LOGS = CHECKOUT / "build" / "tests"
COVERED = 90

# Tests that start and kill hubs, runners and a Keycloak, and measure time: one after the other.
TIMED = ("tests/runner", "tests/processes", "tests/chaos", "tests/signon")
ALONE = "not benchmark and not kubernetes and not node"
TIERS = {
    "plain": ("-m", ALONE, "-n", "3", *(f"--ignore={path}" for path in TIMED)),
    "timed": ("-m", ALONE, *TIMED),
    "kubernetes": ("-m", "kubernetes and not node and not benchmark"),
    "node": ("-m", "node and not benchmark"),
}


def main() -> int:
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    failed: list[str] = []
    preparing = start("programs", ["-m", "tests.servers.kubernetes", ".xcube/bin/python"], nice=19)
    run("plain", failed=failed)
    with ThreadPoolExecutor() as beside:
        timed = beside.submit(run, "timed", failed=failed)
        # Without the programs the tests say what is missing: skipped here, failed in CI.
        preparing.wait()
        show("programs", "Programs and images of the cluster")
        for tier in ("kubernetes", "node"):
            run(tier, failed=failed)
        timed.result()
    failed += coverage()
    print(f"\nFailed: {', '.join(failed)}" if failed else "\nAll tests passed.", flush=True)
    return 1 if failed else 0


def run(tier: str, *, failed: list[str]) -> None:
    """Run a tier to its end; add it to `failed` if it does."""
    print(f"The {tier} tests run: {log_of(tier).relative_to(CHECKOUT)}", flush=True)
    started = time.monotonic()
    options = ["-m", "pytest", "--color=no", "--durations=15", "--durations-min=5"]
    options += ["--cov", "--cov-report=", *TIERS[tier]]
    status = start(tier, options).wait()
    took = f"{time.monotonic() - started:.0f} s"
    if status:
        failed.append(tier)
    show(tier, f"The {tier} tests {'failed' if status else 'passed'} after {took}")


def start(name: str, arguments: Sequence[str], *, nice: int = 0) -> subprocess.Popen[bytes]:
    with log_of(name).open("wb") as log:
        return subprocess.Popen(
            ["nice", "-n", str(nice), sys.executable, *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "COVERAGE_FILE": str(LOGS / f"coverage-{name}")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def show(name: str, title: str) -> None:
    text = log_of(name).read_text(errors="replace").strip()
    print(f"\n======== {title}\n{text}\n======== {title}\n", flush=True)


def log_of(name: str) -> Path:
    return LOGS / f"{name}.log"


def coverage() -> list[str]:
    """Of all tiers together."""
    data = [str(path) for path in LOGS.glob("coverage-*")]
    for command in (["combine", *data], ["report", f"--fail-under={COVERED}"]):
        if subprocess.run([sys.executable, "-m", "coverage", *command], cwd=CHECKOUT).returncode:
            return ["coverage"]
    return []


if __name__ == "__main__":
    sys.exit(main())
