"""Paths that no one may ask for, however they are written."""

from __future__ import annotations

from posixpath import normpath
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.edge.targets import (
    BadTarget,
    is_closed,
    is_own,
    is_relative,
    kind_of_use,
    read_target,
)

from .standins import INSTANCE
from .world import HOST, PUBLIC, run, world

CLOSED = [
    "/maintenance/update",
    "/maintenance",
    "/maintenance/",
    "/maintenance/kill?x=1",
    "//maintenance/update",
    "///maintenance//update",
    "/MAINTENANCE/update",
    "/Maintenance/Update",
    "/%6daintenance/update",
    "/%6D%61%69%6e%74%65%6e%61%6e%63%65/update",
    "/%256daintenance/update",
    "/maintenance%2Fupdate",
    "/maintenance%252Fupdate",
    "/%2Fmaintenance/update",
    "/%2F%2Fmaintenance",
    "/maintenance;x=1/update",
    "/maintenance%3Bx/update",
    "/%20maintenance/update",
    "/maintenance%20/update",
    "/;/maintenance/update",
    f"/{INSTANCE}/maintenance/update",
    f"/{INSTANCE}/{INSTANCE}/maintenance/update",
    f"/{INSTANCE}%2Fmaintenance%2Fupdate",
    f"//{INSTANCE}//maintenance/update",
]
MALFORMED = [
    "/../maintenance/update",
    "/viewer/../maintenance/update",
    "/viewer/%2e%2e/maintenance/update",
    "/viewer/%2E./maintenance/update",
    "/viewer/%252e%252e/maintenance/update",
    "/viewer/..;/maintenance/update",
    "/viewer%2F..%2Fmaintenance%2Fupdate",
    "/viewer/..%5Cmaintenance/update",
    "/viewer\\..\\maintenance",
    "/./maintenance/update",
    "/%2e/maintenance",
    "/viewer/..",
    "/.",
    "/%00maintenance/update",
    "/maintenance%00/update",
    "/viewer%0d%0aSet-Cookie:x",
    "/viewer%09",
    "/%",
    "/%4",
    "/%zz",
    "/%c0%ae%c0%ae/maintenance",
    "/%ff",
    "/%25252525252e",
    "/vi ewer",
    "/#fragment",
    "/?a#b",
    "/\xe4",
    "*",
    "",
    "viewer/",
    "http://other.example.org/",
    f"http://{INSTANCE}.{HOST}/maintenance/update",
]
OPEN = [
    "/",
    "/viewer/",
    "/viewer//index.html",
    "/datasets/a%2Fb.levels/vars/x",
    "/datasets/maintenance/vars/x",
    "/datasets/a%25b",
    "/datasets/..hidden",
    "/datasets/a..b/...",
    "/viewer/images/%C3%A4.png",
    "/tiles/x?vars=%2e%2e/maintenance&next=//x",
    "/timeseries/{ds}/[x]|y",
    "/maintenance-plan",
]


@pytest.mark.parametrize("path", CLOSED)
def test_what_stops_an_instance_is_closed_however_it_is_written(path):
    assert is_closed(read_target(path), INSTANCE)


@pytest.mark.parametrize("path", MALFORMED)
def test_what_is_ambiguous_is_refused(path):
    with pytest.raises(BadTarget):
        read_target(path)


@pytest.mark.parametrize("path", OPEN)
def test_ordinary_paths_stay_as_they_are(path):
    target = read_target(path)
    assert not is_closed(target, INSTANCE)
    assert not is_own(target, INSTANCE)
    assert target.raw_path + ("?" + target.query if target.query else "") == path


@given(st.text(alphabet="/%.;25eEfFcC\\maint ?x-", max_size=40))
@example("/%2525252fmaintenance")
def test_no_decoding_of_a_path_that_passes_leads_elsewhere(text):
    """Who decodes a path once, twice or thrice, and resolves its dots, finds nothing closed."""
    path = "/" + text
    try:
        target = read_target(path)
    except BadTarget:
        return
    if is_closed(target, INSTANCE):
        return
    seen = target.raw_path
    for _ in range(4):
        resolved = normpath(seen).lower().lstrip("/").partition(";")[0].strip()
        assert resolved != "maintenance" and not resolved.startswith("maintenance/"), seen
        seen = unquote(seen)


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("public_url", [PUBLIC, f"http://{HOST}"])
def test_closed_paths_are_404_for_everyone(path, public_url):
    async def test():
        async with world(public_url=public_url) as w:
            for cookie in ("", "session-of-the-owner"):
                assert (await w.get(path, cookie=cookie))[0] == 404
            token = {"Authorization": "Bearer token-of-the-owner"}
            assert (await w.get(path, cookie="", headers=token))[0] == 404
            assert (await w.get(path, method="POST"))[0] == 404
            assert (await w.get(path, method="OPTIONS"))[0] == 404
            assert not w.instance.requests

    run(test())


def test_malformed_targets_are_400_and_reach_nothing():
    async def test():
        async with world() as w:
            for path in MALFORMED:
                head = f"GET {path} HTTP/1.1\r\nHost: {INSTANCE}.{HOST}\r\n"
                head += "Cookie: xcube-hub=session-of-the-owner\r\n\r\n"
                answer = await w.raw(head.encode("latin-1"))
                assert answer[8:13] == b" 400 ", (path, answer[:80])
            assert not w.instance.requests and not w.hub.asked

    run(test())


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("/", True),
        ("/viewer/?server=x&y=%2F", True),
        ("//evil.example.org/", False),
        ("/\\evil.example.org/", False),
        ("/%5cevil.example.org/", False),
        ("https://evil.example.org/", False),
        ("javascript:alert(1)", False),
        ("/a\r\nSet-Cookie: x", False),
        ("/..//evil.example.org", False),
        ("", False),
    ],
)
def test_browsers_are_led_to_this_place_only(text, is_one):
    assert is_relative(text) is is_one


@pytest.mark.parametrize(
    ("path", "is_page", "words"),
    [
        ("/datasets/x/vars/y/tiles2/1/2/3", False, "a tile request"),
        ("/tiles/x/y/1/2/3", False, "a tile request"),
        ("/wmts/1.0.0/tile/x/y/z", False, "a tile request"),
        ("/viewer/", True, "a page"),
        ("/datasets", False, "a request"),
        ("/fertiles/x", False, "a request"),
    ],
)
def test_uses_are_named(path, is_page, words):
    assert kind_of_use(read_target(path), is_page=is_page) == words
