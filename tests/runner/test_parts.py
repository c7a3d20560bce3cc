"""The runner's pure parts: log buffer, outcome, limits, workload, folders, requests, failures."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import pytest

from jobs.runner.estimates.estimator import Estimator, _Limit
from jobs.runner.record import failures, limits, outcome, rundir, workload
from jobs.runner.record.logbuffer import LogBuffer
from jobs.runner.record.outcome import Kill, decide
from jobs.runner.record.progress import ProgressFeed
from jobs.runner.record.rundir import RunDir
from jobs.runner.system import linux
from jobs.runner.work import containment, estimate, requestcheck


class TestLogBuffer:
    def test_keeps_all_of_a_short_output(self):
        log = LogBuffer()
        log.feed(b"one\ntw")
        log.feed(b"o\nthr\xffee")
        log.finish()
        assert log.chunks() == [{"first_line": 0, "lines": ["one", "two", "thr\ufffdee"]}]

    def test_keeps_head_and_tail_with_a_gap_in_the_numbers(self):
        log = LogBuffer(head_lines=2, tail_lines=3)
        for number in range(10):
            log.feed(b"%d\n" % number)
        assert log.chunks() == [
            {"first_line": 0, "lines": ["0", "1"]},
            {"first_line": 7, "lines": ["7", "8", "9"]},
        ]
        assert log.since(1, max_lines=10, max_bytes=100) == {"first_line": 1, "lines": ["1"]}
        assert log.since(2, max_lines=2, max_bytes=100) == {"first_line": 7, "lines": ["7", "8"]}
        assert log.since(10, max_lines=2, max_bytes=100) is None

    def test_is_bounded_in_bytes(self):
        log = LogBuffer(part_bytes=1000)
        for _ in range(10_000):
            log.feed(b"x" * 99 + b"\n")
        head, tail = log.chunks()
        assert len(head["lines"]) == 10
        assert len(tail["lines"]) == 10

    def test_cuts_a_line_without_end(self):
        log = LogBuffer()
        for _ in range(100):
            log.feed(b"y" * 100_000)
        log.feed(b"\nnext\n")
        (chunk,) = log.chunks()
        assert [len(line) for line in chunk["lines"]] == [2000, 4]

    def test_a_report_is_bounded(self):
        log = LogBuffer()
        log.feed(b"0123456789\n" * 100)
        assert len(log.since(0, max_lines=500, max_bytes=60)["lines"]) == 5
        assert len(log.since(0, max_lines=7, max_bytes=6000)["lines"]) == 7


OK = {"status": "ok", "message": "done"}


class TestOutcome:
    @pytest.mark.parametrize(
        ("status", "kill", "result", "oom", "expected"),
        [
            (0, None, OK, False, ("SUCCEEDED", None)),
            (0, None, {"status": "warning"}, False, ("SUCCEEDED", None)),
            (0, None, None, False, ("FAILED", "XCUBE_ERROR")),
            (256, None, {"status": "error", "message": "no"}, False, ("FAILED", "XCUBE_ERROR")),
            (256 * 3, None, None, False, ("FAILED", "XCUBE_ERROR")),
            (9, None, None, False, ("FAILED", "LOST")),
            (9, None, None, True, ("FAILED", "OUT_OF_MEMORY")),
            (11, None, None, False, ("FAILED", "XCUBE_ERROR")),
            (15, Kill("STOPPED", "x"), None, False, ("FAILED", "STOPPED")),
            (9, Kill("DEADLINE", "x"), OK, True, ("SUCCEEDED", None)),  # its cube is complete
            (9, Kill("DEADLINE", "x"), {"status": "error"}, True, ("FAILED", "DEADLINE")),
            (0, Kill("DEADLINE", "x"), OK, False, ("SUCCEEDED", None)),
        ],
    )
    def test_table(self, status, kill, result, oom, expected):
        found = decide(
            wait_status=status, kill=kill, result=result, failure_message=None, oom_killed=oom
        )
        assert (found.phase, found.reason) == expected
        assert found.phase == "SUCCEEDED" or found.message

    def test_says_which_signal(self):
        found = decide(
            wait_status=9, kill=None, result=None, failure_message=None, oom_killed=False
        )
        assert found.message == "The run was ended by signal 9 (SIGKILL) from outside."
        assert outcome.process_exit_code(found.as_dict()) == 137

    @pytest.mark.parametrize(("code", "exits"), [(1, 1), (2, 1), (69, 1), (74, 74), (255, 255)])
    def test_no_run_ends_as_one_that_was_not_begun(self, code, exits):
        ended = {"phase": "FAILED", "reason": "XCUBE_ERROR", "exit_code": code}
        assert outcome.process_exit_code(ended) == exits
        unbegun = {"phase": "FAILED", "reason": "LAUNCH", "exit_code": None}
        assert outcome.process_exit_code(unbegun) == 2

    @pytest.mark.parametrize(
        ("number", "oom", "reason"),
        [(9, False, "XCUBE_ERROR"), (15, False, "XCUBE_ERROR"), (9, True, "OUT_OF_MEMORY")],
    )
    def test_a_users_code_is_never_lost_by_its_own_hand(self, number, oom, reason):
        found = decide(
            wait_status=number,
            kill=None,
            result=None,
            failure_message=None,
            oom_killed=oom,
            has_code=True,
        )
        assert found.reason == reason

    def test_a_result_for_which_there_was_no_room(self):
        status = outcome.NO_SPACE_EXIT << 8
        found = decide(
            wait_status=status, kill=None, result=None, failure_message=None, oom_killed=False
        )
        assert (found.reason, found.message) == ("XCUBE_ERROR", failures.NO_SPACE)

    def test_a_crash_is_named(self):
        found = decide(
            wait_status=11, kill=None, result=None, failure_message=None, oom_killed=False
        )
        assert found.message == "The run crashed: SIGSEGV"


class TestLimits:
    def test_deadline_and_memory(self):
        now, used = [0.0], [10]
        watch = limits.Limits(
            deadline_s=5, memory_bytes=100, measure=lambda: used[0], clock=lambda: now[0]
        )
        assert watch.check() is None
        now[0], used[0] = 0.2, 90
        assert watch.check() is None
        assert watch.wait_s() <= 0.11
        now[0], used[0] = 0.5, 101
        assert watch.check().reason == "OUT_OF_MEMORY"
        now[0], used[0] = 5.1, 10
        assert watch.check().reason == "DEADLINE"
        assert watch.peak_memory_bytes == 101

    def test_a_deadline_that_has_passed_is_told_once_and_waited_for_no_more(self):
        now = [0.0]
        watch = limits.Limits(
            deadline_s=5, memory_bytes=None, measure=lambda: 0, clock=lambda: now[0]
        )
        now[0] = 5.1
        assert watch.check().reason == "DEADLINE"
        assert watch.check() is None
        assert watch.wait_s() > 0.5


class TestLinux:
    def test_reads_a_stat_whose_name_has_brackets(self):
        text = b"7 (a) b (c) S 1 2 3 " + b" ".join(b"%d" % n for n in range(4, 50))
        stat = linux.parse_stat(text)
        assert (stat.state, stat.parent, stat.group, stat.session) == ("S", 1, 2, 3)

    def test_knows_itself_and_no_impostor(self):
        me = linux.identity(os.getpid())
        assert linux.is_alive(me)
        assert not linux.is_alive({**me, "start_time": me["start_time"] + 1})
        assert not linux.is_alive({**me, "boot_id": "x"})
        assert not linux.is_alive(None)

    def test_measures_private_memory(self):
        before = linux.private_bytes(os.getpid())
        block = bytearray(64 << 20)
        block[::4096] = b"x" * len(block[::4096])
        assert linux.private_bytes(os.getpid()) - before > 60 << 20
        assert linux.private_bytes(2**22 - 1) == 0


def workload_with(**fields):
    payload = {"kind": "cubegen", "request": {}, "stores": {}}
    return json.dumps({"name": "a", "attempt": 1, "payload": payload, **fields})


class TestWorkload:
    def test_is_split_so_that_nobody_sees_a_secret_that_is_not_his(self):
        report = {"url": "http://hub/x", "token": "s3cret"}
        parts = workload.parse(workload_with(report=report), allow_standins=False)
        assert parts["report"] == report
        assert "s3cret" not in json.dumps([parts["meta"], parts["work"]])

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "A"}, {"name": "-a"}, {"name": "a" * 64}, {"name": "../a"}, {"name": "a\n"},
            {"attempt": None}, {"attempt": True}, {"payload": {"kind": "standin"}},
            {"payload": {"kind": "cubegen"}}, {"deadline_s": -1}, {"deadline_s": "1"},
            {"memory_bytes": 1.5}, {"env": {"A=B": "1"}}, {"env": {"A": 1}}, {"other": 1},
            {"report": {"url": "file:///etc", "token": "x"}},
            {"report": {"url": "http://h/\r\nX: y", "token": "x"}},
            {"report": {"url": "http://h/", "token": "x\r\ny"}},
        ],
    )  # fmt: skip
    def test_malformed(self, fields):
        with pytest.raises(workload.WorkloadError):
            workload.parse(workload_with(**fields), allow_standins=False)

    @pytest.mark.parametrize(
        ("payload", "has_code"),
        [
            ({"request": {}}, False),
            ({"request": {"code_config": None}, "code": None}, False),
            ({"request": {"code_config": {}}}, True),
            ({"request": {}, "code": ""}, True),
        ],
    )
    def test_whether_it_holds_a_users_code(self, payload, has_code):
        text = workload_with(payload={"kind": "cubegen", "stores": {}, **payload})
        assert workload.parse(text, allow_standins=False)["meta"]["has_code"] is has_code

    @pytest.mark.parametrize("text", ["", "[]", "nul", "[" * 100_000, '{"a": NaN}'])
    def test_no_json(self, text):
        with pytest.raises(workload.WorkloadError):
            workload.parse(text, allow_standins=True)

    @pytest.mark.parametrize("extra", [{"code": "!"}, {"code": 1}, {"egress": {"deny": 1}}])
    def test_malformed_payload(self, extra):
        payload = {"kind": "cubegen", "request": {}, "stores": {}, **extra}
        with pytest.raises(workload.WorkloadError):
            workload.parse(workload_with(payload=payload), allow_standins=False)


class TestRunDir:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        rundir.prepare_root(tmp_path)
        return tmp_path

    def test_appears_once_and_private(self, root):
        parts = workload.parse(workload_with(), allow_standins=False)
        assert rundir.create(root, parts)
        assert not rundir.create(root, parts)
        assert (root / "a").stat().st_mode & 0o777 == 0o700
        assert (root / "a" / "workload.json").stat().st_mode & 0o777 == 0o600
        assert list((root / ".incoming").iterdir()) == []
        assert rundir.names(root) == ["a"]

    def test_is_claimed_once(self, root):
        rundir.create(root, workload.parse(workload_with(), allow_standins=False))
        run = RunDir(root, "a")
        assert run.write_once("supervisor.json", {"pid": 1})
        assert not run.write_once("supervisor.json", {"pid": 2})
        assert run.read("supervisor.json") == {"pid": 1}

    def test_leaves_a_tombstone(self, root):
        rundir.create(root, workload.parse(workload_with(), allow_standins=False))
        run = RunDir(root, "a")
        run.bury()
        assert run.is_buried
        assert not run.exists()
        rundir.empty_trash(root)
        assert list((root / ".trash").iterdir()) == []
        os.utime(root / ".ended" / "a", (0, 0))
        rundir.empty_trash(root)
        assert run.is_buried, "looking for old tombstones is not for each removal"
        rundir.clean(root, all_incoming=True)
        assert not run.is_buried

    def test_what_cannot_be_stored_leaves_no_secret(self, root):
        parts = workload.parse(workload_with(), allow_standins=False)
        (root / "a").write_text("in the way")
        rundir.create(root, parts)
        assert list((root / ".incoming").iterdir()) == []


class TestContainment:
    @pytest.fixture
    def check(self, tmp_path: Path):
        (tmp_path / "root" / "in.zarr").mkdir(parents=True)
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "root" / "link.zarr").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "rootlink").symlink_to(tmp_path / "root")

        def check(data_id: str, root: str = "root", field: str = "input_config"):
            params = {"root": str(tmp_path / root)}
            store = {"s": {"store_id": "file", "store_params": params}}
            containment.check({field: {"store_id": "@s", "data_id": data_id}}, store)

        return check

    @pytest.mark.parametrize("data_id", ["in.zarr", "new.zarr", "a/b.zarr", "/in.zarr", "a/../b"])
    def test_inside(self, check, data_id):
        check(data_id)
        check(data_id, root="rootlink", field="output_config")

    @pytest.mark.parametrize(
        "data_id", ["link.zarr", "link.zarr/x", "../x", "a/../../x", ".", "", "x\0y"]
    )
    @pytest.mark.parametrize("field", ["input_config", "output_config"])
    def test_outside(self, check, data_id, field):
        with pytest.raises(containment.OutsideStore):
            check(data_id, field=field)

    def test_a_store_given_in_the_request_and_an_opener_without_store(self, tmp_path):
        config = {"store_id": "file", "store_params": {"root": str(tmp_path)}, "data_id": "../x"}
        with pytest.raises(containment.OutsideStore):
            containment.check({"input_configs": [config]}, {})
        opener = {"opener_id": "dataset:zarr:file", "data_id": "/etc/x"}
        with pytest.raises(containment.OutsideStore):
            containment.check({"input_config": opener}, {})


class TestRequestCheck:
    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({"bbox": [1, 2]}, "cube_config.bbox: [1, 2] is too short"),
            ({"bbox": [1, 2, 3, 4, 5]}, "too long"),
            ({"bbox": [0, 0, float("inf"), 1]}, "not a usable number"),
            ({"bbox": [0, 0, 360, 180], "spatial_res": 1e-9}, "cube_config.spatial_res"),
            ({"bbox": [0, 0, 360, 180], "spatial_res": 5e-324}, "cube_config.spatial_res"),
            ({"time_range": ["0001-01-01", "9999-01-01"]}, "time steps are too many"),
            ({"time_range": ["2001-01-01", "2000-01-01"]}, "is before"),
        ],
    )
    def test_refuses(self, config, message):
        with pytest.raises(requestcheck.RequestError, match=".*") as caught:
            requestcheck.check({"cube_config": config})
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        "config",
        [
            {}, None, {"time_range": ["1677-09-22", "2262-04-11"], "time_period": "1D"},
            {"time_range": [None, "2000-01-01"]}, {"time_range": 3}, {"bbox": "x"},
            {"bbox": ["a", None, {}, []], "spatial_res": 1}, {"spatial_res": 0, "bbox": [0] * 4},
            {"bbox": [170, -10, -170, 10], "spatial_res": 0.1}, {"time_period": ""},
        ],
    )  # fmt: skip
    def test_leaves_the_rest_to_xcube(self, config):
        requestcheck.check({"cube_config": config})


class CubeGeneratorError(ValueError):
    status_code = 400


class TestFailures:
    def test_a_schema_error_is_shortened(self):
        long = (
            "'a' is not of type 'number'\n\nFailed validating 'type' in schema['x']:\n    {}\n\n"
            "On instance['cube_config']['bbox'][2]:\n    'a'"
        )
        assert failures.shorten(long) == "cube_config.bbox[2]: 'a' is not of type 'number'"

    def test_whose_fault(self):
        full = OSError(errno.ENOSPC, "No space")
        outer = RuntimeError("dask")
        outer.__cause__ = full
        assert failures.describe(outer).message == failures.NO_SPACE
        refused = CubeGeneratorError("cannot open")
        refused.__cause__ = ConnectionRefusedError("refused")
        assert failures.describe(refused, store="s").kind == "store"
        assert '"s"' in failures.describe(refused, store="s").message
        assert failures.describe(CubeGeneratorError("bad")).kind == "request"
        assert failures.describe(ValueError("bad")).kind == "request"
        assert failures.describe(KeyError("bad")).kind == "internal"
        assert failures.describe(TimeoutError()).status_code == 504

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (OSError(-51, "NetCDF: Unknown file format"), "request"),
            (OSError(-101, "NetCDF: HDF error"), "request"),
            (OSError(errno.EINVAL, "Invalid argument"), "request"),
            (type("RasterioIOError", (OSError,), {})("not recognized"), "request"),
            (OSError(errno.EIO, "Input/output error"), "store"),
            (OSError("no number"), "store"),
            (PermissionError(errno.EACCES, "Permission denied"), "store"),
            (FileNotFoundError(errno.ENOENT, "No such file"), "store"),
        ],
    )
    def test_a_file_of_no_known_format_is_no_fault_of_its_store(self, error, kind):
        assert failures.describe(error).kind == kind


@pytest.mark.parametrize(
    ("raised", "status_code", "message"),
    [
        (estimate.EstimateTimeout, 504, "too long"),
        (estimate.EstimateTooLarge, 400, "too much memory"),
    ],
)
def test_an_interruption_is_told_as_such_whatever_a_library_makes_of_it(
    raised, status_code, message, tmp_path
):
    estimator = Estimator(listener=None, root=tmp_path, limit_s=60, busy=lambda since: None)

    def answer(body):
        try:
            if raised is estimate.EstimateTimeout:
                estimator._limit = _Limit(0)
                estimator._on_alarm(signal.SIGALRM, None)
            estimator._on_too_large(signal.SIGUSR1, None)
        except raised as error:  # as dask does
            return estimate.failed(failures.describe(RuntimeError(f"state: {error!r}")))

    told = json.loads(estimator._estimate({}, answer).partition(b"\r\n\r\n")[2])
    assert (told["status_code"], told["status"]) == (status_code, "error")
    assert message in told["message"]

    def both(body):
        try:
            estimator._on_too_large(signal.SIGUSR1, None)
        except estimate.EstimateTooLarge:
            raise estimate.EstimateTimeout from None

    assert b"too much memory" in estimator._estimate({}, both)
    known = {"status": "error", "status_code": 404, "message": "no such data", "kind": "missing"}
    assert b"no such data" in Estimator(
        listener=None, root=tmp_path, limit_s=60, busy=lambda since: None
    )._estimate({}, lambda body: known)


class TestProgressFeed:
    def test_takes_what_is_right_and_ignores_the_rest(self):
        feed = ProgressFeed()
        feed.feed(b'{"label": "x", "total_work": 10, "progress": 0.5')
        feed.feed(b'}\nrubbish\n{"label": "y", "total_work": 1, "progress": 7}\n[]\n')
        assert feed.state == {"label": "x", "total_work": 10, "progress": 0.5, "error": False}

    def test_the_last_report_agrees_with_the_outcome(self):
        feed = ProgressFeed()
        assert feed.end_state(outcome.Outcome("SUCCEEDED"))["progress"] == 1
        stopped = outcome.Outcome("FAILED", "STOPPED", "The run was stopped.")
        assert feed.end_state(stopped)["error"] == ["STOPPED", "The run was stopped.", []]


def test_all_signals_have_an_outcome():
    for number in range(1, 65):
        found = decide(
            wait_status=number, kill=None, result=None, failure_message=None, oom_killed=False
        )
        assert found.signal == number
        assert number != signal.SIGKILL or found.reason == "LOST"


def test_messages_tell_a_stores_name_and_not_where_it_lies():
    stores = {
        "cubes": {"store_id": "file", "store_params": {"root": "/srv/data/cubes/a1"}},
        "all": {"store_id": "file", "store_params": {"root": "/srv/data/"}},
        "odd": {"store_id": "memory", "store_params": {}},
    }
    message = "cannot write /srv/data/cubes/a1/x.zarr, nor /srv/data/y.zarr"
    assert failures.without_roots(message, stores) == "cannot write @cubes/x.zarr, nor @all/y.zarr"
