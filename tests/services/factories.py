"""Makes profiles and service instances for tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from services.models import (
    FINAL_STATES,
    InstanceDocument,
    InstanceEvent,
    ServiceInstance,
    ServiceProfile,
    State,
)

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
