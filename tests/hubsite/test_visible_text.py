"""No name deceives: characters that hide, reorder or do not show are refused everywhere."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as HttpClient

from accounts.models import Client, User
from accounts.tokens.clients import create_client
from accounts.tokens.personal import make_token
from hubsite.refusals import Refused
from hubsite.visible_text import hidden_fault, is_visible, without_hidden
from jobs.request.paths import path_fault
from tests.accounts.factories import bearer, make_client, make_user

HIDDEN = {
    "right-to-left override": "\u202e",
    "left-to-right isolate": "\u2066",
    "Arabic letter mark": "\u061c",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "soft hyphen": "\u00ad",
    "byte-order mark": "\ufeff",
    "Hangul filler": "\u3164",
    "empty Braille cell": "\u2800",
    "variation selector": "\ufe0f",
    "tag": "\U000e0041",
    "line separator": "\u2028",
    "no-break space": "\u00a0",
    "escape": "\x1b",
    "private use": "\ue000",
}
VISIBLE = [
    "notebook",
    "Zoë Ångström",
    "王小明",
    "محمد",
    "שָׁלוֹם",
    "नमस्ते",
    "🌊 chlorophyll",
    "e\u0301",
]

hidden = pytest.mark.parametrize("character", HIDDEN.values(), ids=list(HIDDEN))


@hidden
def test_it_is_told_by_its_number(character):
    assert f"U+{ord(character):04X}" in hidden_fault(f"exe{character}gnp")
    assert without_hidden(f"exe{character}gnp") == "exegnp"


@pytest.mark.parametrize("text", VISIBLE)
def test_names_of_the_world_are_names(text):
    assert hidden_fault(text) is None
    assert without_hidden(text) == text


def test_no_control_or_format_character_of_unicode_is_visible():
    seen = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        and is_visible(chr(code))
    ]
    assert seen == []


@hidden
def test_data_ids(character):
    assert path_fault(f"cube{character}.zarr")
    quoted = "".join(f"%{byte:02x}" for byte in character.encode())
    assert path_fault(f"cube{quoted}.zarr")


@hidden
@pytest.mark.django_db
def test_tokens_clients_and_users(character):
    user = make_user("ann@example.org", ["manage:cubegens"])
    name = f"note{character}book"
    with pytest.raises(Refused, match="visible"):
        make_token(user, name=name, scopes=["manage:cubegens"], days=1)
    with pytest.raises(Refused, match="visible"):
        create_client(user, scopes=[], name=name)
    for row in (User(email="b@example.org", first_name=name), Client(owner=user, name=name)):
        with pytest.raises(ValidationError, match="visible"):
            row.clean()
    client, _ = make_client(user)
    answer = HttpClient().patch(
        "/api/v2/users/me",
        json.dumps({"first_name": name}),
        content_type="application/json",
        headers=bearer(user, client=client),
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "first_name"
