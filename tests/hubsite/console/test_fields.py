"""One template for a form's field: label, help and error belong to the field for everybody."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django import forms
from django.template.loader import render_to_string

HOSTILE = "<script>alert(1)</script>"


class Every(forms.Form):
    name = forms.CharField(label="Name", help_text="What you call it.")
    kind = forms.ChoiceField(label="Kind", choices=[("a", "A"), ("b", HOSTILE)])
    some = forms.MultipleChoiceField(
        label="Some", choices=[("x", "X")], widget=forms.CheckboxSelectMultiple, help_text="Any."
    )
    sure = forms.BooleanField(label="Sure")
    secret = forms.CharField(widget=forms.HiddenInput)

    def clean(self) -> None:
        raise forms.ValidationError(f"As a whole: {HOSTILE}")


class Parts(HTMLParser):
    """Which ids there are, and which are referred to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self.described: dict[str, list[str]] = {}
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.labelled += [given["for"]] if "for" in given else []
        if "aria-describedby" in given:
            self.described[given.get("name", tag)] = given["aria-describedby"].split()


@pytest.mark.parametrize("prefix", ["id_%s", "share-%s"])
def test_help_and_errors_are_read_with_their_field(prefix: str):
    form = Every({"name": "", "kind": HOSTILE, "some": [HOSTILE]}, auto_id=prefix)
    text = render_to_string("console/fields.html", {"form": form})
    parts = Parts(text)
    assert len(parts.ids) == len(set(parts.ids))
    assert set(parts.labelled) <= set(parts.ids)
    said = {prefix % f"{name}": ids for name, ids in parts.described.items()}
    assert said == {
        prefix % "name": [prefix % "name" + "_helptext", prefix % "name" + "_error"],
        prefix % "kind": [prefix % "kind" + "_error"],
        prefix % "fieldset": [prefix % "some" + "_helptext", prefix % "some" + "_error"],
        prefix % "sure": [prefix % "sure" + "_error"],
    }
    assert {it for ids in said.values() for it in ids} <= set(parts.ids)
    assert text.count('aria-invalid="true"') == 4
    assert "script" not in parts.tags and HOSTILE not in text


def test_a_field_without_help_and_error_says_only_what_it_is():
    text = render_to_string("console/field.html", {"field": Every()["kind"]})
    assert "aria-describedby" not in text and "fault" not in text and "hint" not in text
    assert '<label for="id_kind">Kind</label>' in text
