"""Memory and durations as people write them."""

from __future__ import annotations

import pytest

from services.human_units import parse_duration, parse_size, show_duration, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1 GiB", 2**30),
        ("1GB", 10**9),
        (" 512 mib ", 2**29),
        ("1.5 GiB", 3 * 2**29),
        ("1,5 kB", 1500),
        ("1073741824", 2**30),
        ("7 B", 7),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30 min", 1800), ("90", 90), ("0.5 h", 1800), ("2 days", 172_800), ("30 D", 2_592_000)],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("parse", [parse_size, parse_duration])
@pytest.mark.parametrize(
    "text",
    ["", "x", "-1 h", "1 year", "1e3", "0x10", "inf", "1 2", "GB", "٣ h", "9" * 30, "0.1"],
)
def test_anything_else_is_refused_in_words(parse, text: str) -> None:
    with pytest.raises(ValueError, match="^Expected a"):
        parse(text)


@pytest.mark.parametrize("size", [1, 1000, 2**20, 2**30, 10**9, 3 * 2**29, 1234567])
def test_what_is_shown_reads_as_the_same(size: int) -> None:
    assert parse_size(show_size(size)) == size
    assert parse_duration(show_duration(size)) == size


def test_the_largest_exact_unit_is_shown() -> None:
    assert [show_size(n) for n in (2**30, 10**9, 3 * 2**29, 1234567, 0)] == [
        "1 GiB", "1 GB", "1536 MiB", "1234567 B", "0 B",
    ]  # fmt: skip
    assert [show_duration(n) for n in (1800, 5400, 86_400, 2_592_000, 61)] == [
        "30 min", "90 min", "1 d", "30 d", "61 s",
    ]  # fmt: skip
