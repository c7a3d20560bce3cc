"""Requests and answers of GeoServer layers, as the OpenAPI document describes them."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.fields import PrintableField
from hubsite.api.pagination import MAX_LIMIT
from hubsite.api.serializers import ClosedSerializer

from ..geoserver.names import LONGEST
from ..models import LayerState


class PublishSerializer(serializers.Serializer):
    """What to publish. Other members have no meaning; old clients may send them."""

    default_error_messages = {"invalid": "an object is expected"}

    collection_id = PrintableField(
        max_length=LONGEST,
        help_text="The collection, without the name of its database: letters, digits, `_` and `-`.",
        error_messages={"required": "put_collection needs a collection_id"},
    )


class LayerSerializer(ClosedSerializer):
    """A published collection. GET and DELETE of one leave out what is null."""

    collection_id = serializers.CharField(help_text="The collection.")
    database = serializers.CharField(help_text="Its database.")
    name = serializers.CharField(help_text="The same as `collection_id`.")
    href = serializers.CharField(
        required=False, allow_null=True, help_text="Not used; null as in the old service."
    )
    default_style = serializers.CharField(
        required=False, allow_null=True, help_text="Not used; null as in the old service."
    )
    preview_url = serializers.CharField(help_text="A page with a map.")
    geojson_url = serializers.CharField(help_text="The first ten features as GeoJSON.")
    wfs_url = serializers.CharField(help_text="The first ten features as KML.")
    state = serializers.ChoiceField(
        choices=LayerState.values,
        help_text="`READY`: the hub has seen it in GeoServer's maps.",
    )
    message = serializers.CharField(
        required=False, allow_null=True, help_text="What to know of the state."
    )


def _column(help_text: str, *, is_null: bool = False) -> serializers.ListField:
    child = serializers.CharField(allow_null=is_null)
    return serializers.ListField(
        child=child, required=False, max_length=MAX_LIMIT, help_text=help_text
    )


class LayerTableSerializer(ClosedSerializer):
    """Layers by columns, as pandas' `DataFrame.from_dict` reads them; `{}` if there is none."""

    collection_id = _column("The collections.")
    database = _column("Their databases.")
    name = _column("The same as `collection_id`.")
    href = _column("Not used; nulls.", is_null=True)
    default_style = _column("Not used; nulls.", is_null=True)
    preview_url = _column("Pages with maps.")
    geojson_url = _column("The first ten features as GeoJSON.")
    wfs_url = _column("The first ten features as KML.")
    state = _column("Their states.")
    message = _column("What to know of the states.", is_null=True)
