"""The hub's home page."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hubsite.configuration.site import hub

from .. import __version__, offered
from ..health import parts


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Says what this hub is, links the API and the admin, and shows a first submission."""
    public_url, services = hub.public_url, offered.by_name()
    return render(
        request,
        "home.html",
        {
            "api_url": f"{public_url}/{settings.API_PATH}",
            "version": __version__,
            "services": [
                status for status in parts.look().services if services[status.name].is_offered()
            ],
        },
    )
