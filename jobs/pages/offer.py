"""What the hub's home page says of its data stores."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from ..models import StoreListing
from ..stores.catalogue import load_catalogue
from ..stores.stores_file import StoresFileError
from .example import example_request

SHOWN = 12


def offered_stores(request: HttpRequest, **slot: Any) -> dict[str, Any] | None:
    """Names, titles and descriptions of the stores, and how many datasets each was found to have.

    It never says where their data lies, and asks no store: it tells what the newest listing had.

    None if there are none, or if the stores file has a fault (health tells operators).
    """
    try:
        stores = list(load_catalogue())
    except StoresFileError:
        return None
    if not stores:
        return None
    shown = stores[:SHOWN]
    listings = StoreListing.objects.filter(store__in=[store.name for store in shown], scope="")
    totals = dict(listings.exclude(listed_at=None).values_list("store", "total"))
    return {
        "stores": [(store, totals.get(store.name, 0)) for store in shown],
        "more": max(0, len(stores) - SHOWN),
    }


def how_to_begin(request: HttpRequest, *, api_url: str) -> dict[str, Any]:
    """The commands for a first cube, with a request of stores that this hub has."""
    return {"example": example_request()}
