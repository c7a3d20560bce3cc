"""Claims of a provider: the person, their e-mail, and the roles that they map to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.sign_on.providers import ClaimPath, Provider
from hubsite.visible_text import without_hidden

_MOST_LENGTH = 255


@dataclass(frozen=True)
class Person:
    """The person that the provider names. `email` is empty if it gives none."""

    subject: str
    email: str
    email_is_verified: bool
    first_name: str
    last_name: str
    roles: frozenset[str]
    is_staff: bool


def person(provider: Provider, claims: Mapping[str, Any]) -> Person:
    values = claimed_values(provider, claims)
    email = _first_text(claims, provider.email_claims)
    return Person(
        subject=claims["sub"],
        email=email if "@" in email and len(email) <= 254 else "",
        email_is_verified=_is_verified(claims, provider.email_verified_claims),
        first_name=without_hidden(_text(claims.get("given_name")))[:150],
        last_name=without_hidden(_text(claims.get("family_name")))[:150],
        roles=roles_for(provider, values),
        is_staff=not values.isdisjoint(provider.staff_roles),
    )


def roles_for(provider: Provider, values: frozenset[str]) -> frozenset[str]:
    """The hub's roles that the provider's mapping gives for these values of its claims."""
    return frozenset(role for value in values for role in provider.roles.get(value, ()))


def claimed_values(provider: Provider, claims: Mapping[str, Any]) -> frozenset[str]:
    """Every value of the provider's `role_claims`: arrays, or texts separated by blanks."""
    found: set[str] = set()
    for path in provider.role_claims:
        value = _at(claims, path)
        if isinstance(value, str):
            found.update(value.split())
        elif isinstance(value, list):
            found.update(item for item in value if isinstance(item, str))
    return frozenset(found)


def mapped_roles(provider: Provider) -> frozenset[str]:
    """Every role of the hub that the provider can give."""
    return frozenset(role for roles in provider.roles.values() for role in roles)


def is_subject(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_LENGTH and value.isprintable()


def _at(claims: Any, path: ClaimPath) -> Any:
    for name in path:
        if not isinstance(claims, Mapping):
            return None
        claims = claims.get(name)
    return claims


def _first_text(claims: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := _text(claims.get(name)))), "")


def _is_verified(claims: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    """True only if every claim that is present is true."""
    told = [claims[name] for name in names if name in claims]
    return bool(told) and all(value is True for value in told)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) and value.isprintable() else ""
