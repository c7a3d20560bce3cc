"""Pauses that grow, up to a limit."""

from __future__ import annotations

from hubsite.coordination.backoff import Backoff


def test_a_pause_doubles_up_to_its_limit() -> None:
    backoff = Backoff(first_s=1, longest_s=10)
    assert [backoff.pause_s(n) for n in (1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 10, 10]


def test_chance_shortens_a_pause_only_so_far() -> None:
    backoff = Backoff(first_s=8, longest_s=8, jitter=0.5)
    pauses = {backoff.pause_s(1) for _ in range(100)}
    assert len(pauses) > 1
    assert 4 <= min(pauses) <= max(pauses) <= 8
