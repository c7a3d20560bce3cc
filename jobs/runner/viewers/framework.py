"""xcube's tornado framework, with closed routes and plain errors."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import tornado.web
from xcube.server.api import ApiError, ApiRoute, ApiStaticRoute
from xcube.server.webservers.tornado import TornadoFramework, TornadoRequestHandler

from ..system.process import say
from . import apis, first_picture, packed
from .notices import KEPT, NOTICES
from .page import PAGE
from .turns import Turns

Answer = Callable[[], Any]
Draw = Callable[[str], Awaitable[bytes]]
REFERER_BYTES = 4_000


class _PlainErrors:
    """A mix-in for tornado's handlers: writes plain errors."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = (kwargs.get("exc_info") or (None, None))[1]
        cause = error.__cause__ if isinstance(error, tornado.web.HTTPError) else error
        message = HTTPStatus(status_code).phrase if 100 <= status_code < 600 else "Error"
        if isinstance(cause, ApiError) and status_code < 500:
            message = str(cause.message)[:1_000]
        error_info = {"status_code": status_code, "message": message}
        self.finish({"error": error_info})  # type: ignore[attr-defined]


class ApiRequestHandler(_PlainErrors, TornadoRequestHandler):
    """Answers a request by a route of xcube's server."""

    def prepare(self) -> Any:
        result = super().prepare()
        if "=" in self.path_kwargs.get("varName", ""):
            refused = ApiError.BadRequest(apis.NO_EXPRESSIONS)
            raise tornado.web.HTTPError(400) from refused
        return result

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        if not isinstance(value, tornado.web.HTTPError):
            say(f"{self.request.method} {self.request.path} failed: {kind.__name__}: {value}")
        super().log_exception(kind, value, trace)


class FileHandler(_PlainErrors, tornado.web.StaticFileHandler):
    """Serves the files of the viewer, compressed where the client can read that."""

    async def get(self, path: str, include_body: bool = True) -> None:
        self.set_header("Vary", "Accept-Encoding")
        self.path = self.parse_url_path(path) or (self.default_filename or "")
        whole = self.get_absolute_path(self.root, self.path)
        found = packed.find(whole, self.request.headers.get("Accept-Encoding", ""))
        if found is None or "Range" in self.request.headers:
            await super().get(path, include_body)
            return
        self.absolute_path = whole
        self.set_header("Content-Type", self.get_content_type())
        self.set_header("Content-Encoding", "gzip")
        self.set_header("Etag", found.etag)
        self.set_extra_headers(self.path)
        if self.check_etag_header():
            self.set_status(304)
        elif include_body:
            self.write(found.body)
        else:
            self.set_header("Content-Length", len(found.body))
        await self.finish()

    @classmethod
    def get_content(cls, abspath: str, start: int | None = None, end: int | None = None) -> Any:
        if Path(abspath).name != PAGE:
            return super().get_content(abspath, start, end)
        return packed.content_of(Path(abspath))[start:end]

    def get_content_size(self) -> int:
        whole = Path(self.absolute_path or "")
        return len(packed.content_of(whole)) if whole.name == PAGE else super().get_content_size()

    def set_extra_headers(self, path: str) -> None:
        shown = path.replace(os.sep, "/") or self.default_filename or ""
        for name, value in packed.headers_of(shown).items():
            self.set_header(name, value)


class JsonHandler(_PlainErrors, tornado.web.RequestHandler):
    """Answers with what a function gives, now or later."""

    def initialize(self, answer: Answer) -> None:
        self._answer = answer

    async def get(self) -> None:
        content = self._answer()
        if asyncio.iscoroutine(content):
            content = await content
        if content is None:
            raise tornado.web.HTTPError(404)
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(content))


class TextHandler(_PlainErrors, tornado.web.RequestHandler):
    """Answers with a fixed text in Markdown."""

    def initialize(self, text: str) -> None:
        self._text = text

    def get(self) -> None:
        self.set_header("Content-Type", "text/markdown; charset=UTF-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", KEPT)
        self.finish(self._text)


class PictureHandler(_PlainErrors, tornado.web.RequestHandler):
    """Answers with the first picture of the page that asks."""

    def initialize(self, draw: Draw) -> None:
        self._draw = draw

    async def get(self) -> None:
        picture = await self._draw(self.request.headers.get("Referer", "")[:REFERER_BYTES])
        self.set_header("Content-Type", "image/svg+xml")
        self.set_header("Content-Security-Policy", packed.POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.finish(picture)


class NotFoundHandler(_PlainErrors, tornado.web.RequestHandler):
    """Answers every path without a route."""

    def prepare(self) -> Any:
        super().prepare()
        raise tornado.web.HTTPError(404)


class ClosedFramework(TornadoFramework):
    """Offers the routes that `apis` allows, and `own` ones: path below the prefix → answer.

    `draw` gives the first picture of the page at an address, in a thread.
    """

    def __init__(self, own: dict[str, Answer], *, draw: Callable[[str], bytes], **options: Any):
        application = tornado.web.Application(
            default_handler_class=NotFoundHandler, log_function=_log_request
        )
        super().__init__(application, **options)
        self._own = own
        self._draw = draw
        self._turns = Turns()

    def run_in_executor(
        self, executor: Executor | None, function: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Awaitable[Any]:
        """As xcube does it, but what it leaves to any threads comes in turn."""
        return super().run_in_executor(executor or self._turns, function, *args, **kwargs)

    def add_routes(self, api_routes: Sequence[ApiRoute], url_prefix: str) -> None:
        offered = [
            (
                url_prefix + self.path_to_pattern(route.path) + ("/?" if route.slash else ""),
                ApiRequestHandler,
                {"api_route": route},
            )
            for route in api_routes
            if apis.is_offered(route.path)
        ]
        own = [
            (url_prefix + path.replace(".", r"\."), JsonHandler, {"answer": answer})
            for path, answer in self._own.items()
        ]
        texts = [
            (url_prefix + path.replace(".", r"\."), TextHandler, {"text": text})
            for path, text in NOTICES.items()
        ]
        picture = (
            url_prefix + first_picture.PATH.replace(".", r"\."),
            PictureHandler,
            {"draw": partial(self.run_in_executor, None, self._draw)},
        )
        self.application.add_handlers(".*$", [*own, *texts, picture, *offered])

    def add_static_routes(self, api_routes: Sequence[ApiStaticRoute], url_prefix: str) -> None:
        for route in api_routes:
            base = f"{url_prefix}{route.path}"
            place = {"path": route.dir_path, "default_filename": route.default_filename}
            handlers = [
                (base, tornado.web.RedirectHandler, {"url": f"{base}/", "permanent": False}),
                (f"{base}/(.*)", FileHandler, place),
            ]
            self.application.add_handlers(".*$", handlers)


def _log_request(handler: tornado.web.RequestHandler) -> None:
    """Log failed requests only: a map asks for hundreds of tiles."""
    if handler.get_status() >= 500:
        request = handler.request
        say(f"{handler.get_status()} {request.method} {request.path[:300]}")
