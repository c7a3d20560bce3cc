"""Quick-looks of real runs: made at the end, reported by the run, never a reason to fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from jobs import quicklooks
from tests.patience import wait_for

from .podprocess import Hub
from .runnerprocess import Runner

pytestmark = pytest.mark.xcube
TOKEN = "tok" + "en-of-a-run"


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


def payload(request: Any, stores: Any, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "cubegen", "request": request, "stores": stores, "quicklooks": True, **fields,
    }  # fmt: skip


def looks_in(hub: Hub) -> list[dict[str, Any]]:
    return [report["quicklook"] for report in hub.reports if "quicklook" in report]


def run(runner: Runner, hub: Hub, work: dict[str, Any]) -> dict[str, Any]:
    """The run once it has ended, and made its last report."""
    ended = runner.end_of(runner.launch(work, report={**hub.report, "token": TOKEN}))
    wait_for(lambda: any(report["sender"] == "on_end" for report in hub.reports))
    return ended


def test_a_run_reports_pictures_of_its_cube(runner: Runner, hub: Hub, stores, request_body):
    ended = run(runner, hub, payload(request_body, stores))
    assert ended["phase"] == "SUCCEEDED"
    wait_for(lambda: len(looks_in(hub)) == 2)
    chl, sst = sorted(looks_in(hub), key=lambda look: look["variable"])
    assert (chl["variable"], sst["variable"]) == ("chl", "sst")
    for look in (chl, sst):
        kept = quicklooks.parse(look).fields
        assert (kept["width"], kept["height"]) == (512, 256)
        assert kept["bbox"] == [-180, -90, 180, 90]
        assert kept["time"].startswith("2010-01-")
    last = [report["sender"] for report in hub.reports].index("on_end")
    assert not any("quicklook" in report for report in hub.reports[:last]), "no one waits for them"
    assert hub.lines == [line for line in hub.lines if "Quick-looks" not in line]
    assert hub.tokens == {f"Bearer {TOKEN}"}
    wait_for(lambda: not (runner.runs / ended["name"] / "looks").exists())
    assert not (runner.runs / ended["name"] / "workload.json").exists()


def test_none_without_a_wish_and_none_of_a_cube_that_failed(
    runner: Runner, hub: Hub, stores, request_body
):
    assert run(runner, hub, payload(request_body, stores, quicklooks=False))["phase"] == "SUCCEEDED"
    assert looks_in(hub) == []
    hub.reports.clear()
    # The output exists now, so the second run fails.
    assert run(runner, hub, payload(request_body, stores))["phase"] == "FAILED"
    assert looks_in(hub) == []


def log_of(runner: Runner, name: str) -> str:
    chunks = json.loads((runner.runs / name / "log.json").read_text())
    return "\n".join(line for chunk in chunks for line in chunk["lines"])
