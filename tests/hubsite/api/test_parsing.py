"""JSON bodies: how much there may be of it is known before anything is made of it."""

from __future__ import annotations

import json

import pytest

from hubsite.api import parsing
from hubsite.api.errors import ApiError
from hubsite.api.parsing import MAX_NODES, most_nodes, parse_document

MEGABYTE = 1_000_000

MANY = {
    "empty lists": b"[" + b"[]," * (MEGABYTE // 3) + b"[]]",
    "numbers": b"[" + b"1," * (MEGABYTE // 2) + b"1]",
    "empty objects": b"[" + b"{}," * (MEGABYTE // 3) + b"{}]",
    "names": b"{" + b",".join(b'"%d":0' % n for n in range(100_000)) + b"}",
    "empty texts": b'{"a":["' + b'","' * (MEGABYTE // 3) + b'"]}',
    "lists behind a text of quotes": b'["' + b'\\"' * 1000 + b'",' + b"[]," * 300_000 + b"[]]",
}


@pytest.mark.parametrize("body", MANY.values(), ids=list(MANY))
def test_many_values_are_refused_before_any_is_made(body, monkeypatch):
    monkeypatch.setattr(parsing.json, "loads", lambda *_, **__: pytest.fail("it was parsed"))
    with pytest.raises(ApiError) as caught:
        parse_document(body)
    assert caught.value.status == 413
    assert f"{MAX_NODES:,}" in caught.value.detail


@pytest.mark.parametrize("text", ["[,{:" * 200_000, '\\" [,{:' * 100_000, "\\" * 500_001])
def test_marks_within_a_text_are_no_values(text):
    document = {"code_config": {"inline_code": text[:400_000]}}
    assert most_nodes(json.dumps(document)) < 10
    assert parse_document(json.dumps(document).encode()) == document


def test_as_many_as_allowed_are_read():
    assert len(parse_document(json.dumps([0] * (MAX_NODES - 1)).encode())) == MAX_NODES - 1
