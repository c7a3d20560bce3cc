"""Instances in the admin: operators see all of them, stop, put to sleep and wake, edit nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.paging import UncountedPaginator
from hubsite.refusals import Refused

from .. import addresses, lifecycle
from ..metering import charged_units
from ..models import InstanceDocument, InstanceEvent, Reason, ServiceInstance, State
from . import searching

SHOWN_LOG_LINES = 200

_FOR_SUPERUSERS = ("address",)
"""Only the edge may reach it; for others it is a way around the edge."""


class InstanceEventInline(admin.TabularInline):
    model = InstanceEvent
    fields = readonly_fields = ["at", "from_state", "to_state", "reason", "message", "actor"]
    extra = 0
    can_delete = False
    verbose_name_plural = _("Events")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # for everyone who may see the instance

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ServiceInstance)
class ServiceInstanceAdmin(ReadOnlyAdmin):
    list_display = [
        "state_badge",  # first: what a phone shows
        "instance_id",
        "owner",
        "profile",
        "title",
        "reason_code",
        "last_used_at",
        "created_at",
    ]
    list_display_links = ["instance_id"]
    list_filter = ["state", "reason", "kind", "profile"]
    list_select_related = ["owner", "profile"]
    list_per_page = 50
    search_fields = ["instance_id", "owner__email", "title"]
    search_help_text = "A service's id, its owner's e-mail or user id, or a part of its title."
    ordering = ["-id"]
    show_facets = admin.ShowFacets.NEVER
    paginator = UncountedPaginator
    actions = ["stop", "put_to_sleep", "wake"]
    inlines = [InstanceEventInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "instance_id",
                    "owner",
                    "client_id",
                    "kind",
                    "profile",
                    "title",
                    "slot",
                    "state_badge",
                    "reason",
                    "message",
                    "server_url",
                ]
            },
        ),
        (
            _("Use"),
            {
                "fields": [
                    "last_used_at",
                    "last_used_by",
                    "kept_until",
                    "stops_at",
                    "warned_at",
                    "units_warned_at",
                    "units_per_hour",
                    "minutes",
                    "charged",
                ]
            },
        ),
        (
            _("Times"),
            {
                "fields": [
                    "created_at",
                    "applied_at",
                    "seen_at",
                    "starting_since",
                    "ready_since",
                    "metered_until",
                    "finished_at",
                    "hidden_at",
                ]
            },
        ),
        (
            _("Engine"),
            {
                "fields": [
                    "engine",
                    "is_live",
                    "revision",
                    "applied_revision",
                    "refresh_due_at",
                    "restarts",
                    "address",
                ]
            },
        ),
        (_("Configuration and log"), {"fields": ["configuration", "log_tail"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: ServiceInstance | None = None) -> list:
        hidden = () if request.user.is_superuser else _FOR_SUPERUSERS
        return [
            (title, {"fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in self.fieldsets
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: ServiceInstance | None = None
    ) -> list[str]:
        return [
            name
            for _title, options in self.get_fieldsets(request, obj)
            for name in options["fields"]
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ServiceInstance], search_term: str
    ) -> tuple[QuerySet[ServiceInstance], bool]:
        """Search one column, chosen by the kind of text; `OR` would read every row."""
        term = search_term.strip()
        if not term:
            return queryset, False
        rows = searching.found(queryset, term)
        if rows is not None:
            return rows, False
        return queryset.filter(title__icontains=term), False

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, instance: ServiceInstance) -> str:
        return format_html(
            '<span class="state state-{}">{}</span>', instance.state, instance.get_state_display()
        )

    @admin.display(description=_("reason"), ordering="reason")
    def reason_code(self, instance: ServiceInstance) -> str:
        if not instance.reason:
            return ""
        words = instance.get_reason_display()
        return format_html('<span title="{}">{}</span>', words, instance.reason)

    @admin.display(description=_("URL"))
    def server_url(self, instance: ServiceInstance) -> str:
        return addresses.server_url(instance)

    @admin.display(description=_("units charged"))
    def charged(self, instance: ServiceInstance) -> int:
        return charged_units(instance.minutes, instance.units_per_hour)

    @admin.display()
    def configuration(self, instance: ServiceInstance) -> str:
        document = _of_document(instance, "configuration")
        if document in (None, {}):
            return "-"
        return _preformatted(json.dumps(document, indent=2, ensure_ascii=False))

    @admin.display(description=f"last {SHOWN_LOG_LINES} lines")
    def log_tail(self, instance: ServiceInstance) -> str:
        lines = (_of_document(instance, "log") or "").splitlines()[-SHOWN_LOG_LINES:]
        return _preformatted("\n".join(lines)) if lines else "-"

    @admin.action(description=_("Stop"), permissions=["operate"])
    def stop(self, request: HttpRequest, queryset: QuerySet[ServiceInstance]) -> None:
        self._each(
            request,
            queryset.active(),
            lambda instance, actor: lifecycle.stop(instance, actor=actor, reason=Reason.OPERATOR),
            "stopped",
        )

    @admin.action(description=_("Put to sleep"), permissions=["operate"])
    def put_to_sleep(self, request: HttpRequest, queryset: QuerySet[ServiceInstance]) -> None:
        self._each(
            request,
            queryset.filter(state__in=[State.STARTING, State.READY]),
            lambda instance, actor: lifecycle.sleep(
                instance,
                actor=actor,
                reason=Reason.OPERATOR,
                message="An operator put it to sleep.",
            ),
            "put to sleep",
        )

    @admin.action(description=_("Wake"), permissions=["operate"])
    def wake(self, request: HttpRequest, queryset: QuerySet[ServiceInstance]) -> None:
        self._each(
            request,
            queryset.filter(state=State.ASLEEP),
            lambda instance, actor: lifecycle.wake(instance, actor=actor, by="an operator"),
            "woken",
        )

    def _each(
        self,
        request: HttpRequest,
        instances: QuerySet[ServiceInstance],
        do: Callable[[ServiceInstance, str], bool],
        done: str,
    ) -> None:
        count = 0
        for instance in instances.select_related("owner", "profile"):
            try:
                if do(instance, request.user.username):
                    count += 1
                    self.log_change(request, instance, done)
            except Refused as refused:
                messages.error(request, f"{instance}: {refused}")
        services = "service was" if count == 1 else "services were"
        self.message_user(
            request,
            f"{count} {services} {done}.",
            messages.SUCCESS if count else messages.WARNING,
        )


def _of_document(instance: ServiceInstance, name: str) -> Any:
    rows = InstanceDocument.objects.filter(instance=instance)
    return rows.values_list(name, flat=True).first()


def _preformatted(text: str) -> str:
    return format_html('<pre class="document" tabindex="0">{}</pre>', text)
