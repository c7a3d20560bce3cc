"""Starts, stops and counts Cate web APIs. A user has one; its files are kept between starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.roles import hold_user
from accounts.scopes import MANAGE_CUBEGENS
from hubsite.coordination import lock
from hubsite.refusals import Kind, Refused

from .. import addresses, lifecycle
from ..access import keys
from ..models import AWAKE_STATES, ServiceInstance
from ..models.instance import InstanceQuerySet
from ..models.profile import CATE
from ..models.profile import Kind as ServiceKind
from ..submission import admission
from . import offered
from .settings import hub

SLOT = CATE
TITLE = "Cate"


@dataclass(frozen=True)
class Started:
    """A web API, and the URL by which its user reaches it; the URL holds a secret."""

    instance: ServiceInstance
    server_url: str


def rows() -> InstanceQuerySet:
    return ServiceInstance.objects.filter(kind=ServiceKind.CATE_WEBAPI)


def running() -> int:
    """How many are awake, or shall be."""
    return rows().filter(state__in=AWAKE_STATES).count()


def start(user: Any, *, actor: str, client_id: str = "") -> Started:
    """Start the user's web API; one that runs begins anew, as with the old service.

    It answers before the web API does. Each call makes another URL; those before go on working
    until they expire. Raises Refused; then nothing has changed.
    """
    offered.require_open()
    with transaction.atomic():
        owner = hold_user(user, MANAGE_CUBEGENS)
        lock.hold("cate")
        if rows().filter(state__in=AWAKE_STATES).exclude(owner=owner).count() > hub.cate_most:
            raise Refused(
                "Too many pods running.", kind=Kind.TOO_LARGE, title="Too many Cate web APIs"
            )
        instance = admission.start(
            owner,
            kind=ServiceKind.CATE_WEBAPI,
            configuration={"started_at": timezone.now().isoformat()},
            title=TITLE,
            slot=SLOT,
            client_id=client_id,
            actor=actor,
            begins_anew=True,
        )
        key = keys.make_key(instance, owner)
    return Started(instance, f"{addresses.base_url(instance)}{keys.PATH}{key}")


def present(user: Any) -> ServiceInstance | None:
    """The web API that the user has, or had last; None if it was deleted or there never was one."""
    found = rows().owned_by(user).filter(slot=SLOT, hidden_at=None).select_related("profile")
    return found.order_by("-pk").first()


def stop(user: Any, *, actor: str, reason: str) -> None:
    """Stop the user's web API, if there is one, and remove it from lists. Repeatable."""
    listed = rows().owned_by(user).filter(slot=SLOT, hidden_at=None)
    for instance in listed.select_related("owner"):
        lifecycle.stop(instance, actor=actor, reason=reason)
        ServiceInstance.objects.filter(pk=instance.pk).update(hidden_at=timezone.now())
