"""Requests and answers of sharing, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers

from hubsite.api.serializers import time_text
from hubsite.web.addresses import absolute_url

from ..models import Action, Share, ShareOpening
from ..sharing.kinds import Subject
from .fields import FlagField, MomentField, PrintableField, RequestSerializer


class ShareRequestSerializer(RequestSerializer):
    """With whom: one of `user`, `role` and `link`."""

    user = PrintableField(
        required=False,
        max_length=254,
        help_text="The e-mail or user id of a person. The answer is the same if nobody has such an "
        "account: then the share counts as soon as somebody does.",
    )
    role = PrintableField(
        required=False, max_length=150, help_text="A role of `GET /shares/roles`."
    )
    link = FlagField(required=False, help_text="`true`: make a link.")
    public = FlagField(
        required=False,
        help_text="`true`: the link needs no sign-in. For who has `share:publicly`.",
    )
    action = serializers.ChoiceField(
        choices=Action.values,
        required=False,
        help_text="`view`; or `stop`: view, let it sleep, and stop it (services only, no links).",
    )
    expires_at = MomentField(
        required=False,
        allow_null=True,
        help_text="Until when; without it, as long as this hub's operators say.",
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        named = [name for name in ("user", "role") if name in given]
        if given.get("link"):
            named.append("link")
        if len(named) != 1:
            raise serializers.ValidationError('one of "user", "role" and "link": true is expected')
        if given.get("public") and "link" not in named:
            raise serializers.ValidationError({"public": "only a link can be public"})
        return given


class ShareSerializer(serializers.Serializer):
    """Who else may use something of yours."""

    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="`service` or `result`.")
    subject = serializers.CharField(help_text="The id of the service, or of the result's job.")
    action = serializers.ChoiceField(choices=Action.values)
    user = serializers.CharField(
        allow_null=True, help_text="The e-mail or user id of the person, as it was given."
    )
    role = serializers.CharField(allow_null=True, help_text="The role.")
    link = serializers.BooleanField(help_text="Whether it is for whoever has a link.")
    public = serializers.BooleanField(help_text="Whether the link needs no sign-in.")
    created_at = serializers.DateTimeField(help_text="When it was made. ISO 8601, UTC, with `Z`.")
    expires_at = serializers.DateTimeField(help_text="Until when. ISO 8601, UTC, with `Z`.")


class NewShareSerializer(ShareSerializer):
    url = serializers.URLField(
        required=False, help_text="The link, this once: keep it, because the hub has its hash only."
    )
    direct_url = serializers.URLField(
        required=False,
        help_text="Of a public link to a service: where it is entered without a page in between.",
    )


class GivenShareSerializer(ShareSerializer):
    title = serializers.CharField(help_text="What it is called.")


class HeldShareSerializer(serializers.Serializer):
    """What somebody else shares with you."""

    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="`service` or `result`.")
    subject = serializers.CharField(help_text="The id of the service, or of the result's job.")
    title = serializers.CharField(help_text="What it is called.")
    state = serializers.CharField(help_text="Its state, in words.")
    owner = serializers.EmailField(help_text="Whose it is.")
    action = serializers.ChoiceField(choices=Action.values)
    role = serializers.CharField(
        allow_null=True, help_text="The role by which you have it; `null`: it is for you alone."
    )
    expires_at = serializers.DateTimeField(help_text="Until when. ISO 8601, UTC, with `Z`.")
    url = serializers.URLField(help_text="The page that opens it.")


class OpeningSerializer(serializers.Serializer):
    """That somebody used a share: one row for each person and hour."""

    at = serializers.DateTimeField(help_text="When first. ISO 8601, UTC, with `Z`.")
    until = serializers.DateTimeField(help_text="When last in this hour.")
    times = serializers.IntegerField(min_value=1, help_text="How often, counted once a minute.")
    by = serializers.CharField(
        allow_null=True,
        help_text="Who: the person as the share names them, else the e-mail of who signed in; "
        "`null`: whoever has the public link.",
    )


def share(row: Share) -> dict[str, Any]:
    """A share for the owner. Its `role` should be loaded."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "subject": row.subject,
        "action": row.action,
        "user": row.person or None,
        "role": row.role.name if row.role_id else None,
        "link": row.link_hash is not None,
        "public": row.is_public,
        "created_at": time_text(row.created_at),
        "expires_at": time_text(row.expires_at),
    }


def held_share(row: Share, subject: Subject) -> dict[str, Any]:
    """A share for who has it. Its `owner` and `role` should be loaded."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "subject": row.subject,
        "title": subject.title,
        "state": subject.state,
        "owner": row.owner.email,
        "action": row.action,
        "role": row.role.name if row.role_id else None,
        "expires_at": time_text(row.expires_at),
        "url": absolute_url(reverse("shared", args=[str(row.pk)])),
    }


def opening(row: ShareOpening, of: Share) -> dict[str, Any]:
    """An opening for the owner. Its `user` should be loaded."""
    return {
        "at": time_text(row.at),
        "until": time_text(row.until),
        "times": row.times,
        "by": of.person or (row.user.email if row.user else None),
    }
