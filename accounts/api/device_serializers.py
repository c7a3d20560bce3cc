"""Serializers of the device flow and of revocation."""

from __future__ import annotations

from rest_framework import serializers

from .fields import PrintableField, TextField


class DeviceRequestSerializer(serializers.Serializer):
    client_id = PrintableField(
        max_length=60, help_text="What the program calls itself; it is not registered."
    )
    client_name = PrintableField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="What the token shall be called; the person may change it.",
    )
    scope = TextField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="Scopes separated by blanks. Without it the usual ones: none that operate "
        "the hub, read or create users, or share publicly.",
    )


class DeviceAnswerSerializer(serializers.Serializer):
    device_code = serializers.CharField(help_text="The program's secret, for its polls.")
    user_code = serializers.CharField(help_text="What the person types, such as `BCDF-GHJK`.")
    verification_uri = serializers.CharField(help_text="The page where the person types it.")
    verification_uri_complete = serializers.CharField(help_text="The page, with the code.")
    expires_in = serializers.IntegerField(help_text="Seconds until the codes end.")
    interval = serializers.IntegerField(help_text="Seconds between two polls, at least.")


class DeviceTokenRequestSerializer(serializers.Serializer):
    grant_type = TextField()
    device_code = TextField(max_length=200)
    client_id = TextField(max_length=60)


class RevocationSerializer(serializers.Serializer):
    token = TextField(max_length=8192)
    token_type_hint = TextField(max_length=60, required=False, allow_blank=True)
    client_id = TextField(max_length=60, required=False, allow_blank=True)
