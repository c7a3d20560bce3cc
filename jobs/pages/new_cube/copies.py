"""The same request for other programs: xcube's command line, curl, and Python."""

from __future__ import annotations

import json
import pprint
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Copy:
    """A text to copy. `key` is its name in the page."""

    key: str
    title: str
    text: str


def copies_of(document: Mapping[str, Any], api_url: str) -> list[Copy]:
    """How to submit `document` without this page. `api_url` has no slash at its end."""
    text = json.dumps(document, indent=2)
    xcube = (
        f"cat > request.json <<'END'\n{text}\nEND\nxcube gen2 --service service.json request.json"
    )
    curl = (
        f"curl -X PUT {api_url}/cubegens \\\n"
        '  -H "Authorization: Bearer $HUB_TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  --data @- <<'END'\n{text}\nEND"
    )
    python = (
        "from xcube.core.gen2 import CubeGenerator\n\n"
        "# service.json has endpoint_url and client_id with client_secret, or access_token.\n"
        'generator = CubeGenerator.new("service.json")\n'
        f"request = {_as_python(document)}\n"
        "result = generator.generate_cube(request)\n"
        "print(result.status, result.result)"
    )
    return [
        Copy("request", "Request", text),
        Copy("xcube", "xcube", xcube),
        Copy("curl", "curl", curl),
        Copy("python", "Python", python),
    ]


def _as_python(document: Mapping[str, Any]) -> str:
    """The document as a Python literal over several lines."""
    return pprint.pformat(dict(document), sort_dicts=False, width=88)
