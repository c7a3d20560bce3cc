"""What the accounts' endpoints take and give."""

from __future__ import annotations

from rest_framework import serializers

MAX_LENGTH = 1024


class TextField(serializers.CharField):
    """A string, taken as it is: no number is turned into one, no blank is cut off."""

    def __init__(self, **options) -> None:
        super().__init__(max_length=MAX_LENGTH, trim_whitespace=False, **options)

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


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


class UnitsSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    reserved = serializers.IntegerField(help_text="Set aside for jobs that are not finished.")
    available = serializers.IntegerField()


class MeSerializer(serializers.Serializer):
    user_id = serializers.CharField()
    email = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    permissions = serializers.ListField(
        child=serializers.CharField(), help_text="The scopes that this request holds."
    )
    units = UnitsSerializer(help_text="Processing units.")
