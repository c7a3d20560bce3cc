"""Clients (id and secret) with which programs sign in, and the tokens made from them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hubsite import audit
from hubsite.visible_text import hidden_fault


def new_hex_id() -> str:
    """32 random hex digits: a client id, a token's `jti`."""
    return uuid.uuid4().hex


class Client(models.Model):
    """A program of a user. Only a hash of its secret is stored (`accounts/tokens/clients.py`)."""

    client_id = models.CharField(_("client id"), max_length=255, unique=True, default=new_hex_id)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="clients"
    )
    name = models.CharField(max_length=200, blank=True)
    secret_hash = models.CharField(max_length=255, editable=False)
    scopes = models.JSONField(
        default=list,
        blank=True,
        help_text=_("What its tokens may do, as far as the owner may do it too."),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("When one of its tokens was used last.")
    )
    revoked_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("From then on it gets no token and its tokens are refused."),
    )

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name or self.client_id

    def clean(self) -> None:
        """Refuse names with characters that do not show."""
        faults = {name: hidden_fault(getattr(self, name)) for name in ("name", "client_id")}
        if any(faults.values()):
            raise ValidationError({name: fault for name, fault in faults.items() if fault})

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.owner.is_active

    def revoke(self) -> bool:
        """Revoke the client and its tokens; False if it was revoked already."""
        now = timezone.now()
        with transaction.atomic():
            rows = type(self).objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=now)
            if rows:
                audit.record("client.revoked", on=self)
        if rows:
            self.revoked_at = now
        return rows == 1


class AccessToken(models.Model):
    """An issued token, by its `jti`. A token without its row grants nothing."""

    jti = models.CharField(max_length=32, unique=True, default=new_hex_id)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens"
    )
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, null=True, blank=True, related_name="access_tokens"
    )
    name = models.CharField(
        max_length=100,
        blank=True,
        default="",
        help_text=_("What its owner calls a personal token."),
    )
    is_personal = models.BooleanField(
        default=False, help_text=_("Made by its owner, who sees and revokes it in the portal.")
    )
    scopes = models.JSONField(default=list, blank=True)
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("To a minute; empty: never.")
    )

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.jti
