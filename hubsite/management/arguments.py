"""Arguments that commands of all rooms take, and their types (argparse: `type=count`)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from django.core.management.base import CommandParser

from .command import add_json_argument

MOST = 1_000_000


def count(text: str) -> int:
    """How many rows to show: at least one."""
    return _whole(text, least=1)


def lines(text: str) -> int:
    """How many last lines to show; none is a number, too."""
    return _whole(text, least=0)


def _whole(text: str, *, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not least <= number <= MOST:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {MOST}")
    return number


def add_list_arguments(listing: CommandParser, *, states: Sequence[str]) -> None:
    """What each `list` of rows takes that have an owner and a state."""
    listing.add_argument("--user", metavar="EMAIL", help="only those of this user")
    listing.add_argument("--state", choices=states, type=str.upper, help="only those in this state")
    listing.add_argument("--limit", type=count, default=20, help="how many (default: 20)")
    add_json_argument(listing)


def add_log_arguments(log: CommandParser) -> None:
    """What each `logs` takes besides the name of what has printed."""
    log.add_argument("--tail", type=lines, metavar="N", help="only the last N lines")
    log.add_argument(
        "--raw",
        action="store_true",
        help="write control characters as they are; only into a pipe or file",
    )
    add_json_argument(log)
