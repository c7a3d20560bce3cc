"""What operators send and get about jobs and engines."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.operators.access_serializers import PersonSerializer
from accounts.units.ledger import MAX_UNITS
from hubsite.engines import NAMES
from hubsite.switches import MOST_CHARACTERS

from ..models import Job, Priority, Reason, State
from ..operators.failures import MOST_OF_NOTE

PRIORITIES = {priority.name.lower(): priority for priority in Priority}


class OperatorJobSerializer(serializers.ModelSerializer):
    """A job of any user's, as operators see it."""

    owner = PersonSerializer()
    state = serializers.ChoiceField(choices=State.values)
    reason = serializers.ChoiceField(choices=["", *Reason.values])
    priority = serializers.SerializerMethodField()
    retry_of = serializers.CharField(source="retry_of.job_id", default=None, allow_null=True)

    class Meta:
        model = Job
        fields = [
            "job_id",
            "owner",
            "client_id",
            "state",
            "reason",
            "message",
            "units",
            "engine",
            "priority",
            "input_store",
            "input_data_id",
            "output_store",
            "output_data_id",
            "is_live",
            "retry_of",
            "created_at",
            "launched_at",
            "started_at",
            "finished_at",
        ]

    def get_priority(self, job: Job) -> str:
        return Priority(job.priority).name.lower()


class NoteSerializer(serializers.Serializer):
    note = serializers.CharField(max_length=MOST_OF_NOTE, help_text="Why nothing is left to do.")


class PrioritySerializer(serializers.Serializer):
    priority = serializers.ChoiceField(choices=list(PRIORITIES))


class EngineSerializer(serializers.Serializer):
    engine = serializers.ChoiceField(choices=NAMES)


class ChargeBackSerializer(serializers.Serializer):
    units = serializers.IntegerField(min_value=1, max_value=MAX_UNITS)
    reason = serializers.CharField(max_length=400, help_text="The user sees it.")


class ChargedBackSerializer(serializers.Serializer):
    units = serializers.IntegerField(help_text="What was given back.")
    charged = serializers.IntegerField(help_text="What the job has been charged after it.")


class MessageSerializer(serializers.Serializer):
    message = serializers.CharField(max_length=MOST_CHARACTERS, help_text="Why, and until when.")


class OperatorEngineSerializer(serializers.Serializer):
    """An engine: whether it answers, its places, and whether it takes new work."""

    engine = serializers.ChoiceField(choices=NAMES)
    answers = serializers.BooleanField(
        allow_null=True, help_text="null: it was never heard of, so this hub does not use it."
    )
    problem = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True, help_text="Since when it is so.")
    places = serializers.IntegerField(help_text="Runs that it may have at once.")
    taken = serializers.IntegerField()
    waiting = serializers.IntegerField()
    is_drained = serializers.BooleanField()
    message = serializers.CharField(help_text="Why it is drained.")
    drained_since = serializers.DateTimeField(allow_null=True)


class OperatorStoreSerializer(serializers.Serializer):
    """A data store of the hub. Its parameters and credentials are not shown."""

    store = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(
        choices=["ok", "away", "unknown", "unreadable"], help_text="unknown: it was never asked."
    )
    readable = serializers.BooleanField()
    writable = serializers.BooleanField()
    per_user = serializers.BooleanField()
    data_sets = serializers.IntegerField()
    listed_at = serializers.DateTimeField(allow_null=True)
    failed_at = serializers.DateTimeField(
        allow_null=True, help_text="When it did not answer last; null: it answers."
    )
    problem = serializers.CharField()
