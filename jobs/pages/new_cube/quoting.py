"""What a request would cost, as the page shows it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.units import ledger
from jobs.settings import hub

from ...estimates.cost import required_units
from ...submission import admission
from ...submission.output_claims import check_outputs
from ...submission.pricing import quote
from ..request_in_words import is_in_degrees

MOST_SHOWN = 50


@dataclass(frozen=True)
class Row:
    """A line of a breakdown."""

    name: str
    amount: int


@dataclass(frozen=True)
class Offer:
    """Price and size of a cube. `bytes_of` has the largest variables first, uncompressed."""

    units: int
    available: int
    limit: int
    num_bytes: int
    shape: str
    crs: str
    resolution: float | None
    time_range: list[str | None]
    bytes_of: list[Row]
    units_of: list[Row]
    more_variables: int

    @property
    def is_affordable(self) -> bool:
        return self.units <= min(self.available, self.limit)

    @property
    def is_in_degrees(self) -> bool:
        return is_in_degrees(self.crs)

    @property
    def left(self) -> int:
        return self.available - self.units


def offer_of(submission: admission.Submission) -> Offer:
    """Ask for the price, which stores nothing. Raises Refused."""
    resolved = admission.parse(submission)
    quoted = quote(resolved, who=submission.user.username)
    check_outputs(submission.user, resolved, quoted)
    described = quoted.estimate.result.get("dataset_descriptor") or {}
    dims = described.get("dims") or {}
    variables = described.get("data_vars") or {}
    rows = sorted(
        (Row(name, _bytes(about, dims)) for name, about in variables.items()),
        key=lambda row: -row.amount,
    )
    told = (quoted.estimate.result.get("size_estimation") or {}).get("num_bytes")
    inputs = resolved.document.get("input_configs") or [resolved.document["input_config"]]
    return Offer(
        units=quoted.units,
        available=ledger.available(submission.user),
        limit=hub.process_limit,
        num_bytes=told if isinstance(told, int) else sum(row.amount for row in rows),
        shape=" × ".join(f"{length} {name}" for name, length in dims.items()),
        crs=str(described.get("crs") or ""),
        resolution=described.get("spatial_res"),
        time_range=list(described.get("time_range") or [None, None]),
        bytes_of=rows[:MOST_SHOWN],
        units_of=[
            Row(f"{config.get('data_id')} in {config.get('store_id')}", units)
            for config, units in zip(
                inputs,
                (required_units(quoted.size, [price]) for price in resolved.input_prices),
                strict=False,
            )
        ],
        more_variables=max(0, len(rows) - MOST_SHOWN),
    )


def _bytes(variable: Mapping[str, Any], dims: Mapping[str, Any]) -> int:
    """Uncompressed bytes of a variable as the estimate describes it."""
    bits = re.search(r"(\d+)$", str(variable.get("dtype") or ""))
    size = int(bits[1]) // 8 if bits else 1
    lengths = [dims.get(name) for name in variable.get("dims") or ()]
    return size * math.prod(n for n in lengths if isinstance(n, int))
