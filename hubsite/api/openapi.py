"""The API document, made once per process, and the page that shows it."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import condition
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings

from .errors import ApiError, error_response
from .schema import TAGS

DESCRIPTION = """\
Generate Earth-observation data cubes: estimate a request, submit it, watch it, fetch the cube.

Programs sign in with a client id and secret at `POST /oauth/token` and send the token as
`Authorization: Bearer <token>`. Existing xcube, geoDB and Cate clients work unchanged.

A user makes tokens of their own at `/users/me/tokens`. An operator acts for a user with the header
`X-Act-For: <user id>` beside a token with `operate:hub`; each such request is recorded.

Every error has one shape (`application/problem+json`, RFC 9457). Times are ISO 8601 in UTC.
Costs are counted in processing units (punits).
"""

OPENAPI = {
    "TITLE": "xcube-hub API",
    "DESCRIPTION": DESCRIPTION,
    "TAGS": [{"name": name, "description": text} for name, text in TAGS.items()],
}


@functools.cache
def document() -> dict:
    """The OpenAPI document of every endpoint below the base path."""
    with patched_settings(OPENAPI):
        made = SchemaGenerator().get_schema(request=None, public=True)
    used = {
        tag
        for operations in made["paths"].values()
        for operation in operations.values()
        for tag in operation["tags"]
    }
    made["tags"] = [tag for tag in made["tags"] if tag["name"] in used]
    return made


@functools.cache
def _text() -> tuple[bytes, str]:
    text = json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()
    return text, f'"{hashlib.sha256(text).hexdigest()[:32]}"'


def _only_read(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Django's `require_safe`, with an error in the shape of the API."""

    @functools.wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request)
        detail = f'Method "{request.method}" not allowed.'
        error = ApiError(detail, status=405, headers={"Allow": "GET, HEAD"})
        return error_response(request, error)

    return checked


@_only_read
@condition(etag_func=lambda request: _text()[1])
def openapi_json(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(_text()[0], content_type="application/json")
    response["Cache-Control"] = "public, max-age=300"
    return response


@_only_read
def documentation_page(request: HttpRequest) -> HttpResponse:
    """Swagger UI, from our own files only."""
    return render(
        request,
        "api_docs.html",
        {"document_url": reverse("openapi")},
    )
