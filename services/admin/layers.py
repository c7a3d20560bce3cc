"""GeoServer layers in the admin, and where GeoServer and the rows differ."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.admin.asking import asks_first
from accounts.admin.base import ReadOnlyAdmin, sentence
from hubsite.console.quantities import number
from hubsite.refusals import Refused

from ..geoserver import layers, operating
from ..models import Layer, LayerState, StrayLayer

MOST_SHOWN, MOST_COUNTED = 200, 10_000


@admin.register(Layer)
class LayerAdmin(ReadOnlyAdmin):
    list_display = [
        "state_badge",
        "name",
        "its_owner",
        "database",
        "reason",
        "since",
        "verified_at",
    ]
    list_display_links = ["name"]
    list_filter = ["layer_state", "reason", "state"]
    sortable_by = ()  # there may be many layers in each database
    list_select_related = ["owner"]
    search_fields = ["owner__email", "=workspace", "=database", "name"]
    actions = ["repair", "remove"]
    change_list_template = "admin/services/layer/change_list.html"
    fields = readonly_fields = [
        "state_badge",
        "reason",
        "since",
        "owner",
        "workspace",
        "database",
        "collection",
        "name",
        "srs",
        "bbox",
        "style",
        "requested_at",
        "verified_at",
        "state",
        "attempts",
        "due_at",
        sentence(Layer, "error"),
    ]

    def get_urls(self) -> list[Any]:
        drift = self.admin_site.admin_view(self.drift)
        return [path("drift/", drift, name="services_layer_drift"), *super().get_urls()]

    def drift(self, request: HttpRequest) -> HttpResponse:
        """Rows that GeoServer does not agree with, and its layers without a row."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows, strays = operating.differing(), StrayLayer.objects.all()
        context = {
            **self.admin_site.each_context(request),
            "title": _("GeoServer layers that differ"),
            "opts": self.model._meta,
            "rows": rows.select_related("owner")[:MOST_SHOWN],
            "row_count": _counted(rows),
            "strays": strays[:MOST_SHOWN],
            "stray_count": _counted(strays),
            "may_operate": self.has_operate_permission(request),
        }
        return TemplateResponse(request, "admin/services/layer/drift.html", context)

    @admin.display(description=_("state"), ordering="layer_state")
    def state_badge(self, layer: Layer) -> str:
        return format_html(
            '<span class="state state-{}">{}</span>',
            layer.layer_state,
            layer.get_layer_state_display(),
        )

    @admin.action(description=_("Repair: take all steps again and verify"), permissions=["operate"])
    def repair(self, request: HttpRequest, queryset: QuerySet[Layer]) -> None:
        rows = list(queryset)
        count = operating.repair(queryset)
        for layer in rows:
            self.log_change(request, layer, "repair")
        messages.success(request, _("%(n)s will be looked at now.") % {"n": count})

    @admin.action(description=_("Remove from GeoServer"), permissions=["operate"])
    @asks_first(_("Maps that others have embedded show them no longer. The collections stay."))
    def remove(self, request: HttpRequest, queryset: QuerySet[Layer]) -> None:
        rows = list(queryset.exclude(layer_state=LayerState.REMOVING))
        for layer in rows:
            layers.remove(layer)
            self.log_change(request, layer, "removed")
        messages.success(
            request, _("%(n)s will be removed now; the collections stay.") % {"n": len(rows)}
        )


@admin.register(StrayLayer)
class StrayLayerAdmin(ReadOnlyAdmin):
    """Layers without a row. The hub does not touch them until someone adopts them."""

    list_display = ["name", "workspace", "store", "first_seen_at", "seen_at"]
    search_fields = ["=workspace", "name"]
    actions = ["adopt"]

    @admin.action(description=_("Adopt: make a row for each"), permissions=["operate"])
    def adopt(self, request: HttpRequest, queryset: QuerySet[StrayLayer]) -> None:
        count = 0
        for stray in queryset:
            try:
                layer = layers.adopt(stray)
            except Refused as refused:
                messages.error(request, f"{stray}: {refused}")
            else:
                count += 1
                self.log_addition(request, layer, "adopted")
        messages.success(request, _("%(n)s adopted; each is verified now.") % {"n": count})


def _counted(rows: QuerySet) -> str:
    """How many there are, without counting more than a few thousand."""
    count = rows.order_by()[: MOST_COUNTED + 1].count()
    return f"{number(min(count, MOST_COUNTED))}{'+' if count > MOST_COUNTED else ''}"
