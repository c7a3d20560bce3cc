"""The sizes of benchmarks: whole ones for `make bench`, small ones for a run of some seconds.

With BENCHMARK_SMOKE=1 each benchmark runs small, so that CI sees that all still work. Ratios are
then printed and not asserted, because they say nothing after one short round. Counts that must
be exact are asserted in any case.
"""

from __future__ import annotations

import os

IS_SMOKE = os.environ.get("BENCHMARK_SMOKE") == "1"


def size(whole: int, small: int) -> int:
    """`whole`, or `small` in a smoke run."""
    return small if IS_SMOKE else whole
