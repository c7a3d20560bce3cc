"""The housekeeping of the site itself; see apps.py."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now
from django_q.models import Failure, OrmQ

from .coordination import retention
from .health import heartbeat


def beat_outside() -> None:
    """Say that the outside queue is served."""
    heartbeat.beat("outside")


def forget_failed_ticks() -> int:
    """A day after they failed; the log has them, too."""
    return retention.delete(Failure.objects.filter(stopped__lt=retention.yesterday()))


def forget_unreachable_ticks() -> int:
    """Tasks that a worker fetched while its clock was ahead: they would come back that late."""
    furthest = Now() + 2 * timedelta(seconds=settings.Q_CLUSTER["retry"])
    return retention.delete(OrmQ.objects.filter(lock__gt=furthest))
