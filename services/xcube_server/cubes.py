"""Opens finished cubes in the viewer: one server for each user, in the slot `cubes`.

A further cube is added to the same server. It shows a bounded number of cubes; the one that was
opened longest ago leaves first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from accounts.roles import hold_user
from accounts.scopes import MANAGE_CUBEGENS
from hubsite.refusals import Kind as RefusalKind
from hubsite.refusals import Refused
from jobs.lifecycle import status_of
from jobs.models import Job, JobDocument, levels_data_id
from jobs.models import State as JobState
from jobs.request.accessors import format_of
from jobs.results.successors import newest_at, refuse_if_replaced
from jobs.stores.catalogue import load_catalogue
from jobs.stores.location import location
from jobs.stores.store import Store
from jobs.stores.stores_file import StoresFileError
from services import lifecycle
from services.models import InstanceDocument, Kind, ServiceInstance, ServiceProfile
from services.submission import admission

from .shown import SEPARATOR, why_not
from .viewer import address_of

SLOT = "cubes"
TITLE = "Your cubes"
MOST_CUBES = 12
FORMATS = ("zarr", "levels", "netcdf")
"""Formats that jobs write and xcube's server reads."""


def open_cube(user: Any, job: Job) -> tuple[ServiceInstance, str]:
    """Show the cube of a finished job in the user's viewer; gives the server and the address.

    The server is started, woken, or extended. Opening a cube again changes nothing but the order
    in which cubes leave. Raises Refused if there is no such cube to show; then nothing changes.
    """
    store = _checked(user, job)
    with transaction.atomic():
        owner = hold_user(user, MANAGE_CUBEGENS)
        present = _present(owner)
        profile = present.profile if present else _first_profile(owner)
        if why := why_not(store, profile):
            raise _refused(f"Its cube cannot be opened: {why}.")
        dataset = _dataset(job, store)
        instance = _show(owner, present, profile, dataset)
    return instance, address_of(instance, dataset["Identifier"], _first_variable(job))


def datasets_of(user: Any, jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """What the list `Datasets` of a server's configuration says of these jobs' cubes.

    Raises Refused if one of them is not there or cannot be read.
    """
    return [_dataset(job, _checked(user, job)) for job in jobs]


def _checked(user: Any, job: Job) -> Store:
    """The store of the job's cube. Raises Refused unless the cube is there and can be read."""
    if job.owner_id != user.pk:
        raise Refused("This job is not yours.", kind=RefusalKind.NOT_FOUND)
    if job.state != JobState.SUCCEEDED:
        raise _refused(f"The job has no cube to open: it is {job.state}.")
    if status_of(job.result) == "warning":
        raise _refused("The job has no cube to open: it wrote nothing.")
    if not job.output_store.startswith("@"):
        raise _refused("The cube lies in a store of your own, which the hub's viewer cannot read.")
    if format_of(job.output_data_id) not in FORMATS:
        raise _refused("The viewer cannot read the format of the cube.")
    try:
        store = load_catalogue().get(job.output_store[1:])
    except StoresFileError:
        raise Refused(
            "The hub's list of data stores cannot be read now.",
            kind=RefusalKind.UNAVAILABLE,
            retry_after_s=30,
        ) from None
    if store is None:
        raise _refused(f"The store {job.output_store} of the cube does not exist any more.")
    place = location(store.for_user(user.username), job.output_data_id)
    if hashlib.sha256(place.encode()).hexdigest() != job.output_claim:
        raise _refused(f"The store {job.output_store} is not where it was: the cube is not there.")
    refuse_if_replaced(job, kind=RefusalKind.CONFLICT)
    return store


def _refused(message: str) -> Refused:
    return Refused(message, kind=RefusalKind.CONFLICT)


def _present(owner: Any) -> ServiceInstance | None:
    """The user's server of cubes, if there is one."""
    rows = ServiceInstance.objects.owned_by(owner).active()
    rows = rows.filter(kind=Kind.XCUBE_SERVER, slot=SLOT)
    return rows.select_related("owner", "profile", "document").first()


def _first_profile(owner: Any) -> ServiceProfile | None:
    return ServiceProfile.objects.offered_to(owner).filter(kind=Kind.XCUBE_SERVER).first()


def _dataset(job: Job, store: Store) -> dict[str, Any]:
    """The entry of Datasets for the job's cube; its pyramid stands for it if there is one."""
    path = job.output_data_id
    if (pyramid := levels_data_id(job)) and newest_at(job.levels_claim) == job:
        path = pyramid
    return {
        "Identifier": identifier_of(store.name, job.output_data_id),
        "StoreInstanceId": f"@{store.name}",
        "Path": path,
        "Title": job.output_data_id[-200:],
    }


def identifier_of(store: str, data_id: str) -> str:
    """An id that is the same for the same place, and safe in an address."""
    plain = f"{store}{SEPARATOR}{data_id}"
    safe = re.sub(r"[^A-Za-z0-9_.~-]", "-", plain)[:150]
    if safe == plain:
        return plain
    return f"{safe}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def _show(
    owner: Any,
    present: ServiceInstance | None,
    profile: ServiceProfile | None,
    dataset: dict[str, Any],
) -> ServiceInstance:
    """Let the server show this dataset first, in addition to those that it shows."""
    shown = list(present.document.configuration.get("Datasets", ())) if present else []
    others = [entry for entry in shown if entry["Identifier"] != dataset["Identifier"]]
    datasets = [dataset, *others][:MOST_CUBES]
    if present is not None and _by_identifier(datasets) == _by_identifier(shown):
        # Only the order has changed, which the server need not know.
        rows = InstanceDocument.objects.filter(instance=present)
        rows.update(configuration={"Datasets": datasets})
        lifecycle.wake(present, actor=owner.username, by="an opened cube")
        return present
    return admission.start(
        owner,
        profile=profile,
        configuration={"Datasets": datasets},
        title=TITLE,
        slot=SLOT,
        actor=owner.username,
    )


def _by_identifier(datasets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(datasets, key=lambda dataset: dataset["Identifier"])


def _first_variable(job: Job) -> str | None:
    """The variable that the job's request names first; None if it names none."""
    request = JobDocument.objects.filter(job=job).values_list("request", flat=True).first()
    names = ((request or {}).get("cube_config") or {}).get("variable_names")
    return names[0] if names else None
