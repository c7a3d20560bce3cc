"""Parts load their code when they start: an upgrade below them changes nothing that runs."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django_q.cluster import Cluster

from hubsite.coordination import ticks
from hubsite.management.commands import observe, qcluster
from hubsite.start import whole_code


class Began(Exception):
    """The part would begin its work now."""


def begin(*_: object) -> None:
    raise Began


@pytest.mark.parametrize("command", ["observe", "qcluster"])
def test_a_part_loads_its_code_before_it_begins(monkeypatch, command):
    monkeypatch.setattr(observe, "follow", begin)
    monkeypatch.setattr(observe.signal, "signal", lambda *_: None)
    monkeypatch.setattr(Cluster, "start", begin)
    loaded = []
    for module in (observe, qcluster):
        monkeypatch.setattr(module, "load_all", lambda: loaded.append(True))
    with pytest.raises(Began):
        call_command(command)
    assert loaded


def test_a_tick_whose_code_is_not_there_stops_the_start(monkeypatch):
    whole_code.load_all()
    monkeypatch.setattr(ticks, "_registered", {"x": ticks.Registered("jobs.tasks.of_yesterday")})
    with pytest.raises(ImportError, match="of_yesterday"):
        whole_code.load_all()
