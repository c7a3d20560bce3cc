"""Arguments that several of the accounts' commands take, and how they are checked."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management import CommandError, CommandParser

from ..models import User
from ..scopes import SCOPES
from ..units.ledger import MAX_UNITS


def add_permission_argument(parser: CommandParser, *, required: bool, help: str) -> None:
    parser.add_argument(
        "--permission",
        action="append",
        dest="permissions",
        default=[],
        required=required,
        choices=sorted(SCOPES),
        metavar="SCOPE",
        help=f"{help} May be repeated. One of: {', '.join(sorted(SCOPES))}.",
    )


def units(text: str) -> int:
    """A number of processing units. A type for argparse."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= MAX_UNITS:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {MAX_UNITS}")
    return number


def seconds(text: str) -> int:
    """A lifetime of up to ten years. A type for argparse."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 10 * 365 * 86400:
        raise argparse.ArgumentTypeError("expected a whole number of seconds, at most ten years")
    return number


def last_day(text: str) -> datetime:
    """The end of a day that is not over yet, UTC. A type for argparse."""
    try:
        end = datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("expected a day such as 2027-01-31") from None
    if end <= datetime.now(UTC):
        raise argparse.ArgumentTypeError("expected a day that is not over")
    return end


def existing_user(email: str) -> User:
    try:
        return User.objects.get_by_email(email)
    except User.DoesNotExist:
        raise CommandError(
            f"There is no user with the e-mail {email}; create_client makes one."
        ) from None


def refuse_missing(user: User, missing: Iterable[str]) -> None:
    """Raise CommandError if there is any scope in `missing`."""
    if missing := sorted(missing):
        raise CommandError(
            f"{user.email} has no permission for {', '.join(missing)}: add the user to a role "
            "that grants it, and check the roles in the admin."
        )


def shown_fields(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a command for people: lists become words with blanks between."""
    return {k: " ".join(v) if isinstance(v, list) else v for k, v in result.items()}
