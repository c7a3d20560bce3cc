"""The filters that put numbers and sentences into words."""

from __future__ import annotations

import pytest

from hubsite.templatetags.console import code


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Start `manage.py start`, then look.", "Start <code>manage.py start</code>, then look."),
        ("<b> `<i>`", "&lt;b&gt; <code>&lt;i&gt;</code>"),
        ("", ""),
    ],
)
def test_commands_in_a_sentence_are_marked_and_escaped(text, html):
    assert code(text) == html
