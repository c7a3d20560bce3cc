"""The description of a cube generation request says what `jobs/request` checks."""

from collections.abc import Iterator
from typing import Any

from jobs.request.schema import REQUEST
from tests.api_document import api_document, request_faults
from tests.jobs.factories import cubegen_request

LIMITS = (
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "pattern",
)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    for part in (schema, *schema.get("allOf", ())):
        if name := part.get("$ref", "").removeprefix("#/components/schemas/"):
            return api_document()["components"]["schemas"][name]
    return schema


def kinds(schema: dict[str, Any]) -> set[str]:
    return {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])


def differences(checked: dict[str, Any], described: dict[str, Any], path: str) -> Iterator[str]:
    described = resolved(described)
    if kinds(checked) != kinds(described):
        yield f"{path}: {checked['type']} is checked, {described['type']} described"
    for limit in LIMITS:
        if checked.get(limit) != described.get(limit):
            yield f"{path}: {limit} is {checked.get(limit)}, described {described.get(limit)}"
    if "properties" in checked:
        names, told = set(checked["properties"]), set(described.get("properties", ()))
        if names != told - {"callback_config"}:
            yield f"{path}: {names ^ told}"
            return
        if set(checked["required"]) != set(described.get("required", ())):
            yield f"{path}: {checked['required']} are required"
        if described.get("additionalProperties") is not False:
            yield f"{path}: it is not closed"
        for name, member in checked["properties"].items():
            yield from differences(member, described["properties"][name], f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(checked.get(inner), dict):
            yield from differences(checked[inner], described[inner], f"{path}.{inner}")


def test_the_described_request_is_the_checked_one():
    described = {"$ref": "#/components/schemas/CubegenRequest"}
    assert list(differences(REQUEST, described, "")) == []


def test_a_difference_would_be_found():
    other = {"type": "object", "properties": {}, "required": ["x"]}
    assert list(differences(REQUEST, other, ""))
    assert list(differences({"type": "integer", "minimum": 1}, {"type": "integer"}, "n"))


def test_an_unknown_member_is_described_as_refused():
    for part in ("cube_config", "output_config", "input_config"):
        request = cubegen_request("x.zarr")
        request[part] = {**request[part], "no_such": 1}
        assert request_faults("PUT /cubegens", request)
    assert request_faults("PUT /cubegens", cubegen_request("x.zarr")) == []
