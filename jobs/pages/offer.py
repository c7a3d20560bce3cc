"""What the hub's home page says of its data stores."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from ..stores.catalogue import StoresFileError, load_catalogue

SHOWN = 12


def offered_stores(request: HttpRequest) -> dict[str, Any] | None:
    """Names, titles and descriptions of the stores; never where their data lies.

    None if there are none, or if the stores file has a fault (health tells operators).
    """
    try:
        stores = list(load_catalogue())
    except StoresFileError:
        return None
    return {"stores": stores[:SHOWN], "more": max(0, len(stores) - SHOWN)} if stores else None
