"""The viewer's program in one file beside the services, for the edge.

The edge sends it to browsers while a viewer starts, so the browser works beside the start and not
after it. It is the program of the very process that viewers are forked from, and is withdrawn
before another one is imported. Texts and configurations that differ between viewers are not in it.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import os
from pathlib import Path
from typing import Any

from ..system import process
from . import packed
from .notices import KEPT, NOTICES

NAME = "viewer.json"
PLAIN = ("index.html", "manifest.json")
FOLDERS = ("assets", "images")
BASE = "/viewer/"
LEAST_ROOM = 20
"""The file is written where the disk has room for so many of it."""


def withdraw(folder: Path) -> None:
    """Remove what an earlier runner has published: viewers to come may have another program."""
    for file in (folder / NAME, *folder.glob(f"{NAME}.*")):
        file.unlink(missing_ok=True)


def publish(folder: Path) -> None:
    """Write the file, as a whole or not at all: it only saves time, and services need the room."""
    import xcube.webapi.viewer

    dist = Path(xcube.webapi.viewer.__file__).parent / "dist"
    content = json.dumps({"files": describe(dist)}).encode()
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < LEAST_ROOM * len(content):
        process.say("the viewer's program is not published, because the disk is almost full")
        return
    new = folder / f"{NAME}.{os.getpid()}"
    try:
        new.write_bytes(content)
        os.replace(new, folder / NAME)
    except OSError as error:
        new.unlink(missing_ok=True)
        process.say(f"the viewer's program cannot be published: {error}")


def describe(dist: Path) -> dict[str, dict[str, Any]]:
    """By path below the prefix of a viewer: {"headers", "body" in Base64}, as viewers send it."""
    found = [dist / name for name in PLAIN]
    found += sorted(file for name in FOLDERS for file in (dist / name).rglob("*"))
    files = {
        BASE + file.relative_to(dist).as_posix(): _described(file, dist)
        for file in found
        if file.is_file()
    }
    for path, text in NOTICES.items():
        if path.startswith(f"{BASE}docs/"):
            headers = {"Content-Type": "text/markdown; charset=UTF-8", "Cache-Control": KEPT}
            files[path] = _entry(text.encode(), headers)
    return files


def _described(file: Path, dist: Path) -> dict[str, Any]:
    headers = {
        "Content-Type": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        **packed.headers_of(file.relative_to(dist).as_posix()),
    }
    found = packed.find(str(file), "gzip") if file.name not in PLAIN else None
    if found is None:
        return _entry(packed.content_of(file), headers)
    headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "ETag": found.etag}
    return _entry(found.body, headers)


def _entry(body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    return {"headers": headers, "body": base64.b64encode(body).decode()}
