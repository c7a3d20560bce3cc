"""Subscriptions, their history and geoDB registration in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..models import GeodbRegistration, Service, Subscription, SubscriptionEvent
from ..models.subscription import check_geodb_guid
from ..subscriptions.geodb_registration import register_soon, try_soon
from ..subscriptions.subscribing import unsubscribe
from .base import OperatorAdmin, ReadOnlyAdmin, operates


class SubscriptionEventInline(admin.TabularInline):
    model = SubscriptionEvent
    fields = readonly_fields = ["at", "kind", "changes", "actor"]
    extra = 0
    can_delete = False
    verbose_name_plural = _("History")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # whoever may see the subscription may see its history

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
    inlines = [SubscriptionEventInline]
    list_display = ["user", "service", "plan", "units", "unit", "start_date", "geodb", "ended_at"]
    list_filter = ["service", ("ended_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user", "registration"]
    search_fields = ["user__email", "=user__username", "=guid"]
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

    @admin.display(description=_("geoDB"))
    def geodb(self, subscription: Subscription) -> str:
        registration = getattr(subscription, "registration", None)
        return registration.state if registration else ""

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
    list_display = ["subscription", "state", "attempts", "due_at", "registered_at", "error"]
    list_filter = ["state"]
    list_select_related = ["subscription__user"]
    search_fields = ["subscription__user__email", "=subscription__guid"]

    @admin.action(description=_("Try now"), permissions=["operate"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[GeodbRegistration]) -> None:
        waiting = queryset.exclude(state=GeodbRegistration.State.REGISTERED)
        waiting.update(due_at=timezone.now())
        try_soon()
        messages.success(request, _("%(n)s will be tried now.") % {"n": len(waiting)})
