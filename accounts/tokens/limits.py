"""Rate limits: tries of client secrets, and requests for tokens.

A secret with a slow hash may be guessable, and each try takes the time of a password hash. So
its tries are counted before they are checked. A secret with a fast hash has 256 random bits. It
is checked whatever the count is, so that no one can lock out another's client.

Tries are counted for each existing client and address. Behind a proxy all callers may have one
address, and someone who guesses at one client must not lock out the others. Unknown client ids
are counted together for each address, because anyone can invent many of them.
"""

from __future__ import annotations

from hubsite.coordination.failures import Counted, Limit, TooManyTries, count

from ..models import Client, User

__all__ = ["TooManyTries", "count_new_token", "count_token_request", "count_try"]

FAILED_TRIES_PER_MINUTE = 30
TOKENS_PER_MINUTE = 300
"""Limit for one client: five calls a second, each with a new token."""
NEW_TOKENS_PER_HOUR = 60
"""Limit of personal tokens of one user. At most 50 are valid, but revoked ones have rows, too."""


def count_try(client: Client | None, address: str) -> Counted:
    """Count a try of a client's secret. Raises TooManyTries."""
    name = f"client secret {address} {client.pk if client else ''}"
    return count([Limit(name, FAILED_TRIES_PER_MINUTE, 60)])


def count_token_request(client: Client) -> None:
    """Count a request that gets a token. Raises TooManyTries."""
    count([Limit(f"token of client {client.pk}", TOKENS_PER_MINUTE, 60)])


def count_new_token(user: User) -> None:
    """Count a personal token. Raises TooManyTries."""
    count([Limit(f"personal token of {user.pk}", NEW_TOKENS_PER_HOUR, 3600)])
