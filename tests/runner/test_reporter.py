"""Reports to a hub: a stand-in HTTP server takes them, refuses them, or is not there."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time

import pytest

from jobs.runner.record.logbuffer import LogBuffer
from jobs.runner.run.reporter import Reporter, interval_s, start_state
from tests.patience import PATIENCE_S, comes_back, wait_for


@pytest.fixture
def hub():
    """Stands for the hub's callback; `answers` are the statuses it gives, then 200."""
    reports, answers = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = answers.pop(0) if answers else 200
            reports.append((status, self.path, self.headers["Authorization"], body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.reports, server.answers = reports, answers
    server.url = f"http://127.0.0.1:{server.server_port}/callback?x=1"
    yield server
    server.shutdown()
    server.server_close()


def state(progress: float, label: str = "Generating cube") -> dict:
    return {**start_state(), "label": label, "progress": progress}


def test_begin_updates_and_end(hub):
    log = LogBuffer()
    reporter = Reporter(url=hub.url, token="t", log=log)
    reporter.start()
    wait_for(lambda: len(hub.reports) == 1)
    log.feed(b"one\n")
    reporter.update(state(0.3))
    wait_for(lambda: len(hub.reports) == 2)
    log.feed(b"two\n")
    reporter.finish(state(1.0), timeout_s=PATIENCE_S)
    assert [report[3]["sender"] for report in hub.reports] == ["on_begin", "on_update", "on_end"]
    assert {report[1:3] for report in hub.reports} == {("/callback?x=1", "Bearer t")}
    begin, update, end = (report[3] for report in hub.reports)
    assert "output" not in begin
    assert update["output"] == {"first_line": 0, "lines": ["one"]}
    assert end["output"] == {"first_line": 1, "lines": ["two"]}
    assert end["state"]["progress"] == 1
    assert set(end["state"]) == {"label", "total_work", "error", "progress", "elapsed"}


def test_lines_not_accepted_are_sent_again_and_the_end_is_retried(hub):
    hub.answers += [200, 500, 500]
    log = LogBuffer()
    reporter = Reporter(url=hub.url, token="t", log=log)
    reporter.start()
    wait_for(lambda: hub.reports)
    log.feed(b"one\n")
    reporter.finish(state(1.0), timeout_s=PATIENCE_S)
    ends = [report for report in hub.reports if report[3]["sender"] == "on_end"]
    assert [end[0] for end in ends] == [500, 500, 200]
    assert all(end[3]["output"]["lines"] == ["one"] for end in ends)


RESULT = {"status": "ok", "message": "Done."}


def test_the_end_carries_the_result(hub):
    reporter = Reporter(url=hub.url, token="t", log=LogBuffer())
    reporter.start()
    reporter.finish(state(1.0), result=RESULT, timeout_s=PATIENCE_S)
    begin, end = (report[3] for report in hub.reports)
    assert "result" not in begin
    assert end["result"] == RESULT


def test_a_refused_result_is_left_out_and_the_end_told(hub):
    hub.answers += [200, 400, 200]
    reporter = Reporter(url=hub.url, token="t", log=LogBuffer())
    reporter.start()
    reporter.finish(state(1.0), result=RESULT, timeout_s=PATIENCE_S)
    ends = [report for report in hub.reports if report[3]["sender"] == "on_end"]
    assert [(end[0], "result" in end[3]) for end in ends] == [(400, True), (200, False)]


def test_a_refused_end_is_not_repeated(hub):
    hub.answers += [200, 401, 200]
    reporter = Reporter(url=hub.url, token="t", log=LogBuffer(), patience_s=30)
    reporter.start()
    reporter.finish(state(1.0), timeout_s=PATIENCE_S)
    assert [report[0] for report in hub.reports] == [200, 401]


def test_patience_outlasts_more_refusals_than_three(hub):
    hub.answers += [200, 503, 503, 503, 429]
    reporter = Reporter(url=hub.url, token="t", log=LogBuffer(), patience_s=30)
    reporter.start()
    reporter.finish(state(1.0), result=RESULT, timeout_s=PATIENCE_S)
    assert [report[0] for report in hub.reports] == [200, 503, 503, 503, 429, 200]
    assert hub.reports[-1][3]["result"] == RESULT


def test_whoever_is_hurried_waits_no_longer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        reporter = Reporter(url=url, token="t", log=LogBuffer(), patience_s=10 * PATIENCE_S)
        reporter.start()
        comes_back(lambda: reporter.finish(state(1.0), is_hurried=lambda: True))


def test_whatever_a_run_says_is_reported_as_strict_json(hub):
    log = LogBuffer()
    reporter = Reporter(url=hub.url, token="t", log=log)
    reporter.start()
    log.feed(b"nul \0 and \xed\xa0\x80\n")
    error = ["ValueError", "\ud800\0", [float("nan")]]
    reporter.finish({**state(1.0, "x\udfff"), "error": error}, timeout_s=PATIENCE_S)
    end = hub.reports[-1][3]
    assert end["sender"] == "on_end"
    assert end["state"]["label"] == "x\ufffd"
    assert end["state"]["error"] == ["ValueError", "\ufffd", [None]]
    assert "\0" not in end["output"]["lines"][0]
    assert end["output"]["lines"][0].isprintable()


def test_nothing_new_is_not_reported(hub):
    reporter = Reporter(url=hub.url, token="t", log=LogBuffer())
    reporter.start()
    wait_for(lambda: hub.reports)
    reporter.update({**start_state(), "progress": 0.005})
    time.sleep(1.3)
    assert [report[3]["sender"] for report in hub.reports] == ["on_begin"]
    reporter.finish(state(1.0), timeout_s=PATIENCE_S)


def test_refused_connections_do_not_hold_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reporter = Reporter(url=f"http://127.0.0.1:{port}/", token="t", log=LogBuffer())
    reporter.start()
    reporter.finish(state(1.0), timeout_s=PATIENCE_S)
    assert not reporter._thread.is_alive(), "it did not give up by itself"


def test_a_hub_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        reporter = Reporter(url=url, token="t", log=LogBuffer())
        reporter.start()
        comes_back(lambda: reporter.finish(state(1.0), timeout_s=1))


def test_reports_become_rarer():
    assert [interval_s(t) for t in (0, 1, 4, 10, 1000)] == [0.5, 0.5, 1, 2.5, 5]
