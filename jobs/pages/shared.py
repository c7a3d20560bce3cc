"""The page of a result that somebody shares: what it is, and its pictures.

It shows neither the request nor the log, because these may hold what is not for others.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render

from accounts.sharing.rights import Opened

from .. import quicklooks
from ..api.quicklook_views import answer

PICTURES, SUFFIX = "quicklooks/", ".png"


def show(request: HttpRequest, opened: Opened, rest: str) -> HttpResponse:
    """The page, or one of its pictures."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    job = opened.subject
    if not rest:
        context = {"opened": opened, "job": job, "looks": quicklooks.of(job)}
        return render(request, "sharing/result.html", context)
    if rest.startswith(PICTURES) and rest.endswith(SUFFIX):
        look = quicklooks.find(job, rest.removeprefix(PICTURES).removesuffix(SUFFIX))
        if look is not None:
            return answer(request, look)
    raise Http404("A shared result has no such part.")
