"""Health checks of services: the edge, and the follower of the engine's services."""

from __future__ import annotations

from functools import partial

from django.utils.translation import gettext_noop as _

from hubsite.health import parts
from hubsite.health.heartbeat import heard
from hubsite.health.parts import Finding, Part
from hubsite.offered import Service, offer
from services.settings import hub

from .cate import offered as cate
from .models.profile import CATE, XCUBE_SERVER, Kind
from .running import suspending


def register() -> None:
    both = (XCUBE_SERVER, CATE)
    parts.register(Part("edge", edge, both))
    parts.register(Part("service follower", follower, both))
    offer(
        Service(
            XCUBE_SERVER,
            ready=_("Viewers can be opened."),
            unable=_("Viewers cannot be opened just now."),
            end_work=partial(suspending.stop_all, Kind.XCUBE_SERVER),
            on_resume=suspending.start_waiting,
        )
    )
    offer(
        Service(
            CATE,
            ready=_("Cate web APIs can be started."),
            unable=_("Cate web APIs cannot be started just now."),
            switched_off=cate.why_not,
            is_offered=cate.is_configured,
            end_work=partial(suspending.stop_all, Kind.CATE_WEBAPI),
            on_resume=suspending.start_waiting,
        )
    )


def edge() -> Finding:
    """Whether an edge reports what is used; it does so every few seconds."""
    told = heard("edge")
    if told.is_alive:
        return Finding(True, since=told.since)
    return Finding(
        False,
        "The edge, through which services are reached, does not report.",
        "Start it (`manage.py start`), look at its log, and whether it has this hub's secret.",
        told.silent_since,
    )


def follower() -> Finding:
    told = heard("service follower", hub.engine)
    problem = heard("service engine", hub.engine).problem if told.is_alive else ""
    if problem:
        return Finding(
            False,
            f"The {hub.engine} engine cannot be used for services: {problem}.",
            "Look at the runner's log."
            if hub.engine == "local"
            else "Run `manage.py check_cluster`.",
            told.since,
        )
    if told.is_alive:
        return Finding(True, since=told.since)
    return Finding(
        False,
        "The follower, which records the state of services, is silent.",
        "Start it (`manage.py start`, or `manage.py observe`), and look at its log.",
        told.silent_since,
    )
