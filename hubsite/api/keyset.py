"""Paging of long lists: newest first, each part chosen by a position, so all are equally quick.

The header `Link` (RFC 8288) has the URL of the next part; there is no total, because counting a
million rows takes longer than to read a part of them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from .pagination import MAX_LIMIT, query_integer
from .schema import query_number

DEFAULT_LIMIT = 100
LARGEST = 10**18 - 1


def part_of(request: Request, rows: QuerySet) -> tuple[list[Any], dict[str, str]]:
    """The part of `rows` that `limit` and `before` choose, newest first, and its headers."""
    limit = max(query_integer(request, "limit", DEFAULT_LIMIT, most=MAX_LIMIT), 1)
    before = query_integer(request, "before", LARGEST, most=LARGEST)
    if before < LARGEST:
        rows = rows.filter(pk__lt=before)
    part = list(rows.order_by("-pk")[: limit + 1])
    if len(part) <= limit:
        return part, {}
    query = {**request.query_params.dict(), "before": str(part[limit - 1].pk)}
    url = request.build_absolute_uri(f"{request.path}?{urlencode(query)}")
    return part[:limit], {"Link": f'<{url}>; rel="next"'}


KEYSET = [
    query_number("limit", DEFAULT_LIMIT, MAX_LIMIT, "At most so many; 0 counts as 1."),
    OpenApiParameter(
        "before",
        {"type": "integer", "minimum": 0, "maximum": LARGEST},
        description="Only what is older than this position. Take it from `Link`.",
    ),
    OpenApiParameter(
        "Link",
        str,
        OpenApiParameter.HEADER,
        response=[200],
        description='The next part, if there is one: `<url>; rel="next"` (RFC 8288).',
    ),
]
"""The parameters and headers of a list that `part_of` makes."""
