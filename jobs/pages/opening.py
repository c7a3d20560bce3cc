"""How the owner of a finished cube opens it with xcube and xarray."""

from __future__ import annotations

from dataclasses import dataclass

from ..models import Job
from ..stores.catalogue import Store, StoresFileError, load_catalogue


@dataclass(frozen=True)
class Opening:
    """Where the cube lies, in words, and the Python that opens it there."""

    place: str
    code: str


def how_to_open(job: Job) -> Opening:
    """Where the cube of a finished job is, and how to open it.

    Paths on the hub's own machine and keys are left out: operators tell who may have them.
    """
    name, store = job.output_data_id, _store(job.output_store)
    title = (store.title if store else "") or job.output_store
    if store is None or store.store_id != "s3":
        return Opening(place=f"{name} in {title}", code="")
    root = str(store.for_user(job.owner.username)["store_params"].get("root") or "")
    code = (
        "from xcube.core.store import new_data_store\n\n"
        "# With the key and secret of this bucket, if it is not public.\n"
        f"store = new_data_store({store.store_id!r}, root={root!r})\n"
        f"cube = store.open_data({name!r})"
    )
    return Opening(place=f"{name} in {title} ({root})", code=code)


def _store(name: str) -> Store | None:
    if not name.startswith("@"):
        return None
    try:
        return load_catalogue().get(name[1:])
    except StoresFileError:
        return None
