"""What must hold before the hub starts."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from django.core import checks
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from hubsite.health import site
from hubsite.start import start_conditions
from hubsite.start.start_conditions import (
    CannotStart,
    check_configuration,
    free_edge_port,
    free_port,
    lock_parts,
    migrate_database,
)


def test_faults_of_the_settings_are_sentences(monkeypatch):
    monkeypatch.setattr(
        checks,
        "run_checks",
        lambda **_: [
            checks.Error("A is 0.", hint="Set A.", id="x.E1"),
            checks.Error("B lacks.", id="x.E2"),
            checks.Warning("C is odd.", hint="Unset C.", id="x.W1"),
        ],
    )
    told = []
    with pytest.raises(CannotStart) as caught:
        check_configuration(told.append)
    assert str(caught.value) == "A is 0. Set A.\nB lacks."
    assert told == ["Warning: C is odd. Unset C."]


def test_each_part_runs_once_on_a_data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "new"
    with (
        lock_parts(["web", "worker"]),
        lock_parts(["observer"]),
        pytest.raises(CannotStart, match=rf"part worker is .* already \(process {os.getpid()}\)"),
    ):
        lock_parts(["runner", "worker"])
    for _ in range(2):  # a refusal keeps none, and closing frees all
        lock_parts(["web", "worker", "observer", "runner"]).close()


def test_a_data_folder_that_cannot_be_written_is_a_sentence(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "file" / "hub"
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=f"XCUBE_HUB_DATA_DIR={settings.DATA_DIR}: .*Not a dir"):
        lock_parts(["web"])


def test_port_0_takes_a_free_port():
    assert free_port("127.0.0.1", 0, print) > 1023


def test_a_port_in_use_is_waited_for_then_refused(monkeypatch):
    monkeypatch.setattr(start_conditions, "PORT_WAIT_S", 0.3)
    told = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is in use"):
            free_port("127.0.0.1", port, told.append)
    assert told == [f"Port {port} is in use; waiting up to 0.3 s for it to become free …"]


def test_a_port_that_becomes_free_is_taken():
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = taken.getsockname()[1]
    told = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        taken.close()

    assert free_port("127.0.0.1", port, tell) == port
    assert len(told) == 1


@pytest.mark.parametrize("is_chosen", [True, False])
def test_the_edge_takes_another_port_only_if_no_one_chose_one(monkeypatch, is_chosen):
    monkeypatch.setattr(start_conditions, "PORT_WAIT_S", 0.1)
    monkeypatch.setattr(start_conditions, "EDGE_PORT_WAIT_S", 0.1)
    told = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        if is_chosen:
            with pytest.raises(CannotStart, match=f"The edge cannot listen on .*, port {port}. .*"):
                free_edge_port("127.0.0.1", port, told.append, is_chosen=True)
        else:
            assert free_edge_port("127.0.0.1", port, told.append, is_chosen=False) != port
            assert "XCUBE_HUB_EDGE_PORT fixes it" in told[-1]


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_what_is_no_port_is_refused(port):
    with pytest.raises(CannotStart, match=f"{port} is not a port"):
        free_port("127.0.0.1", port, print)


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(CannotStart, match="not an address of this machine"):
        free_port("192.0.2.1", 8080, print)


def test_a_port_reserved_for_root_is_refused(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(CannotStart, match="Port 80 is reserved for root"):
        free_port("127.0.0.1", 80, print)


@pytest.mark.django_db(transaction=True)
def test_a_database_up_to_date_is_not_mentioned():
    told = []
    migrate_database(told.append)
    assert told == []


@pytest.mark.django_db(transaction=True)
def test_a_database_of_a_newer_version_is_not_used():
    applied = MigrationRecorder(connection).migration_qs
    for app, name in (("jobs", "9999_more"), ("jobs", "0002_of_a_branch"), ("django_q", "9999_x")):
        applied.create(app=app, name=name)
    try:
        with pytest.raises(CannotStart, match=r"newer version .*\(jobs.9999_more\)\. Inst"):
            migrate_database(print)
        site._all_applied.cache_clear()
        finding = site.migrations()
        assert not finding.is_ok and "Install that version" in finding.remedy
    finally:
        applied.filter(name__in=["9999_more", "0002_of_a_branch", "9999_x"]).delete()
    assert site.migrations().is_ok


def test_a_database_out_of_reach_is_told_with_what_to_look_at(monkeypatch):
    def fail(*_):
        raise OperationalError("connection refused\n")

    monkeypatch.setattr(start_conditions, "MigrationExecutor", fail)
    with pytest.raises(CannotStart) as caught:
        migrate_database(print)
    assert str(caught.value) == (
        "The database cannot be used: connection refused. Is it running, and is DATABASE_URL right?"
    )


def test_the_command_tells_the_refusal_and_exits_with_1(monkeypatch, capsys):
    def refuse(_):
        raise CannotStart("Not today.")

    monkeypatch.setattr("hubsite.management.commands.start.check_configuration", refuse)
    with pytest.raises(SystemExit) as caught:
        call_command("start", "--only", "web")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "Not today.\n"


def test_a_runner_alone_without_xcube_is_refused(monkeypatch, settings, capsys):
    monkeypatch.setattr("hubsite.management.commands.start.check_configuration", lambda _: None)
    settings.HUB = {**settings.HUB, "XCUBE_HUB_XCUBE_PYTHON": Path("/nowhere/python")}
    with pytest.raises(SystemExit) as caught:
        call_command("start", "--only", "runner")
    assert caught.value.code == 1
    assert "There is no xcube at /nowhere/python" in capsys.readouterr().err


def test_no_part_left_is_refused(capsys):
    with pytest.raises(SystemExit):
        call_command("start", "--only", "web", "--without", "web")
    assert "No part of the hub is left to run" in capsys.readouterr().err
