"""The pages "Data": the data stores, what each holds, and one data set with all that is known."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from accounts.roles import permissions_of
from accounts.scopes import MANAGE_CUBEGENS
from hubsite.refusals import Kind, Refused

from ..discovery import describing, listing, paging, stores
from ..discovery.presentation import listings_of, store_shown
from ..discovery.stores import View as StoreView

ON_A_PAGE = 50
MOST_PAGES = 10**6
MOST_SEARCH_CHARS = 200
ATTRIBUTES_SHOWN = 12


@method_decorator([never_cache, login_required], name="dispatch")
class _StorePage(View):
    """A page for those who may generate cubes. What is refused becomes a page that says why."""

    http_method_names = ["get", "head"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if MANAGE_CUBEGENS not in permissions_of(request.user):
            raise PermissionDenied(
                "Your account may not generate cubes, and so not see their data."
            )
        try:
            return super().dispatch(request, *args, **kwargs)
        except Refused as refused:
            if refused.kind is Kind.NOT_FOUND:
                raise Http404(str(refused)) from refused
            status = {Kind.FORBIDDEN: 403, Kind.UNAVAILABLE: 503, Kind.BUSY: 429}
            context = {"store": kwargs.get("store"), "message": str(refused)}
            response = render(
                request, "jobs/store_refused.html", context, status=status.get(refused.kind, 422)
            )
            if refused.retry_after_s:
                response["Retry-After"] = str(refused.retry_after_s)
            return response


class StoresPage(_StorePage):
    """All data stores, and whether they answered when they were last asked."""

    def get(self, request: HttpRequest) -> HttpResponse:
        known = listings_of(request.user)
        shown = [
            {"name": store.name, **store_shown(store, known.get(store.name))}
            for store in stores.offered()
        ]
        return render(request, "jobs/stores.html", {"stores": shown})


class StorePage(_StorePage):
    """The data sets of one store: `search` chooses some, `page` continues the list."""

    def get(self, request: HttpRequest, store: str) -> HttpResponse:
        view = _view(request, store)
        search = request.GET.get("search", "").strip()[:MOST_SEARCH_CHARS]
        search = "".join(letter for letter in search if letter.isprintable())
        number = request.GET.get("page", "1")
        page = int(number) if number.isdecimal() and 0 < int(number[:8]) <= MOST_PAGES else 1
        found = listing.get(view)
        part = paging.page(
            view, found, offset=(page - 1) * ON_A_PAGE, limit=ON_A_PAGE, search=search
        )
        context = {
            "store": view.store,
            "search": search,
            "listing": part.listing,
            "total": part.total,
            "data_sets": [
                {"id": data_id, "type": data_type, "url": _url(view, data_id)}
                for data_id, data_type in part.entries
            ],
            "before": page - 1,
            "next": page + 1 if page * ON_A_PAGE < part.total else None,
        }
        return render(request, "jobs/store.html", context)


class StoreDataPage(_StorePage):
    """One data set (`?id=…`): its variables, area, times and size."""

    def get(self, request: HttpRequest, store: str) -> HttpResponse:
        view = _view(request, store)
        data_id = request.GET.get("id", "")
        content, described_at = describing.describe(view, data_id)
        values = {"store": f"@{view.store.name}", "dataset": data_id}
        context = {
            "store": view.store,
            "data_id": data_id,
            "described_at": described_at,
            "data": content,
            "shape": " × ".join(f"{n} {dim}" for dim, n in (content.get("dims") or {}).items()),
            "title": (content.get("attributes") or {}).get("title"),
            "variables": list((content.get("variables") or {}).items()),
            "attributes": list((content.get("attributes") or {}).items())[:ATTRIBUTES_SHOWN],
            "new_cube": f"{reverse('new-cube')}?{urlencode(values)}" if view.store.price else None,
        }
        return render(request, "jobs/store_data.html", context)


def _view(request: HttpRequest, name: str) -> StoreView:
    return stores.view_of(stores.find(name), request.user)


def _url(view: StoreView, data_id: str) -> str:
    return f"{reverse('store-data', args=[view.store.name])}?{urlencode({'id': data_id})}"
