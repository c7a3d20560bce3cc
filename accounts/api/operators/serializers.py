"""What operators send and get: users, their units, and the audit."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from hubsite.audit.actions import ACTIONS
from hubsite.audit.entry import AuditEntry, Via

from ...models import PersonDeletion, User
from ...units.ledger import MAX_UNITS
from ..fields import DayField, FlagField, PrintableField, TextField, WholeNumberField


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


class RolesField(serializers.ListField):
    """Names of roles."""

    def __init__(self, **options: Any) -> None:
        child = PrintableField(max_length=150)
        super().__init__(child=child, max_length=50, required=False, **options)


class NewUserSerializer(serializers.Serializer):
    email = PrintableField(max_length=254)
    first_name = PrintableField(max_length=150, required=False, default="", allow_blank=True)
    last_name = PrintableField(max_length=150, required=False, default="", allow_blank=True)
    roles = RolesField(default=list, help_text="Names of roles.")


class UserChangeSerializer(serializers.Serializer):
    """What is left out stays as it is."""

    is_active = FlagField(
        required=False,
        help_text="False: sign-in, tokens, clients, shares and links are refused at once.",
    )
    reason = PrintableField(
        max_length=300,
        required=False,
        default="",
        allow_blank=True,
        help_text="Why it is switched off, for the audit; the user is not told.",
    )
    end_work = FlagField(
        default=False, help_text="`true`: also cancel running jobs and stop services."
    )
    roles = RolesField(help_text="The names of all roles from now on.")

    def validate(self, given: dict) -> dict:
        if not {"is_active", "roles"} & given.keys():
            raise serializers.ValidationError("is_active or roles is expected")
        return given


class UnitsChangeSerializer(serializers.Serializer):
    """Units to give, a correction with its sign, or a new total."""

    kind = serializers.ChoiceField(
        choices=["grant", "correct", "total"],
        help_text="`correct` may be negative, and needs a reason; `total` counts reserved ones.",
    )
    units = WholeNumberField(min_value=-MAX_UNITS, max_value=MAX_UNITS)
    reason = serializers.CharField(
        max_length=400,
        required=False,
        default="",
        allow_blank=True,
        help_text="The user sees it.",
    )
    expires = DayField(
        required=False, allow_null=True, default=None, help_text="The last day of a grant."
    )


class TypedSerializer(serializers.Serializer):
    typed = TextField(max_length=254, help_text="The e-mail or the user id of the person.")


class DeletionSerializer(serializers.ModelSerializer):
    """A person who is being deleted, and how far that is."""

    waits_for = serializers.CharField(help_text="Why it is not done yet; empty: not tried yet.")
    elsewhere = serializers.ListField(
        child=serializers.CharField(), help_text="What is left to delete in other systems."
    )

    class Meta:
        model = PersonDeletion
        fields = ["asked_at", "waits_for", "done_at", "elsewhere"]


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
