"""Paging: lists are JSON arrays; `limit` and `offset` choose a part, headers say the rest."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db.models import QuerySet
from rest_framework.request import Request

from ..bounded_count import MOST, count_up_to
from .errors import invalid_field

MAX_LIMIT = 1000


def query_integer(request: Request, name: str, default: int, *, most: int) -> int:
    """The whole number in query parameter `name`, 0 up to `most`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) <= most):
        raise invalid_field(name, f"a whole number from 0 to {most} is expected")
    return int(text)


def page(request: Request, queryset: QuerySet) -> tuple[QuerySet, dict[str, str]]:
    """The requested part of `queryset`, and the headers to send with it.

    The total is counted up to `MOST`, but at least to the row after the part: so the link to the
    next part is there.
    """
    limit = query_integer(request, "limit", MAX_LIMIT, most=MAX_LIMIT)
    offset = query_integer(request, "offset", 0, most=10**9)
    total = count_up_to(queryset, max(MOST, offset + limit + 1))
    headers = page_headers(request, total=total, offset=offset, limit=limit)
    return queryset[offset : offset + limit], headers


def page_headers(request: Request, *, total: int, offset: int, limit: int) -> dict[str, str]:
    """The headers of a part of a list: how long it is, and where the other parts are."""
    headers = {"X-Total-Count": str(total)}
    links = []
    if offset + limit < total and limit:
        links.append((offset + limit, "next"))
    if offset:
        links.append((max(0, offset - limit), "prev"))
    if links:
        headers["Link"] = ", ".join(
            f'<{_link(request, limit=limit, offset=start)}>; rel="{rel}"' for start, rel in links
        )
    return headers


def _link(request: Request, **changes: int) -> str:
    query = {**request.query_params.dict(), **{k: str(v) for k, v in changes.items()}}
    return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")
