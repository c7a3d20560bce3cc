"""The housekeeping of the site itself; see apps.py."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now
from django_q.models import Failure, OrmQ

from .coordination import retention
from .health import heartbeat


def beat_outside() -> None:
    """Write the heartbeat of the worker of the outside queue."""
    heartbeat.beat("outside")


def forget_failed_ticks() -> int:
    """Delete records of failed tasks after a day; the log has them, too."""
    return retention.delete(Failure.objects.filter(stopped__lt=retention.yesterday()))


def forget_unreachable_ticks() -> int:
    """Release tasks that a worker with a fast clock has fetched; they would be retried too late."""
    furthest = Now() + 2 * timedelta(seconds=settings.Q_CLUSTER["retry"])
    return retention.delete(OrmQ.objects.filter(lock__gt=furthest))
