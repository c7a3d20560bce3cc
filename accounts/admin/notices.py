"""Notices, webhooks and what was sent of them in the admin. Secrets are not shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import Notice, NoticeMail, Webhook, WebhookDelivery
from ..notices import kinds
from ..notices.webhooks import targets
from .base import ReadOnlyAdmin, sentence


class KindFilter(admin.SimpleListFilter):
    """The kinds that there are, by name: to read them from the rows takes long."""

    title = parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.name, kind.title) for kind in kinds.registered()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Notice]) -> QuerySet[Notice]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """What users were told."""

    sortable_by = ()  # no index has another order, and there are millions of rows
    list_display = ["created_at", "person", "what", sentence(Notice, "title"), "read_at"]
    fields = readonly_fields = [
        "person",
        "what",
        sentence(Notice, "title"),
        sentence(Notice, "text"),
        "subject",
        "path",
        "details",
        "created_at",
        "read_at",
        "is_to_mail",
    ]
    list_filter = [KindFilter, ("read_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user"]
    search_fields = ["user__email", "=user__username", "=subject"]
    search_help_text = _("The e-mail or id of who was told, or the id of what it is about.")

    @admin.display(description=_("Kind"))
    def what(self, notice: Notice) -> Any:
        return _title(notice.kind)


@admin.register(NoticeMail)
class NoticeMailAdmin(ReadOnlyAdmin):
    """Each user's next e-mail, and how the last one went."""

    is_short = True
    list_display = [
        "state",
        "person",
        "is_off",
        "attempts",
        "due_at",
        "sent_at",
        sentence(NoticeMail, "error"),
    ]
    list_filter = ["state", "is_off"]
    list_select_related = ["user"]
    search_fields = ["user__email", "=user__username"]


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Where users' notices are sent. Operators may switch one off."""

    actions = ["switch_off"]
    exclude = ["secret", "former_secret"]
    list_display = [
        "name",
        "person",
        "url",
        "works",
        "failing_since",
        sentence(Webhook, "off_reason"),
    ]
    list_filter = [("off_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user"]
    search_fields = ["user__email", "=user__username", "url"]

    @admin.display(description=_("State"))
    def works(self, webhook: Webhook) -> Any:
        if webhook.off_at:
            return _("switched off")
        if webhook.failures:
            return _("fails (%(n)s tries)") % {"n": webhook.failures}
        return _("works")

    @admin.action(description=_("Switch off"), permissions=["operate"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        off = targets.switch_off(queryset, reason=targets.BY_OPERATOR)
        messages.success(
            request, _("%(n)s switched off; their owners can switch them on again.") % {"n": off}
        )


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """What was sent to webhooks, and with which outcome."""

    list_display = [
        "created_at",
        "webhook",
        "kind",
        "state",
        "attempts",
        "status",
        sentence(WebhookDelivery, "error"),
    ]
    list_filter = ["state"]
    list_select_related = ["webhook", "notice"]
    search_fields = ["=message_id", "webhook__user__email"]

    @admin.display(description=_("Kind"))
    def kind(self, delivery: WebhookDelivery) -> Any:
        return _title(delivery.notice.kind)


def _title(name: str) -> Any:
    """A kind of notices in words."""
    return next((kind.title for kind in kinds.registered() if kind.name == name), name)
