"""The identity providers of the hub, as XCUBE_HUB_OIDC_PROVIDERS describes them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FORMER_EMAIL_CLAIM = "https://xcube-gen.brockmann-consult.de/user_email"
FORMER_VERIFIED_CLAIM = "https://xcube-gen.brockmann-consult.de/email_verified"

FROM_CLAIMS, FROM_ACCOUNT = "claims", "account"

ClaimPath = tuple[str, ...]


@dataclass(frozen=True)
class Provider:
    """One issuer whose tokens are accepted, and with which browsers may sign in.

    `roles` maps a value of one of `role_claims` to roles of the hub; `staff_roles` are values
    that give staff status. `audiences` are those of access tokens: none, and the API takes none
    of this issuer. Without `client_id` no browser signs in with it.
    """

    key: str
    issuer: str
    name: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scopes: str = "openid email profile"
    audiences: tuple[str, ...] = ()
    trust_email: bool = False
    email_claims: tuple[str, ...] = ("email", FORMER_EMAIL_CLAIM)
    email_verified_claims: tuple[str, ...] = ("email_verified", FORMER_VERIFIED_CLAIM)
    role_claims: tuple[ClaimPath, ...] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    staff_roles: tuple[str, ...] = ()
    permissions_from: str = FROM_CLAIMS

    @property
    def title(self) -> str:
        return self.name or urlsplit(self.issuer).hostname or self.key

    @property
    def signs_in_browsers(self) -> bool:
        return bool(self.client_id)

    @property
    def is_local(self) -> bool:
        """Whether plain HTTP does: it never leaves this machine."""
        return urlsplit(self.issuer).hostname in {"localhost", "127.0.0.1", "::1"}


def oidc_providers(text: str) -> tuple[Provider, ...]:
    """Providers from a JSON array, or from the file that holds it. Raises ValueError."""
    if not text.lstrip().startswith("["):
        try:
            text = Path(text).expanduser().read_text()
        except OSError as error:
            raise ValueError(f"expected a JSON array, or the path of one ({error})") from None
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"expected a JSON array of providers, but {error}") from None
    if not isinstance(rows, list):
        raise ValueError("expected a JSON array of providers")
    providers = tuple(_provider(row, f"[{index}]") for index, row in enumerate(rows))
    for name in ("key", "issuer"):
        values = [getattr(provider, name) for provider in providers]
        if len(set(values)) < len(values):
            raise ValueError(f"expected a different {name} for each provider")
    return providers


def former_providers(environment: Mapping[str, str]) -> str | None:
    """The issuers that the former service knew by AUTH0_DOMAIN and KEYCLOAK_DOMAIN, as JSON."""
    rows = []
    audience = environment.get("XCUBE_HUB_OAUTH_AUD")
    domain = environment.get("XCUBE_HUB_OAUTH_DOMAIN") or environment.get("AUTH0_DOMAIN")
    if domain and audience:
        rows.append(
            {
                "key": "auth0",
                "name": "Auth0",
                "issuer": f"https://{domain}/",
                "audiences": [audience],
                "role_claims": ["permissions", "scope"],
                "roles": {
                    "manage:cubegens": ["cube-generation"],
                    "process:cubegens": ["user-code"],
                    "manage:collections": ["geoserver"],
                },
            }
        )
    host, realm = environment.get("KEYCLOAK_DOMAIN"), environment.get("KEYCLOAK_REALM")
    if host and realm:
        rows.append(
            {
                "key": "keycloak",
                "name": "Keycloak",
                "issuer": f"https://{host}/auth/realms/{realm}",
                "audiences": ["cate"],
                "permissions_from": FROM_ACCOUNT,
            }
        )
    return json.dumps(rows) if rows else None


def _provider(row: Any, place: str) -> Provider:
    if not isinstance(row, dict):
        raise ValueError(f"expected an object at {place}")
    known = {item.name for item in fields(Provider)}
    if unknown := set(row) - known:
        raise ValueError(
            f"expected in {place} only {', '.join(sorted(known))}, not {', '.join(sorted(unknown))}"
        )
    given: dict[str, Any] = {}
    for name in ("key", "issuer", "name", "client_id", "client_secret", "scopes"):
        if name in row:
            given[name] = _text(row[name], f"{place}.{name}")
    for name in ("audiences", "email_claims", "email_verified_claims", "staff_roles"):
        if name in row:
            given[name] = _texts(row[name], f"{place}.{name}")
    if "trust_email" in row:
        if not isinstance(row["trust_email"], bool):
            raise ValueError(f"expected true or false at {place}.trust_email")
        given["trust_email"] = row["trust_email"]
    if "permissions_from" in row:
        if row["permissions_from"] not in (FROM_CLAIMS, FROM_ACCOUNT):
            raise ValueError(f"expected {FROM_CLAIMS} or {FROM_ACCOUNT} at {place}")
        given["permissions_from"] = row["permissions_from"]
    given["roles"] = _role_mapping(row.get("roles", {}), f"{place}.roles")
    given["role_claims"] = _role_claims(row, place)
    given["client_secret"] = _from_environment(given.get("client_secret", ""), place)
    provider = Provider(**{"key": "", "issuer": "", **given})
    _check(provider, place)
    return provider


def _check(provider: Provider, place: str) -> None:
    if not re.fullmatch(r"(?!callback$)[a-z0-9][a-z0-9-]{0,39}", provider.key):
        raise ValueError(f"expected a key of lower-case letters, digits and hyphens at {place}")
    url = urlsplit(provider.issuer)
    is_safe = url.scheme == "https" or (url.scheme == "http" and provider.is_local)
    if not is_safe or not url.hostname or url.query or url.fragment or len(provider.issuer) > 255:
        raise ValueError(f"expected an https URL as the issuer at {place}")
    if provider.client_id and provider.client_id in provider.audiences:
        raise ValueError(
            f"expected other audiences than the client_id at {place}: "
            "or ID tokens, which browsers get, would open the API"
        )
    if provider.signs_in_browsers and "openid" not in provider.scopes.split():
        raise ValueError(f"expected openid among the scopes at {place}")
    if (provider.roles or provider.staff_roles) and not provider.role_claims:
        raise ValueError(f"expected role_claims beside roles at {place}")


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a string at {place}")
    return value


def _texts(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError(f"expected an array of strings at {place}")
    return tuple(value)


def _role_mapping(value: Any, place: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object of role names at {place}")
    return {
        claim: _texts([roles] if isinstance(roles, str) else roles, f"{place}.{claim}")
        for claim, roles in value.items()
    }


def _role_claims(row: Mapping[str, Any], place: str) -> tuple[ClaimPath, ...]:
    """`realm_access.roles` or, where a name has a dot in it, `["resource_access", "a.b"]`."""
    paths = row.get("role_claims", [])
    if not isinstance(paths, list):
        raise ValueError(f"expected an array at {place}.role_claims")
    made = []
    for path in paths:
        if isinstance(path, list):
            made.append(_texts(path, f"{place}.role_claims"))
        elif "://" in _text(path, f"{place}.role_claims"):
            made.append((path,))
        else:
            made.append(tuple(path.split(".")))
    return tuple(made)


def _from_environment(secret: str, place: str) -> str:
    """The secret itself, or what `${NAME}` names in the environment."""
    if not (match := re.fullmatch(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", secret)):
        return secret
    if not os.environ.get(match[1]):
        raise ValueError(f"expected {match[1]} in the environment, which {place} names")
    return os.environ[match[1]]


__all__ = ["FROM_ACCOUNT", "FROM_CLAIMS", "Provider", "former_providers", "oidc_providers"]
