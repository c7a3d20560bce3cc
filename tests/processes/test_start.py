"""`manage.py start`: what it tells, how it keeps the parts alive, how it ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys

import pytest

from hubsite.start import start_conditions
from hubsite.web import gunicorn_config
from tests.patience import PATIENCE_S
from tests.servers.forks import HUB, Forks
from tests.servers.missing import missing

from .hubprocess import CHECKOUT, START_WITHIN_S, HubProcess, get, listening

pytestmark = pytest.mark.processes

INSTANCE = "xaaaaaaaaaaaaaaaaaaaaaaaaaa"


def test_it_tells_where_everything_is(hub):
    line = hub.wait_for("is ready: ")
    api, docs, admin, health = re.findall(r"http://localhost:\d+/[^\s,)]*", line)
    assert api.endswith("/api/v2")
    assert get(docs)[0] == 200
    assert get(admin)[0] == 200
    assert get(health)[0] == 200
    assert "Bringing the database up to date" in hub.output


def test_each_line_tells_its_part_and_has_no_colour_in_a_file(hub):
    assert "\x1b" not in hub.output
    assert all(
        re.match(r"(hub|web|worker|outside|observer|edge) +│ ", line)
        for line in hub.output.splitlines()
    )


def test_a_second_start_on_the_same_folder_is_refused(hub, start_hub):
    second = start_hub("--port", "0", data_dir=hub.data_dir)
    assert second.end() == 1
    told = f"The part web is running on {hub.data_dir} already (process {hub.process.pid})"
    assert told in second.output
    assert "Traceback" not in second.output


def test_parts_run_on_their_own_on_one_data_folder(start_hub):
    """One of them has no xcube: the rest starts, and the message tells what to do."""
    web = start_hub("--only", "web,runner", "--port", "0", XCUBE_HUB_XCUBE_PYTHON="/nowhere/python")
    worker = start_hub("--only", "worker", data_dir=web.data_dir)
    web.wait_for("is ready: ")
    assert "There is no xcube at /nowhere/python" in web.output
    assert "`make xcube`" in web.output
    worker.until(lambda: worker.part("worker"), "worker", within_s=START_WITHIN_S)
    second = start_hub("--only", "worker", data_dir=web.data_dir)
    assert second.end() == 1
    assert f"The part worker is running on {web.data_dir} already" in second.output
    for hub in (web, worker):
        hub.process.terminate()
        assert hub.end() == 0
    assert web.left() == []


@pytest.mark.parametrize("part", ["worker", "outside", "observer", "edge"])
def test_a_part_that_is_killed_comes_back(hub, part):
    kill_until_it_is_back(hub, part)


def kill_until_it_is_back(hub: HubProcess, part: str) -> None:
    url = re.search(r"http://\S+/health/ready", hub.output)[0]
    before = hub.until(lambda: hub.part(part), part, within_s=START_WITHIN_S)
    group = [pid for pid, _ in hub.left() if _group(pid) == before]
    os.kill(before, signal.SIGKILL)
    hub.wait_for(f"{part} was ended by SIGKILL; it starts again in 0.5 s")
    hub.until(lambda: hub.part(part) not in (None, before), f"new {part}", within_s=START_WITHIN_S)
    hub.until(lambda: not {pid for pid, _ in hub.left()} & set(group), "end of its children")
    hub.until(lambda: _answers(url), "answer of web", within_s=START_WITHIN_S)


def test_the_edge_asks_its_own_web_and_outlasts_a_restart_of_it(hub):
    """A page without a right leads to the sign-in of the same hub."""
    site = re.search(r"http://localhost:\d+", hub.wait_for("is ready: "))[0]
    port = int(re.search(r"listens on \S+:(\d+) ", hub.wait_for("The edge listens on"))[1])
    leads = (303, f"{site}/services/{INSTANCE}/open?next=%2Fviewer%2F%3Fa%3D1")

    def leads_there() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        headers = {"Host": f"{INSTANCE}.localhost:{port}", "Accept": "text/html"}
        try:
            connection.request("GET", "/viewer/?a=1", headers=headers)
            answer = connection.getresponse()
        except OSError:  # it was killed a moment ago
            return False
        finally:
            connection.close()
        return (answer.status, answer.headers.get("Location")) == leads

    hub.until(leads_there, "way to the sign-in")
    edge = hub.part("edge")
    kill_until_it_is_back(hub, "web")
    hub.until(leads_there, "answer after web came back")
    assert hub.part("edge") == edge


def test_one_ctrl_c_stops_all_and_leaves_nothing(hub):
    os.killpg(hub.process.pid, signal.SIGINT)
    assert hub.end() == 0
    assert hub.left() == []
    assert hub.output.endswith("│ Stopped.\n")
    assert "killed" not in hub.output
    assert "Traceback" not in hub.output


def test_a_start_right_after_a_kill_waits_for_the_port_and_the_parts_end_with_it(start_hub):
    """The port is free again as soon as the wait is seen: 12 s are long enough on any machine."""
    with listening() as taken:
        port = taken.getsockname()[1]
        hub = start_hub("--without", "runner", "--port", str(port))
        hub.wait_for(f"Port {port} is in use; waiting up to 12 s")
    assert _answers(re.search(r"http://\S+/health/ready", hub.wait_for("is ready: "))[0])
    for part in ("web", "worker", "outside", "observer", "edge"):
        hub.until(lambda part=part: hub.part(part), part)
    hub.process.kill()
    hub.wait_until_gone()


def test_a_killed_hubs_web_leaves_the_port_before_the_next_start_gives_up():
    """Requests under way keep it, for no longer than gunicorn waits for them."""
    assert gunicorn_config.graceful_timeout < start_conditions.PORT_WAIT_S


def test_the_command_of_the_checkout_runs_from_any_folder(tmp_path):
    command = CHECKOUT / ".venv" / "bin" / "xcube-hub"
    if not command.exists():
        missing("there is no .venv/bin/xcube-hub: run `deploy/install.sh hub`")
    link = tmp_path / "xcube-hub"
    link.symlink_to(command)
    for program in (command, link):
        done = subprocess.run(
            [program, "start", "--help"], capture_output=True, text=True, cwd=tmp_path
        )
        assert "Run the hub on this machine until Ctrl-C." in done.stdout, done.stderr


def test_a_port_in_use_is_told_in_a_sentence(start_hub):
    with listening() as taken:
        port = taken.getsockname()[1]
        hub = start_hub("--port", str(port))
        assert hub.end() == 1
    waiting, refusal = hub.output.splitlines()
    assert "waiting up to 12 s" in waiting
    assert refusal.startswith(f"Port {port} is in use by another program.")
    assert f"start --port {port + 1}" in refusal


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        ([], {"XCUBE_HUB_WEB_WORKERS": "0"}, "XCUBE_HUB_WEB_WORKERS='0': expected 1 to 1000"),
        (
            ["--port", "0"],
            {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"},
            "The database cannot be used",
        ),
    ],
    ids=["setting", "database"],
)
def test_what_is_wrong_is_told_before_anything_starts(start_hub, arguments, environment, told):
    hub = start_hub(*arguments, **environment)
    assert hub.end() == 1
    assert told in hub.output
    assert "Traceback" not in hub.output
    assert "Starting" not in hub.output


def test_an_option_that_is_wrong_is_told_before_anything_starts(tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("XCUBE_HUB_")} | {
        "XCUBE_HUB_DATA_DIR": str(tmp_path),
        "XCUBE_HUB_DOTENV": os.devnull,
        "DJANGO_SETTINGS_MODULE": "hubsite.settings",
        "PYTHONPATH": str(CHECKOUT),
    }
    with contextlib.closing(Forks(sys.executable, HUB, environment=environment)) as hub:
        for arguments, told in (
            (["--port", "99999"], "99999 is not a port"),
            (["--address", "192.0.2.1"], "192.0.2.1 is not an address of this machine"),
            (["--only", "web", "--without", "web"], "No part of the hub is left to run"),
        ):
            program = CHECKOUT / "manage.py"
            done = hub.run("file", program, "start", *arguments, cwd=CHECKOUT, check=False)
            assert done.returncode == 1
            said = done.stdout + done.stderr
            assert told in said
            assert "Traceback" not in said
            assert "Starting" not in said


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _answers(url: str) -> bool:
    try:
        return get(url)[0] == 200
    except OSError:
        return False
