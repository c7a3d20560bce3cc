"""Accounts at identity providers, and the documents that the providers published last."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Identity(models.Model):
    """An account at an identity provider, identified by issuer and subject.

    Without a user it waits for an operator to link it: its e-mail is that of a user, but the
    hub cannot know whether both are the same person (`accounts/sign_on/linking.py`).
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="identities",
        help_text=_("Who signs in with it. Empty: nobody, until an operator says who."),
    )
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255, help_text=_("The provider's own id of the account."))
    email = models.CharField(
        _("e-mail"),
        max_length=254,
        blank=True,
        default="",
        help_text=_("As the provider last told it."),
    )
    given_roles = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text=_("Roles that the user has only because the provider says so."),
    )
    gave_staff = models.BooleanField(default=False, editable=False)
    not_before = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("Tokens of the provider that were issued before are refused."),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_login_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name_plural = _("identities")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_issuer_subject")
        ]
        indexes = [models.Index(fields=["subject"], name="identity_subject")]

    def __str__(self) -> str:
        return f"{self.email or self.subject} at {self.issuer}"


class ProviderDocuments(models.Model):
    """The metadata and public keys that a provider published last; kept over a restart."""

    issuer = models.CharField(max_length=255, unique=True)
    metadata = models.JSONField()
    jwks = models.JSONField()
    fetched_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = _("provider documents")

    def __str__(self) -> str:
        return self.issuer
