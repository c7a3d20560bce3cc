"""Draining: operators let an engine take no new work, while what it runs goes on to its end.

    draining.drain("local", message="Maintenance at 14:00.", actor=request.user)
    draining.resume("local", actor=request.user)

Work for a drained engine waits, and starts when the engine is resumed. It is a row, so it outlives
restarts. What launches leaves out the engine by `is_drained_for`, an expression of the same query;
pages ask `drained`, at most two seconds old.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from hubsite import audit
from hubsite.refusals import Kind, Refused
from hubsite.switches import checked_message

KEPT_S = 2.0
_on_resume: list[Callable[[], object]] = []


class Drain(models.Model):
    """That an engine is drained: since when, by whom, and why."""

    engine = models.CharField(max_length=40, primary_key=True)
    message = models.CharField(max_length=500)
    since = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=254)

    def __str__(self) -> str:
        return self.engine


_kept: tuple[float, Mapping[str, Drain]] | None = None


def forget() -> None:
    """Forget what was read, so that the next call reads anew."""
    global _kept
    _kept = None


def when_resumed(start: Callable[[], object]) -> None:
    """Call `start` when an engine is resumed; it starts what waits. For `AppConfig.ready`."""
    _on_resume.append(start)


def is_drained_for(column: str) -> Exists:
    """An expression: whether the engine named in this column is drained."""
    return Exists(Drain.objects.filter(engine=OuterRef(column)))


def drained(engine: str) -> Drain | None:
    """The drain of this engine, None if it takes work. At most two seconds old."""
    global _kept
    kept = _kept
    if kept is None or kept[0] < time.monotonic():
        kept = _kept = (time.monotonic() + KEPT_S, Drain.objects.in_bulk())
    return kept[1].get(engine)


def drain(engine: str, *, message: str, actor: object) -> bool:
    """Let the engine take no new work; False if it was drained, then only the message changes.

    Raises Refused for an unknown engine and an unusable message.
    """
    _require_known(engine)
    message = checked_message(message)
    with transaction.atomic():
        row, is_new = Drain.objects.select_for_update().get_or_create(
            engine=engine, defaults={"message": message, "actor": str(actor)[:254]}
        )
        if is_new or row.message != message:
            Drain.objects.filter(pk=engine).update(message=message, actor=str(actor)[:254])
            audit.record(
                "engine.drained", actor=actor, on=("engine", engine, engine), detail=message
            )
    forget()
    return is_new


def resume(engine: str, *, actor: object) -> bool:
    """Let the engine take work again; False if it was not drained."""
    _require_known(engine)
    with transaction.atomic():
        if not Drain.objects.filter(pk=engine).delete()[0]:
            return False
        audit.record("engine.resumed", actor=actor, on=("engine", engine, engine))
    forget()
    for start in _on_resume:
        start()
    return True


def _require_known(engine: str) -> None:
    from . import NAMES

    if engine not in NAMES:
        raise Refused(f"one of {', '.join(NAMES)} is expected", field="engine", kind=Kind.NOT_FOUND)
