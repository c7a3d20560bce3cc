"""What views of services have in common: the caller's instance, and who acts."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from accounts.tokens.hub_tokens import Principal
from hubsite.refusals import Kind, Refused

from ..models import Reason, ServiceInstance


def checked(serializer_class: type[Serializer], request: Request) -> dict[str, Any]:
    """The body, as the serializer takes it. Raises ValidationError that names the fields."""
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def own_instance(
    request: Request, instance_id: str, *, with_document: bool = False
) -> ServiceInstance:
    """The caller's instance. Raises Refused (404) if there is none, or another user has it."""
    related = ("profile", "document") if with_document else ("profile",)
    rows = ServiceInstance.objects.owned_by(request.user).select_related(*related)
    rows = rows.defer("document__log") if with_document else rows
    instance = rows.filter(instance_id=instance_id).first()
    if instance is None:
        raise Refused(f"Service {instance_id[:63]} not found.", kind=Kind.NOT_FOUND)
    return instance


def who(request: Request) -> Any:
    """The user who asks: the caller, or the operator who acts for them."""
    acting = request.auth.actor if isinstance(request.auth, Principal) else None
    return acting or request.user


def actor(request: Request) -> str:
    return who(request).username


def client_id(request: Request) -> str:
    """The id of the client whose token the request has; empty without one."""
    return getattr(request.auth, "client_id", None) or ""


def why(request: Request) -> Reason:
    return Reason.OWNER if who(request) == request.user else Reason.OPERATOR
