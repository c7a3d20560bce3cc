"""The switches of the hub's services in the admin, and who changed them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from hubsite import offered, switches
from hubsite.health import parts
from hubsite.refusals import Refused
from hubsite.switches import Switch, SwitchEvent
from hubsite.translations.sentences import translated

from .actors import NamedActor
from .base import OperatorAdmin, ReadOnlyAdmin, operates


class SwitchForm(forms.ModelForm):
    end_work = forms.BooleanField(
        required=False,
        label=_("End what runs"),
        help_text=_(
            "End work in progress, too. It is free of charge, and its owners see the "
            "message. Otherwise it goes on."
        ),
    )

    class Meta:
        model = Switch
        fields = ["is_suspended", "message"]
        widgets = {"message": forms.Textarea(attrs={"rows": 3})}

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("is_suspended") and "message" in given:
            try:
                given["message"] = switches.checked_message(given["message"])
            except Refused as refused:
                raise ValidationError({"message": str(refused)}) from refused
        return given


@admin.register(Switch)
class SwitchAdmin(NamedActor, OperatorAdmin):
    """One row for each service of the hub; change it to suspend or resume the service."""

    is_short = True
    form = SwitchForm
    list_display = ["service", "status", "message", "since", "who"]
    readonly_fields = ["service", "since", "who"]
    fields = ["service", "is_suspended", "message", "end_work", "since", "who"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Switch]:
        missing = [Switch(service=name) for name in offered.by_name()]
        Switch.objects.bulk_create(missing, ignore_conflicts=True)
        return super().get_queryset(request).filter(service__in=list(offered.by_name()))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        # Each process keeps what it read for two seconds; here the change just made is looked for.
        switches.forget()
        parts.forget()
        return super().changelist_view(request, extra_context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operates(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("Status"))
    def status(self, switch: Switch) -> str:
        found = next(s for s in parts.look().services if s.name == switch.service)
        return translated("Suspended" if switch.is_suspended else found.status)

    def save_model(self, request: HttpRequest, obj: Switch, form: ModelForm, change: bool) -> None:
        given, actor = form.cleaned_data, request.user.username
        if not given["is_suspended"]:
            switches.resume(obj.service, actor=actor)
            return
        ended = switches.suspend(
            obj.service, message=given["message"], actor=actor, end_work=given["end_work"]
        )
        if given["end_work"]:
            self.message_user(request, _("Work in progress that was ended: %(n)s.") % {"n": ended})


@admin.register(SwitchEvent)
class SwitchEventAdmin(NamedActor, ReadOnlyAdmin):
    """Who suspended and resumed which service, and when."""

    list_display = ["at", "service", "is_suspended", "message", "ended", "who"]
    list_filter = ["service"]
