"""Answers of Cate web APIs, as the OpenAPI document describes them."""

from __future__ import annotations

from rest_framework import serializers

from hubsite.api.serializers import ClosedSerializer
from jobs.api.fields import count_field, time_field

from ..cate.pod_status import PHASES, UNKNOWN


class CateCountSerializer(ClosedSerializer):
    running_pods = count_field("Web APIs of all users that are awake, or start.")


class CateStartedSerializer(ClosedSerializer):
    serverUrl = serializers.CharField(  # noqa: N815 - as Cate reads it
        help_text="Where the web API answers, also its WebSockets. It needs no token: whoever has "
        "this URL may use the web API, for a day at most."
    )


class CateRunningSerializer(ClosedSerializer):
    started_at = time_field("Since when it is ready.", allow_null=True)


class CateWaitingSerializer(ClosedSerializer):
    reason = serializers.CharField()
    message = serializers.CharField(allow_null=True, help_text="What it waits for, in words.")


class CateTerminatedSerializer(ClosedSerializer):
    exit_code = serializers.IntegerField(
        help_text="137: ended because of its memory. 0: ended on purpose. 1: any other end."
    )
    reason = serializers.CharField(help_text="`OOMKilled`, `Completed` or `Error`.")
    message = serializers.CharField(allow_null=True, help_text="Why it ended, in words.")
    started_at = time_field("Not known.", allow_null=True)
    finished_at = time_field("When it ended.", allow_null=True)
    signal = serializers.IntegerField(allow_null=True)
    container_id = serializers.CharField(allow_null=True)


class CateContainerStateSerializer(ClosedSerializer):
    running = CateRunningSerializer(allow_null=True)
    waiting = CateWaitingSerializer(allow_null=True)
    terminated = CateTerminatedSerializer(allow_null=True)


class CateContainerSerializer(ClosedSerializer):
    name = serializers.CharField()
    ready = serializers.BooleanField()
    started = serializers.BooleanField()
    restart_count = count_field("How often it ended by itself and was started again.")
    image = serializers.CharField(allow_blank=True)
    image_id = serializers.CharField(allow_blank=True)
    container_id = serializers.CharField(allow_null=True)
    state = CateContainerStateSerializer()
    last_state = CateContainerStateSerializer(help_text="How it ended the time before.")


class CateConditionSerializer(ClosedSerializer):
    type = serializers.CharField()
    status = serializers.ChoiceField(choices=["True", "False"])
    reason = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True)
    last_probe_time = time_field("Not known.", allow_null=True)
    last_transition_time = time_field("Since when.", allow_null=True)


class CateStatusSerializer(ClosedSerializer):
    """As the status of a pod; only `phase` if there is no web API."""

    phase = serializers.ChoiceField(choices=sorted({*PHASES.values(), UNKNOWN["phase"]}))
    reason = serializers.CharField(required=False, allow_null=True)
    message = serializers.CharField(required=False, allow_null=True)
    start_time = time_field("When its process was started.", required=False, allow_null=True)
    container_statuses = CateContainerSerializer(required=False, many=True)
    conditions = CateConditionSerializer(required=False, many=True)
    qos_class = serializers.CharField(required=False)
    host_ip = serializers.CharField(required=False, allow_null=True)
    pod_ip = serializers.CharField(required=False, allow_null=True)
    nominated_node_name = serializers.CharField(required=False, allow_null=True)
    init_container_statuses = serializers.CharField(required=False, allow_null=True)
    ephemeral_container_statuses = serializers.CharField(required=False, allow_null=True)


class _Envelope(ClosedSerializer):
    status = serializers.ChoiceField(choices=["ok"])


class FirstCateCountSerializer(_Envelope):
    result = CateCountSerializer()


class FirstCateStartedSerializer(_Envelope):
    result = CateStartedSerializer()


class FirstCateStatusSerializer(_Envelope):
    result = CateStatusSerializer()


class FirstCateStoppedSerializer(_Envelope):
    result = serializers.BooleanField()
