"""Parts of the page "New cube": the datasets of a store, and what is known of one of them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hubsite.refusals import Refused

from ...discovery import describing, listing, paging, stores
from ..cubes import check_may_generate
from ..request_in_words import area_in_words, is_in_degrees

SUGGESTED = 50
LONGEST = 500
"""Characters of a name or of a search."""
SHOWN_VARIABLES = 200


@never_cache
@login_required
@require_safe
def suggested(request: HttpRequest) -> HttpResponse:
    """Options for the field "Dataset": those of `store` that contain `search`."""
    try:
        view = _view(request)
        found = listing.get(view)
        page = paging.page(
            view, found, offset=0, limit=SUGGESTED, search=request.GET.get("search", "")[:LONGEST]
        )
    except Refused as refused:
        return render(request, "jobs/new_cube_datasets.html", {"refused": str(refused)})
    context = {
        "ids": [data_id for data_id, _ in page.entries],
        "more": max(0, page.total - len(page.entries)),
    }
    return render(request, "jobs/new_cube_datasets.html", context)


@never_cache
@login_required
@require_safe
def described(request: HttpRequest) -> HttpResponse:
    """What the page shows of the dataset `dataset` in `store`."""
    name = request.GET.get("dataset", "").strip()
    try:
        view = _view(request)
        if not name or len(name) > LONGEST:
            return HttpResponse()
        description, _ = describing.describe(view, name)
    except Refused as refused:
        return render(request, "jobs/new_cube_dataset.html", {"refused": str(refused)})
    return render(request, "jobs/new_cube_dataset.html", {"about": _about(description)})


def _view(request: HttpRequest) -> stores.View:
    """The store as the caller sees it. Raises Refused, PermissionDenied."""
    check_may_generate(request.user)
    return stores.view_of(stores.find(request.GET.get("store", "")[:LONGEST]), request.user)


def _about(told: dict[str, Any]) -> dict[str, Any]:
    """The parts of a description that help to fill in the form; null where it does not say."""
    variables, box, crs = told.get("variables") or {}, told.get("bbox"), told.get("crs") or ""
    first, last = told.get("time_range") or (None, None)
    return {
        "title": (told.get("attributes") or {}).get("title") or "",
        "variables": [
            {
                "name": name,
                "title": about.get("long_name") or about.get("standard_name") or "",
                "units": about.get("units") or "",
            }
            for name, about in list(variables.items())[:SHOWN_VARIABLES]
        ],
        "more": max(0, len(variables) - SHOWN_VARIABLES),
        "crs": crs,
        "is_in_degrees": is_in_degrees(crs),
        "bbox": box,
        "area": area_in_words(box, crs) if box else "",
        "bbox_wgs84": told.get("bbox_wgs84"),
        "resolution": told.get("spatial_res"),
        "first_day": (first or "")[:10],
        "last_day": (last or "")[:10],
        "time_steps": told.get("time_steps"),
        "size_bytes": told.get("size_bytes"),
    }
