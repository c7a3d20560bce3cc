"""The admin's page "Engines": places, who holds them, since when away; drain and resume."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from hubsite.console import admin_pages
from hubsite.engines import draining
from hubsite.refusals import Refused

from . import engines


def engines_page(request: HttpRequest) -> HttpResponse:
    """All engines that this hub uses. A POST drains one, or resumes it."""
    if request.method == "POST":
        admin_pages.require_operator(request)
        name, message = request.POST.get("engine", ""), request.POST.get("message", "")
        try:
            if request.POST.get("do") == "resume":
                draining.resume(name, actor=request.user)
            else:
                draining.drain(name, message=message, actor=request.user)
        except Refused as refused:
            return _shown(request, {"refusal": str(refused), "message": message}, status=400)
        return redirect(reverse("admin-engines"))
    return _shown(request, {})


def _shown(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    used = [it for it in engines.statuses() if it.is_used]
    context["engines"] = [(it, engines.holders(it.engine)) for it in used]
    return admin_pages.show(request, "engines", "admin/hub/engines.html", context, status=status)
