"""Requests and answers of services, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import MomentField, PrintableField, RequestSerializer, TextField
from hubsite.api.pagination import MAX_LIMIT
from hubsite.api.serializers import ClosedSerializer
from jobs.api.fields import count_field, time_field

from ..models import Kind, Reason, State


@extend_schema_field({"type": "object", "additionalProperties": True})
class ConfigurationField(serializers.Field):
    """A JSON object that `services.xcube_server` checks."""

    default_error_messages = {"object": "an object is expected"}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("object")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class MainServerRequestSerializer(RequestSerializer):
    """A request of the old service's clients: the caller's main xcube server."""

    user_id = TextField(max_length=150, help_text="Your own user id, as `GET /users/me` shows it.")
    cfg = ConfigurationField(help_text="The configuration: see `configuration` of `POST /xcube`.")


class StartRequestSerializer(RequestSerializer):
    configuration = ConfigurationField(
        help_text="A configuration of xcube server: `Datasets`, `Styles`, `DatasetAttribution` and "
        "others. Stores are named `@name`, as in a cube generation. No Python code, no paths of "
        "the server, no credentials."
    )
    profile = PrintableField(
        required=False,
        allow_null=True,
        max_length=40,
        help_text="Name of a profile of `GET /profiles`; without it, the default.",
    )
    title = PrintableField(
        required=False, allow_blank=True, max_length=200, help_text="What to call it in lists."
    )


class KeepRequestSerializer(RequestSerializer):
    until = MomentField(
        allow_null=True,
        help_text="Until then it neither falls asleep nor is too old: at most the largest age of "
        "its profile from now. `null`: keep it no longer than others.",
    )


class LastUsedSerializer(ClosedSerializer):
    at = time_field("When.")
    by = serializers.CharField(help_text="By what, such as `a tile request`.")


class ChargeSerializer(ClosedSerializer):
    per_hour = count_field("Processing units for an hour awake.")
    minutes = count_field("Started minutes awake until now. Asleep costs nothing.")
    charged = count_field("Processing units charged until now.")


class ServiceInstanceSummarySerializer(serializers.Serializer):
    """A service in a list."""

    id = serializers.CharField(max_length=63, help_text="Its id, also a part of its URLs.")
    kind = serializers.ChoiceField(choices=Kind.values)
    profile = serializers.CharField(help_text="Name of its profile.")
    title = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(
        choices=State.values,
        help_text="`REQUESTED`, `STARTING`, then `READY`. `ASLEEP`: nobody uses it; the next "
        "request to its URL wakes it. `STOPPED` and `FAILED` are final.",
    )
    reason = serializers.ChoiceField(
        choices=Reason.values,
        allow_null=True,
        help_text="Why it failed, stopped or fell asleep: "
        + "; ".join(f"`{reason.value}` {reason.label.lower()}" for reason in Reason)
        + ".",
    )
    message = serializers.CharField(allow_blank=True, help_text="The state and reason in words.")
    server_url = serializers.URLField(help_text="Where xcube server answers.")
    viewer_url = serializers.URLField(
        allow_null=True,
        help_text="Where the viewer is: open it in a browser. `null`: it has none (Cate).",
    )
    created_at = time_field("When it was asked for.")
    ready_at = time_field("Since when it is ready.", allow_null=True)
    finished_at = time_field("When it stopped or failed.", allow_null=True)
    last_used = LastUsedSerializer(allow_null=True, help_text="When it was used last, and by what.")
    sleeps_at = time_field(
        "When it falls asleep if nobody uses it until then; `null`: it is not ready.",
        allow_null=True,
    )
    stops_at = time_field("When it is stopped for its age.", allow_null=True)
    kept_until = time_field("Until when it is kept: `PUT …/keep`.", allow_null=True)
    units = ChargeSerializer()
    restarts = count_field("How often it ended by itself and was started again.")


class BrokenDatasetSerializer(ClosedSerializer):
    id = serializers.CharField()
    message = serializers.CharField(help_text="What is wrong with it.")


class ServiceInstanceSerializer(ServiceInstanceSummarySerializer):
    """A service."""

    datasets = serializers.ListField(
        child=serializers.CharField(),
        help_text="Ids of the datasets that it is configured to show.",
    )
    broken = BrokenDatasetSerializer(
        many=True, help_text="Datasets that cannot be opened. The others are shown nevertheless."
    )


class OpenedCubeSerializer(ServiceInstanceSummarySerializer):
    """The service that shows the cube."""

    open_url = serializers.URLField(help_text="Open it in a browser: the viewer with the cube.")


class ServiceEventSerializer(ClosedSerializer):
    at = time_field("When.")
    from_state = serializers.ChoiceField(choices=State.values, allow_null=True)
    to_state = serializers.ChoiceField(
        choices=State.values, allow_null=True, help_text="`null`: it kept its state."
    )
    reason = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_blank=True, help_text="What happened, in words.")
    by = serializers.CharField(
        help_text="`owner`, `operator`, `another user`, or a part of the hub."
    )


class ServiceLogLineSerializer(ClosedSerializer):
    line = serializers.IntegerField(help_text="Its number, from 0.")
    text = serializers.CharField(allow_blank=True)


class ServiceLogSerializer(ClosedSerializer):
    lines = serializers.ListField(child=ServiceLogLineSerializer(), max_length=MAX_LIMIT)
    next_offset = serializers.IntegerField(help_text="What to ask for next.")


class ServiceProfileSerializer(ClosedSerializer):
    """What can be started, what it may use, and what it costs."""

    name = serializers.CharField(max_length=40)
    kind = serializers.ChoiceField(choices=Kind.values)
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    is_default = serializers.BooleanField(help_text="Whether it is used if none is named.")
    cpus = serializers.FloatField(help_text="Most processor cores.")
    memory_bytes = serializers.IntegerField(help_text="Most memory.")
    idle_s = serializers.IntegerField(help_text="It falls asleep after so many unused seconds.")
    age_s = serializers.IntegerField(help_text="It is stopped after so many seconds.")
    stores = serializers.ListField(
        child=serializers.CharField(), help_text="Stores that it may show; empty: all you may read."
    )
    units_per_hour = count_field("Processing units for an hour awake, charged by the minute.")
