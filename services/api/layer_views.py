"""The endpoints of GeoServer layers: those of the old service, and their alias for geoDB clients.

They answer from rows. PUT and DELETE ask geoDB whose database it is, then wait a little for the
worker, because old clients expect the layer to be there, or gone, when they are answered.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.api.permissions import HasScope
from accounts.scopes import MANAGE_COLLECTIONS
from accounts.tokens.hub_tokens import role_in_token
from hubsite.api.pagination import page
from hubsite.refusals import Refused

from ..geoserver import databases, layers, offered
from ..geoserver.names import ALL, Place, checked_database, checked_place
from ..geoserver.waiting import wait_for_worker
from ..models import Layer, LayerState
from . import layer_schema as schema
from .layer_presentation import as_columns, as_record, everyones, without_nulls
from .layer_serializers import PublishSerializer
from .own import checked


class _LayersOff(ViewSet):
    """Endpoints that `GEOSERVICE_SILENT`, or the lack of a GeoServer, switches off."""

    permission_classes = [HasScope(MANAGE_COLLECTIONS)]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        offered.require()


class AllLayersViewSet(_LayersOff):
    """What everybody has published; GeoServer shows it to everybody."""

    @schema.list_all
    def list(self, request: Request) -> Response:
        part, headers = page(request, Layer.objects.served())
        return Response(as_columns([everyones(layer) for layer in part]), headers=headers)


class LayerViewSet(_LayersOff):
    """The layers of the caller's own databases."""

    @schema.list_layers
    def list(self, request: Request, database: str) -> Response:
        rows = self._rows(request, database)
        part, headers = page(request, rows)
        return Response(as_columns([as_record(layer) for layer in part]), headers=headers)

    @schema.publish
    def publish(self, request: Request, database: str) -> Response:
        offered.require_open()
        collection = checked(PublishSerializer, request)["collection_id"]
        place = checked_place(databases.role_of(request.user), database, collection)
        self._require_database(request, place.workspace, database)
        databases.require_collection(request.user, place, token=_own_token(request, place))
        layer = wait_for_worker(layers.publish(request.user, place), request.user.username)
        if layer is None:
            raise Refused("It was removed meanwhile.")
        if layer.layer_state == LayerState.FAILED:
            raise Refused(f"Data can not be published: {layer.get_reason_display()}")
        return Response(as_record(layer))

    @schema.get_layer
    def retrieve(self, request: Request, database: str, collection: str) -> Response:
        return Response(without_nulls(as_record(self._layer(request, database, collection))))

    @schema.remove
    def destroy(self, request: Request, database: str, collection: str) -> Response:
        offered.require_open()
        layer = self._layer(request, database, collection)
        layers.remove(layer)
        layer.refresh_from_db()
        left = wait_for_worker(layer, request.user.username)
        return Response(without_nulls(as_record(left or layer)))

    def _rows(self, request: Request, database: str) -> QuerySet[Layer]:
        """The caller's layers of a database; of all for `all`. Raises Refused if it is not theirs.

        Where the caller has layers already, geoDB need not be asked: so they are also listed and
        removed while it does not answer.
        """
        rows = Layer.objects.owned_by(request.user).listed()
        role = databases.role_of(request.user)
        if database == ALL:
            return rows.filter(workspace=role)
        rows = rows.filter(workspace=role, database=checked_database(database))
        if not rows.exists():
            self._require_database(request, role, database)
        return rows

    def _layer(self, request: Request, database: str, collection: str) -> Layer:
        place = checked_place(databases.role_of(request.user), database, collection)
        layer = self._rows(request, database).filter(collection=place.collection).first()
        if layer is None:
            raise Refused(f"Collection {collection} of database {database} is not published.")
        return layer

    @staticmethod
    def _require_database(request: Request, role: str, database: str) -> None:
        place = Place(role, database, "")
        databases.require_database(request.user, role, database, token=_own_token(request, place))


def _own_token(request: Request, place: Place) -> str | None:
    """The caller's bearer token, if it is good for geoDB: if it holds the role.

    A personal token does not, nor the token of an operator who acts for the caller.
    """
    header = request.headers.get("Authorization", "")
    token = header.partition(" ")[2].strip()
    return token if token and role_in_token(token) == place.workspace else None
