"""The races on a real PostgreSQL: in a process of their own, for Django knows one database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.servers.postgresql import postgresql_server

CHECKOUT = Path(__file__).resolve().parents[2]


def test_everything_is_exact_on_postgresql():
    with postgresql_server() as url:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                "tests/races/exact.py",
                "tests/races/services.py",
                "tests/races/notices.py",
                "tests/races/opening.py",
                "tests/races/device.py",
                "tests/hubsite/audit/test_recording.py",
                "tests/accounts/units/test_ledger_races.py",
            ],
            cwd=CHECKOUT,
            env={**os.environ, "TEST_DATABASE_URL": url},
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert " passed" in run.stdout and "skipped" not in run.stdout, run.stdout
