"""The table of the audit. The database itself refuses to change or delete its rows.

Triggers do so (migration 0007), on SQLite and PostgreSQL. `changing.py` is the one way around
them: for the deletion of a person, and for rows that are older than operators keep them.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MOST_DETAIL = 2000
MOST_NAME = 254
MOST_LABEL = 300


class Via(models.TextChoices):
    """From where something was done."""

    PAGE = "page", _("Pages")
    ADMIN = "admin", _("Admin")
    API = "api", _("API")
    COMMAND = "command", _("Command line")
    WORKER = "worker", _("Worker")


class AuditEntry(models.Model):
    """Who did what to which object; ids and names stay when accounts and objects go."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        help_text=_("Who did it, if it was a user of the hub."),
    )
    actor_name = models.CharField(
        max_length=MOST_NAME, help_text=_("E-mail of who did it, or the name at the command line.")
    )
    acted_for = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        help_text=_("In whose name an operator acted."),
    )
    acted_for_name = models.CharField(max_length=MOST_NAME, blank=True, default="")
    via = models.CharField(max_length=8, choices=Via)
    action = models.CharField(max_length=40, help_text=_("One of hubsite/audit/actions.py."))
    kind = models.CharField(max_length=60, blank=True, default="", help_text=_("Of the object."))
    object_id = models.CharField(max_length=100, blank=True, default="")
    label = models.CharField(max_length=MOST_LABEL, blank=True, default="")
    about = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        help_text=_("The user whose object it is."),
    )
    detail = models.CharField(max_length=MOST_DETAIL, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    address = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["at"], name="audit_at"),
            models.Index(fields=["action", "-id"], name="audit_action"),
            models.Index(fields=["via", "-id"], name="audit_via"),
            models.Index(fields=["actor", "-id"], name="audit_actor"),
            models.Index(fields=["actor_name", "-id"], name="audit_actor_name"),
            models.Index(fields=["about", "-id"], name="audit_about"),
            models.Index(fields=["kind", "object_id", "-id"], name="audit_object"),
            models.Index(fields=["label", "-id"], name="audit_label"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.label}".strip()
