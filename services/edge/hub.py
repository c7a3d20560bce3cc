"""The hub as the edge sees it: it decides who may open what, and hears what was used."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from .limits import LIMITS, Limits
from .places import is_address

log = logging.getLogger(__name__)

MOST_ANSWER_BYTES = 256 * 1024
PAUSE_S = 0.25
_MOST_TEXT = 2000
_MOST_LANGUAGES = 10


class HubUnavailable(Exception):
    """The hub does not answer, or not as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A right to use an instance now."""

    grant: str
    instance: str
    state: str
    address: str
    """Where the instance is reached; empty as long as no one knows."""
    cache_s: float
    session: str = ""
    """A new cookie value, in exchange for a ticket or a link."""
    session_s: int = 0
    message: str = ""
    """Why it is not ready yet, for the person who waits; empty: it only takes a moment."""
    messages: Mapping[str, str] = field(default_factory=dict)
    """The message in other languages, by language code."""
    has_published_viewer: bool = False
    """Whether it runs, or will run, the viewer that the runner of this machine publishes."""

    @property
    def is_ready(self) -> bool:
        return self.state == "READY" and bool(self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    why: str
    """sign_in, forbidden, unknown, stopped, failed, no_units, bad_ticket or busy."""
    message: str
    messages: Mapping[str, str] = field(default_factory=dict)
    """The message in other languages than English."""
    location: str
    """The hub's page about the instance; empty if there is none."""


Decision = Allowed | Denied


@dataclass(frozen=True, slots=True)
class Ended:
    """What the hub answers to a report."""

    grants: Sequence[str]
    instances: Sequence[str]
    asleep: Sequence[str] = ()
    """Instances that must be woken by a new decision before they are reached."""


class Hub:
    """A client of the hub's endpoints for the edge; use it as an asynchronous context."""

    def __init__(self, url: str, secret: str, *, limits: Limits = LIMITS) -> None:
        self._url = url.rstrip("/") + "/internal/edge/"
        self._secret = secret
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None
        self.is_away = False
        """Whether it did not answer the last question."""
        self._told_at = float("-inf")

    async def __aenter__(self) -> Hub:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=32, keepalive_timeout=4),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._limits.decide_s, sock_connect=2),
            headers={"Authorization": f"Edge {self._secret}", "User-Agent": "xcube-hub edge"},
            trust_env=False,
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        assert self._session
        await self._session.close()

    async def decide(self, question: Mapping[str, Any]) -> Decision:
        """Ask once more until `decide_s` is over. Raises HubUnavailable then."""
        give_up_at = time.monotonic() + self._limits.decide_s
        while True:
            try:
                return _decision(await self._ask("decide", question), str(question["instance"]))
            except HubUnavailable:
                # A ticket works once, so it is not shown twice.
                if question.get("ticket") or time.monotonic() + PAUSE_S > give_up_at:
                    raise
                await asyncio.sleep(PAUSE_S)

    async def report(self, report: Mapping[str, Any]) -> Ended:
        """Raises HubUnavailable."""
        answer = await self._ask("report", report)
        lists = [answer.get(name, []) for name in ("ended", "stopped", "asleep")]
        if not all(isinstance(given, list) for given in lists):
            raise HubUnavailable("the hub's answer to a report is no answer")
        return Ended(*([str(one) for one in given] for given in lists))

    async def _ask(self, what: str, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self._session
        try:
            async with self._session.post(
                self._url + what, json=question, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise HubUnavailable(f"it answered {answer.status} to {what}")
                body = await answer.content.read(MOST_ANSWER_BYTES + 1)
                while not answer.content.at_eof() and len(body) <= MOST_ANSWER_BYTES:
                    body += await answer.content.read(MOST_ANSWER_BYTES)
            found = json.loads(body)
            if not isinstance(found, dict):
                raise HubUnavailable(f"its answer to {what} is no object")
        except HubUnavailable as fault:
            self._note(fault)
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            fault = HubUnavailable(f"{type(error).__name__}: {error}")
            self._note(fault)
            raise fault from error
        self.is_away = False
        return found

    def _note(self, fault: HubUnavailable) -> None:
        """Note the fault, and log it at most each ten seconds."""
        self.is_away = True
        now = time.monotonic()
        if now > self._told_at + 10:
            self._told_at = now
            log.warning("The hub at %s cannot be asked: %s", self._url, fault)


def _decision(answer: Mapping[str, Any], instance: str) -> Decision:
    """The hub's answer, checked. Raises HubUnavailable if it is not as agreed."""
    if answer.get("allow") is True:
        address = _text(answer, "address")
        if address and not is_address(address):
            raise HubUnavailable("it gave an address that is none")
        grant = _text(answer, "grant")
        if not grant or _text(answer, "instance") not in ("", instance):
            raise HubUnavailable("its answer names no right, or another instance")
        return Allowed(
            grant=grant,
            instance=instance,
            state=_text(answer, "state"),
            address=address,
            cache_s=_number(answer, "cache_s", 60),
            session=_text(answer, "session"),
            session_s=int(_number(answer, "session_s", 0)),
            message=_text(answer, "message"),
            messages=_texts(answer, "messages"),
            has_published_viewer=answer.get("has_published_viewer") is True,
        )
    if answer.get("allow") is False:
        location = _text(answer, "location")
        if urlsplit(location).scheme not in ("", "http", "https"):
            location = ""
        return Denied(
            why=_text(answer, "why"),
            message=_text(answer, "message"),
            messages=_texts(answer, "messages"),
            location=location,
        )
    raise HubUnavailable("its decision is no decision")


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name) or ""
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise HubUnavailable(f"{name} is no text, or too long")
    return value


def _texts(answer: Mapping[str, Any], name: str) -> dict[str, str]:
    texts = answer.get(name) or {}
    if not isinstance(texts, dict) or len(texts) > _MOST_LANGUAGES:
        raise HubUnavailable(f"{name} is no object, or too large")
    return {str(language)[:10]: _text(texts, language) for language in texts}


def _number(answer: Mapping[str, Any], name: str, default: float) -> float:
    value = answer.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise HubUnavailable(f"{name} is no number")
    return value
