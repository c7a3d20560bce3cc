"""Names of data stay below a root, as the file system understands them."""

from __future__ import annotations

import os
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.request.paths import path_fault, redirecting_values, redirects

PIECES = st.sampled_from(
    ["..", ".", "/", "\\", "%2e", "%2F", "%252e", "%5c", "a", "b.zarr", " ", "~", ":", "//"]
)
PATHS = st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join)
ROOT = "/data/root"


@settings(deadline=None, max_examples=300)
@given(PATHS)
def test_an_accepted_name_lies_below_the_root_however_often_it_is_decoded(name):
    if path_fault(name):
        return
    for _ in range(10):
        joined = os.path.join(ROOT, name)
        assert os.path.normpath(joined) == joined  # nothing to collapse: one name, one place
        assert os.path.commonpath([ROOT, os.path.normpath(joined)]) == ROOT
        assert joined != ROOT
        name = unquote(name)


@settings(deadline=None, max_examples=200)
@given(PATHS)
def test_a_value_that_redirects_nowhere_stays_below_the_root(value):
    if not redirects(value):
        joined = os.path.normpath(os.path.join(ROOT, value))
        assert os.path.commonpath([ROOT, joined]) == ROOT


@pytest.mark.parametrize(
    "value",
    [
        "/etc/passwd",
        "~/x",
        "../x",
        "a/../b",
        "..",
        "a\\..\\b",
        "\\\\host\\x",
        "C:\\x",
        "file:/etc/passwd",
        "http://x",
        "reference::x",
        "%2e%2e/x",
        "%252e%252e/x",
    ],
)
def test_values_that_are_places_of_their_own_are_found_at_any_depth(value):
    assert [e.field for e in redirecting_values("p", {"a": [{"b": value}]})] == ["p.a[0].b"]
    assert len(list(redirecting_values("p", {value: 1}))) == 1


@pytest.mark.parametrize(
    "value", ["auto", "days since 1970-01-01 00:00:00", "m/s", "W m-2 sr-1", "a:b", "50 %", "1..2"]
)
def test_ordinary_values_are_not_taken_for_places(value):
    assert not redirects(value)
