"""The API answers JSON whatever the Accept header says, and never 406.

A client could do nothing about a 406.
"""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation


class AlwaysJSON(BaseContentNegotiation):
    def select_parser(self, request: Any, parsers: list) -> Any:
        """The parser of the request's content type; without a content type, that of JSON."""
        from rest_framework.utils.mediatypes import media_type_matches

        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding != "identity":
            raise UnsupportedMediaType(
                encoding, "Send the body as it is: a Content-Encoding is not read."
            )
        given = request.content_type or parsers[0].media_type
        return next((p for p in parsers if media_type_matches(p.media_type, given)), None)

    def select_renderer(self, request: Any, renderers: list, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type
