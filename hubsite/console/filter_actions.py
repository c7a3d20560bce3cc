"""What the form of saved filters does: save, rename, share, delete; then back to the list."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from ..refusals import Kind, Refused
from . import saved_filters
from .saved_filters import SavedFilter

MOST_DIGITS = 18


@never_cache
@login_required
@require_POST
def act(request: HttpRequest, list_name: str) -> HttpResponse:
    """`action` says what; `back` is the query of the list that one came from. Raises Http404,
    BadRequest.
    """
    try:
        registered = saved_filters.page_named(list_name)
    except Refused as refused:
        raise Http404(str(refused)) from None
    if not registered.may_see(request.user):
        raise Http404("There is no such list for you.")
    query = _known_query(request.POST.get("back", ""))
    try:
        said, query = _do(request, list_name, query)
    except Refused as refused:
        if refused.kind is Kind.NOT_FOUND:
            raise Http404(str(refused)) from None
        messages.error(request, str(refused))
    else:
        messages.success(request, said)
    return redirect(registered.url(query))


def _do(request: HttpRequest, page: str, query: str) -> tuple[str, str]:
    """Do it; returns the sentence to say, and the query of the list to show then."""
    asked, user = request.POST, request.user
    marks = {name: name in asked for name in ("is_shared", "on_dashboard")}
    match asked.get("action"):
        case "save":
            saved = saved_filters.save(
                user, page, asked.get("name", ""), asked.get("query", ""), **marks
            )
            return _("The filter “%(name)s” is saved.") % {"name": saved.name}, saved.query
        case "rename":
            saved = saved_filters.rename(user, _key(request), asked.get("name", ""))
            return _("The filter is called “%(name)s” now.") % {"name": saved.name}, query
        case "change":
            saved = saved_filters.change(user, _key(request), **marks)
            return _("The filter “%(name)s” is changed.") % {"name": saved.name}, query
        case "delete":
            gone: SavedFilter = saved_filters.delete(user, _key(request))
            return _("The filter “%(name)s” is deleted.") % {"name": gone.name}, query
    raise BadRequest("one of save, rename, change, delete is expected as action")


def _key(request: HttpRequest) -> int:
    told = request.POST.get("id", "")
    if not (told.isascii() and told.isdigit() and len(told) <= MOST_DIGITS):
        raise Http404("A filter has a number.")
    return int(told)


def _known_query(query: str) -> str:
    """The query to go back to; none if it is no query."""
    try:
        return saved_filters.checked_query(query)
    except Refused:
        return ""
