"""Notices to users, how each user wants to get them, and what waits to be sent.

`accounts/notices/` writes these rows. `Notice` is also the list in the portal.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hubsite.coordination.delivery import Delivery
from hubsite.coordination.delivery_targets import Target, TargetDelivery


class NoticeQuerySet(models.QuerySet["Notice"]):
    def unread(self) -> NoticeQuerySet:
        return self.filter(read_at=None)


class Notice(models.Model):
    """One thing that happened and that its user should know. Each is told once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notices",
        db_index=False,  # the index on user and pk is used
    )
    kind = models.CharField(max_length=40, help_text=_("A kind of accounts/notices/kinds.py."))
    subject = models.CharField(
        max_length=100, blank=True, help_text=_("The id of what it is about, such as a job's.")
    )
    occasion = models.CharField(
        max_length=60, blank=True, help_text=_("Tells apart notices of one kind about one subject.")
    )
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=1000, blank=True)
    path = models.CharField(max_length=300, blank=True, help_text=_("The page that shows more."))
    details = models.JSONField(default=dict, blank=True, help_text=_("Facts for programs."))
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    is_sorted = models.BooleanField(
        default=False, help_text=_("What must be sent of it has been decided.")
    )
    is_to_mail = models.BooleanField(
        default=False, help_text=_("Waits for its user's next e-mail.")
    )

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "subject", "occasion"], name="notice_told_once"
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="notice_user_newest"),
            models.Index(fields=["kind", "-id"], name="notice_kind"),
            models.Index(fields=["subject"], name="notice_subject"),
            models.Index(fields=["user", "-id"], condition=Q(read_at=None), name="notice_unread"),
            models.Index(fields=["id"], condition=Q(is_sorted=False), name="notice_unsorted"),
            models.Index(fields=["user"], condition=Q(is_to_mail=True), name="notice_to_mail"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def page(self) -> str:
        """The path as a link: what leads anywhere but to this hub is none."""
        return self.path if self.path.startswith("/") and self.path[1:2] != "/" else ""


class NoticeChoice(models.Model):
    """How a user wants to get notices of one kind; without a row as the kind's default says."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notice_choices",
        db_index=False,
    )
    kind = models.CharField(max_length=40)
    in_portal = models.BooleanField(help_text=_("Shown as unread in the portal."))
    by_mail = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="notice_choice_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: portal {self.in_portal}, e-mail {self.by_mail}"


class NoticeMail(Delivery):
    """A user's e-mail with the notices that wait for it. There is one row for each user."""

    DELIVERED = "delivered"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_mail"
    )
    is_off = models.BooleanField(
        _("no e-mails"), default=False, help_text=_("The user wants no e-mail with notices at all.")
    )
    sent_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the last one was sent.")
    )
    pause_s = models.PositiveIntegerField(
        default=0, help_text=_("Seconds between the last e-mail and the next; more in busy hours.")
    )

    class Meta:
        verbose_name = _("e-mail with notices")
        verbose_name_plural = _("e-mails with notices")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"e-mail to user {self.user_id}"

    def on_delivered(self) -> dict[str, Any]:
        return {"sent_at": timezone.now()}


def new_webhook_id() -> str:
    return f"w{secrets.token_hex(12)}"


class Webhook(Target):
    """An address of a user's own to which notices are sent as signed HTTP requests."""

    webhook_id = models.CharField(
        max_length=40, unique=True, editable=False, default=new_webhook_id
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks"
    )
    name = models.CharField(max_length=100)
    url = models.CharField(max_length=500)
    kinds = models.JSONField(
        default=list, blank=True, help_text=_("Kinds of notices that it gets; empty: all.")
    )
    secret = models.BinaryField(help_text=_("The key of its signatures, encrypted."))
    former_secret = models.BinaryField(
        null=True, help_text=_("The key before, encrypted. It signs too, until it ends.")
    )
    former_secret_ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    off_at = models.DateTimeField(null=True, blank=True, help_text=_("Since when it is off."))
    off_reason = models.CharField(max_length=300, blank=True, help_text=_("Why it is off."))

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


def new_message_id() -> str:
    return f"msg_{secrets.token_hex(16)}"


class WebhookDelivery(TargetDelivery):
    """One notice to be sent to one webhook. Repetitions have the same `message_id`."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=40, unique=True, default=new_message_id)
    status = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("The HTTP status of the last answer.")
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "notice"], name="webhook_delivery_per_notice"
            ),
        ]
        indexes = [
            models.Index(
                fields=["webhook", "due_at"],
                condition=~Q(state__in=["delivered", "given_up"]),
                name="webhook_delivery_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.state}"
