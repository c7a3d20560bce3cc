"""The pages of webhooks: make, change, test, switch on and off, see what was sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache

from accounts.settings import hub
from hubsite.refusals import Kind, Refused

from ..models import Webhook
from ..notices.choices import offered
from ..notices.webhooks import targets

SHOWN_DELIVERIES = 25

_SWITCHED = {True: _("The webhook is switched on."), False: _("The webhook is switched off.")}


class WebhookForm(forms.Form):
    name = forms.CharField(max_length=targets.LONGEST_NAME, label=_("Name"))
    url = forms.CharField(max_length=targets.LONGEST_URL, label=_("URL"))
    kinds = forms.MultipleChoiceField(
        label=_("It gets"),
        help_text=_("Nothing chosen: everything."),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["kinds"].choices = [(kind.name, kind.title) for kind in offered()]
        self.fields["url"].widget.attrs.update(
            {"inputmode": "url", "placeholder": "https://example.org/hook"}
        )


@method_decorator([never_cache, login_required], name="dispatch")
class WebhooksPage(View):
    """The caller's webhooks. Its form makes one, and its secret is shown once."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request, WebhookForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = WebhookForm(request.POST)
        if not form.is_valid():
            return self._page(request, form, status=400)
        given = form.cleaned_data
        try:
            webhook, secret = targets.make(
                request.user, name=given["name"], url=given["url"], wanted=given["kinds"]
            )
        except Refused as refused:
            _show(form, refused)
            return self._page(request, form, status=400)
        return self._page(request, WebhookForm(), made=webhook, secret=secret)

    def _page(
        self, request: HttpRequest, form: WebhookForm, *, status: int = 200, **more: Any
    ) -> HttpResponse:
        rows = list(targets.webhooks_of(request.user))
        context = {
            "webhooks": rows,
            "form": form,
            "may_make": len(rows) < hub.webhooks_per_user,
            "most": hub.webhooks_per_user,
            **more,
        }
        return render(request, "accounts/webhooks.html", context, status=status)


@method_decorator([never_cache, login_required], name="dispatch")
class WebhookPage(View):
    """One webhook of the caller's: what was sent, and a form that changes it."""

    def get(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        webhook = own_webhook(request, webhook_id)
        return _webhook_page(request, webhook, _form(webhook))

    def post(self, request: HttpRequest, webhook_id: str) -> HttpResponse:
        webhook = own_webhook(request, webhook_id)
        form = WebhookForm(request.POST)
        if not form.is_valid():
            return _webhook_page(request, webhook, form, status=400)
        try:
            _change(webhook, is_on=webhook.off_at is None, form=form)
        except Refused as refused:
            _show(form, refused)
            return _webhook_page(request, webhook, form, status=400)
        messages.success(request, _("The webhook is changed."))
        return redirect("webhook", webhook_id=webhook_id)


@method_decorator([never_cache, login_required], name="dispatch")
class WebhookActions(View):
    """Test it, switch it on or off, make a new secret, delete it."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, webhook_id: str, action: str) -> HttpResponse:
        webhook = own_webhook(request, webhook_id)
        try:
            match action:
                case "test":
                    targets.test(webhook)
                    messages.success(
                        request, _("A test is sent within seconds. See the list below.")
                    )
                case "on" | "off":
                    is_on = action == "on"
                    _change(webhook, is_on=is_on)
                    messages.success(request, _SWITCHED[is_on])
                case "secret":
                    secret = targets.rotate(webhook)
                    return _webhook_page(request, webhook, _form(webhook), secret=secret)
                case "delete":
                    targets.delete(webhook)
                    messages.success(request, _("The webhook is deleted."))
                    return redirect("webhooks")
                case _:
                    raise Http404
        except Refused as refused:
            messages.error(request, str(refused))
        return redirect("webhook", webhook_id=webhook_id)


def own_webhook(request: HttpRequest, webhook_id: str) -> Webhook:
    """The caller's webhook of that id; otherwise 404."""
    try:
        return targets.find(request.user, webhook_id)
    except Refused as refused:
        if refused.kind is not Kind.NOT_FOUND:
            raise
        raise Http404 from None


def _form(webhook: Webhook) -> WebhookForm:
    return WebhookForm(initial={"name": webhook.name, "url": webhook.url, "kinds": webhook.kinds})


def _webhook_page(
    request: HttpRequest, webhook: Webhook, form: WebhookForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "webhook": webhook,
        "form": form,
        "deliveries": webhook.deliveries.select_related("notice")[:SHOWN_DELIVERIES],
        **more,
    }
    return render(request, "accounts/webhook.html", context, status=status)


def _change(webhook: Webhook, *, is_on: bool, form: WebhookForm | None = None) -> None:
    given = form.cleaned_data if form else {}
    targets.change(
        webhook,
        name=given.get("name", webhook.name),
        url=given.get("url", webhook.url),
        wanted=given.get("kinds", webhook.kinds),
        is_on=is_on,
    )


def _show(form: forms.Form, refused: Refused) -> None:
    """Show the refusal beside the fields that it names."""
    for error in refused.errors:
        form.add_error(error.field if error.field in form.fields else None, error.message)
    if not refused.errors:
        form.add_error(None, str(refused))
