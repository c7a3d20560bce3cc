"""What operators send and get: users, their units, and the audit."""

from __future__ import annotations

from rest_framework import serializers

from hubsite.audit.actions import ACTIONS
from hubsite.audit.entry import AuditEntry, Via

from ..models import User
from ..units.ledger import MAX_UNITS


class OperatorUserSerializer(serializers.ModelSerializer):
    """A user, as operators see them in a list."""

    user_id = serializers.CharField(source="username")
    roles = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(source="date_joined")

    class Meta:
        model = User
        fields = [
            "user_id",
            "email",
            "first_name",
            "last_name",
            "is_active",
            "is_service_account",
            "roles",
            "created_at",
            "last_login",
            "forgotten_at",
        ]

    def get_roles(self, user: User) -> list[str]:
        return sorted(group.name for group in user.groups.all())


class OperatorUnitsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    reserved = serializers.IntegerField()
    available = serializers.IntegerField()


class OperatorUserDetailSerializer(OperatorUserSerializer):
    """A user with what they have and may do."""

    permissions = serializers.ListField(child=serializers.CharField())
    units = OperatorUnitsSerializer()

    class Meta(OperatorUserSerializer.Meta):
        fields = [*OperatorUserSerializer.Meta.fields, "permissions", "units"]


class UserChangeSerializer(serializers.Serializer):
    is_active = serializers.BooleanField(
        help_text="False: sign-in, tokens, clients, shares and links are refused at once."
    )


class UnitsChangeSerializer(serializers.Serializer):
    """Units to give, or a correction with its sign."""

    kind = serializers.ChoiceField(
        choices=["grant", "correct"], help_text="`correct` may be negative, and needs a reason."
    )
    units = serializers.IntegerField(min_value=-MAX_UNITS, max_value=MAX_UNITS)
    reason = serializers.CharField(
        max_length=400, required=False, default="", help_text="The user sees it."
    )


class UnitsChangedSerializer(serializers.Serializer):
    """The movement in the ledger, and what the user has now."""

    kind = serializers.CharField()
    units = serializers.IntegerField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    balance = OperatorUnitsSerializer()


class AuditEntrySerializer(serializers.ModelSerializer):
    """Who did what to which object, from where."""

    actor = serializers.CharField(source="actor_name")
    acted_for = serializers.CharField(source="acted_for_name")
    via = serializers.ChoiceField(choices=Via.values)
    action = serializers.ChoiceField(choices=list(ACTIONS))

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "at",
            "actor",
            "acted_for",
            "via",
            "action",
            "kind",
            "object_id",
            "label",
            "detail",
            "request_id",
            "address",
        ]
