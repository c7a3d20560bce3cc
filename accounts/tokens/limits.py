"""How often a client secret may be tried, and how many tokens may be asked for.

A secret with a slow hash may be guessable, and each try costs the time of a password hash: its
tries are counted before they are checked. A secret with a fast hash has 256 random bits: it is
checked whatever the count, so that no one can lock the client of another out.

A client that exists is counted by itself, at each address: behind a proxy one address is
everyone's, and who guesses at one client must not lock out the others. Ids of no client are
counted together, by address, because anyone can invent any number of them.
"""

from __future__ import annotations

from hubsite.coordination.failures import Counted, Limit, TooManyTries, count

from ..models import Client, User

__all__ = ["TooManyTries", "count_new_token", "count_token_request", "count_try"]

FAILED_TRIES_PER_MINUTE = 30
TOKENS_PER_MINUTE = 300
"""For one client: five calls a second, each with a token of its own."""
NEW_TOKENS_PER_HOUR = 60
"""Personal ones, for one user. At most 50 are live, but revoked ones have rows too."""


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
