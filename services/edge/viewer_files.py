"""The viewer's program, sent by the edge itself while a viewer of this machine starts.

The runner publishes the program of the process that viewers are forked from
(`jobs/runner/viewers/published.py`). A browser needs longer to start it than a viewer to wake, so
it begins at once; what it then asks for, its configuration and data, waits for the viewer. Files
are looked up by their exact path in a table: no path of a request reaches the file system.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from .headers import to_browser
from .limits import LIMITS, MIB, Limits
from .pages import digest, read_text

log = logging.getLogger(__name__)

PAGES = frozenset({"/viewer/", "/viewer/index.html"})
CONFIGURATION = "/viewer/config/config.json"
MOST_BYTES = 64 * MIB
MOST_STARTS = 10_000
FORGET_S = 30.0
"""A start that no one asked for again in this time is over, one way or the other."""

_INDEX = "/viewer/index.html"
_END_OF_HEAD = b"</head>"
_POLICY = "Content-Security-Policy"
_SCRIPT = read_text("starting.js")
_SCRIPT_POLICY = f"; script-src 'self' '{digest(_SCRIPT)}'"
_READS_GZIP = re.compile(r"(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)", re.I)


@dataclass(frozen=True, slots=True)
class File:
    """A file as the viewer would send it."""

    headers: CIMultiDict[str]
    body: bytes

    def response(self) -> web.Response:
        return web.Response(body=self.body, headers=to_browser(self.headers))

    def page(self, *, state_path: str, config_path: str) -> web.Response | None:
        """The file as a page that gives way to the waiting page after a second; None if it is none.

        `state_path` says whether the viewer answers; the page has asked for `config_path` if so.
        """
        before, end, after = self.body.partition(_END_OF_HEAD)
        if not end:
            return None
        data = f'data-state="{escape(state_path)}" data-config="{escape(config_path)}"'
        script = f"<script {data}>{_SCRIPT}</script>"
        headers = self.headers.copy()
        headers[_POLICY] = headers.get(_POLICY, "default-src 'self'") + _SCRIPT_POLICY
        headers = to_browser(headers)
        headers["Content-Type"] = "text/html; charset=UTF-8"
        headers["Cache-Control"] = "no-store"
        return web.Response(body=b"".join([before, script.encode(), end, after]), headers=headers)


class ViewerFiles:
    """The published files; read again when the runner has published others."""

    def __init__(self, source: Path | None) -> None:
        self._source = source
        self._files: Mapping[str, File] = {}
        self._read: tuple[int, ...] | None = None
        self._reading = asyncio.Lock()
        self.sent = 0

    async def find(self, path: str, headers: Mapping[str, str]) -> File | None:
        """The file of this path below that of the instance; None if the instance must answer."""
        if self._source is None or "Range" in headers:
            return None
        file = (await self._present()).get(_INDEX if path in PAGES else path)
        if file is None:
            return None
        if "Content-Encoding" in file.headers and not _READS_GZIP.search(
            headers.get("Accept-Encoding", "")
        ):
            return None
        return file

    async def _present(self) -> Mapping[str, File]:
        async with self._reading:
            now = _version(self._source)
            if now != self._read:
                self._files = await asyncio.to_thread(read_files, self._source) if now else {}
                self._read = now
            return self._files


def _version(source: Path | None) -> tuple[int, ...] | None:
    """What tells one published file from the next; None if there is none."""
    try:
        found = source.stat() if source else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None


def read_files(source: Path) -> Mapping[str, File]:
    """What the runner has published; nothing if it cannot be read."""
    try:
        with source.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError("it is too large")
        told = json.loads(content)["files"]
        return {str(path): _file(entry) for path, entry in told.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        log.warning("The viewer's files in %s are left to viewers: %s", source, error)
        return {}


def _file(entry: Any) -> File:
    headers = CIMultiDict((str(name), str(value)) for name, value in entry["headers"].items())
    return File(headers, base64.b64decode(entry["body"], validate=True))


class Starts:
    """Since when each instance has been waited for."""

    def __init__(self, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._since: dict[str, float] = {}

    def is_new(self, instance: str) -> bool:
        """Whether a page may still open at once, because no one has waited for long."""
        now = time.monotonic()
        since = self._since.get(instance)
        if since is None or now - since > FORGET_S:
            if len(self._since) >= MOST_STARTS:
                self._since.clear()
            self._since[instance] = since = now
        return now - since < self._limits.page_wait_s

    def is_ready(self, instance: str) -> None:
        """It has started."""
        self._since.pop(instance, None)
