"""The old service's URLs of xcube servers, `https://host/<user id>/…`, lead to the new ones."""

from __future__ import annotations

from urllib.parse import quote

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from . import addresses
from .access.rights import right_of
from .models import ServiceInstance
from .submission.start_request import MAIN_SLOT


@require_safe
@never_cache
@login_required
def main_server(request: HttpRequest, user_id: str, rest: str) -> HttpResponse:
    """Redirect to the same path of the user's main server.

    Only for those who may use it, because its address tells that it exists. Anyone else gets 404,
    as if there were none.
    """
    rows = ServiceInstance.objects.active().filter(owner__username=user_id, slot=MAIN_SLOT)
    instance = rows.select_related("owner").first()
    if instance is None or right_of(request.user, instance) is None:
        raise Http404("There is no xcube server of this user.")
    query = f"?{request.META['QUERY_STRING']}" if request.META.get("QUERY_STRING") else ""
    path = quote(rest, safe="/:@!$&'()*+,;=~")
    return HttpResponseRedirect(f"{addresses.server_url(instance)}/{path}{query}")
