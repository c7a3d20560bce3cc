"""What somebody with whom a service is shared may do besides using it: let it sleep, stop it."""

from __future__ import annotations

from accounts.models import Action, User
from accounts.sharing.openings import note_opening
from accounts.sharing.rights import share_for
from hubsite.refusals import Kind, Refused

from .. import lifecycle
from ..models import Reason, ServiceInstance
from .rights import SERVICE


def stoppable(user: User, instance_id: str) -> ServiceInstance:
    """The instance that others share with this user to stop it. Raises Refused (404)."""
    share = share_for(user, SERVICE, instance_id, Action.STOP)
    rows = ServiceInstance.objects.active().select_related("profile")
    instance = rows.filter(instance_id=instance_id).first() if share is not None else None
    if share is None or instance is None:
        raise Refused(f"Service {instance_id[:63]} not found.", kind=Kind.NOT_FOUND)
    note_opening(share, user)
    return instance


def stop_shared(instance: ServiceInstance, *, by: User) -> bool:
    """Stop it in the name of somebody with whom it is shared; it stays in its owner's list."""
    return lifecycle.stop(instance, actor=by.username, reason=Reason.SHARED)


def sleep_shared(instance: ServiceInstance, *, by: User) -> bool:
    return lifecycle.sleep(
        instance,
        actor=by.username,
        reason=Reason.SHARED,
        message="Somebody with whom it is shared put it to sleep.",
    )
