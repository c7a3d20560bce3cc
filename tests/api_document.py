"""The API's own description, and whether a body is what it describes."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from hubsite.api.openapi import document


@functools.cache
def api_document() -> dict[str, Any]:
    """The document as clients read it."""
    return json.loads(json.dumps(document()))


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation with its name, such as `GET /cubegens`."""
    for path, methods in api_document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each media type object of the request and of the answers, with its place."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"request {media_type}", content
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            yield f"{status} {media_type}", content


def examples(content: dict[str, Any]) -> list[Any]:
    if "example" in content:
        return [content["example"]]
    return [example["value"] for example in content.get("examples", {}).values()]


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """How `value` departs from `schema`, which may refer to the document's components."""
    whole = {**schema, "components": api_document()["components"]}
    return [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(whole).iter_errors(value)
    ]


def request_faults(operation: str, body: Any, media_type: str = "application/json") -> list[str]:
    content = dict(operations())[operation]["requestBody"]["content"]
    return faults(content[media_type]["schema"], body)


def answer_faults(operation: str, status: int, body: Any) -> list[str]:
    (content,) = dict(operations())[operation]["responses"][str(status)]["content"].values()
    return faults(content["schema"], body)
