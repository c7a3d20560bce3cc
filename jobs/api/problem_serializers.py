"""Errors of cube generation, in the shapes that the xcube 1.14.1 client parses."""

from __future__ import annotations

from rest_framework import serializers

from hubsite.api.serializers import ClosedSerializer, ProblemSerializer


class FailedStatusSerializer(serializers.Serializer):
    active = serializers.IntegerField()
    failed = serializers.IntegerField()
    succeeded = serializers.IntegerField()


class FailedResultSerializer(ClosedSerializer):
    status = serializers.ChoiceField(choices=["error"])
    status_code = serializers.IntegerField()
    message = serializers.CharField()


class CubegenProblemSerializer(ProblemSerializer):
    """An error in the form of RFC 9457. The xcube client prints the reason because of the
    members `job_id`, `job_status` and `job_result`."""

    required = serializers.IntegerField(
        required=False, help_text="Processing units that the request costs (413)."
    )
    available = serializers.IntegerField(
        required=False, help_text="Processing units you have (413)."
    )
    limit = serializers.IntegerField(
        required=False, help_text="Processing units that one job may cost (413)."
    )
    job_id = serializers.CharField(help_text="The job asked for, or `unknown`.")
    job_status = FailedStatusSerializer()
    job_result = FailedResultSerializer()


class CubeInfoProblemSerializer(ClosedSerializer):
    """An error of `/cubegens/info`. The xcube client knows no other members."""

    status = serializers.ChoiceField(choices=["error"])
    status_code = serializers.IntegerField(help_text="The HTTP status.")
    message = serializers.CharField(help_text="What is wrong, and what is expected.")
