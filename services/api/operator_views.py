"""What operators script about services, profiles and layers of all users."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.api.operators.acts import given, nothing
from accounts.api.operators.asking import filter_text, of_owner, one_of
from accounts.api.operators.permission import OperatesHub
from hubsite import audit
from hubsite.api.keyset import part_of
from hubsite.refusals import FieldError, Refused

from .. import lifecycle
from ..access.ending import end_sessions
from ..geoserver import layers, operating
from ..models import (
    EdgeSession,
    Kind,
    Layer,
    LayerState,
    Reason,
    ServiceInstance,
    ServiceProfile,
    State,
    StrayLayer,
)
from . import operator_schema as schema
from .operator_serializers import (
    OperatorLayerSerializer,
    OperatorProfileSerializer,
    OperatorServiceSerializer,
    ProfileChangeSerializer,
    StrayLayerSerializer,
)
from .views import SLEEP_WORDS, WAKERS


class OperatorServiceViewSet(ViewSet):
    """Services of all users. Nothing here waits for an engine."""

    permission_classes = [OperatesHub]

    @schema.list_services
    def list(self, request: Request) -> Response:
        rows = of_owner(request, ServiceInstance.objects.all(), "owner")
        for name, known in (("state", State.values), ("kind", Kind.values)):
            if text := one_of(request, name, known):
                rows = rows.filter(**{name: text})
        if profile := filter_text(request, "profile"):
            rows = rows.filter(profile__name=profile)
        part, headers = part_of(request, rows.select_related("owner", "profile"))
        return Response(OperatorServiceSerializer(part, many=True).data, headers=headers)

    @schema.get_service
    def retrieve(self, request: Request, instance_id: str) -> Response:
        return Response(OperatorServiceSerializer(_service(instance_id)).data)

    @schema.stop_service
    def stop(self, request: Request, instance_id: str) -> Response:
        actor = request.user.username
        changed = lifecycle.stop(_service(instance_id), actor=actor, reason=Reason.OPERATOR)
        return Response({"changed": changed})

    @schema.sleep_service
    def sleep(self, request: Request, instance_id: str) -> Response:
        instance = _service(instance_id)
        can_sleep = instance.state in (State.STARTING, State.READY)
        changed = can_sleep and lifecycle.sleep(
            instance,
            actor=request.user.username,
            reason=Reason.OPERATOR,
            message=SLEEP_WORDS[Reason.OPERATOR],
        )
        return Response({"changed": changed})

    @schema.wake_service
    def wake(self, request: Request, instance_id: str) -> Response:
        instance = _service(instance_id)
        changed = instance.state == State.ASLEEP and lifecycle.wake(
            instance, actor=request.user.username, by=WAKERS[Reason.OPERATOR]
        )
        return Response({"changed": changed})

    @schema.end_sessions
    def end_sessions(self, request: Request, instance_id: str) -> Response:
        rows = EdgeSession.objects.filter(instance=_service(instance_id))
        return Response({"ended": end_sessions(rows)})


class OperatorProfileViewSet(ViewSet):
    """What users may start."""

    permission_classes = [OperatesHub]

    @schema.list_profiles
    def list(self, request: Request) -> Response:
        rows = ServiceProfile.objects.prefetch_related("roles").order_by("position", "name")
        return Response(OperatorProfileSerializer(rows, many=True).data)

    @schema.put_profile
    def update(self, request: Request, name: str) -> Response:
        asked = given(ProfileChangeSerializer, request)
        roles = asked.pop("roles", None)
        with transaction.atomic():
            profile = ServiceProfile.objects.select_for_update().filter(name=name).first()
            is_new = profile is None
            profile = profile or ServiceProfile(name=name, title=name)
            if not is_new and asked.get("kind", profile.kind) != profile.kind:
                raise Refused("the kind of a profile does not change", field="kind")
            for field, value in asked.items():
                setattr(profile, field, value)
            _check(profile)
            profile.save()
            if roles is not None:
                profile.roles.set(roles)
            changed = ", ".join([*asked, *(["roles"] if roles is not None else [])])
            audit.record("object.added" if is_new else "object.changed", on=profile, detail=changed)
        return Response(OperatorProfileSerializer(profile).data)


class OperatorLayerViewSet(ViewSet):
    """Layers in the GeoServer. The worker does the work."""

    permission_classes = [OperatesHub]

    @schema.list_layers
    def list(self, request: Request) -> Response:
        rows = of_owner(request, Layer.objects.all(), "owner")
        if state := one_of(request, "state", LayerState.values):
            rows = rows.filter(layer_state=state)
        part, headers = part_of(request, rows.select_related("owner"))
        return Response(OperatorLayerSerializer(part, many=True).data, headers=headers)

    @schema.repair_layer
    def repair(self, request: Request, layer_id: int) -> Response:
        rows = _found(Layer.objects.filter(pk=min(layer_id, 2**62)), "layer")
        return Response({"changed": bool(operating.repair(rows))})

    @schema.remove_layer
    def remove(self, request: Request, layer_id: int) -> Response:
        rows = _found(Layer.objects.filter(pk=min(layer_id, 2**62)), "layer")
        layer = rows.select_related("owner").get()
        is_there = layer.layer_state != LayerState.REMOVING
        if is_there:
            layers.remove(layer)
        return Response({"changed": is_there})


class OperatorStrayLayerViewSet(ViewSet):
    """Layers of the GeoServer that the hub has no row of."""

    permission_classes = [OperatesHub]

    @schema.list_strays
    def list(self, request: Request) -> Response:
        part, headers = part_of(request, StrayLayer.objects.all())
        return Response(StrayLayerSerializer(part, many=True).data, headers=headers)

    @schema.adopt_stray
    def adopt(self, request: Request, stray_id: int) -> Response:
        rows = _found(StrayLayer.objects.filter(pk=min(stray_id, 2**62)), "stray layer")
        layers.adopt(rows.get())
        return Response({"changed": True})


def _service(instance_id: str) -> ServiceInstance:
    rows = ServiceInstance.objects.select_related("owner", "profile")
    if (instance := rows.filter(instance_id=instance_id).first()) is None:
        raise nothing("service")
    return instance


def _found(rows: QuerySet, what: str) -> QuerySet:
    if not rows.exists():
        raise nothing(what)
    return rows


def _check(profile: ServiceProfile) -> None:
    """Raise Refused with all that the model finds wrong."""
    try:
        profile.full_clean()
    except ValidationError as error:
        faults = [
            FieldError(name, text) for name, texts in error.message_dict.items() for text in texts
        ]
        raise Refused("; ".join(map(str, faults)), errors=faults) from None
    if profile.idle_s > profile.age_s:
        raise Refused("at most the largest age is expected", field="idle_s")
