"""The page "Paste a leaked token": says what it is and whose, and revokes it with one button."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from ..leaks import finding
from .base import operates, reads


class Forgetful(forms.Textarea):
    """Never shows again what was typed into it."""

    def format_value(self, value: Any) -> str:
        return ""


class LeakedForm(forms.Form):
    """The text is read once, and never put back into a page."""

    text = forms.CharField(
        label=_("The token, or the text in which it stands"),
        max_length=finding.MOST_TEXT,
        widget=Forgetful(
            attrs={"rows": 5, "autocomplete": "off", "spellcheck": "false", "autofocus": True}
        ),
        help_text=_(
            "A token, a client's secret, a link, a cookie, or a whole file, header or URL. It is "
            "not stored and not logged."
        ),
    )


class LeakedPages:
    """Adds the page to the ModelAdmin of tokens."""

    def leaked_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("leaked/", view(self.leaked), name="accounts_leaked"),
            path("leaked/revoke/", view(self.revoke_leaked), name="accounts_leaked_revoke"),
        ]

    @method_decorator(sensitive_post_parameters("text"))
    def leaked(self, request: HttpRequest) -> HttpResponse:
        if not reads(request):
            raise PermissionDenied
        form = LeakedForm(request.POST if request.method == "POST" else None)
        shown: dict[str, Any] = {"found": None}
        if form.is_bound and form.is_valid():
            shown["found"] = finding.find(form.cleaned_data["text"])
            form = LeakedForm()
        shown |= {
            **self.admin_site.each_context(request),
            "title": gettext("Paste a leaked token"),
            "opts": self.opts,
            "form": form,
            "may_operate": operates(request),
        }
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "admin/accounts/leaked.html", shown, status=status)

    @method_decorator(require_POST)
    def revoke_leaked(self, request: HttpRequest) -> HttpResponse:
        if not operates(request):
            raise PermissionDenied
        kind, key = request.POST.get("kind", "")[:20], request.POST.get("key", "")[:200]
        revoked = finding.revoke(kind, key.replace("\0", ""), by=request.user)
        if revoked is None:
            messages.warning(request, gettext("Nothing was revoked: it is over already."))
            return redirect("admin:accounts_leaked")
        about = revoked.owner or request.user
        self.log_change(request, about, f"revoked what leaked: {revoked.what}")
        messages.success(request, gettext("Revoked; it is refused from now on."))
        return redirect("admin:accounts_leaked")
