"""Answers of the edge itself: a page for people, a problem document (RFC 9457) for programs."""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from . import pages
from .headers import ALWAYS
from .words import ENGLISH

NO_STORE = "no-store"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request is not passed on. `title` is for people, `detail` for everyone."""

    status: int
    title: str
    detail: str
    details: Mapping[str, str] = field(default_factory=dict)
    """What the hub says as `detail`, in other languages."""
    link: str = ""
    """Where a person can go on."""
    link_text: str = ""
    retry_s: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    closes: bool = False
    """The connection cannot be used any more."""

    def response(self, *, is_page: bool, language: str = ENGLISH) -> web.Response:
        """A page in `language`, or an answer for a program."""
        headers = {**ALWAYS, "Cache-Control": NO_STORE, **self.headers}
        if self.retry_s:
            headers["Retry-After"] = str(self.retry_s)
        if is_page:
            response = page_response(
                pages.refusal(
                    status=self.status,
                    title=self.title,
                    detail=self.details.get(language, self.detail),
                    link=self.link,
                    link_text=self.link_text,
                    language=language,
                ),
                status=self.status,
                headers=headers,
            )
        else:
            response = problem_response(self.status, self.detail, headers=headers)
        if self.closes:
            response.force_close()
        return response


class Refused(Exception):
    """Ends the handling of a request with a refusal, given whole or by its members."""

    def __init__(self, refusal: Refusal | None = None, **members: Any) -> None:
        self.refusal = refusal or Refusal(**members)
        super().__init__(self.refusal.detail)


def page_response(page: str, *, status: int, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=status,
        text=page,
        content_type="text/html",
        headers={**headers, "Content-Security-Policy": pages.POLICY},
    )


def problem_response(status: int, detail: str, *, headers: Mapping[str, str]) -> web.Response:
    body = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "message": detail,
    }
    return web.Response(
        status=status,
        body=json.dumps(body).encode(),
        content_type="application/problem+json",
        headers=headers,
    )


def json_response(body: Mapping[str, object], *, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(body).encode(),
        content_type="application/json",
        headers={**ALWAYS, "Cache-Control": NO_STORE},
    )


def redirect(location: str) -> web.Response:
    """Redirect a browser; this address may hold a secret, so the next page gets none."""
    return web.Response(
        status=303,
        headers={
            "Location": location,
            "Cache-Control": NO_STORE,
            "Referrer-Policy": "no-referrer",
        },
    )
