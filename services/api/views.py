"""The endpoints of services: parse, call one function of the domain, present."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils import timezone
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import ViewSet

from accounts.api.permissions import HasScope
from accounts.scopes import MANAGE_CUBEGENS
from accounts.tokens.hub_tokens import Principal
from hubsite.api.pagination import MAX_LIMIT, page, query_integer
from hubsite.refusals import Kind, Refused

from .. import keeping, lifecycle
from ..models import AWAKE_STATES, Reason, ServiceInstance, ServiceProfile, State
from ..start_request import MAIN_SLOT, StartRequest, start_server
from . import schema
from .presentation import event, instance_detail, instance_summary, log_lines, profile
from .serializers import (
    KeepRequestSerializer,
    MainServerRequestSerializer,
    StartRequestSerializer,
)


class ServiceInstanceViewSet(ViewSet):
    """xcube servers: the caller's instances."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]

    @schema.put_main
    def put_main(self, request: Request) -> Response:
        given = _checked(MainServerRequestSerializer, request)
        if given["user_id"] != request.user.username:
            raise Refused(
                "your own user id is expected; an operator acts for a user by X-Act-For",
                field="user_id",
                kind=Kind.FORBIDDEN,
            )
        instance = start_server(
            StartRequest(
                user=request.user,
                configuration=given["cfg"],
                field="cfg",
                slot=MAIN_SLOT,
                client_id=_client_id(request),
                actor=_actor(request),
            )
        )
        return Response(instance_detail(instance), status=status.HTTP_201_CREATED)

    @schema.start
    def start(self, request: Request) -> Response:
        given = _checked(StartRequestSerializer, request)
        instance = start_server(
            StartRequest(
                user=request.user,
                configuration=given["configuration"],
                profile=given.get("profile"),
                title=given.get("title", ""),
                client_id=_client_id(request),
                actor=_actor(request),
                key=_key(request),
            )
        )
        return Response(
            instance_detail(instance),
            status=status.HTTP_201_CREATED,
            headers={"Location": f"{request.path}/{instance.instance_id}"},
        )

    @schema.list_instances
    def list(self, request: Request) -> Response:
        instances = ServiceInstance.objects.owned_by(request.user).listed()
        if wanted := request.query_params.get("state"):
            if wanted.upper() not in State.values:
                raise Refused(f"one of {', '.join(State.values)} is expected", field="state")
            instances = instances.filter(state=wanted.upper())
        part, headers = page(request, instances.select_related("profile"))
        return Response([instance_summary(instance) for instance in part], headers=headers)

    @schema.get_instance
    def retrieve(self, request: Request, instance_id: str) -> Response:
        return Response(instance_detail(_own(request, instance_id, with_document=True)))

    @schema.delete_instance
    def destroy(self, request: Request, instance_id: str) -> Response:
        instance = _own(request, instance_id)
        lifecycle.stop(instance, actor=_actor(request), reason=_reason(request))
        ServiceInstance.objects.filter(pk=instance.pk, hidden_at=None).update(
            hidden_at=timezone.now()
        )
        return Response("Success")

    @schema.get_events
    def events(self, request: Request, instance_id: str) -> Response:
        instance = _own(request, instance_id)
        part, headers = page(request, instance.events.all())
        owner_id = request.user.username
        return Response([event(row, owner_id) for row in part], headers=headers)

    @schema.get_log
    def log(self, request: Request, instance_id: str) -> Response:
        offset = query_integer(request, "offset", 0, most=2**31 - 1)
        limit = query_integer(request, "limit", MAX_LIMIT, most=MAX_LIMIT)
        return Response(log_lines(_own(request, instance_id), offset, limit))

    @schema.keep
    def keep(self, request: Request, instance_id: str) -> Response:
        until = _checked(KeepRequestSerializer, request)["until"]
        instance = keeping.keep(_own(request, instance_id), until, actor=_actor(request))
        return Response(instance_summary(instance))

    @schema.sleep
    def sleep(self, request: Request, instance_id: str) -> Response:
        instance = _own(request, instance_id)
        reason = _reason(request)
        return self._stepped(
            request, instance, lifecycle.sleep(instance, actor=_actor(request), reason=reason),
            alike=(State.ASLEEP,),
        )  # fmt: skip

    @schema.wake
    def wake(self, request: Request, instance_id: str) -> Response:
        instance = _own(request, instance_id)
        return self._stepped(
            request, instance, lifecycle.wake(instance, actor=_actor(request), by="its owner"),
            alike=AWAKE_STATES,
        )  # fmt: skip

    @staticmethod
    def _stepped(
        request: Request, instance: ServiceInstance, was_made: bool, *, alike: Collection[State]
    ) -> Response:
        """A step that was made before is answered alike."""
        if not was_made:
            instance = _own(request, instance.instance_id)
            if instance.state not in alike:
                raise Refused(
                    f"The service is {instance.get_state_display().lower()}.", kind=Kind.CONFLICT
                )
        return Response(instance_summary(instance))


class ServiceProfileViewSet(ViewSet):
    """What the caller may start."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]

    @schema.list_profiles
    def list(self, request: Request) -> Response:
        kinds: set[str] = set()
        rows = []
        for row in ServiceProfile.objects.offered_to(request.user):
            rows.append(profile(row, is_default=row.kind not in kinds))
            kinds.add(row.kind)
        return Response(rows)


def _checked(serializer_class: type[Serializer], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _own(request: Request, instance_id: str, *, with_document: bool = False) -> ServiceInstance:
    """The caller's instance. Raises Refused (404) if there is none, or another user has it."""
    related = ("profile", "document") if with_document else ("profile",)
    rows = ServiceInstance.objects.owned_by(request.user).select_related(*related)
    rows = rows.defer("document__log") if with_document else rows
    instance = rows.filter(instance_id=instance_id).first()
    if instance is None:
        raise Refused(f"Service {instance_id[:63]} not found.", kind=Kind.NOT_FOUND)
    return instance


def _actor(request: Request) -> str:
    """The user id of whoever asks: the caller, or the operator who acts for them."""
    principal = request.auth
    acting = principal.actor if isinstance(principal, Principal) else None
    return (acting or request.user).username


def _reason(request: Request) -> Reason:
    return Reason.OWNER if _actor(request) == request.user.username else Reason.OPERATOR


def _client_id(request: Request) -> str:
    return getattr(request.auth, "client_id", None) or ""


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
        raise Refused(
            "a text of 1 to 255 printable characters is expected", field="Idempotency-Key"
        )
    return key or ""
