"""What no database takes is mended."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from hubsite.storable import storable

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)


@given(JSON)
def test_the_outcome_is_strict_json_in_utf_8_without_nul(value):
    text = json.dumps(storable(value), allow_nan=False, ensure_ascii=False)
    assert "\0" not in text.encode("utf-8").decode()


@given(JSON)
def test_twice_is_once(value):
    assert storable(storable(value)) == storable(value)


def test_what_can_be_stored_stays():
    value = {"ä": ["€", "𝄞", 1, 1.5, True, None]}
    assert storable(value) == value


def test_what_cannot_is_mended():
    assert storable(["\ud800", "a\0", math.nan, {"\udfff": math.inf}]) == [
        "?",
        "a",
        None,
        {"?": None},
    ]
