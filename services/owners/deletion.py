"""Deletes a person's data from their services: names and content go, the numbers stay."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from accounts.deletion import Foreseen, StillBusy, counted
from accounts.models import User
from hubsite.engines import find_engine

from .. import lifecycle
from ..cate.workload import kept_name
from ..models import (
    EdgeSession,
    EdgeTicket,
    InstanceDocument,
    InstanceEvent,
    InstanceQuerySet,
    Kind,
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


def foresee(user: User) -> list[Foreseen]:
    instances = ServiceInstance.objects.owned_by(user)
    return [
        Foreseen(_("Running services"), counted(instances.live()), _("stopped first")),
        Foreseen(
            _("Services"), counted(instances), _("stay without a title, configuration or log")
        ),
    ]


def forget(user: User, old: str, new: str) -> list[str]:
    """Keep the times, states and units of the services; titles, contents and files go.

    Returns which files operators must delete themselves.
    """
    instances = ServiceInstance.objects.owned_by(user)
    if instances.live().exists():
        raise StillBusy("a service came in meanwhile")
    left = list(_forget_files(instances, old))
    InstanceDocument.objects.filter(instance__owner=user).update(configuration={}, log="")
    InstanceEvent.objects.filter(instance__owner=user).update(message="")
    InstanceEvent.objects.filter(actor=old).update(actor=new)
    StartKey.objects.filter(owner=user).delete()
    for rows in (EdgeSession, EdgeTicket):  # of services of others
        rows.objects.filter(user=user).delete()
    instances.update(title="", client_id="", message="", broken={}, last_used_by="")
    return left


def _forget_files(instances: InstanceQuerySet, user_id: str) -> Iterator[str]:
    """Delete the files of the user's Cate, and yield what operators must delete themselves."""
    engines = instances.filter(kind=Kind.CATE_WEBAPI).order_by().values_list("engine", flat=True)
    for name in engines.distinct():
        engine = find_engine(name)
        if engine is None or engine.services is None:
            yield f"engine {name}: remove the folder {kept_name(user_id)} of its services"
        elif left := engine.services.forget_files(kept_name(user_id)):
            yield left
