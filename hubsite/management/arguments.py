"""Types of arguments that commands of all rooms take (argparse: `type=count`)."""

from __future__ import annotations

import argparse

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
