"""Deletes a person's data from their services: names and content go, the numbers stay."""

from __future__ import annotations

from accounts.deletion import StillBusy
from accounts.models import User

from . import lifecycle
from .models import (
    EdgeSession,
    EdgeTicket,
    InstanceDocument,
    InstanceEvent,
    Reason,
    ServiceInstance,
    StartKey,
)


def stop(user: User) -> int:
    """Stop the user's services; returns how many still have an object in an engine."""
    instances = ServiceInstance.objects.owned_by(user).live()
    for instance in instances.select_related("owner"):
        lifecycle.stop(instance, actor="hub", reason=Reason.ACCOUNT)
    return ServiceInstance.objects.owned_by(user).live().count()


def forget(user: User, old: str, new: str) -> None:
    """Keep the times, states and units of the services; titles and contents go."""
    instances = ServiceInstance.objects.owned_by(user)
    if instances.live().exists():
        raise StillBusy("a service came in meanwhile")
    InstanceDocument.objects.filter(instance__owner=user).update(configuration={}, log="")
    InstanceEvent.objects.filter(instance__owner=user).update(message="")
    InstanceEvent.objects.filter(actor=old).update(actor=new)
    StartKey.objects.filter(owner=user).delete()
    for rows in (EdgeSession, EdgeTicket):  # of services of others
        rows.objects.filter(user=user).delete()
    instances.update(title="", client_id="", message="", broken={}, last_used_by="")
