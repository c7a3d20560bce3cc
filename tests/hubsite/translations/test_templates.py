"""No template shows text that is not marked for translation."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubsite.configuration.reading import BASE_DIR

from .unmarked import unmarked

TEMPLATES = BASE_DIR / "templates"
NOT_YET = frozenset(
    {
        "403.html",
        "403_csrf.html",
        "404.html",
        "500.html",
        "503.html",
        "account.html",
        "accounts/dashboard.html",
        "accounts/device.html",
        "accounts/notice_choices.html",
        "accounts/notices.html",
        "accounts/unsubscribe.html",
        "accounts/webhook.html",
        "accounts/webhook_state.html",
        "accounts/webhooks.html",
        "admin/services/layer/change_list.html",
        "admin/services/layer/drift.html",
        "api_docs.html",
        "docs.html",
        "home.html",
        "hubsite/dashboard.html",
        "jobs/cube.html",
        "jobs/cubes.html",
        "jobs/dashboard.html",
        "jobs/new_cube.html",
        "jobs/new_cube_dataset.html",
        "jobs/new_cube_datasets.html",
        "jobs/new_cube_price.html",
        "jobs/state.html",
        "jobs/store.html",
        "jobs/store_data.html",
        "jobs/store_refused.html",
        "jobs/stores.html",
        "jobs/stores_of_home.html",
        "jobs/use.html",
        "leading_on.html",
        "login.html",
        "services/actions.html",
        "services/cannot_open.html",
        "services/dashboard.html",
        "services/open_in_viewer.html",
        "services/service.html",
        "services/services.html",
        "sharing/gone.html",
        "sharing/link_made.html",
        "sharing/of_subject.html",
        "sharing/openings.html",
        "sharing/result.html",
        "sharing/service.html",
        "sharing/shared.html",
        "sign_on_refused.html",
        "sign_on_unavailable.html",
        "signed_out.html",
        "signing_out.html",
    }
)
"""Templates that are still English only; this list only becomes shorter."""


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
    if str(path.relative_to(TEMPLATES)) not in NOT_YET:
        assert list(unmarked(path)) == []
