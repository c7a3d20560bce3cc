"""What operators send and get about what opens an account, or something of it."""

from __future__ import annotations

from rest_framework import serializers

from ...leaks.finding import MOST_TEXT
from ...models import AccessToken, Client, Share, Webhook
from ..fields import FlagField, TextField


class PersonSerializer(serializers.Serializer):
    """A user, by id and e-mail."""

    user_id = serializers.CharField(source="username")
    email = serializers.CharField()


class OperatorTokenSerializer(serializers.ModelSerializer):
    """A token that is out. The token itself is not kept."""

    user = PersonSerializer()
    client_id = serializers.CharField(source="client.client_id", default=None, allow_null=True)

    class Meta:
        model = AccessToken
        fields = [
            "jti",
            "user",
            "client_id",
            "name",
            "is_personal",
            "scopes",
            "issued_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]


class OperatorClientSerializer(serializers.ModelSerializer):
    """A client of a user's: an id and a secret, by which a program gets tokens."""

    owner = PersonSerializer()

    class Meta:
        model = Client
        fields = [
            "client_id",
            "owner",
            "name",
            "scopes",
            "created_at",
            "last_used_at",
            "revoked_at",
        ]


class OperatorShareSerializer(serializers.ModelSerializer):
    """Who shares what with whom. A link's secret is not kept."""

    owner = PersonSerializer()
    person = serializers.CharField(help_text="As its owner wrote it; empty: a role, or a link.")
    role = serializers.CharField(source="role.name", default=None, allow_null=True)
    is_link = serializers.SerializerMethodField()

    class Meta:
        model = Share
        fields = [
            "id",
            "kind",
            "subject",
            "owner",
            "action",
            "person",
            "role",
            "is_link",
            "is_public",
            "created_at",
            "expires_at",
            "revoked_at",
        ]

    def get_is_link(self, share: Share) -> bool:
        return share.link_hash is not None


class OperatorWebhookSerializer(serializers.ModelSerializer):
    """Where a user's notices are sent, and whether that works."""

    id = serializers.CharField(source="webhook_id")
    user = PersonSerializer()
    failures = serializers.IntegerField(help_text="Tries that failed in a row.")

    class Meta:
        model = Webhook
        fields = [
            "id",
            "user",
            "name",
            "url",
            "kinds",
            "created_at",
            "failures",
            "failing_since",
            "off_at",
            "off_reason",
        ]


class LeakedSerializer(serializers.Serializer):
    text = TextField(
        max_length=MOST_TEXT,
        help_text="A token, a client's secret, a link, a cookie, or a text in which they stand. It "
        "is neither stored nor logged.",
    )
    revoke = FlagField(default=False, help_text="`true`: revoke all of them that are valid.")


class FoundSerializer(serializers.Serializer):
    """A secret that was found in the text. It is not repeated."""

    kind = serializers.CharField()
    what = serializers.CharField()
    says = serializers.CharField(help_text="What one can do with it.")
    is_valid = serializers.BooleanField(help_text="Before this call.")
    can_be_revoked = serializers.BooleanField()
    is_revoked = serializers.BooleanField(help_text="Whether this call revoked it.")
    owner = PersonSerializer(allow_null=True)
