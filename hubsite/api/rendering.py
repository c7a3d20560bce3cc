"""The renderer of JSON answers."""

from __future__ import annotations

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from rest_framework.renderers import BaseRenderer


class JSONRenderer(BaseRenderer):
    """Strict JSON, whatever the client's Accept header says."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        if data is None:
            return b""
        return json.dumps(
            data, cls=DjangoJSONEncoder, allow_nan=False, separators=(",", ":")
        ).encode()
