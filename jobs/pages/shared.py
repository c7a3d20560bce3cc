"""The page of a result that somebody shares: what it is, its pictures, and the cube as a zip.

It shows neither the request nor the log, because these may hold what is not for others. Where the
cube lies is shown to those who have signed in only, because that may name its owner.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from accounts.sharing.rights import Opened
from hubsite.api.errors import ApiError
from hubsite.api.handlers import as_api_error
from hubsite.refusals import Refused
from hubsite.web.addresses import absolute_url

from ..api.quicklook_views import answer
from ..output import quicklooks
from ..results import stac
from ..results.cube import Cube, find_cube
from ..results.document import Links
from ..results.downloading import download
from ..results.rights import is_listed
from .pictures import pictures_of

PICTURES, SUFFIX = "quicklooks/", ".png"


def show(request: HttpRequest, opened: Opened, rest: str) -> HttpResponseBase:
    """The page, or a part below it. Raises Http404."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if rest.startswith(PICTURES) and rest.endswith(SUFFIX):
        return _picture(request, opened, rest.removeprefix(PICTURES).removesuffix(SUFFIX))
    part = _PARTS.get(rest)
    if part is None:
        raise Http404("A shared result has no such part.")
    return part(request, opened)


def _page(request: HttpRequest, opened: Opened) -> HttpResponse:
    job = opened.subject
    pictures = pictures_of(job, opened.base + PICTURES)
    context = {"opened": opened, "job": job, "pictures": pictures}
    try:
        cube = find_cube(opened.subject)
    except Refused as refused:
        return render(request, "sharing/result.html", {**context, "why_not": str(refused)})
    context |= {
        "format": cube.format,
        "files": cube.files,
        "variables": ", ".join(list(cube.description.get("variables") or {})[:50]),
        "times": cube.description.get("time_range"),
        "is_packed": cube.local_path is not None,
        "place": _place(cube) if opened.user is not None else "",
    }
    return render(request, "sharing/result.html", context)


def _place(cube: Cube) -> str:
    return cube.url(cube.name) or f"{cube.name} in {cube.job.output_store}"


def _picture(request: HttpRequest, opened: Opened, name: str) -> HttpResponse:
    look = quicklooks.find(opened.subject, name)
    if look is None:
        raise Http404("There is no such picture.")
    return answer(request, look)


def _zip(request: HttpRequest, opened: Opened) -> HttpResponseBase:
    """The cube, cut off when the share ends; or the page with what prevents it."""
    user = opened.user
    try:
        return download(
            find_cube(opened.subject),
            who=user.username if user is not None else f"share {opened.share.pk}",
            range_header=request.headers.get("Range", ""),
            if_range=request.headers.get("If-Range", ""),
            outbox=request.META.get("gunicorn.socket"),
            may_go_on=lambda: opened.is_valid() and is_listed(opened.subject),
        )
    except (Refused, ApiError) as error:
        return _cannot(request, opened, as_api_error(error))


def _cannot(request: HttpRequest, opened: Opened, error: ApiError) -> HttpResponse:
    """The page with the reason, under the status that programs look at."""
    context = {"opened": opened, "job": opened.subject, "why_not": error.detail}
    response = render(request, "sharing/result.html", context, status=error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response


def _item(request: HttpRequest, opened: Opened) -> HttpResponse:
    """The STAC item, for those who have signed in. Its id and addresses may name the owner."""
    if opened.user is None:
        raise Http404("It is for those who have signed in.")
    try:
        cube = find_cube(opened.subject)
    except Refused as refused:
        raise Http404(str(refused)) from None
    here = absolute_url(opened.base).rstrip("/")
    item_url = f"{here}/stac.json"
    links = Links(result=here, stac=item_url, zip=f"{here}/zip", quicklooks=f"{here}/quicklooks")
    looks = quicklooks.of(cube.job)
    item = stac.item_of(cube, links, looks=looks, root=item_url, parent=item_url)
    return JsonResponse(item, content_type=stac.ITEM)


_PARTS: dict[str, Callable[[HttpRequest, Opened], HttpResponseBase]] = {
    "": _page,
    "zip": _zip,
    "stac.json": _item,
}
