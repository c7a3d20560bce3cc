"""The admin's page "Data stores": state, last answer, prices; ask one anew."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from hubsite.console import admin_pages
from hubsite.refusals import Refused

from ..stores.stores_file import StoresFileError
from . import stores


def stores_page(request: HttpRequest) -> HttpResponse:
    """All stores of the stores file. A POST lets the worker ask one anew."""
    if request.method == "POST":
        admin_pages.require_operator(request)
        try:
            name = request.POST.get("store", "")
            stores.probe(name)
        except (Refused, StoresFileError) as refused:
            return _shown(request, {"refusal": str(refused)}, status=400)
        messages.success(
            request,
            _("@%(store)s is asked now; open this page again in some seconds.") % {"store": name},
        )
        return redirect(reverse("admin-stores"))
    return _shown(request, {})


def _shown(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    try:
        context["stores"] = stores.statuses()
    except StoresFileError as error:
        context["file_faults"] = error.faults
    return admin_pages.show(request, "stores", "admin/hub/stores.html", context, status=status)
