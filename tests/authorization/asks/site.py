"""Requests about engines, switches, filters and the audit itself, and what it then says."""

from __future__ import annotations

from hubsite import switches
from hubsite.engines import draining

from ..world import World
from .ask import OPERATOR, operator, owner


def drained(world: World) -> None:
    draining.drain("local", message="maintenance", actor=world.users["operator"])


def suspended(world: World) -> None:
    switches.suspend("xcube_gen", message="maintenance", actor="ann")


OF_OPERATORS_API = [
    operator(f"POST {OPERATOR}/engines/<engine>/drain", "engine.drained", message="maintenance"),
    operator(f"POST {OPERATOR}/engines/<engine>/resume", "engine.resumed", drained),
    operator(
        f"POST {OPERATOR}/switches/<service>/suspend", "service.suspended", message="maintenance"
    ),
    operator(f"POST {OPERATOR}/switches/<service>/resume", "service.resumed", suspended),
]

OF_PAGES = [
    owner(
        "POST filters/<list_name>", "filter.saved", action="save", name="x", query="state=FAILED"
    ),
]

OF_ADMIN = [
    operator(
        "POST admin/hubsite/switch/<object_id>/change/",
        "service.suspended",
        is_suspended="on",
        message="maintenance",
    ),
    operator("POST admin/hubsite/auditentry/export/", "audit.exported"),
    operator(
        "POST admin/engines/", "engine.drained", do="drain", engine="local", message="maintenance"
    ),
]

ASKS = [*OF_OPERATORS_API, *OF_PAGES, *OF_ADMIN]
