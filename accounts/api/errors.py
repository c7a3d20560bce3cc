"""The errors of the accounts' endpoints, each made in one place."""

from __future__ import annotations

from hubsite.api.errors import ApiError
from hubsite.refusals import Kind, Refused

from ..models import Service
from ..tokens.limits import TooManyTries
from .client_authentication import oauth_error


def unsupported_grant_type() -> ApiError:
    return oauth_error("unsupported_grant_type", "The grant_type must be client_credentials.")


def unsupported_token_type() -> ApiError:
    return oauth_error("unsupported_token_type", "Only personal tokens can be revoked like this.")


def invalid_scope() -> ApiError:
    return oauth_error("invalid_scope", "The client has none of these scopes.")


def invalid_client() -> ApiError:
    return oauth_error(
        "invalid_client",
        "Unknown client_id or wrong client_secret.",
        status=401,
        headers={"WWW-Authenticate": 'Basic realm="xcube-hub", charset="UTF-8"'},
    )


def slow_down(tries: TooManyTries) -> ApiError:
    return oauth_error(
        "slow_down", f"{tries}.", status=429, headers={"Retry-After": str(tries.retry_after_s)}
    )


def unknown_client() -> Refused:
    return Refused("You have no client of that id.", kind=Kind.NOT_FOUND)


def unknown_token() -> Refused:
    return Refused("You have no such token.", kind=Kind.NOT_FOUND)


def unknown_service() -> Refused:
    return Refused(f"one of {', '.join(Service.values)} is expected", field="service_id")


def unknown_subscription(service_id: str, subscription_id: str) -> Refused:
    return Refused(
        f"Subscription {subscription_id[:150]} not found in service {service_id}.",
        kind=Kind.NOT_FOUND,
    )
