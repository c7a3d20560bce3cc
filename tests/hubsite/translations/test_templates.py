"""No template shows text that is not marked for translation."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubsite.configuration.reading import BASE_DIR

from .unmarked import unmarked

TEMPLATES = BASE_DIR / "templates"


def test_what_is_not_marked_is_found(tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text(
        '{% load i18n %}<p title="Tip">{% translate "Fine" %} {{ it }} <b>Bare</b> · 4</p>'
        "{% blocktranslate count n=n %}One {{ n }}{% plural %}Many{% endblocktranslate %}"
        '<img alt="A picture"><td data-label="{% translate "Name" %}">{# Comment #}</td>'
        "<code>xcube gen2</code><pre><span>as it is</span></pre><input type=submit value=Go>"
        '{% comment %}Old{% endcomment %}<meta name="description" content="About">'
        '<meta name="viewport" content="width"><input value="typed" placeholder="Type">'
    )
    assert list(unmarked(page)) == [
        "title='Tip'",
        "Bare",
        "alt='A picture'",
        "value='Go'",
        "content='About'",
        "placeholder='Type'",
    ]


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES))
)
def test_each_text_of_a_template_is_marked(path: Path):
    assert list(unmarked(path)) == []
