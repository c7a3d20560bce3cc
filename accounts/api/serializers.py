"""Serializers of the accounts' endpoints: requests and answers."""

from __future__ import annotations

from rest_framework import serializers

from hubsite.api.serializers import ProblemSerializer

from ..models import AccessToken, LedgerEntry, SubscriptionEvent, Unit
from ..scopes import SCOPES
from ..tokens.personal import DEFAULT_DAYS, LONGEST_DAYS
from .fields import DayField, NumberField, PrintableField, TextField, WholeNumberField


class ClientCredentialsSerializer(serializers.Serializer):
    client_id = TextField()
    client_secret = TextField()
    audience = TextField(
        required=False, allow_null=True, allow_blank=True, help_text="Accepted and ignored."
    )
    grant_type = TextField(
        required=False,
        help_text="`client_credentials` or `client-credentials`, which is also assumed.",
    )
    scope = TextField(
        required=False,
        allow_blank=True,
        help_text="Scopes separated by blanks: the token gets those of them that the client has. "
        "Without it, all that the client has.",
    )


class TokenSerializer(serializers.Serializer):
    access_token = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    token_type = serializers.CharField(help_text="Always `bearer`.")
    expires_in = serializers.IntegerField(
        required=False, help_text="Seconds; only for form-encoded requests."
    )
    scope = serializers.CharField(
        required=False, help_text="Granted scopes; only for form-encoded requests."
    )


class OAuthProblemSerializer(ProblemSerializer):
    """An error in the form of RFC 9457, with the members of RFC 6749, section 5.2."""

    error = serializers.CharField(required=False, help_text="The kind of error, as OAuth calls it.")
    error_description = serializers.CharField(required=False, help_text="The same as `detail`.")


class UnitsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    reserved = serializers.IntegerField(help_text="Set aside for jobs that are not finished.")
    available = serializers.IntegerField()
    is_low = serializers.BooleanField(
        help_text="Few are left: less than the hub's operators call enough."
    )


class MeSerializer(serializers.Serializer):
    user_id = serializers.CharField()
    email = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    permissions = serializers.ListField(
        child=serializers.CharField(), help_text="The scopes that this request holds."
    )
    units = UnitsSerializer(help_text="Processing units.")


class NameSerializer(serializers.Serializer):
    first_name = PrintableField(required=False, allow_blank=True, max_length=150)
    last_name = PrintableField(required=False, allow_blank=True, max_length=150)


class ExpiringSerializer(serializers.Serializer):
    expires_at = serializers.DateTimeField()
    units = serializers.IntegerField(help_text="What is gone then, if you spend no more.")


class MonthlySerializer(serializers.Serializer):
    units = serializers.IntegerField(help_text="What comes each month.")
    first_month = serializers.DateField(help_text="A day of the first month.")
    last_month = serializers.DateField(allow_null=True, help_text="A day of the last month.")
    expires = serializers.BooleanField(help_text="Whether it lasts for the month only.")


class MyUnitsSerializer(UnitsSerializer):
    expiring = ExpiringSerializer(many=True, help_text="Units that do not last, soonest first.")
    monthly = MonthlySerializer(many=True, help_text="Units that come every month.")


class MonthSerializer(serializers.Serializer):
    month = serializers.CharField(source="name", help_text="Such as 2027-01, in UTC.")
    opening = serializers.IntegerField(help_text="What you had in all at its beginning.")
    granted = serializers.IntegerField()
    spent = serializers.IntegerField(help_text="Less what was given back.")
    expired = serializers.IntegerField()
    corrected = serializers.IntegerField(help_text="By operators; negative: taken.")
    closing = serializers.IntegerField(help_text="What you had in all at its end, or have now.")


class MovementSerializer(serializers.ModelSerializer):
    at = serializers.DateTimeField(source="created_at")
    job_id = serializers.CharField(source="reference", help_text="The job it was for, or empty.")

    class Meta:
        model = LedgerEntry
        fields = [
            "at",
            "kind",
            "units",
            "delta_total",
            "delta_reserved",
            "total_after",
            "reserved_after",
            "job_id",
            "reason",
        ]


class MyClientSerializer(serializers.Serializer):
    client_id = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)


class PersonalTokenSerializer(serializers.ModelSerializer):
    id = serializers.CharField(source="jti", help_text="Names it here. It is not the token.")
    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = AccessToken
        fields = ["id", "name", "scopes", "issued_at", "expires_at"]


class NewPersonalTokenSerializer(PersonalTokenSerializer):
    token = serializers.CharField(help_text="The token itself: shown now, and never again.")

    class Meta(PersonalTokenSerializer.Meta):
        fields = [*PersonalTokenSerializer.Meta.fields, "token"]


class PersonalTokenRequestSerializer(serializers.Serializer):
    name = PrintableField(max_length=100, help_text="What you call it.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(SCOPES)),
        allow_empty=False,
        max_length=len(SCOPES),
        help_text="What it may do, as far as you may.",
    )
    expires_in_days = WholeNumberField(
        required=False, default=DEFAULT_DAYS, min_value=1, max_value=LONGEST_DAYS
    )


class RegistrationSerializer(serializers.Serializer):
    state = serializers.CharField(help_text="`pending`, `registered` or `failing`.")
    attempts = serializers.IntegerField()
    error = serializers.CharField(allow_null=True, help_text="Why the last try failed.")
    registered_at = serializers.DateTimeField(allow_null=True)


class SubscriptionSerializer(serializers.Serializer):
    """A subscription; `PUT` leaves out what is null."""

    subscription_id = serializers.CharField(help_text="The user's id.")
    email = serializers.CharField()
    guid = serializers.CharField()
    plan = serializers.CharField()
    units = serializers.FloatField()
    unit = serializers.ChoiceField(choices=Unit.values)
    client_id = serializers.CharField(allow_null=True, required=False)
    client_secret = serializers.CharField(
        allow_null=True, required=False, help_text="Only by the PUT that sets it."
    )
    start_date = serializers.DateField()
    option = serializers.CharField(allow_null=True, required=False)
    role = serializers.CharField(help_text="The roles that it gives, separated by blanks.")
    first_name = serializers.CharField(allow_null=True, required=False)
    last_name = serializers.CharField(allow_null=True, required=False)
    registration = RegistrationSerializer(
        allow_null=True, required=False, help_text="Whether geoDB knows the user; geoDB only."
    )


class SubscriptionRequestSerializer(serializers.Serializer):
    """Members that are null count as not given. Other members are ignored."""

    email = TextField(max_length=254, help_text="The user; made if there is none.")
    guid = PrintableField(
        max_length=255, help_text="The marketplace's id of the user; names the geoDB role."
    )
    plan = PrintableField(required=False, allow_null=True, max_length=100)
    units = NumberField(required=False, allow_null=True, help_text="The first time: 0.")
    unit = serializers.ChoiceField(choices=Unit.values, required=False, allow_null=True)
    client_id = PrintableField(required=False, allow_null=True, max_length=255)
    client_secret = PrintableField(required=False, allow_null=True)
    start_date = DayField(required=False, allow_null=True, help_text="The first time: today.")
    option = PrintableField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=100,
        help_text="`processing`: own code too.",
    )
    first_name = PrintableField(required=False, allow_null=True, allow_blank=True, max_length=150)
    last_name = PrintableField(required=False, allow_null=True, allow_blank=True, max_length=150)

    def to_internal_value(self, data: object) -> dict:
        if isinstance(data, dict):
            data = {name: value for name, value in data.items() if value is not None}
        return super().to_internal_value(data)


class SubscriptionEventSerializer(serializers.ModelSerializer):
    changes = serializers.JSONField(help_text="Member to [before, after]; never a secret.")

    class Meta:
        model = SubscriptionEvent
        fields = ["at", "kind", "changes"]


class MySubscriptionSerializer(serializers.Serializer):
    service = serializers.CharField()
    plan = serializers.CharField()
    units = serializers.FloatField()
    unit = serializers.CharField()
    start_date = serializers.DateField()
    ended_at = serializers.DateTimeField(allow_null=True)
    history = SubscriptionEventSerializer(many=True)
