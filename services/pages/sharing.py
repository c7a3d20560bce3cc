"""The page of a service that somebody shares: what it is, open it, perhaps stop it."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from accounts.sharing.rights import Opened
from hubsite.refusals import Kind, Refused
from hubsite.web.leading import lead_on

from ..access.entering import count_link, make_ticket
from ..access.using import sleep_shared, stop_shared
from ..models import ServiceInstance
from .opening import entering_url
from .viewers import summary


def show(request: HttpRequest, opened: Opened, rest: str) -> HttpResponse:
    """The page, or what its buttons do. Opening is a button, because programs that preview links
    in messages would wake the service."""
    instance = opened.subject
    if request.method == "POST":
        return _act(request, opened, rest)
    if rest:
        raise Http404("A shared service has only this page.")
    said = summary(instance)
    context = {
        "opened": opened,
        "service": said,
        "title": said["title"],
        "is_awake": said["is_awake"],
        "is_asleep": said["row"].state == "ASLEEP",
    }
    return render(request, "sharing/service.html", context)


def _act(request: HttpRequest, opened: Opened, action: str) -> HttpResponse:
    instance = opened.subject
    if action == "open":
        return lead_on(request, _way_in(request, opened, instance), title=_("Opening the service"))
    if action not in ("sleep", "stop") or not opened.may_stop or opened.user is None:
        raise Http404("This share does not allow that.")
    try:
        if action == "sleep":
            if not sleep_shared(instance, by=opened.user):
                raise Refused("The service does not sleep from here.", kind=Kind.CONFLICT)
            messages.success(
                request, _("The service sleeps. The next time it is opened, it wakes.")
            )
        else:
            stop_shared(instance, by=opened.user)
            messages.success(request, _("The service is stopped."))
            return redirect("shared-list")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect(opened.base)


def _way_in(request: HttpRequest, opened: Opened, instance: ServiceInstance) -> str:
    """The URL at the edge, with a ticket. Raises TooManyTries for a link that is used too often."""
    is_link = opened.share.link_hash is not None
    if is_link:
        count_link(opened.share)
    ticket = make_ticket(
        instance,
        opened.user,
        hub_session=(request.session.session_key or "") if opened.user else "",
        share=opened.share if is_link else None,
    )
    return entering_url(instance, ticket)
