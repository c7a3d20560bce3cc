"""Pages of the admin that show no table of the database: engines, stores, the task queue, …

    admin_pages.register(AdminPage("engines", _("Engines"), _("Places and …"), engines_page))

in `AppConfig.ready`. The view is called for whoever may read the hub, and checks itself who may
change something (`require_operator`). The URL is `/admin/engines/`, named `admin-engines`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise


@dataclass(frozen=True)
class AdminPage:
    """`text` says in one sentence what the page is for."""

    name: str
    title: str | Promise
    text: str | Promise
    view: Callable[[HttpRequest], HttpResponse]


_pages: dict[str, AdminPage] = {}


def register(page: AdminPage) -> None:
    _pages[page.name] = page


def paths() -> list[URLPattern]:
    """For the URL table, below `admin/`."""
    return [
        path(f"{page.name}/", admin.site.admin_view(_for_readers(page.view)), name=f"admin-{name}")
        for name, page in _pages.items()
    ]


def of_dashboard(request: HttpRequest) -> dict[str, Any] | None:
    """The panel that leads to these pages."""
    return {"pages": list(_pages.values())} if request.user.reads_hub else None


def require_operator(request: HttpRequest) -> None:
    """Raises PermissionDenied (403) unless the caller may change what this page shows."""
    if not request.user.is_operator:
        raise PermissionDenied


def show(
    request: HttpRequest, name: str, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The page's template in the frame of the admin."""
    page = _pages[name]
    frame = {
        **admin.site.each_context(request),
        "title": page.title,
        "page": page,
        "may_operate": request.user.is_operator,
    }
    return TemplateResponse(request, template, {**frame, **context}, status=status)


def _for_readers(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if not request.user.reads_hub:
            raise PermissionDenied
        return view(request)

    return checked
