"""The shape of an act on one object: its description, its answer, and what it is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from hubsite.api.examples import answer_example, request_example
from hubsite.api.keyset import KEYSET
from hubsite.api.schema import problem_responses
from hubsite.refusals import Kind, Refused

F = TypeVar("F", bound=Callable)

NEEDS = "Needs `operate:hub`."
READS = "Needs `operate:hub` or `read:hub`."


class ChangedSerializer(serializers.Serializer):
    """Whether the call changed something; repeated it changes nothing."""

    changed = serializers.BooleanField()


def act(
    operation_id: str,
    summary: str,
    *,
    of: OpenApiParameter,
    refusals: Sequence[Refused],
    description: str = "",
    request: type[serializers.Serializer] | None = None,
    asked: OpenApiExample | None = None,
) -> Callable[[F], F]:
    """Describes one act in the API; the answer says whether it changed something."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=f"{description} {NEEDS}".strip(),
        parameters=[of],
        request=request,
        responses={200: ChangedSerializer, **problem_responses(*refusals)},
        examples=[*([asked] if asked else []), answer_example("Done", {"changed": True})],
    )


def listing(
    operation_id: str,
    summary: str,
    serializer: type[serializers.Serializer],
    example: Any,
    *filters: OpenApiParameter,
    has_parts: bool = True,
) -> Callable[[F], F]:
    """The description of a list, newest first; without `has_parts` it is short and whole."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=f"Newest first. {READS}" if has_parts else READS,
        parameters=[*filters, *(KEYSET if has_parts else [])],
        responses=serializer(many=True),
        examples=[answer_example("One of them", example)],
    )


def asked(name: str, value: Any) -> OpenApiExample:
    return request_example(name, value)


def path_id(name: str, kind: Any = str) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.PATH)


def nothing(what: str) -> Refused:
    return Refused(f"There is no {what} of this id.", kind=Kind.NOT_FOUND)


def given(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The checked body. Raises ValidationError."""
    read = serializer(data=request.data)
    read.is_valid(raise_exception=True)
    return read.validated_data
