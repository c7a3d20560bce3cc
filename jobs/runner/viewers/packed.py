"""The viewer's own files, compressed once for all viewers, and the headers that they are sent with.

Its program has more than 4 MB.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from .page import PAGE, with_picture

TEXTS = frozenset({".js", ".css", ".html", ".json", ".svg", ".md"})
SMALL_BYTES = 1_000

_READS_GZIP = re.compile(r"(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)", re.I)

POLICY = "; ".join(
    [
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
    ]
)
"""The viewer asks no other host. Its user interface library writes styles into the page."""

ASKED_FIRST = ("config/config.json", "../datasets?details=1", "../colorbars")
"""What the program asks for one after the other when it has begun, below its page."""
PRELOADED = ", ".join(f"<{path}>; rel=preload; as=fetch; crossorigin" for path in ASKED_FIRST)
"""Lets a browser ask for it at once, beside the program."""


@dataclass(frozen=True)
class Packed:
    """A file as it is sent: compressed by gzip, with its ETag."""

    body: bytes
    etag: str


_files: dict[str, Packed] = {}


def pack_viewer() -> None:
    """Compress the viewer's files before viewers are forked, which then share the memory."""
    import xcube.webapi.viewer

    for file in (Path(xcube.webapi.viewer.__file__).parent / "dist").rglob("*"):
        if file.suffix in TEXTS and file.is_file() and file.stat().st_size >= SMALL_BYTES:
            content = content_of(file)
            body = gzip.compress(content, compresslevel=6, mtime=0)
            _files[str(file)] = Packed(body, f'"{hashlib.sha256(content).hexdigest()[:32]}-gzip"')


def content_of(file: Path) -> bytes:
    """What is sent of a file of the viewer."""
    content = file.read_bytes()
    return with_picture(content) if file.name == PAGE else content


def find(path: str, accept_encoding: str) -> Packed | None:
    """The file of this absolute path, if it was compressed and the client reads gzip."""
    return _files.get(path) if _READS_GZIP.search(accept_encoding) else None


def headers_of(path: str) -> dict[str, str]:
    """The headers of a file of the viewer, in addition to those of its content."""
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
    if path.startswith("assets/"):  # their names contain a hash of their content
        headers["Cache-Control"] = "private, max-age=31536000, immutable"
    if path == "index.html":
        headers["Link"] = PRELOADED
    return headers
