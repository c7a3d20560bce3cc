"""Instances in the admin: operators see all of them, stop, put to sleep and wake, edit nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.admin.asking import asks_first
from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.paging import UncountedPaginator
from accounts.admin.searching import among_newest
from hubsite.refusals import Refused

from .. import addresses, lifecycle
from ..metering import charged_units
from ..models import OVER_STATES, InstanceDocument, Reason, ServiceInstance, State
from ..running import idle
from . import one_instance, searching

_FOR_SUPERUSERS = ("address",)
"""Only the edge may reach it; for others it is a way around the edge."""


@admin.register(ServiceInstance)
class ServiceInstanceAdmin(ReadOnlyAdmin):
    list_display = [
        "state_badge",  # first: what a phone shows
        "name",
        "its_owner",
        "profile",
        "reason_words",
        "last_used_at",
        "ends_at",
        "created_at",
    ]
    list_display_links = ["name"]
    change_form_template = "admin/services/instance/change_form.html"
    list_filter = ["state", "reason", "kind", "profile"]
    list_select_related = ["owner", "profile"]
    list_per_page = 50
    search_fields = ["instance_id", "owner__email", "title"]
    search_help_text = _("A service's id, its owner's e-mail or user id, or a part of its title.")
    ordering = ["-id"]
    show_facets = admin.ShowFacets.NEVER
    paginator = UncountedPaginator
    actions = ["stop", "put_to_sleep", "wake"]
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
        (_("Configuration"), {"fields": ["configuration"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        def act(request: HttpRequest, object_id: int) -> HttpResponse:
            return one_instance.act(self, request, object_id)

        view = self.admin_site.admin_view(act)
        own = path("<int:object_id>/act/", view, name="services_serviceinstance_act")
        return [own, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        instance = options.get("obj")
        if instance is not None:
            may_act = self.has_operate_permission(request)
            context["title"] = instance.title or instance.get_kind_display()
            context.update(one_instance.about(request, instance, may_act=may_act))
        return super().render_change_form(request, context, *args, **options)

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
        return queryset.filter(among_newest(ServiceInstance), title__icontains=term), False

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, instance: ServiceInstance) -> str:
        return format_html(
            '<span class="state state-{}">{}</span>', instance.state, instance.get_state_display()
        )

    @admin.display(description=_("service"), ordering="id")
    def name(self, instance: ServiceInstance) -> str:
        shown = instance.title or instance.get_kind_display()
        return format_html('<span title="{}">{}</span>', instance.instance_id, shown)

    @admin.display(description=_("reason"), ordering="reason")
    def reason_words(self, instance: ServiceInstance) -> str:
        return instance.get_reason_display()

    @admin.display(description=_("stops at"), ordering="stops_at")
    def ends_at(self, instance: ServiceInstance) -> Any:
        return None if instance.state in OVER_STATES else idle.ends_at(instance)

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

    @admin.action(description=_("Stop"), permissions=["operate"])
    @asks_first(
        _(
            "They end at once for everybody who uses them, and do not come back. "
            "The cubes that they show stay."
        )
    )
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
