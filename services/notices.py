"""What the owner of a service is told: that it ended, fell asleep, or will be stopped soon."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.notices.kinds import Kind
from accounts.notices.telling import tell

from .models import OVER_STATES, Reason, ServiceInstance, State

STOPPED = Kind("service.stopped", _("A service was stopped"))
FAILED = Kind("service.failed", _("A service failed"))
ASLEEP = Kind("service.asleep", _("A service fell asleep because no one used it"), in_portal=False)
STOPS = Kind("service.stops", _("A service will be stopped soon"), by_mail=True, is_urgent=True)
KINDS = (STOPPED, FAILED, ASLEEP, STOPS)

_LONGEST_NAME = 120


@translation.override("en")  # it is stored, mailed and sent to programs
def tell_of_step(
    instance: ServiceInstance, origin: State, to: State, *, reason: str, message: str
) -> None:
    """Tell the owner of a step, within its transaction, if it is one to tell of. One query."""
    if origin in OVER_STATES:
        return
    if to == State.FAILED:
        words = str(Reason(reason).label) if reason in Reason.values else ""
        text = ". ".join(filter(None, (words, message)))
        _tell(instance, FAILED, "{} failed", text, reason=reason)
    elif to in OVER_STATES:
        _tell(instance, STOPPED, "{} was stopped", message, reason=reason)
    elif to == State.ASLEEP and reason == Reason.IDLE:
        occasion = str(instance.revision)
        _tell(instance, ASLEEP, "{} fell asleep", message, reason=reason, occasion=occasion)


def warn_of_age(instance: ServiceInstance, at: datetime) -> None:
    """Warn that it will be stopped at `at` because of its age."""
    text = (
        f"It will be stopped at {at:%Y-%m-%d %H:%M} UTC, because it reaches the largest age of "
        "its profile. Keep it for longer on its page, or start a new one."
    )
    occasion = f"age {at:%Y-%m-%dT%H:%M}"
    _tell(instance, STOPS, "{} will be stopped soon", text, reason=Reason.AGE, occasion=occasion)


def warn_of_units(instance: ServiceInstance) -> None:
    """Warn that it will be stopped because the units of its owner are nearly used up."""
    text = "Your processing units will soon be used up. Then it will be stopped."
    occasion = f"units {instance.block}"
    _tell(instance, STOPS, "{} will be stopped soon", text, reason=Reason.UNITS, occasion=occasion)


def _tell(
    instance: ServiceInstance, kind: Kind, title: str, text: str, *, reason: str, occasion: str = ""
) -> None:
    name = instance.title or "Your service"
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    tell(
        instance.owner_id,
        kind.name,
        instance.instance_id,
        title.format(name),
        text,
        occasion=occasion,
        path=reverse("service", args=[instance.instance_id]),
        details={
            "service_id": instance.instance_id,
            "kind": instance.kind,
            "reason": reason or None,
        },
        is_own_doing=reason == Reason.OWNER,
    )
