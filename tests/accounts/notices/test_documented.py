"""The example in docs/api.md verifies what the hub signs, and nothing else."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from accounts.notices import kinds
from accounts.notices.webhooks import signing

API = Path(__file__).resolve().parents[3] / "docs" / "api.md"


@pytest.fixture(scope="module")
def is_from_the_hub():
    code = re.search(r"```python\n(import base64.*?)```", API.read_text(), re.DOTALL)[1]
    names: dict = {}
    exec(code, names)
    return names["is_from_the_hub"]


def test_it_takes_what_is_signed_by_either_secret(is_from_the_hub):
    new, former = signing.new_secret(), signing.new_secret()
    body = '{"title": "Größe"}'.encode()
    headers = signing.headers("msg_1", int(time.time()), body, [new, former])
    for secret in (new, former):
        assert is_from_the_hub(signing.shown(secret), headers, body)
    assert not is_from_the_hub(signing.shown(signing.new_secret()), headers, body)
    assert not is_from_the_hub(signing.shown(new), headers, body + b" ")
    old = signing.headers("msg_1", int(time.time()) - 3600, body, [new])
    assert not is_from_the_hub(signing.shown(new), old, body)


def test_every_kind_is_named():
    text = API.read_text()
    assert [kind.name for kind in kinds.registered() if f"`{kind.name}`" not in text] == []
