"""Hands out the sign-in program: as one file, and as a wheel that pip installs.

pip install https://hub.example.org/programs/xcube_hub_login-1.0-py3-none-any.whl
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from functools import lru_cache
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import etag, require_safe

SOURCE = Path(__file__).parent.parent / "programs" / "xcube_hub_login.py"
MODULE = "xcube_hub_login"


@lru_cache(maxsize=1)
def files() -> dict[str, tuple[str, bytes]]:
    """Media type and content of each file, by its name."""
    source = SOURCE.read_bytes()
    version = re.search(rb'^__version__ = "([0-9.]+)"', source, re.MULTILINE)[1].decode()
    return {
        f"{MODULE}.py": ("text/x-python; charset=utf-8", source),
        f"{MODULE}-{version}-py3-none-any.whl": (
            "application/octet-stream",
            _wheel(source, version),
        ),
    }


def wheel() -> str:
    """The name of the wheel, which ends the URL that pip installs."""
    return next(name for name in files() if name.endswith(".whl"))


def _wheel(source: bytes, version: str) -> bytes:
    """The program as a wheel (PyPA's binary distribution format), the same bytes each time."""
    info = f"{MODULE}-{version}.dist-info"
    parts = {
        f"{MODULE}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: xcube-hub-login\nVersion: {version}\n"
        "Summary: Sign in to an xcube-hub\nRequires-Python: >=3.8\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: xcube-hub\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\nxcube-hub = {MODULE}:main\n".encode(),
    }
    lines = [f"{name},sha256={_digest(part)},{len(part)}" for name, part in parts.items()]
    parts[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _digest(part: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(part).digest()).rstrip(b"=").decode()


def _etag(request: HttpRequest, name: str) -> str | None:
    found = files().get(name)
    return f'"{hashlib.sha256(found[1]).hexdigest()[:32]}"' if found else None


@require_safe
@cache_control(public=True, max_age=3600)
@etag(_etag)
def download(request: HttpRequest, name: str) -> HttpResponse:
    found = files().get(name)
    if found is None:
        raise Http404
    response = HttpResponse(found[1], content_type=found[0])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
