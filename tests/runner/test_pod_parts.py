"""The parts of a run in a pod, one by one: its bundle, its summary, its cgroup, its signals."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.runner.record import workload
from jobs.runner.record.workload import WorkloadError
from jobs.runner.run import bundle, summary
from jobs.runner.run.bundle import CodeUnavailable
from jobs.runner.system import handover, linux
from jobs.runner.system.handover import Handover
from jobs.running.callbacks import parse as parse_report

from .podprocess import Hub

ADDRESS = "http://127.0.0.1:9/code"


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


class TestWorkload:
    def read(self, tmp_path: Path, data: bytes):
        (tmp_path / "workload").write_bytes(data)
        return workload.read_workload(tmp_path / "workload")

    def test_gzip_is_told_by_its_content(self, tmp_path):
        assert self.read(tmp_path, b'{"a": 1}') == {"a": 1}
        assert self.read(tmp_path, gzip.compress(b'{"a": 1}')) == {"a": 1}

    def test_it_is_bounded_however_small_it_comes(self, tmp_path, monkeypatch):
        monkeypatch.setattr(workload, "WORKLOAD_BYTES", 1 << 20)
        for data in (b" " * (1 << 20) + b"1", gzip.compress(b" " * (64 << 20))):
            with pytest.raises(WorkloadError, match="more than 1 MiB"):
                self.read(tmp_path, data)

    @pytest.mark.parametrize(
        "data", [gzip.compress(b"{}", mtime=0)[:-9], b"\x1f\x8b", b"\x1f\x8bnonsense!"]
    )
    def test_broken_gzip(self, tmp_path, data):
        with pytest.raises(WorkloadError, match="cut off|cannot be unpacked"):
            self.read(tmp_path, data)


class TestComplete:
    def complete(self, workload: dict, **handed) -> dict:
        return json.loads(bundle.complete(workload, Handover(**handed)))

    def test_the_token_is_put_in_where_none_is(self):
        assert self.complete({"report": {"url": "u"}}, token="t")["report"]["token"] == "t"
        own = {"url": "u", "token": "own"}
        assert self.complete({"report": own}, token="t")["report"] == own
        assert self.complete({"report": None}, token="t")["report"] is None
        assert self.complete({"report": {"url": "u"}})["report"] == {"url": "u"}

    def test_only_a_retry_writes_over(self):
        workload = {"payload": {"request": {"output_config": {"store_id": "@s"}}}}
        first = self.complete(workload)["payload"]["request"]["output_config"]
        assert first == {"store_id": "@s"}
        again = self.complete(workload, retries=1)["payload"]["request"]["output_config"]
        assert again == {"store_id": "@s", "replace": True}
        assert self.complete({"payload": {"kind": "standin"}}, retries=1)

    @pytest.mark.parametrize("params", [{"append_dim": "time"}, {"group": "a"}])
    def test_what_adds_to_a_dataset_is_never_done_twice(self, params):
        output = {"store_id": "@s", "write_params": params}
        workload = {"payload": {"request": {"output_config": output}}}
        first = self.complete(workload)["payload"]["request"]["output_config"]
        assert first == output
        with pytest.raises(WorkloadError, match="submit it again if nothing was added"):
            self.complete(workload, retries=1)

    def test_the_workloads_own_environment_goes_first(self):
        env = {"A": "container", "B": "container", "HOME": "/root", "TMPDIR": "/tmp"}
        workload = {"payload": {"request": {}}, "env": {"B": "workload"}}
        found = self.complete(workload, environment=env)["env"]
        assert found == {"A": "container", "B": "workload"}

    @pytest.mark.parametrize("payload", [{"request": {"code_config": {}}}, {"code": "eA=="}])
    def test_code_of_a_users_own_gets_no_environment(self, payload):
        workload = {"payload": payload, "env": {"B": "workload"}}
        assert self.complete(workload, environment={"A": "x"})["env"] == {"B": "workload"}

    def test_fetched_code_gets_no_environment(self, hub):
        hub.code = b"zip"
        workload = {"payload": {"request": {}}, "code_url": hub.address}
        found = self.complete(workload, token="t", environment={"A": "x"})
        assert "env" not in found
        assert "code_url" not in found
        assert base64.b64decode(found["payload"]["code"]) == b"zip"

    @pytest.mark.parametrize("address", ["file:///etc/passwd", "", 7, "http://", "http://a b/"])
    def test_code_is_fetched_by_http_only(self, address):
        with pytest.raises(WorkloadError, match="code_url"):
            self.complete({"payload": {}, "code_url": address})


class TestFetch:
    def test_a_hub_that_is_away_is_asked_again(self, hub):
        hub.code = b"zip"
        hub.answers["GET"] = [503, 429]
        assert bundle.fetch(hub.address, "t") == b"zip"
        assert hub.tokens == {"Bearer t"}

    def test_but_not_for_ever(self):
        with pytest.raises(CodeUnavailable, match="ConnectionRefusedError"):
            bundle.fetch(ADDRESS, "t", patience_s=0.6)

    @pytest.mark.parametrize(
        ("status", "why"),
        [
            (401, "does not accept the run's token"),
            (403, "does not allow it"),
            (404, "has none for this run"),
            (410, "this run is over"),
            (302, "HTTP status 302"),
            (418, "HTTP status 418"),
        ],
    )
    def test_a_refusal_is_final(self, hub, status, why):
        hub.answers["GET"] = [status]
        with pytest.raises(CodeUnavailable, match=why):
            bundle.fetch(hub.address, "t")

    def test_its_size_is_limited(self, hub, monkeypatch):
        hub.code = bytes(1 << 20)
        monkeypatch.setattr(bundle, "CODE_BYTES", 1 << 20)
        assert len(bundle.fetch(hub.address, "t")) == 1 << 20
        hub.code += b"1"
        with pytest.raises(CodeUnavailable, match="more than 1 MiB"):
            bundle.fetch(hub.address, "t")

    def test_half_an_answer_is_none(self, hub, monkeypatch):
        def cut(self):
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")

        monkeypatch.setattr(hub.RequestHandlerClass, "do_GET", cut)
        with pytest.raises(CodeUnavailable, match="IncompleteRead"):
            bundle.fetch(hub.address, "t", patience_s=0.1)

    def test_a_slow_answer_is_none(self, hub, monkeypatch):
        hub.code = bytes(1 << 20)
        monkeypatch.setattr(bundle, "TRY_S", -1)
        with pytest.raises(CodeUnavailable, match="too slowly"):
            bundle.fetch(hub.address, "t", patience_s=0.1)


class TestHandover:
    def test_what_is_kept(self):
        environment = {
            "XCUBE_HUB_RUN_TOKEN": "t",
            "XCUBE_HUB_RUN_RETRIES": "2",
            "KUBERNETES_PORT": "443",
            "A": "1",
        }
        kept = handover.gather(environment, keep_environment=True)
        assert kept == Handover(token="t", retries=2, environment={"A": "1"})
        assert handover.gather(environment, keep_environment=False).environment == {}
        assert "'t'" not in repr(kept)

    @pytest.mark.parametrize("retries", ["", "-1", "one", "²"])
    def test_an_annotation_that_is_not_there_yet(self, retries):
        given = {"XCUBE_HUB_RUN_RETRIES": retries}
        assert handover.gather(given, keep_environment=False) == Handover()

    def test_it_is_read_once(self):
        fd = handover.store(Handover(token="t", environment={"A": "\udcff"}))
        assert handover.take(fd) == Handover(token="t", environment={"A": "\udcff"})
        with pytest.raises(OSError):
            os.fstat(fd)


STATUS = {
    "phase": "FAILED", "reason": "XCUBE_ERROR", "message": "It failed.", "exit_code": 1,
    "signal": None, "started_at": "2026-01-01T00:00:00.000Z",
    "finished_at": "2026-01-01T00:00:01.000Z", "peak_memory_bytes": 7, "written_cells": 3,
    "wrote": True,
}  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


class TestSummary:
    def test_what_fits_is_told_whole(self):
        result = {"status": "error", "status_code": 400, "message": "ä", "traceback": ["x"]}
        text = summary.termination_message(STATUS, result, name="a-name", attempt=2)
        told = {"status": "error", "status_code": 400, "message": "ä"}
        assert json.loads(text) == {"name": "a-name", "attempt": 2, **STATUS, "result": told}

    @pytest.mark.parametrize("letter", ["x", "ä", "\U0001f30d", '"', "\n"])
    def test_what_is_too_long_is_cut_and_shows_it(self, letter):
        long = letter * 20_000
        reference = {"data_id": "d" * 500}
        result = {"status": "error", "message": long, "result": reference, "versions": {"x": long}}
        status = {**STATUS, "message": long}
        text = summary.termination_message(status, result, name="n" * 63, attempt=1)
        assert len(text) <= 4096
        told = json.loads(text)
        assert told["message"].endswith(f"{letter}…")
        assert told["result"]["result"] == reference

    @given(ANYTHING, st.text() | st.none())
    def test_whatever_a_users_code_left_it_is_strict_and_bounded(self, result, message):
        status = {**STATUS, "message": message}
        text = summary.termination_message(status, result, name=None, attempt=None)
        assert len(text) <= 4096
        assert set(json.loads(text)) == {"name", "attempt", *STATUS, "result"}

    @given(
        ANYTHING
        | st.fixed_dictionaries(
            {"status": st.sampled_from(["ok", "warning", "error"])},
            optional=dict.fromkeys(("status_code", "message", "result", "versions"), ANYTHING),
        )
    )
    def test_the_hub_takes_what_is_reported(self, result):
        told = summary.reported(result)
        report = {"sender": "on_end", "state": {}, "result": told}
        assert parse_report(report).fault is None
        assert parse_report(report).result == told

    def test_the_largest_that_is_reported_is_taken(self):
        wide = "\U0001f30d" * 20_000
        result = {"status": "ok", "message": wide, "result": {"data_id": wide[:1000]}}
        for versions in ({str(n): "x" * 200 for n in range(400)}, {}):
            told = summary.reported({**result, "versions": versions})
            assert parse_report({"sender": "on_end", "state": {}, "result": told}).fault is None


class TestOutOfMemoryKills:
    """As /proc and /sys/fs/cgroup show them, inside containers and outside."""

    def count(self, tmp_path: Path, cgroup: str, **counters: str) -> int:
        files = {"proc/self/cgroup": cgroup, "proc/vmstat": "oom_kill 99\n"}
        files |= {f"cgroups/{name}": text for name, text in counters.items()}
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return linux.oom_kills(proc=tmp_path / "proc", cgroups=tmp_path / "cgroups")

    def test_version_2_in_a_container(self, tmp_path):
        events = "oom 4\noom_kill 3\noom_group_kill 1\n"
        assert self.count(tmp_path, "0::/\n", **{"memory.events": events}) == 3

    def test_version_2_outside(self, tmp_path):
        found = self.count(tmp_path, "0::/a/b\n", **{"a/b/memory.events": "oom_kill 2\n"})
        assert found == 2

    def test_version_2_seen_by_a_path_from_outside(self, tmp_path):
        found = self.count(tmp_path, "0::/../x\n", **{"memory.events": "oom_kill 2\n"})
        assert found == 2

    def test_version_1_in_a_container(self, tmp_path):
        cgroup = "5:cpu,cpuacct:/kubepods/x\n4:memory:/kubepods/x\n0::/\n"
        control = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"
        assert self.count(tmp_path, cgroup, **{"memory/memory.oom_control": control}) == 5

    def test_version_1_outside(self, tmp_path):
        controls = {
            "memory/a/memory.oom_control": "oom_kill_disable 0\noom_kill 1\n",
            "memory/memory.oom_control": "oom_kill 8\n",
        }
        assert self.count(tmp_path, "4:memory:/a\n0::/\n", **controls) == 1

    def test_a_machine_without_any(self, tmp_path):
        assert self.count(tmp_path, "0::/\n") == 99
        (tmp_path / "proc" / "self" / "cgroup").unlink()
        assert linux.oom_kills(proc=tmp_path / "proc", cgroups=tmp_path) == 99


SIGNALS = """
import os, signal, sys
from jobs.runner.system import linux
fd = linux.open_signals((signal.SIGTERM, signal.SIGHUP))
assert not linux.read_signals(fd)
os.kill(os.getpid(), signal.SIGHUP)
os.kill(os.getpid(), signal.SIGTERM)
came = set(linux.read_signals(fd))
assert came == {(signal.SIGTERM, os.getpid()), (signal.SIGHUP, os.getpid())}, came
"""


def test_signals_tell_who_sent_them():
    """In a process of its own: signals may come to any thread, and this one has several."""
    done = subprocess.run([sys.executable, "-c", SIGNALS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
