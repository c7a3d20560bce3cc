"""The documentation as the hub serves it: its own address, working links, nothing executed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from django.test import Client

from hubsite.console import manual


def page(name: str) -> str:
    answer = Client().get(f"/docs/{name}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_docs_lead_to_the_users_page():
    assert Client().get("/docs/")["Location"] == "/docs/users/"


@pytest.mark.parametrize("name", manual.PAGES)
def test_every_link_inside_leads_somewhere(name):
    text = page(name)
    article = text.partition('<article class="prose">')[2]
    for href in re.findall(r'<a href="([^"]*)"', article):
        parts = urlsplit(href.replace("&amp;", "&"))
        if parts.scheme:
            continue
        assert not parts.path.endswith(".md"), href
        target = text if not parts.path else Client().get(parts.path).content.decode()
        if parts.fragment:
            assert f'id="{parts.fragment}"' in target, href


def test_examples_have_the_hubs_own_address(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_PUBLIC_URL": "https://cubes.ocean.example"}
    text = page("users")
    assert "https://cubes.ocean.example/api/v2" in text
    assert manual.EXAMPLE_URL not in text


def test_a_changed_file_is_read_again_and_html_in_it_is_text(tmp_path, monkeypatch):
    monkeypatch.setattr(manual, "FOLDER", tmp_path)
    (tmp_path / "users.md").write_text(
        "# One <script>alert(1)</script>\n\n[x](javascript:alert(1))"
    )
    first = page("users")
    assert "<script>alert" not in first and 'href="javascript' not in first
    (tmp_path / "users.md").write_text("# Two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "<h1" in page("users") and "<td>1</td>" in page("users")


@pytest.mark.parametrize("name", ["nothing", "writing", "..", "USERS", "users.md"])
def test_nothing_else_is_served(name):
    assert Client().get(f"/docs/{name}/").status_code == 404
