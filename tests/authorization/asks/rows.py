"""Rows that the world does not have: each function makes one, or says which parameters name it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from jobs import lifecycle
from jobs.models import Job, Reason
from jobs.stores.catalogue import load_catalogue
from jobs.stores.location import location
from services import lifecycle as service_lifecycle
from services.models import ServiceInstance
from tests.jobs.factories import charged, make_job

from ..world import World
from .ask import PASSWORD, Arrange


def job(**fields: Any) -> Callable[[World], Job]:
    return lambda world: make_job(world.owner, **fields)


def failed(world: World) -> Job:
    row = make_job(world.owner)
    lifecycle.fail(row, Reason.XCUBE_ERROR, "no such variable", actor="worker")
    return row


def paid(world: World) -> Job:
    done = charged(world.owner)
    place = location(
        load_catalogue().get("cubes").for_user(world.owner.username), done.output_data_id
    )
    claim = hashlib.sha256(place.encode()).hexdigest()
    Job.objects.filter(pk=done.pk).update(output_claim=claim)
    return done


def instance(world: World) -> ServiceInstance:
    return ServiceInstance.objects.get(instance_id=world.instance_id)


def asleep(world: World) -> ServiceInstance:
    row = instance(world)
    service_lifecycle.sleep(row, actor="worker", reason="IDLE", message="")
    return row


def row(make: Callable[[World], Any]) -> Arrange:
    """For a list or page of the admin: the primary key of what `make` returns."""
    return lambda world: {
        "object_id": str(pk := make(world).pk),
        "id": str(pk),
        "_selected_action": str(pk),
        "sure": "yes",
    }


def named(make: Callable[[World], Any]) -> Arrange:
    """For the API and pages of users: the id of the job or service that `make` returns."""

    def arrange(world: World) -> dict[str, str]:
        made = make(world)
        return {
            name: getattr(made, name) for name in ("job_id", "instance_id") if hasattr(made, name)
        }

    return arrange


def mine(name: str) -> Callable[[World], Any]:
    return lambda world: getattr(world.owner, name).order_by("pk").last()


def with_password(who: str) -> Arrange:
    def arrange(world: World) -> dict[str, str]:
        user = world.users[who]
        user.set_password(PASSWORD)
        user.save()
        world.cookies.update({who: world.session_of(user)})
        return {"username": user.email, "typed": user.email}

    return arrange


def another_user(world: World) -> dict[str, str]:
    return {"user_id": world.users["stranger"].user_id}
