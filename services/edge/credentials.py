"""What a request brings to prove its right: our cookie, or a token of the hub."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .places import Place

_VALUE = re.compile(r"[A-Za-z0-9_.~+/=-]{8,512}")
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{8,8000})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Credential:
    kind: Literal["", "session", "bearer", "ticket", "link"]
    value: str = ""

    def question(self) -> dict[str, str | None]:
        """The members of a question to the hub."""
        names = ("session", "ticket", "link", "bearer")
        return {name: self.value if name == self.kind else None for name in names}

    def fingerprint(self) -> str:
        """A key for caches, which then hold no secret."""
        if not self.kind:
            return ""
        return f"{self.kind}:{hashlib.blake2b(self.value.encode(), digest_size=16).hexdigest()}"


NOTHING = Credential("")


class BadAuthorization(Exception):
    """There is an Authorization header, but it is no token of the hub."""


def find_credential(headers: Mapping[str, str], *, place: Place, cookie: str) -> Credential:
    """The credential of a request. Raises BadAuthorization.

    An Authorization header decides alone. A cookie counts only if a page of this very place sent
    the request, or if a person opens a page here: other instances are the same site for browsers,
    which then send our cookie (SameSite) though another page asks.
    """
    if "Authorization" in headers:
        found = _BEARER.fullmatch(headers["Authorization"])
        if not found:
            raise BadAuthorization
        return Credential("bearer", found[1])
    if "Cookie" not in headers or not _may_use_cookie(headers, place):
        return NOTHING
    value = _cookie(headers.getall("Cookie"), cookie)  # type: ignore[attr-defined]
    return Credential("session", value) if value else NOTHING


def _may_use_cookie(headers: Mapping[str, str], place: Place) -> bool:
    """Fetch Metadata says who asks; browsers without it send `Origin` where it matters."""
    origin = headers.get("Origin")
    if origin is not None and origin.lower() != place.origin:
        return False
    site = headers.get("Sec-Fetch-Site")
    if site in (None, "same-origin", "none"):
        return True
    return headers.get("Sec-Fetch-Mode") == "navigate" and (
        headers.get("Sec-Fetch-Dest") == "document"
    )


def _cookie(headers: list[str], name: str) -> str:
    """The value of the cookie `name`, or an empty text."""
    for header in headers:
        for pair in header.split(";"):
            found, _, value = pair.strip().partition("=")
            if found == name:
                value = value.strip('"')
                return value if _VALUE.fullmatch(value) else ""
    return ""
