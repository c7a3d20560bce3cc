"""Subscriptions, their history and geoDB registration in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hubsite import audit
from hubsite.templatetags.console import number

from ..models import GeodbRegistration, Service, Subscription, SubscriptionEvent
from ..models.subscription import Unit, check_geodb_guid
from ..subscriptions.geodb_registration import register_soon, try_soon
from ..subscriptions.subscribing import unsubscribe
from ..units import ledger
from .actors import users_among
from .asking import asks_first
from .base import OperatorAdmin, ReadOnlyAdmin, operates, sentence

MOST_EVENTS = 100


class SubscriptionForm(forms.ModelForm):
    class Meta:
        model = Subscription
        fields = ["guid"]

    def clean_guid(self) -> str:
        guid = self.cleaned_data["guid"]
        if self.instance.service == Service.GEODB:
            check_geodb_guid(guid)
            others = Subscription.objects.filter(service=Service.GEODB, guid=guid)
            if others.exclude(pk=self.instance.pk).exists():
                raise ValidationError(_("Another user has this role in geoDB."))
        return guid


@admin.register(Subscription)
class SubscriptionAdmin(OperatorAdmin):
    """The marketplace makes subscriptions. Only the guid, which names the geoDB role, changes."""

    is_short = True
    form = SubscriptionForm
    actions = ["end"]
    change_form_template = "admin/accounts/subscription/change_form.html"
    list_display = ["state", "service", "person", "plan", "bought", "start_date", "geodb"]
    list_display_links = ["service"]
    list_filter = ["service", ("ended_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user", "registration"]
    search_fields = ["user__email", "=user__username", "=guid"]
    search_help_text = _("The e-mail or id of the user, or the marketplace's id of them.")
    readonly_fields = [
        "user",
        "service",
        "plan",
        "units",
        "unit",
        "option",
        "client",
        "start_date",
        "first_name",
        "last_name",
        "roles",
        "geodb",
        "created_at",
        "ended_at",
    ]
    fields = ["user", "service", "guid", *readonly_fields[2:]]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operates(request)

    @admin.display(description=_("State"))
    def state(self, subscription: Subscription) -> Any:
        return _("live") if subscription.is_live else _("ended")

    @admin.display(description=_("Bought"))
    def bought(self, subscription: Subscription) -> Any:
        if subscription.unit == Unit.NONE:
            return "–"
        return f"{number(subscription.units)} {subscription.get_unit_display()}"

    @admin.display(description=_("geoDB"))
    def geodb(self, subscription: Subscription) -> str:
        registration = getattr(subscription, "registration", None)
        return registration.get_state_display() if registration else ""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        subscription = options.get("obj")
        if subscription is not None:
            context["title"] = str(subscription)
            context.update(self._about(request, subscription))
        return super().render_change_form(request, context, *args, **options)

    def _about(self, request: HttpRequest, subscription: Subscription) -> dict[str, Any]:
        """What its page shows. Four queries, however long its history is."""
        newest = list(subscription.events.order_by("-pk")[:MOST_EVENTS])
        names = users_among(event.actor.removeprefix("user ") for event in newest)
        events = [
            {
                "row": event,
                "person": names.get(event.actor.removeprefix("user ")),
                "changes": [
                    (self._field(name), before, after)
                    for name, (before, after) in sorted(event.changes.items())
                ],
            }
            for event in newest
        ]
        may_act = self.has_operate_permission(request)
        return {
            "subscription": subscription,
            "state": self.state(subscription),
            "bought": self.bought(subscription),
            "registration": getattr(subscription, "registration", None),
            "balance": ledger.balance_of(subscription.user),
            "events": events,
            "is_cut": len(newest) == MOST_EVENTS,
            "may_end": may_act and subscription.is_live,
        }

    def _field(self, name: str) -> Any:
        try:
            return self.opts.get_field(name).verbose_name
        except FieldDoesNotExist:
            return name

    def save_model(
        self, request: HttpRequest, obj: Subscription, form: forms.ModelForm, change: bool
    ) -> None:
        obj.save(update_fields=["guid"])  # keeps what the marketplace changes meanwhile
        if "guid" not in form.changed_data:
            return
        SubscriptionEvent.objects.create(
            subscription=obj,
            kind=SubscriptionEvent.Kind.CHANGED,
            changes={"guid": [form.initial["guid"], obj.guid]},
            actor=f"user {request.user.user_id}",
        )
        if obj.geodb_role:
            register_soon(obj)

    @admin.action(description=_("End the selected subscriptions"), permissions=["operate"])
    @asks_first(_("Their roles are taken at once. Units that were granted stay."))
    def end(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        ended = 0
        for subscription in queryset.select_related("user"):
            if unsubscribe(
                subscription.service,
                subscription.user.user_id,
                actor=f"user {request.user.user_id}",
            ):
                ended += 1
                self.log_change(request, subscription, "ended")
        messages.success(
            request, _("%(n)s ended; what they permitted is withdrawn.") % {"n": ended}
        )


@admin.register(GeodbRegistration)
class GeodbRegistrationAdmin(ReadOnlyAdmin):
    is_short = True
    actions = ["try_now"]
    list_display = [
        "state",
        "subscription",
        "attempts",
        "due_at",
        "registered_at",
        sentence(GeodbRegistration, "error"),
    ]
    list_display_links = ["subscription"]
    list_filter = ["state"]
    list_select_related = ["subscription__user"]
    search_fields = ["subscription__user__email", "=subscription__guid"]

    @admin.action(description=_("Try now"), permissions=["operate"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[GeodbRegistration]) -> None:
        waiting = queryset.exclude(state=GeodbRegistration.State.REGISTERED)
        with transaction.atomic():
            rows = list(waiting.select_related("subscription__user"))
            waiting.update(due_at=timezone.now())
            for row in rows:
                audit.record("geodb.tried", on=row, about=row.subscription.user)
        try_soon()
        messages.success(request, _("%(n)s will be tried now.") % {"n": len(rows)})
