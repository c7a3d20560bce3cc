"""The API's description is valid, whole, and says what the API does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from openapi_spec_validator import validate

from tests.api_document import api_document, bodies, examples, faults, operations

PROBLEM = "application/problem+json"
NOT_DESCRIBED = {"/openapi.json", "/ui", "/ui/", ""}


def test_it_is_valid_openapi():
    api = api_document()
    validate(api)
    assert api["openapi"].startswith("3.1")


def test_every_operation_says_what_it_does_and_shows_it():
    for name, operation in operations():
        assert operation.get("summary"), name
        assert operation.get("description"), name
        assert operation.get("tags"), name
        for place, content in bodies(operation):
            assert examples(content), f"{name}: {place} has no example"


def test_bodies_are_models_that_a_generator_can_name():
    for name, operation in operations():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert set(content["schema"]) == {"$ref"}, name
    for name, schema in api_document()["components"]["schemas"].items():
        assert re.fullmatch(r"([A-Z]+[a-z]+)+", name), name
        assert not name.endswith("RequestRequest"), name
        assert not {"oneOf", "anyOf"} & set(schema), name


def test_operation_ids_have_one_style():
    verbs = {"get", "list", "submit", "put", "make", "change", "delete", "revoke", "report"}
    verbs |= {"start", "keep", "wake", "open"}
    verbs |= {"cancel", "rerun", "move", "refund", "drain", "resume", "suspend"}  # of operators
    verbs |= {"stop", "sleep", "withdraw", "probe", "repair", "adopt"}
    for _, operation in operations():
        assert operation["operationId"].split("_")[0] in verbs


def test_a_program_signs_in_with_its_client_credentials():
    api = api_document()
    scheme = api["components"]["securitySchemes"]["oauth2"]
    flow = scheme["flows"]["clientCredentials"]
    assert (scheme["type"], flow["tokenUrl"]) == ("oauth2", "/api/v2/oauth/token")
    assert "post" in api["paths"][flow["tokenUrl"].removeprefix("/api/v2")]
    for name, operation in operations():
        for scopes in (either["oauth2"] for either in operation["security"] if "oauth2" in either):
            assert set(scopes) <= set(flow["scopes"]), name
    submit = dict(operations())["PUT /cubegens"]
    assert {"oauth2": ["manage:cubegens"]} in submit["security"]


def test_every_status_that_the_authorization_table_sees_is_described():
    """The table holds what each kind of caller is really answered (tests/authorization)."""
    table = Path(__file__).resolve().parents[2] / "authorization" / "expected.txt"
    compared = 0
    for line in table.read_text().splitlines():
        if not (row := re.fullmatch(r"(\w+) +api/v2(\S*)((?: +\d{3})+)", line.strip())):
            continue
        method, path, statuses = row.groups()
        path = re.sub(r"<(\w+)>", r"{\1}", path) or "/"
        if path in NOT_DESCRIBED:
            continue
        described = set(dict(operations())[f"{method} {path}"]["responses"])
        assert set(statuses.split()) <= described, f"{method} {path}"
        compared += 1
    assert compared > 20


def test_operation_ids_are_unique_names():
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z_]*", identifier) for identifier in ids)


def test_every_operation_lists_its_errors():
    for name, operation in operations():
        statuses = set(operation["responses"])
        assert "500" in statuses, name
        if operation["security"]:
            assert "401" in statuses, name
        if "requestBody" in operation:
            assert {"400", "411", "413", "415"} <= statuses, name
            assert operation["requestBody"]["required"] is True, name
        if "{" in name:
            assert "404" in statuses, name
        for status in statuses:
            if status >= "400":
                assert list(operation["responses"][status]["content"]) == [PROBLEM], name


def test_every_example_fits_its_schema():
    for name, operation in operations():
        for place, content in bodies(operation):
            for example in examples(content):
                assert not faults(content["schema"], example), f"{name}: {place}"


def test_every_named_thing_of_a_request_is_explained():
    request = api_document()["components"]["schemas"]["CubegenRequest"]
    for part, schema in request["properties"].items():
        assert schema.get("description"), part
        for name, member in schema.get("properties", {}).items():
            assert member.get("description"), f"{part}.{name}"


def test_every_url_of_the_api_appears():
    for path in api_paths():
        if path not in NOT_DESCRIBED:
            assert path in api_document()["paths"], path


def api_paths(patterns: Any = None, prefix: str = "/") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from api_paths(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith(f"/{settings.API_PATH}"):
            below = path.removeprefix(f"/{settings.API_PATH.rstrip('/')}")
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", below)


def test_public_operations_ask_for_nothing():
    public = {name for name, operation in operations() if not operation["security"]}
    assert public == {
        "GET /",
        "GET /services",
        "GET /cubegens/version",
        "GET /webapi/count",
        "GET /webapis",
        "POST /oauth/device_authorization",
        "POST /oauth/revoke",
        "POST /oauth/token",
    }


def test_runs_report_with_their_own_token():
    report = api_document()["paths"]["/cubegens/{job_id}/callbacks"]["put"]
    assert report["security"] == [{"runToken": []}]


def test_it_is_served_to_everybody_and_kept_by_caches():
    client = Client()
    answer = client.get("/api/v2/openapi.json")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["info"]["title"] == "xcube-hub API"
    again = client.get("/api/v2/openapi.json", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


def test_it_names_no_host_and_no_folder_of_this_machine():
    text = json.dumps(api_document())
    assert (
        str(settings.BASE_DIR if hasattr(settings, "BASE_DIR") else settings.DATA_DIR) not in text
    )
    assert api_document()["servers"] == [{"url": "/api/v2"}]
