"""The page of identity providers: what each may do here, and whether its keys are fresh."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from hubsite import audit

from ..models import Identity, ProviderDocuments
from ..sign_on.documents import all_providers, publisher, usable_keys
from ..sign_on.http import ProviderUnavailable
from ..sign_on.providers import Provider
from .base import operates, reads


@dataclass(frozen=True)
class Shown:
    """One provider. `fetched_at` is None if its keys were never fetched.

    `error` is what the process that made the page knows of its own last attempt.
    """

    provider: Provider
    people: int
    waiting: int
    last_login: datetime | None
    keys: int
    fetched_at: datetime | None
    failed_at: datetime | None
    error: str


def shown_providers() -> list[Shown]:
    """Two queries, however many providers there are."""
    issuers = [provider.issuer for provider in all_providers()]
    counted = Identity.objects.filter(issuer__in=issuers).order_by().values("issuer")
    counts = {
        row["issuer"]: row
        for row in counted.annotate(
            people=Count("pk", filter=Q(user__isnull=False)),
            waiting=Count("pk", filter=Q(user=None)),
            last_login=Max("last_login_at"),
        )
    }
    documents = {row.issuer: row for row in ProviderDocuments.objects.filter(issuer__in=issuers)}
    return [
        _shown(provider, counts.get(provider.issuer, {}), documents.get(provider.issuer))
        for provider in all_providers()
    ]


def _shown(provider: Provider, counts: dict[str, Any], row: ProviderDocuments | None) -> Shown:
    its = publisher(provider)
    its.current()  # fetches in the background if the keys are old
    return Shown(
        provider=provider,
        people=counts.get("people", 0),
        waiting=counts.get("waiting", 0),
        last_login=counts.get("last_login"),
        keys=len(usable_keys(row.jwks)) if row else 0,
        fetched_at=row.fetched_at if row and row.jwks else None,
        failed_at=its.failed_at,
        error=its.error,
    )


class ProviderPages:
    """Adds the page to the ModelAdmin of identities."""

    def provider_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("providers/", view(self.providers), name="accounts_providers"),
            path("providers/fetch/", view(self.fetch_keys), name="accounts_providers_fetch"),
        ]

    def providers(self, request: HttpRequest) -> HttpResponse:
        if not reads(request):
            raise PermissionDenied
        shown = {
            **self.admin_site.each_context(request),
            "title": gettext("Identity providers"),
            "opts": self.opts,
            "providers": shown_providers(),
            "may_operate": operates(request),
        }
        return TemplateResponse(request, "admin/accounts/providers.html", shown)

    @method_decorator(require_POST)
    def fetch_keys(self, request: HttpRequest) -> HttpResponse:
        """Fetch the keys of one provider now; waits for it, as a sign-on does."""
        if not operates(request):
            raise PermissionDenied
        key = request.POST.get("provider", "")
        provider = next((it for it in all_providers() if it.key == key), None)
        if provider is None:
            raise Http404
        audit.record("provider.asked", on=("provider", provider.key, provider.title))
        try:
            publisher(provider).fresh(within_s=0)
        except ProviderUnavailable as error:
            messages.error(request, str(error))
        else:
            text = gettext("The keys of %(provider)s are fresh.")
            messages.success(request, text % {"provider": provider.title})
        return redirect("admin:accounts_providers")
