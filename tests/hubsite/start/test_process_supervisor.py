"""The supervisor in this process, with programs of one line. (Bad ones: tests/processes.)"""

from __future__ import annotations

import asyncio
import errno
import io
import os
import signal
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hubsite.start import process_supervisor
from hubsite.start.process_output import Lines, Output
from hubsite.start.process_supervisor import Part, Supervisor, describe
from hubsite.start.readiness import Site, tell_when_ready
from tests.patience import PATIENCE_S


class Stream(io.BytesIO):
    """A terminal, if `tty`; it fails with `error` as long as it has one."""

    def __init__(self, *, tty: bool = False, error: OSError | None = None) -> None:
        super().__init__()
        self.tty = tty
        self.error = error

    def isatty(self) -> bool:
        return self.tty

    def write(self, data: bytes) -> int:
        if self.error:
            raise self.error
        return super().write(data)

    @property
    def text(self) -> str:
        return self.getvalue().decode()


def run(
    script: str, *, until: str, stream: Stream | None = None, stops: int = 1, umask: int = -1
) -> tuple:
    """Run until a line has `until` in it, then stop; the exit status and the output."""
    stream = stream or Stream()

    def stop_in_time() -> None:
        deadline = time.monotonic() + PATIENCE_S
        while until not in stream.text and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in range(stops):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)

    stopper = threading.Thread(target=stop_in_time, daemon=True)

    async def begin() -> None:
        stopper.start()
        await asyncio.Event().wait()  # a task beside that never ends by itself

    part = Part("p", ["sh", "-c", script], os.environ, Path("/"), umask=umask)
    output = Output(["p"], stream=stream)
    status = Supervisor([part], output=output, once_started=begin).run()
    stopper.join()
    return status, stream.text


def test_it_runs_a_part_until_it_is_stopped():
    status, text = run("echo one; echo two >&2; sleep 9", until="two")
    assert status == 0
    assert text.splitlines() == [
        "p │ one",
        "p │ two",
        "hub │ Stopping (once more kills at once) …",
        "hub │ Stopped.",
    ]


def test_a_part_may_have_a_umask_of_its_own():
    assert "p │ 0027\n" in run("umask; sleep 9", until="00", umask=0o027)[1]


def test_it_starts_a_part_again_that_has_ended():
    _, text = run("echo up; exit 4", until="it starts again in 1 s")
    assert text.count("up") >= 2
    assert "p ended with exit status 4; it starts again in 0.5 s." in text


def test_a_long_life_forgives_the_restarts_before_it(monkeypatch):
    monkeypatch.setattr(process_supervisor, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(process_supervisor, "STABLE_AFTER_S", 0.3)
    _, text = run("sleep 0.4; echo up; exit 4", until="up\n" + "hub │ p ended with exit status 4; "
                  "it starts again in 0.1 s.\np │ up")  # fmt: skip
    assert "0.2 s" not in text


def test_a_part_that_does_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr(process_supervisor, "STOP_WITHIN_S", 0.2)
    status, text = run("trap '' TERM; echo up; while true; do sleep 1; done", until="up")
    assert status == 0
    assert "p did not stop in time; it is killed." in text


def test_a_second_signal_kills_at_once():
    status, text = run("trap '' TERM; echo up; while true; do sleep 1; done", until="up", stops=2)
    assert status == 130
    assert text.endswith("Killed.\n")


def test_exit_statuses_in_words():
    assert describe(0) == "ended with exit status 0"
    assert describe(-9) == "was ended by SIGKILL"


def test_marks_are_coloured_in_a_terminal_unless_the_user_wants_none(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Stream(tty=True), Stream(tty=True)
    Output(["web", "observer"], stream=coloured).write("web", b"x")
    monkeypatch.setenv("NO_COLOR", "1")
    Output(["web", "observer"], stream=plain).write("web", b"x")
    assert coloured.text == "\x1b[36mweb      │ \x1b[0mx\n"
    assert plain.text == "web      │ x\n"


@pytest.mark.parametrize(
    ("error", "tty"), [(errno.EPIPE, False), (errno.EBADF, False), (errno.EIO, True)]
)
def test_output_that_nobody_reads_is_dropped(error, tty):
    output = Output(["p"], stream=Stream(tty=tty, error=OSError(error, "")))
    output.tell("x")
    assert output.is_gone
    output.tell("y")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EIO])
def test_a_log_that_cannot_be_written_for_a_while_ends_no_hub(error):
    stream = Stream(error=OSError(error, ""))
    output = Output(["p"], stream=stream)
    output.write("p", b"x")
    output.tell("y")
    assert not output.is_gone
    stream.error = None
    output.write("p", b"z")
    output.write("p", b"a")
    assert stream.text == (
        "hub │ 2 lines may be missing here: they could not be written.\np │ z\np │ a\n"
    )


def test_lines_are_cut_however_they_arrive():
    stream = Stream()
    lines = Lines(Output(["p"], stream=stream), "p")
    for data in (b"a", b"b\nc\r\n", b"", b"d"):
        lines.feed(data)
    lines.finish()
    lines.finish()
    assert stream.text == "p │ ab\np │ c\np │ d\n"


def test_a_line_without_end_is_cut():
    stream = Stream()
    lines = Lines(Output(["p"], stream=stream), "p")
    lines.feed(b"x" * 70_000)
    assert len(stream.text) > 70_000


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # noqa: N802
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_) -> None: ...


@pytest.fixture
def web():
    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_the_hub_is_ready_as_soon_as_web_answers(web):
    told = []
    site = Site("0.0.0.0", web.server_port)
    asyncio.run(tell_when_ready(site, told.append))
    assert told == [site.welcome()]


def test_a_web_that_does_not_answer_is_told_once(monkeypatch):
    monkeypatch.setattr("hubsite.start.readiness.LATE_AFTER_S", 0.05)
    told = []
    wait = partial(tell_when_ready, Site("127.0.0.1", 1), told.append)

    async def a_while() -> None:
        async with asyncio.timeout(0.6):
            await wait()

    with pytest.raises(TimeoutError):
        asyncio.run(a_while())
    assert told == ["web does not answer yet; its lines above may tell why."]
