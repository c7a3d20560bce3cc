"""Keeping an instance: until a time of its owner's it neither falls asleep nor is too old."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from hubsite import audit
from hubsite.refusals import Kind, Refused

from ..human_units import show_duration
from ..models import FINAL_STATES, InstanceEvent, ServiceInstance, State

ENDING = (*FINAL_STATES, State.STOPPING)


def keep(instance: ServiceInstance, until: datetime | None, *, actor: str) -> ServiceInstance:
    """Keep it until then, or with None no longer than others. Raises Refused.

    It may be kept for the largest age of its profile from now, so nothing lives on unless its
    owner wants it again and again.
    """
    now = timezone.now()
    longest = timedelta(seconds=instance.profile.age_s)
    if until is not None and not now < until <= now + longest:
        raise Refused(
            f"a time in the future is expected, at most {show_duration(instance.profile.age_s)} "
            "from now",
            field="until",
        )
    if until == instance.kept_until and instance.state not in ENDING:
        return instance
    with transaction.atomic():
        rows = ServiceInstance.objects.filter(pk=instance.pk).exclude(state__in=ENDING)
        if not rows.update(kept_until=until, warned_at=None):
            raise Refused("It has ended, or is being stopped.", kind=Kind.CONFLICT)
        said = f"Kept until {until:%Y-%m-%d %H:%M} UTC." if until else "No longer kept."
        InstanceEvent.objects.create(instance=instance, message=said, actor=actor)
        audit.record("instance.changed", actor=actor, on=instance, detail=said)
    instance.kept_until, instance.warned_at = until, None
    return instance
