"""Numbers with decimals in the forms of a German page: with a comma, and as programs write them."""

from __future__ import annotations

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import override

from hubsite.console.typed_numbers import NumberField, WholeNumberField, as_typed


class Form(forms.Form):
    side = NumberField(required=False, min_value=-180)


@pytest.mark.parametrize(
    ("language", "typed", "number"),
    [
        ("de", "5,25", 5.25),
        ("de", " -5,25 ", -5.25),
        ("de", "5.25", 5.25),
        ("de", "1.234", 1.234),  # no mark of thousands, as in a request
        ("de", "5", 5.0),
        ("de", ",5", 0.5),
        ("de", "", None),
        ("en", "5.25", 5.25),
    ],
)
def test_a_number_is_taken_as_people_write_it(language: str, typed: str, number: float | None):
    with override(language):
        form = Form({"side": typed})
        assert form.is_valid(), form.errors
        assert form.cleaned_data["side"] == number


@pytest.mark.parametrize(
    ("language", "typed"),
    [("de", "1.234,5"), ("de", "1,2,3"), ("de", "nan"), ("de", "-180,5"), ("de", "5,x")]
    + [("en", "5,25"), ("en", "1,234")],
)
def test_what_could_be_two_numbers_is_refused(language: str, typed: str):
    with override(language):
        assert list(Form({"side": typed}).errors) == ["side"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(5.25, "5,25"), ("5.25", "5,25"), (5, 5), ("5", "5"), ("x.5", "x.5"), (None, None)],
)
def test_a_german_page_shows_a_comma(value: object, shown: object):
    with override("de"):
        assert as_typed(value) == shown
        assert Form(initial={"side": value})["side"].value() == shown
    with override("en"):
        assert as_typed(value) == value


@pytest.mark.parametrize("typed", ["1.000", "1,000", "1.0", "2.500,0"])
def test_whole_numbers_have_no_marks(typed: str):
    """Django would take 1.000, a thousand for Germans, as 1."""
    for language in ("de", "en"):
        with override(language), pytest.raises(ValidationError):
            WholeNumberField().clean(typed)
    assert WholeNumberField().clean(" 1000 ") == 1000
