"""What a request costs: its estimate, its price in units, and the limits that refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.units import ledger
from hubsite.refusals import Kind, Refused
from jobs.settings import hub

from ..estimates.asking import Estimate, estimate
from ..estimates.cost import CostError, CubeSize, required_units
from ..request import ResolvedRequest


@dataclass(frozen=True)
class Quote:
    """The estimated size and the price of a request."""

    estimate: Estimate
    size: CubeSize
    units: int
    began: datetime


def quote(resolved: ResolvedRequest, *, who: str = "") -> Quote:
    """Estimate and price a request of `who`, a user id.

    Call it outside of a transaction, because it takes tens of milliseconds.
    """
    began = timezone.now()
    estimated = estimate(
        resolved.for_estimate(),
        stores=resolved.stores,
        egress=resolved.egress,
        uses_own_store=resolved.uses_own_store,
        who=who,
    )
    try:
        size = estimated.size
        units = required_units(size, resolved.input_prices)
    except CostError as error:
        raise Refused(f"The cube cannot be priced: {error}") from None
    return Quote(estimated, size, units, began)


def check_limit(user: Any, quoted: Quote) -> None:
    """Raises Refused if no one may spend so much on one cube, however many units they have."""
    if quoted.units > hub.process_limit:
        raise _too_expensive(
            f"Number of required punits ({quoted.units}) is greater than the absolute limit of "
            f"{hub.process_limit}.",
            required=quoted.units,
            available=ledger.available(user),
        )


def more_than_available(short: ledger.InsufficientUnits) -> Refused:
    """The refusal of a reservation that the user's units do not cover."""
    return _too_expensive(
        f"Number of required punits ({short.required}) is greater than the available "
        f"({short.available}).",
        required=short.required,
        available=short.available,
    )


def _too_expensive(detail: str, *, required: int, available: int) -> Refused:
    return Refused(
        detail,
        kind=Kind.TOO_EXPENSIVE,
        title="Not enough processing units",
        required=required,
        available=available,
        limit=hub.process_limit,
    )
