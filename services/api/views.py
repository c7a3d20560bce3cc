"""The endpoints of services: parse, call one function of the domain, present."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.api.permissions import HasScope
from accounts.scopes import MANAGE_CUBEGENS
from hubsite.api.pagination import MAX_LIMIT, page, query_integer
from hubsite.refusals import Kind, Refused

from .. import lifecycle
from ..access.using import sleep_shared, stop_shared, stoppable
from ..cate import offered as cate
from ..models import AWAKE_STATES, Reason, ServiceInstance, ServiceProfile, State
from ..models import Kind as ServiceKind
from ..running import keeping
from ..submission.start_request import MAIN_SLOT, StartRequest, start_server
from . import schema
from .own import actor, checked, client_id, own_instance, who, why
from .presentation import event, instance_detail, instance_summary, log_lines, profile
from .serializers import (
    KeepRequestSerializer,
    MainServerRequestSerializer,
    StartRequestSerializer,
)

SLEEP_WORDS = {
    Reason.OWNER: "Its owner put it to sleep.",
    Reason.OPERATOR: "An operator put it to sleep.",
}
WAKERS = {Reason.OWNER: "its owner", Reason.OPERATOR: "an operator"}


class ServiceInstanceViewSet(ViewSet):
    """xcube servers: the caller's instances."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]

    @schema.put_main
    def put_main(self, request: Request) -> Response:
        given = checked(MainServerRequestSerializer, request)
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
                client_id=client_id(request),
                actor=actor(request),
            )
        )
        return Response(instance_detail(instance), status=status.HTTP_201_CREATED)

    @schema.start
    def start(self, request: Request) -> Response:
        given = checked(StartRequestSerializer, request)
        instance = start_server(
            StartRequest(
                user=request.user,
                configuration=given["configuration"],
                profile=given.get("profile"),
                title=given.get("title", ""),
                client_id=client_id(request),
                actor=actor(request),
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
        return Response(instance_detail(own_instance(request, instance_id, with_document=True)))

    @schema.delete_instance
    def destroy(self, request: Request, instance_id: str) -> Response:
        try:
            instance = own_instance(request, instance_id)
        except Refused:
            stop_shared(stoppable(request.user, instance_id), by=who(request))
            return Response("Success")
        lifecycle.stop(instance, actor=actor(request), reason=why(request))
        ServiceInstance.objects.filter(pk=instance.pk, hidden_at=None).update(
            hidden_at=timezone.now()
        )
        return Response("Success")

    @schema.get_events
    def events(self, request: Request, instance_id: str) -> Response:
        instance = own_instance(request, instance_id)
        part, headers = page(request, instance.events.all())
        owner_id = request.user.username
        return Response([event(row, owner_id) for row in part], headers=headers)

    @schema.get_log
    def log(self, request: Request, instance_id: str) -> Response:
        offset = query_integer(request, "offset", 0, most=2**31 - 1)
        limit = query_integer(request, "limit", MAX_LIMIT, most=MAX_LIMIT)
        return Response(log_lines(own_instance(request, instance_id), offset, limit))

    @schema.keep
    def keep(self, request: Request, instance_id: str) -> Response:
        until = checked(KeepRequestSerializer, request)["until"]
        instance = keeping.keep(own_instance(request, instance_id), until, actor=actor(request))
        return Response(instance_summary(instance))

    @schema.sleep
    def sleep(self, request: Request, instance_id: str) -> Response:
        try:
            instance = own_instance(request, instance_id)
        except Refused:
            return self._slept_for_another(request, instance_id)
        reason = why(request)
        made = lifecycle.sleep(
            instance, actor=actor(request), reason=reason, message=SLEEP_WORDS[reason]
        )
        return self._stepped(request, instance, made, alike=(State.ASLEEP,))

    @staticmethod
    def _slept_for_another(request: Request, instance_id: str) -> Response:
        """Shows nothing of it, because a share to stop a service lets nobody read about it."""
        instance = stoppable(request.user, instance_id)
        if not sleep_shared(instance, by=who(request)):
            instance.refresh_from_db(fields=["state"])
            if instance.state != State.ASLEEP:
                raise Refused(
                    f"The service is {instance.get_state_display().lower()}.", kind=Kind.CONFLICT
                )
        return Response("Success")

    @schema.wake
    def wake(self, request: Request, instance_id: str) -> Response:
        instance = own_instance(request, instance_id)
        made = lifecycle.wake(instance, actor=actor(request), by=WAKERS[why(request)])
        return self._stepped(request, instance, made, alike=AWAKE_STATES)

    @staticmethod
    def _stepped(
        request: Request, instance: ServiceInstance, was_made: bool, *, alike: Collection[State]
    ) -> Response:
        """A step that was made before is answered alike."""
        if not was_made:
            instance = own_instance(request, instance.instance_id)
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
        offered = ServiceProfile.objects.offered_to(request.user)
        if not cate.is_configured():
            offered = offered.exclude(kind=ServiceKind.CATE_WEBAPI)
        for row in offered:
            rows.append(profile(row, is_default=row.kind not in kinds))
            kinds.add(row.kind)
        return Response(rows)


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
        raise Refused(
            "a text of 1 to 255 printable characters is expected", field="Idempotency-Key"
        )
    return key or ""
