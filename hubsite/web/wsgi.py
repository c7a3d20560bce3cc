"""The WSGI application; makes every request UTF-8, whatever its Content-Type says."""

from __future__ import annotations

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters

LONGEST_CONTENT_TYPE = 512
"""A boundary has at most 70 characters (RFC 2046); Python reads long headers in quadratic time."""


class Utf8Request(WSGIRequest):
    """A request whose text is UTF-8, whatever its headers say.

    Django would use any of Python's codecs that the headers name. Some need quadratic time,
    others fail, and both happen before any middleware is called.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        content_type = meta.get("CONTENT_TYPE", "")
        # `name*=charset''text` (RFC 2231) names a codec too; no parameter of ours needs it.
        if "*" in content_type or len(content_type) > LONGEST_CONTENT_TYPE:
            content_type = content_type.partition(";")[0][:LONGEST_CONTENT_TYPE]
            meta["CONTENT_TYPE"] = content_type  # parsers will read it again
        self.content_type, self.content_params = parse_header_parameters(content_type)

    def parse_file_upload(self, META: dict[str, Any], post_data: Any) -> Any:
        """Refuse uploads in forms: no page has one, and headers of their parts name codecs too.

        The API does not use this method; its parser reads after it has authenticated the caller.
        """
        raise MultiPartParserError("Pages take no multipart forms.")


class Handler(WSGIHandler):
    request_class = Utf8Request


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubsite.settings")
django.setup(set_prefix=False)  # as get_wsgi_application does

from ..start.whole_code import load_urls  # noqa: E402 - after the settings are there
from .serving_began import began  # noqa: E402

load_urls()
began()
application = Handler()
