"""The hub's own pages for people; everything else they need is the API and the admin."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hubsite.configuration.site import hub

from .. import __version__
from ..health import parts


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this hub is, where its doors are, and how to submit a first cube."""
    public_url = hub.public_url
    return render(
        request,
        "home.html",
        {
            "api_url": f"{public_url}/{settings.API_PATH}",
            "version": __version__,
            "services": parts.look().services,
        },
    )
