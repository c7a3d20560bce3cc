"""Serializers of notices and webhooks: requests and answers."""

from __future__ import annotations

from rest_framework import serializers

from ..models import Notice
from ..notices.links import absolute
from ..notices.webhooks.targets import LONGEST_NAME, LONGEST_URL
from .fields import PrintableField, TextField, WholeNumberField

MOST_IDS = 1000
MOST_KINDS = 100


class NoticeSerializer(serializers.ModelSerializer):
    subject = serializers.CharField(help_text="The id of what it is about, such as a job's.")
    url = serializers.SerializerMethodField(help_text="The page that shows more.")
    details = serializers.JSONField(help_text="Facts for programs; they depend on the kind.")

    class Meta:
        model = Notice
        fields = [
            "id",
            "kind",
            "subject",
            "title",
            "text",
            "url",
            "details",
            "created_at",
            "read_at",
        ]

    def get_url(self, notice: Notice) -> str:
        return absolute(notice.path)


class ReadRequestSerializer(serializers.Serializer):
    up_to = WholeNumberField(
        required=False,
        min_value=0,
        max_value=2**62,
        help_text="Mark this notice and all older ones.",
    )
    ids = serializers.ListField(
        child=WholeNumberField(min_value=0, max_value=2**62),
        required=False,
        max_length=MOST_IDS,
        help_text="Mark these notices.",
    )

    def validate(self, attrs: dict) -> dict:
        if len(attrs) != 1:
            raise serializers.ValidationError({"up_to": "Either up_to or ids is expected."})
        return attrs


class ReadSerializer(serializers.Serializer):
    marked = serializers.IntegerField(help_text="How many were unread before.")
    unread = serializers.IntegerField(help_text="How many are unread now; 100: that or more.")


class StrictBooleanField(serializers.BooleanField):
    """true or false, and no text that means it."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class KindChoiceSerializer(serializers.Serializer):
    portal = StrictBooleanField(help_text="Shown as unread in the portal.")
    mail = StrictBooleanField(help_text="Sent by e-mail.")


class KindSerializer(KindChoiceSerializer):
    title = serializers.CharField()


class PreferencesSerializer(serializers.Serializer):
    mail = StrictBooleanField(help_text="Whether you want e-mails with notices at all.")
    kinds = serializers.DictField(
        child=KindSerializer(), help_text="By the name of the kind. Webhooks have their own."
    )


class PreferencesRequestSerializer(serializers.Serializer):
    """What is left out stays as it is."""

    mail = StrictBooleanField(required=False)
    kinds = serializers.DictField(child=KindChoiceSerializer(), required=False)

    def validate_kinds(self, kinds: dict) -> dict:
        if len(kinds) > MOST_KINDS:
            raise serializers.ValidationError(f"At most {MOST_KINDS} kinds are expected.")
        return kinds


class WebhookSerializer(serializers.Serializer):
    id = serializers.CharField(source="webhook_id")
    name = serializers.CharField()
    url = serializers.CharField()
    kinds = serializers.ListField(
        child=serializers.CharField(), help_text="Kinds of notices that it gets; empty: all."
    )
    created_at = serializers.DateTimeField()
    is_on = serializers.SerializerMethodField()
    off_reason = serializers.CharField(allow_blank=True, help_text="Why it is off.")
    failures = serializers.IntegerField(help_text="Tries that failed in a row.")
    failing_since = serializers.DateTimeField(allow_null=True)
    next_try_at = serializers.SerializerMethodField(
        help_text="Nothing is sent before, because it failed; null if it did not."
    )

    def get_is_on(self, webhook: object) -> bool:
        return webhook.off_at is None

    def get_next_try_at(self, webhook: object) -> str | None:
        if not webhook.failures or webhook.rests_until is None:
            return None
        return serializers.DateTimeField().to_representation(webhook.rests_until)


class NewWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="Signs the requests: shown now, and never again.")


class WebhookRequestSerializer(serializers.Serializer):
    name = PrintableField(max_length=LONGEST_NAME, help_text="What you call it.")
    url = TextField(max_length=LONGEST_URL, help_text="Where to send; it begins with `https://`.")
    kinds = serializers.ListField(
        child=TextField(max_length=40),
        required=False,
        max_length=MOST_KINDS,
        help_text="Kinds of notices that it gets; empty or left out: all.",
    )


class WebhookChangeSerializer(WebhookRequestSerializer):
    is_on = StrictBooleanField(required=False, default=True)


class SecretSerializer(serializers.Serializer):
    secret = serializers.CharField(help_text="The new secret. The former signs too for a day.")


class DeliverySerializer(serializers.Serializer):
    id = serializers.CharField(source="message_id", help_text="The header `webhook-id`.")
    kind = serializers.CharField(source="notice.kind")
    notice = serializers.IntegerField(source="notice_id")
    state = serializers.ChoiceField(choices=["pending", "delivered", "failing", "given_up"])
    tries = serializers.IntegerField(source="attempts")
    status = serializers.IntegerField(allow_null=True, help_text="HTTP status of the last answer.")
    error = serializers.CharField(allow_blank=True, help_text="Why the last try failed.")
    created_at = serializers.DateTimeField()
    tried_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(help_text="When it is tried again, if it is.")
