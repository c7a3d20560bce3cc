"""Which stores a user may see, and what identifies what they see in one of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils.crypto import salted_hmac

from accounts.models import User
from hubsite.refusals import Kind, Refused

from ..models import StoreListing
from ..stores.catalogue import load_catalogue
from ..stores.store import Store
from ..stores.stores_file import StoresFileError


@dataclass(frozen=True)
class View:
    """A store as one user sees it.

    `scope` is empty if all users see the same, else the user's key: nothing that is kept with it
    is ever shown to another. `given` is what xcube opens it with, credentials included.
    """

    store: Store
    user: User
    scope: str
    given: dict[str, Any]
    fingerprint: str


def offered() -> list[Store]:
    """The stores of the stores file. Raises Refused if the file has a fault."""
    try:
        return list(load_catalogue())
    except StoresFileError as error:
        raise Refused(
            "The data stores are not available just now. Please try again.",
            kind=Kind.UNAVAILABLE,
            retry_after_s=60,
        ) from error


def find(name: str) -> Store:
    """The store of that name, with or without "@". Raises Refused (NOT_FOUND)."""
    name = name.removeprefix("@")
    for store in offered():
        if store.name == name:
            return store
    raise Refused(f"There is no data store @{name[:100]}.", kind=Kind.NOT_FOUND)


def view_of(store: Store, user: User) -> View:
    """The store as `user` sees it. Raises Refused (FORBIDDEN) if nobody may read it."""
    if not store.readable:
        raise Refused(f"The data store @{store.name} cannot be read.", kind=Kind.FORBIDDEN)
    given = store.for_user(user.username)
    text = json.dumps(given, sort_keys=True, default=str)
    return View(
        store=store,
        user=user,
        scope=str(user.pk) if store.per_user else "",
        given=given,
        fingerprint=salted_hmac("jobs.discovery", text, algorithm="sha256").hexdigest(),
    )


def view_of_row(row: StoreListing) -> View | None:
    """The view that a listing was made for; None if the store or the right is gone.

    What all users see is seen without a user.
    """
    store = next((store for store in offered() if store.name == row.store), None)
    if store is None or not store.readable or store.per_user != bool(row.scope):
        return None
    user = row.owner if store.per_user else User(username="nobody")
    return view_of(store, user) if user is not None else None
