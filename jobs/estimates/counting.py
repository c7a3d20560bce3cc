"""Counts estimates, and how long they took, for `/metrics`.

Each web process has its own counters. The label `process` keeps them apart, because each request
of a scraper may reach another process.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prometheus_client import Counter, Histogram

from hubsite.refusals import Kind, Refused

P = ParamSpec("P")
T = TypeVar("T")

ESTIMATES = Counter("hub_estimates", "Estimates asked for.", ["outcome", "process"])
SECONDS = Histogram("hub_estimate_seconds", "How long estimates took.", ["process"])


def counted(estimate: Callable[P, T]) -> Callable[P, T]:
    """Count each call: `answered`, `refused` (the request is at fault) or `unavailable`."""

    @functools.wraps(estimate)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        began, outcome = time.monotonic(), "unavailable"
        try:
            answer = estimate(*args, **kwargs)
            outcome = "answered"
            return answer
        except Refused as error:
            outcome = "unavailable" if error.kind is Kind.UNAVAILABLE else "refused"
            raise
        finally:
            process = str(os.getpid())
            ESTIMATES.labels(outcome, process).inc()
            SECONDS.labels(process).observe(time.monotonic() - began)

    return call
