"""Whether predicted starts hold: 10,000 jobs of each kind of world, on a simulated clock."""

from __future__ import annotations

import pytest

from tests.jobs.prediction.test_intervals import look_into
from tests.jobs.prediction.workloads import DISTURBED, WORKLOADS

from .sizes import IS_SMOKE, size

JOBS = size(10_000, 150)
SEEDS = (1,) if IS_SMOKE else (1, 2, 3)


@pytest.mark.benchmark
@pytest.mark.parametrize("name", [*WORKLOADS, *DISTURBED])
def test_nine_of_ten_intervals_hold(name, capsys):
    """Each seed is a world of its own; the first tenth of its jobs is what the hub learns from."""
    seen = [look_into(name, jobs=JOBS, seed=seed, looks_from=JOBS // 10) for seed in SEEDS]
    with capsys.disabled():
        for seed, one in zip(SEEDS, seen, strict=True):
            if one.answered:
                print(
                    f"\n{name}, seed {seed}: {one.coverage:.1%} of {len(one.answered):,} hold; "
                    f"median width {one.median_width_s:.0f} s, wait {one.median_wait_s:.0f} s"
                )
    if not IS_SMOKE:
        answered = sum(len(one.answered) for one in seen)
        held = sum(one.coverage * len(one.answered) for one in seen)
        assert 0.85 <= held / answered <= 0.95
