"""The `/stores` endpoints: which stores there are, what they hold, what they understand."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import HasScope
from hubsite.api.errors import PROBLEMS
from hubsite.api.pagination import MAX_LIMIT, page_headers, query_integer
from hubsite.api.serializers import time_text
from hubsite.refusals import Refused

from ..discovery import describing, listing, paging, stores
from ..discovery.parameters import parameters_of
from ..discovery.presentation import (
    entries_shown,
    listing_headers,
    listings_of,
    store_shown,
)
from . import store_schema as schema
from .views import SwitchableViewSet

MOST_SEARCH_CHARS = 200
PRIVATE = "private, no-cache"
"""A client may keep the answer, and asks each time whether it is still true (ETag)."""


class StoreViewSet(SwitchableViewSet):
    """The data stores of the hub, as the caller sees them."""

    permission_classes = [HasScope("manage:cubegens")]
    error_shape = PROBLEMS

    @schema.list_stores
    def list(self, request: Request) -> Response:
        known = listings_of(request.user)
        return Response([store_shown(one, known.get(one.name)) for one in stores.offered()])

    @schema.get_store
    def retrieve(self, request: Request, store: str) -> Response:
        found = stores.find(store)
        return Response(store_shown(found, listings_of(request.user).get(found.name)))

    @schema.get_parameters
    def parameters(self, request: Request, store: str) -> Response:
        return Response(parameters_of(stores.find(store), request.user))


class StoreDataViewSet(SwitchableViewSet):
    """The data sets of one store."""

    permission_classes = [HasScope("manage:cubegens")]
    error_shape = PROBLEMS

    @schema.list_data
    def list(self, request: Request, store: str) -> HttpResponse:
        view = stores.view_of(stores.find(store), request.user)
        offset = query_integer(request, "offset", 0, most=10**9)
        limit = query_integer(request, "limit", MAX_LIMIT, most=MAX_LIMIT)
        search, data_type = _text(request, "search"), _text(request, "data_type")
        found = listing.get(view)
        tag = paging.etag(found, offset, limit, search, data_type)
        response = get_conditional_response(request._request, etag=tag)
        if response is None:
            part = paging.page(
                view, found, offset=offset, limit=limit, search=search, data_type=data_type
            )
            found = part.listing
            headers = page_headers(request, total=part.total, offset=offset, limit=limit)
            response = Response(entries_shown(part.entries), headers=headers)
        return _with(response, tag, listing_headers(found))

    @schema.get_data
    def retrieve(self, request: Request, store: str, data_id: str) -> HttpResponse:
        view = stores.view_of(stores.find(store), request.user)
        content, described_at = describing.describe(view, data_id)
        tag = f'"{describing.digest_of(content)}"'
        response = get_conditional_response(request._request, etag=tag)
        if response is None:
            response = Response({"store_id": f"@{view.store.name}", **content})
        return _with(response, tag, {"X-Described-At": time_text(described_at)})


def _text(request: Request, name: str) -> str:
    """A text in the query. Raises Refused if it is too long or holds what no name holds."""
    text = request.query_params.get(name, "").strip()
    if len(text) > MOST_SEARCH_CHARS or not text.isprintable():
        raise Refused(
            f"a text of at most {MOST_SEARCH_CHARS} printable characters is expected", field=name
        )
    return text


def _with(response: Any, etag: str, headers: dict[str, str]) -> Any:
    response["ETag"] = etag
    response["Cache-Control"] = PRIVATE
    for name, value in headers.items():
        response[name] = value
    return response
