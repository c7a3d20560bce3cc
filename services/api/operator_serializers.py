"""What operators send and get about services, profiles and layers of all users."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from rest_framework import serializers

from accounts.api.fields import FlagField, NumberField, PrintableField, TextField, WholeNumberField
from accounts.api.operators.access_serializers import PersonSerializer

from ..models import Kind, Layer, LayerState, Reason, ServiceInstance, ServiceProfile, State

LONGEST_S = 3650 * 86_400


class OperatorServiceSerializer(serializers.ModelSerializer):
    """A service of any user's, as operators see it."""

    id = serializers.CharField(source="instance_id")
    owner = PersonSerializer()
    kind = serializers.ChoiceField(choices=Kind.values)
    profile = serializers.CharField(source="profile.name")
    state = serializers.ChoiceField(choices=State.values)
    reason = serializers.ChoiceField(choices=["", *Reason.values])

    class Meta:
        model = ServiceInstance
        fields = [
            "id",
            "owner",
            "client_id",
            "kind",
            "profile",
            "title",
            "state",
            "reason",
            "message",
            "engine",
            "is_live",
            "units_per_hour",
            "minutes",
            "restarts",
            "created_at",
            "ready_since",
            "last_used_at",
            "kept_until",
            "stops_at",
            "finished_at",
        ]


class SessionsSerializer(serializers.Serializer):
    ended = serializers.IntegerField(help_text="How many sessions of browsers were ended.")


class OperatorProfileSerializer(serializers.ModelSerializer):
    """What users may start, with its limits and its price."""

    roles = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = ServiceProfile
        fields = [
            "name",
            "kind",
            "title",
            "description",
            "is_enabled",
            "position",
            "cpus",
            "memory_bytes",
            "idle_s",
            "age_s",
            "stores",
            "image",
            "roles",
            "units_per_hour",
        ]


class ProfileChangeSerializer(serializers.Serializer):
    """What is left out stays as it is, or gets its default in a new profile."""

    kind = serializers.ChoiceField(
        choices=Kind.values, required=False, help_text="Only of a new profile."
    )
    title = PrintableField(max_length=100, required=False)
    description = TextField(max_length=2000, required=False, allow_blank=True)
    is_enabled = FlagField(required=False, help_text="Whether it is offered.")
    position = WholeNumberField(required=False, min_value=0, max_value=32767)
    cpus = NumberField(required=False)
    memory_bytes = WholeNumberField(required=False, min_value=0, max_value=1 << 42)
    idle_s = WholeNumberField(required=False, min_value=60, max_value=LONGEST_S)
    age_s = WholeNumberField(required=False, min_value=60, max_value=LONGEST_S)
    stores = serializers.ListField(
        child=PrintableField(max_length=100), required=False, max_length=200
    )
    image = serializers.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$", required=False, allow_blank=True, max_length=255
    )
    roles = serializers.ListField(
        child=PrintableField(max_length=150),
        required=False,
        max_length=50,
        help_text="Names of roles that may use it; none: everybody.",
    )
    units_per_hour = WholeNumberField(required=False, min_value=0, max_value=1_000_000)

    def validate_roles(self, names: list[str]) -> list[Group]:
        found = {role.name: role for role in Group.objects.filter(name__in=names)}
        if missing := [name for name in names if name not in found]:
            raise serializers.ValidationError(f"There is no role {missing[0][:40]!r}.")
        return list(found.values())

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if not given:
            raise serializers.ValidationError("at least one member is expected")
        return given


class OperatorLayerSerializer(serializers.ModelSerializer):
    """A layer in the GeoServer, and how far it is."""

    owner = PersonSerializer(allow_null=True)
    state = serializers.ChoiceField(source="layer_state", choices=LayerState.values)

    class Meta:
        model = Layer
        fields = [
            "id",
            "owner",
            "workspace",
            "database",
            "collection",
            "name",
            "state",
            "reason",
            "since",
            "verified_at",
            "attempts",
            "error",
        ]


class StrayLayerSerializer(serializers.Serializer):
    """A layer of the GeoServer that has no row here."""

    id = serializers.IntegerField()
    workspace = serializers.CharField()
    name = serializers.CharField()
    store = serializers.CharField()
    first_seen_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField()
