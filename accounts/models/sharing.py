"""What users share with others: services and results, with a person, a role, or by a link."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """What a share allows. Each allows what stands before it, too."""

    VIEW = "view", _("View")
    STOP = "stop", _("View and stop")


class ShareableRole(models.Model):
    """An operator's permission that users may share with this role."""

    role = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="shareable")

    class Meta:
        verbose_name = _("permission to share with this role")
        verbose_name_plural = _("permission to share with this role")

    def __str__(self) -> str:
        return self.role.name


def valid_shares() -> Q:
    """For a query: neither withdrawn nor expired, and not of an owner who is switched off."""
    return Q(revoked_at=None, expires_at__gt=Now(), owner__is_active=True)


class ShareQuerySet(models.QuerySet["Share"]):
    def of(self, kind: str, subject: Any) -> ShareQuerySet:
        return self.filter(kind=kind, subject=subject)

    def valid(self) -> ShareQuerySet:
        return self.filter(valid_shares())

    def held_by(self, user: Any) -> ShareQuerySet:
        """Those that are for this user, as a person or by a role. Links are for nobody."""
        roles = ShareableRole.objects.filter(role__user=user).values("role")
        return self.filter(Q(user=user) | Q(role__in=roles))


class Share(models.Model):
    """A right to view or stop one subject: of a person, of a role, or of whoever has a link.

    `kind` and `subject` name what is shared, such as `service` and the id of an instance
    (`accounts/sharing/kinds.py`). `person` is the e-mail or user id as the owner wrote it, and the
    only thing that the owner sees; `user` is empty until somebody has that account. So the owner
    does not learn who has one.
    """

    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=63, help_text=_("The id of what is shared."))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shares_given"
    )
    action = models.CharField(max_length=10, choices=Action, default=Action.VIEW)

    person = models.CharField(
        max_length=254, blank=True, help_text=_("E-mail or user id, in lower case.")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="shares_held",
        help_text=_("The person's account; empty: there is none yet."),
    )
    role = models.ForeignKey(
        Group, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    link_hash = models.CharField(
        max_length=64,
        null=True,
        blank=True,
        unique=True,
        help_text=_("SHA-256 of the link's secret."),
    )
    is_public = models.BooleanField(
        default=False,
        help_text=_("The link needs no sign-in, as long as who made it may share publicly."),
    )

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = ShareQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=(
                    (~Q(person="") & Q(role=None, link_hash=None, is_public=False))
                    | Q(person="", user=None, role__isnull=False, link_hash=None, is_public=False)
                    | Q(person="", user=None, role=None, link_hash__isnull=False)
                ),
                name="share_of_a_person_a_role_or_a_link",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject", "person"],
                condition=Q(revoked_at=None) & ~Q(person=""),
                name="one_share_of_a_subject_per_person",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject", "role"],
                condition=Q(revoked_at=None, role__isnull=False),
                name="one_share_of_a_subject_per_role",
            ),
        ]
        indexes = [
            models.Index(
                fields=["subject", "kind"], condition=Q(revoked_at=None), name="share_subject"
            ),
            models.Index(fields=["subject"], name="share_subject_ever"),
            models.Index(fields=["owner", "-id"], name="share_owner"),
            models.Index(
                fields=["person"], condition=Q(user=None) & ~Q(person=""), name="share_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"share of {self.kind} {self.subject}"

    @property
    def with_whom(self) -> str:
        """With whom, in words that say nothing which the owner did not write."""
        if self.person:
            return self.person
        if self.role_id:
            return gettext("everyone with the role %(role)s") % {"role": self.role.name}
        if self.is_public:
            return gettext("whoever has the link")
        return gettext("whoever signs in with the link")


class ShareOpening(models.Model):
    """That somebody used a share: one row for each person and hour, the newest of each share."""

    share = models.ForeignKey(Share, on_delete=models.CASCADE, related_name="openings")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        help_text=_("Empty: somebody who has the link and did not sign in."),
    )
    at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(default=timezone.now, help_text=_("When it was used last."))
    times = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["share", "-id"], name="share_opening")]

    def __str__(self) -> str:
        return f"opening of {self.share}"
