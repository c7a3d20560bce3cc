"""The admin's page "Task queue": is it healthy?"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from hubsite.console import admin_pages

from . import queue


def queue_page(request: HttpRequest) -> HttpResponse:
    health = queue.look(timezone.now())
    return admin_pages.show(request, "queue", "admin/hub/queue.html", {"health": health})
