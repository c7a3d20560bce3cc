"""Documents of providers (endpoints and public keys): fetched in the background and kept.

Only two kinds of request wait for a provider: a browser's sign-on, and the first token that is
signed by an unknown key. The last good documents are used for a day, also after a restart.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from django.db import DatabaseError, connection

from accounts.settings import hub
from accounts.sign_on.providers import Provider

from ..models import ProviderDocuments
from .http import ProviderUnavailable, get_object, place_at

logger = logging.getLogger(__name__)

REFRESH_AFTER_S = 300.0
RETRY_AFTER_S = 10.0
SERVE_FOR_S = 86_400.0
MOST_WAITING = 4
"""How many requests of a process may wait at once for an unknown key, or for a provider that is
unreachable."""

_MOST_KEYS = 64
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")


@dataclass(frozen=True)
class Documents:
    """Documents of one provider. `keys` holds the verification keys by key id and algorithm."""

    metadata: Mapping[str, Any]
    keys: Mapping[tuple[str, str], Any]
    fetched_at: float

    def key(self, kid: str | None, algorithm: str) -> Any | None:
        if kid is not None:
            return self.keys.get((kid, algorithm))
        fitting = [key for (_, its), key in self.keys.items() if its == algorithm]
        return fitting[0] if len(fitting) == 1 else None


class Publisher:
    """The documents of one provider in this process."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._documents: Documents | None = None
        self._is_loaded = False
        self._tried_at = -RETRY_AFTER_S
        self._is_down = False
        self.failed_at: datetime | None = None
        self.error = ""
        """Why the last attempt of this process failed; empty if it did not."""
        self._fetching: threading.Thread | None = None
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def current(self) -> Documents | None:
        """The last good documents, None if they are older than a day. Never waits."""
        documents = self._documents or self._load()
        age_s = time.time() - documents.fetched_at if documents else SERVE_FOR_S
        if not 0 <= age_s < REFRESH_AFTER_S:  # below 0: the clock was ahead when they came
            self._start_fetching()
        return documents if age_s < SERVE_FOR_S else None

    def fresh(self, *, within_s: float = RETRY_AFTER_S) -> Documents:
        """Fresh documents; waits for the provider. Raises ProviderUnavailable.

        While the provider is known to be unreachable, only a few requests may wait, because
        anyone can start a sign-on.
        """
        oldest = time.time() - within_s
        if not self._came_since(oldest):
            is_limited = self._is_down
            if not is_limited or self._waiting.acquire(blocking=False):
                try:
                    with place_at(self.provider):
                        self._wait(self._start_fetching(even_if_tried=True))
                finally:
                    if is_limited:
                        self._waiting.release()
        documents = self._documents
        if documents is None or not self._came_since(oldest):
            raise ProviderUnavailable(f"{self.provider.title} does not answer just now")
        return documents

    def _came_since(self, oldest: float) -> bool:
        documents = self._documents
        return documents is not None and oldest <= documents.fetched_at <= time.time()

    def key(self, kid: str | None, algorithm: str, *, at_once: bool = False) -> Any | None:
        """The public key of that id. An unknown key is fetched, but only once in a while.

        `at_once` fetches it in any case: for tokens that came from the provider itself.
        """
        documents = self.current()
        key = documents.key(kid, algorithm) if documents else None
        if key is None and self._waiting.acquire(blocking=False):
            try:
                self._wait(self._start_fetching(even_if_tried=at_once))
            finally:
                self._waiting.release()
            documents = self.current()
            key = documents.key(kid, algorithm) if documents else None
        return key

    @property
    def is_down(self) -> bool:
        """Whether the last attempt to reach it failed."""
        return self._is_down

    def keep(self, metadata: Mapping[str, Any], jwks: Mapping[str, Any], fetched_at: float) -> None:
        """Use these documents from now on."""
        self._documents = Documents(metadata, usable_keys(jwks), fetched_at)
        self._is_loaded = True

    def _start_fetching(self, *, even_if_tried: bool = False) -> threading.Thread | None:
        with self._lock:
            if self._fetching is not None and self._fetching.is_alive():
                return self._fetching
            if not even_if_tried and time.monotonic() - self._tried_at < RETRY_AFTER_S:
                return None
            self._tried_at = time.monotonic()
            self._fetching = threading.Thread(
                target=self._fetch, name=f"oidc-{self.provider.key}", daemon=True
            )
            self._fetching.start()
            return self._fetching

    @staticmethod
    def _wait(thread: threading.Thread | None) -> None:
        if thread is not None:
            thread.join(2 * hub.oidc_timeout_s)

    def _fetch(self) -> None:
        try:
            metadata, jwks = fetch(self.provider)
            self.keep(metadata, jwks, time.time())
            self._is_down = False
            self.failed_at, self.error = None, ""
        except ProviderUnavailable as error:
            self._is_down = True
            self.failed_at, self.error = datetime.now(UTC), str(error)
            logger.warning("%s", error)
            return
        try:
            _store(self.provider.issuer, metadata, jwks)
        except DatabaseError as error:
            logger.warning("What %s publishes is not stored: %s", self.provider.title, error)
        finally:
            connection.close()

    def _load(self) -> Documents | None:
        """Load, once, the documents that an earlier process stored."""
        if self._is_loaded:
            return self._documents
        row = ProviderDocuments.objects.filter(issuer=self.provider.issuer).first()
        self._is_loaded = True
        if row is not None and self._documents is None:
            self.keep(row.metadata, row.jwks, row.fetched_at.timestamp())
        return self._documents


def fetch(provider: Provider) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fetch metadata (OpenID Connect Discovery 1.0) and keys. Raises ProviderUnavailable."""
    metadata = get_object(
        provider, f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
    )
    if metadata.get("issuer") != provider.issuer:
        raise ProviderUnavailable(f"{provider.title} calls itself by another issuer")
    for name in _ENDPOINTS:
        if name == "end_session_endpoint" and name not in metadata:
            continue
        if not _is_safe(provider, metadata.get(name)):
            raise ProviderUnavailable(f"{provider.title} publishes no usable {name}")
    jwks = get_object(provider, metadata["jwks_uri"])
    if not usable_keys(jwks):
        raise ProviderUnavailable(f"{provider.title} publishes no usable key")
    return metadata, jwks


def usable_keys(jwks: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """The public RS256 and ES256 keys for signatures; others are skipped."""
    rows = jwks.get("keys")
    keys: dict[tuple[str, str], Any] = {}
    for row in rows[:_MOST_KEYS] if isinstance(rows, list) else ():
        if not isinstance(row, dict) or row.get("use", "sig") != "sig":
            continue
        algorithm = _ALGORITHMS.get(str(row.get("kty")))
        if algorithm is None or row.get("alg", algorithm) != algorithm:
            continue
        try:
            key = jwt.PyJWK(row, algorithm=algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if getattr(key, "key_size", 0) >= (2048 if algorithm == "RS256" else 256):
            keys[str(row.get("kid", "")), algorithm] = key
    return keys


def _is_safe(provider: Provider, url: Any) -> bool:
    if not isinstance(url, str):
        return False
    return url.startswith("https://") or (provider.is_local and url.startswith("http://"))


def _store(issuer: str, metadata: dict[str, Any], jwks: dict[str, Any]) -> None:
    ProviderDocuments.objects.update_or_create(
        issuer=issuer,
        defaults={"metadata": metadata, "jwks": jwks, "fetched_at": datetime.now(UTC)},
    )


_publishers: dict[str, Publisher] = {}


def publisher(provider: Provider) -> Publisher:
    """The cache of this provider in this process."""
    found = _publishers.get(provider.issuer)
    if found is None or found.provider != provider:
        found = _publishers[provider.issuer] = Publisher(provider)
    return found


def forget_all() -> None:
    """Forget all documents, as in a process that has just started."""
    _publishers.clear()


def all_providers() -> tuple[Provider, ...]:
    return hub.oidc_providers


def provider_by_issuer(issuer: object) -> Provider | None:
    return next((found for found in all_providers() if found.issuer == issuer), None)


def provider_by_key(key: object) -> Provider | None:
    """The providers that browsers may sign in with."""
    return next(
        (found for found in all_providers() if found.key == key and found.signs_in_browsers), None
    )
