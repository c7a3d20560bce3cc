"""Admission: decides whether a service is started, by its profile, its owner and the limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.roles import hold_user
from accounts.scopes import MANAGE_CUBEGENS
from accounts.units import ledger
from hubsite import audit, switches
from hubsite.coordination.wake_up import wake_up
from hubsite.refusals import Kind, Refused
from services.settings import hub

from .. import addresses, lifecycle, metering
from ..models import InstanceDocument, InstanceEvent, ServiceInstance, ServiceProfile, State
from ..models.profile import Kind as ServiceKind


def start(
    user: Any,
    *,
    kind: ServiceKind = ServiceKind.XCUBE_SERVER,
    profile: ServiceProfile | None = None,
    configuration: dict[str, Any],
    title: str = "",
    slot: str = "",
    client_id: str = "",
    actor: str,
    begins_anew: bool = False,
) -> ServiceInstance:
    """Start a service of `user`, or give the one in their `slot` this configuration.

    `configuration` has been checked by the caller. Without a `profile`, which must be of this
    kind, it is the first that the user may use. `begins_anew`: the process of the one in the slot
    is ended and started again, if it has one that serves; otherwise it takes a changed
    configuration while it serves. The service starts when the worker gets to it; nothing here
    waits for an engine. Raises Refused; then nothing has changed.
    """
    switches.require_open(kind.switch)
    try:
        with transaction.atomic():
            owner = hold_user(user, MANAGE_CUBEGENS)
            present = _present(owner, kind, slot)
            if present is not None and begins_anew:
                _begin_anew(present, configuration, actor=actor)
                return present
            if present is not None and profile in (None, present.profile):
                # It keeps its profile, even one that is offered no longer.
                _reconfigure(present, configuration, title=title, actor=actor)
                return present
            profile = _profile_for(owner, kind, profile)
            if present is not None:
                _reconfigure(present, configuration, title=title, actor=actor)
                return present
            return _make(owner, profile, configuration, title, slot, client_id, actor)
    except ledger.InsufficientUnits as short:
        raise lifecycle.no_units(short) from None


def _profile_for(user: Any, kind: ServiceKind, profile: ServiceProfile | None) -> ServiceProfile:
    """The profile to use. Raises Refused if the user may not, or if there is none."""
    offered = ServiceProfile.objects.offered_to(user).filter(kind=kind)
    if profile is None:
        first = offered.first()
        if first is None:
            raise Refused("This hub offers you no profile of services.", kind=Kind.FORBIDDEN)
        return first
    if not offered.filter(pk=profile.pk).exists():
        raise Refused(
            "the name of a profile that you may use is expected",
            field="profile",
            kind=Kind.FORBIDDEN,
        )
    return profile


def _present(owner: Any, kind: str, slot: str) -> ServiceInstance | None:
    """The owner's instance in this slot, locked."""
    if not slot:
        return None
    rows = ServiceInstance.objects.owned_by(owner).active().filter(kind=kind, slot=slot)
    return rows.select_for_update(of=("self",)).select_related("owner", "profile").first()


def _reconfigure(
    instance: ServiceInstance, configuration: dict[str, Any], *, title: str, actor: str
) -> None:
    """Give an instance another configuration, and wake it if it is asleep."""
    if title and title != instance.title:
        instance.title = title
        ServiceInstance.objects.filter(pk=instance.pk).update(title=title)
    document = InstanceDocument.objects.filter(instance=instance)
    if document.values_list("configuration", flat=True).get() != configuration:
        document.update(configuration=configuration)
        ServiceInstance.objects.filter(pk=instance.pk).update(revision=F("revision") + 1)
        instance.refresh_from_db(fields=["revision"])
        lifecycle.note(instance, "It got another configuration.", actor=actor)
        audit.record("instance.changed", actor=actor, on=instance, detail="another configuration")
        wake_up(lifecycle.START_TASK)
    lifecycle.wake(instance, actor=actor, by="a new configuration")


def _begin_anew(instance: ServiceInstance, configuration: dict[str, Any], *, actor: str) -> None:
    """Start the process of an instance again, or wake it; one that starts already does so once.

    It counts as a new start for its age.
    """
    if instance.state in (State.REQUESTED, State.STARTING):
        return
    InstanceDocument.objects.filter(instance=instance).update(configuration=configuration)
    stops_at = timezone.now() + timedelta(seconds=instance.profile.age_s)
    ServiceInstance.objects.filter(pk=instance.pk).update(stops_at=stops_at, warned_at=None)
    instance.stops_at, instance.warned_at = stops_at, None
    if instance.state == State.ASLEEP:
        lifecycle.wake(instance, actor=actor, by="a new start")
        return
    lifecycle.move(
        instance, State.STARTING, actor=actor, message="Started anew.", has_new_wish=True
    )
    wake_up(lifecycle.START_TASK)


def _make(
    owner: Any,
    profile: ServiceProfile,
    configuration: dict[str, Any],
    title: str,
    slot: str,
    client_id: str,
    actor: str,
) -> ServiceInstance:
    """Write the row, its document, its event and its reservation."""
    if ServiceInstance.objects.owned_by(owner).listed().active().count() >= hub.services_per_user:
        raise Refused(
            f"Too many services: you may have {hub.services_per_user} at once. Stop one of them.",
            kind=Kind.TOO_LARGE,
            title="Too many services",
        )
    instance = ServiceInstance(
        kind=profile.kind,
        profile=profile,
        owner=owner,
        client_id=client_id,
        title=title,
        slot=slot,
        engine=hub.engine,
        stops_at=timezone.now() + timedelta(seconds=profile.age_s),
        units_per_hour=profile.units_per_hour,
    )
    instance.path = addresses.path_of(instance.instance_id)
    instance.save(force_insert=True)
    metering.open_block(instance)
    InstanceDocument.objects.create(instance=instance, configuration=configuration)
    InstanceEvent.objects.create(instance=instance, to_state=State.REQUESTED, actor=actor)
    audit.record("instance.requested", actor=actor, on=instance, detail=profile.name)
    wake_up(lifecycle.START_TASK)
    return instance
