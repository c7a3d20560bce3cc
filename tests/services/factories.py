"""Makes profiles and service instances for tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Share, ShareQuerySet
from accounts.roles import forget_permissions, permission_rows
from services.models import (
    FINAL_STATES,
    InstanceDocument,
    InstanceEvent,
    ServiceInstance,
    ServiceProfile,
    State,
)
from tests.services import sharing

CONFIGURATION: dict[str, Any] = {
    "Datasets": [{"Identifier": "demo", "StoreInstanceId": "@cubes", "Path": "demo.zarr"}]
}


def make_profile(name: str = "small", **fields: Any) -> ServiceProfile:
    """The profile of that name, changed by `fields`; a flushed database has not even `small`."""
    profile, _ = ServiceProfile.objects.update_or_create(
        name=name, defaults={"title": name.capitalize(), **fields}
    )
    return profile


def make_instance(owner: Any, *, state: str = State.REQUESTED, **fields: Any) -> ServiceInstance:
    """An instance in the database as a start writes it, then put into `state`."""
    profile = fields.pop("profile", None) or make_profile()
    configuration = fields.pop("configuration", CONFIGURATION)
    now = timezone.now()
    log = fields.pop("log", "")
    instance = ServiceInstance.objects.create(
        **{
            "owner": owner,
            "profile": profile,
            "kind": profile.kind,
            "engine": "local",
            "state": state,
            "is_live": state not in (*FINAL_STATES, State.REQUESTED),
            "stops_at": now + timedelta(seconds=profile.age_s),
            "units_per_hour": profile.units_per_hour,
            "ready_since": now if state == State.READY else None,
            "finished_at": now if state in FINAL_STATES else None,
            **fields,
        }
    )
    InstanceDocument.objects.create(instance=instance, configuration=configuration, log=log)
    InstanceEvent.objects.create(instance=instance, to_state=State.REQUESTED, actor=owner.username)
    return instance


def shares_at(instance: ServiceInstance) -> ShareQuerySet:
    """All shares of the instance, valid or not."""
    return Share.objects.of("service", instance.instance_id)


def make_share(instance: ServiceInstance, **fields: Any) -> Share:
    """A share of the instance in the database: by a link, or with `user`."""
    user = fields.get("user")
    whom = {"person": user.email} if user else {"link_hash": f"{Share.objects.count():064}"}
    return Share.objects.create(
        **{
            "kind": "service",
            "subject": instance.instance_id,
            "owner": instance.owner,
            "created_by": instance.owner,
            "expires_at": timezone.now() + timedelta(days=1),
            **whom,
            **fields,
        }
    )


def make_public_link(instance: ServiceInstance, **options: Any) -> tuple[Share, str]:
    """A link that needs no sign-in, and its secret. The owner gets the permission for it."""
    instance.owner.user_permissions.add(*permission_rows(["share:publicly"]))
    forget_permissions(instance.owner)
    return sharing.make_link(instance, by=instance.owner, is_public=True, **options)
