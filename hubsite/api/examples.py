"""Examples in the OpenAPI description: of a body that is asked for, and of one that is answered."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample


def answer_example(name: str, value: object, status: int = 200) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


def request_example(name: str, value: object) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)
