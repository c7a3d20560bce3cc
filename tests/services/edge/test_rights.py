"""Who may pass: cookies, tokens, tickets and links; and who is asked how often."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest

from services.edge.credentials import Credential
from services.edge.decisions import Decisions
from services.edge.hub import Allowed
from tests.patience import PATIENCE_S

from .standins import INSTANCE, LOCATION, OTHER, SESSION
from .world import HOST, PUBLIC, QUICK, comes_to, run, until, world

PAGE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}


@pytest.mark.parametrize("public_url", [PUBLIC, f"http://{HOST}"])
def test_a_page_without_a_right_leads_to_the_hub_and_back(public_url):
    async def test():
        async with world(public_url=public_url) as w:
            status, _, headers = await w.get("/viewer/?a=%2F&b=c", headers=PAGE, cookie="")
            assert status == 303
            url = urlsplit(headers["Location"])
            assert url._replace(query="").geturl() == LOCATION
            (onward,) = parse_qs(url.query)["next"]
            assert onward == "/viewer/?a=%2F&b=c"
            entry = "/.xcube-hub/enter?ticket=ticket-of-the-owner&next=/viewer/%3Fa%3D%252F"
            status, _, headers = await w.get(entry, headers=PAGE, cookie="")
            assert (status, headers["Location"]) == (303, f"{w.base}/viewer/?a=%2F")
            cookie = SimpleCookie(headers["Set-Cookie"])["xcube-hub"]
            assert (cookie.value, cookie["path"]) == (SESSION, f"{w.base}/")
            assert cookie["httponly"] and cookie["samesite"] == "Lax" and not cookie["domain"]
            assert cookie["max-age"] == "43200" and not cookie["secure"]
            assert headers["Cache-Control"] == "no-store"
            assert (await w.get("/viewer/", headers=PAGE, cookie=cookie.value))[0] == 200

    run(test())


@pytest.mark.parametrize(
    ("public_url", "name"),
    [(f"https://*.{HOST}", "__Host-xcube-hub"), (f"https://{HOST}", "__Secure-xcube-hub")],
)
def test_with_https_the_cookie_is_bound_to_its_host(public_url, name):
    async def test():
        async with world(public_url=public_url) as w:
            _, _, headers = await w.get("/.xcube-hub/enter?link=link-of-a-friend", cookie="")
            given = headers["Set-Cookie"]
            assert given.startswith(f"{name}={SESSION};") and "Secure" in given
            status, _, _ = await w.get(
                "/x", cookie="", headers={"Cookie": f"xcube-hub={SESSION}; {name}={SESSION}"}
            )
            assert status == 200
            assert w.instance.requests[-1].headers["X-Forwarded-Proto"] == "https"
            assert (await w.get("/x", cookie="", headers={"Cookie": f"xcube-hub={SESSION}"}))[
                0
            ] == 401

    run(test())


@pytest.mark.parametrize(
    "onward",
    ["//evil.example.org", "https://evil.example.org", "/%5Cevil", "javascript:x", "/a%0d%0a"],
)
def test_nobody_is_led_elsewhere(onward):
    async def test():
        async with world() as w:
            path = f"/.xcube-hub/enter?ticket=ticket-of-the-owner&next={onward}"
            _, _, headers = await w.get(path, cookie="")
            assert headers["Location"] == "/"

    run(test())


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("ticket=", 400),
        ("ticket=short", 400),
        ("ticket=a%20b%20c%20d%20e", 400),
        ("ticket=ticket-of-the-owner&ticket=ticket-of-the-owner", 400),
        ("&".join(["next=/"] * 50), 400),
        ("ticket=ticket-that-was-used", 401),
        ("link=link-that-was-withdrawn", 401),
    ],
)
def test_a_bad_ticket_or_link_gives_no_cookie(query, status):
    async def test():
        async with world() as w:
            answer = await w.get(f"/.xcube-hub/enter?{query}", cookie="")
            assert answer[0] == status and "Set-Cookie" not in answer[2]

    run(test())


@pytest.mark.parametrize(
    ("why", "status"),
    [
        ("sign_in", 401),
        ("forbidden", 403),
        ("unknown", 404),
        ("stopped", 410),
        ("failed", 410),
        ("no_units", 403),
        ("bad_ticket", 403),
        ("busy", 503),
        ("something new", 403),
    ],
)
def test_a_denial_is_told_with_its_reason_to_people_and_programs(why, status):
    async def test():
        async with world() as w:
            w.hub.denial = why
            code, text, headers = await w.get("/x")
            problem = json.loads(text)
            assert (code, problem["status"]) == (status, status)
            assert problem["detail"] == f"Because of {why}."
            assert headers["Content-Type"] == "application/problem+json"
            assert ("Retry-After" in headers) is (status == 503)
            code, text, headers = await w.get("/x", headers=PAGE)
            if why == "sign_in":
                assert code == 303
                return
            assert code == status and f"Because of {why}." in text
            assert headers["Content-Type"] == "text/html; charset=utf-8"
            assert (LOCATION in text) is (why != "unknown")
            if why == "busy":  # services are suspended, or a link is opened too often
                assert "<h1>Not possible at the moment</h1>" in text
            assert "default-src 'none'" in headers["Content-Security-Policy"]

    run(test())


def test_what_the_hub_says_is_text_on_a_page_not_markup():
    async def test():
        async with world() as w:
            w.hub.wrong = {"allow": False, "why": "stopped", "message": "<script>x</script>",
                           "location": "javascript:alert(1)"}  # fmt: skip
            _, text, _ = await w.get("/x", headers=PAGE)
            assert "<script>x" not in text and "&lt;script&gt;x" in text
            assert "javascript:" not in text

    run(test())


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic eDp5",
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Edge x",
        "",
        "Bearer ä" * 5,
        "Bearer wrong-token",
    ],
)
def test_an_authorization_decides_alone(authorization):
    async def test():
        async with world() as w:
            status, _, headers = await w.get("/x", headers={"Authorization": authorization})
            assert status == 401 and headers["WWW-Authenticate"] == "Bearer"
            assert not w.instance.requests

    run(test())


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, True),
        ({"Origin": f"http://{INSTANCE}.{HOST}"}, True),
        ({**PAGE, "Sec-Fetch-Site": "cross-site"}, True),
        ({**PAGE, "Sec-Fetch-Site": "same-site"}, True),
        ({**PAGE, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "iframe"}, False),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, False),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, False),
        ({"Origin": f"http://{OTHER}.{HOST}"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": f"https://{INSTANCE}.{HOST}"}, False),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_cookie_counts_only_for_this_very_place(headers, counts, method):
    """Other instances are the same site: browsers send our cookie though their pages ask."""

    async def test():
        async with world() as w:
            status, _, _ = await w.get("/x", method=method, headers=headers)
            is_page = headers.get("Sec-Fetch-Mode") == "navigate" and method == "GET"
            assert status == (200 if counts else 303 if is_page else 401)
            assert bool(w.instance.requests) is counts

    run(test())


@pytest.mark.parametrize(
    "cookie",
    ["xcube-hub", "xcube-hub=", "xcube-hub=a b c d e f g", "Xcube-Hub=session-of-the-owner",
     "axcube-hub=session-of-the-owner", "xcube-hub=session-of-a-stranger",
     "xcube-hub=" + "x" * 2000,
     "=;;;=", "xcube-hub=%73ession-of-the-owner"],
)  # fmt: skip
def test_other_cookies_open_nothing(cookie):
    async def test():
        async with world() as w:
            assert (await w.get("/x", cookie="", headers={"Cookie": cookie}))[0] == 401
            assert not w.instance.requests

    run(test())


def test_the_hub_is_asked_once_for_many_requests_at_once():
    async def test():
        async with world() as w:
            w.hub.delay_s = 0.2
            answers = await asyncio.gather(*(w.get("/x") for _ in range(50)))
            assert {status for status, _, _ in answers} == {200}
            assert len(w.hub.asked) == 1
            await asyncio.gather(*(w.get("/x", cookie="session-of-a-friend") for _ in range(9)))
            assert len(w.hub.asked) == 2
            assert w.hub.asked[0] == {"instance": INSTANCE, "session": SESSION, "ticket": None,
                                      "link": None, "bearer": None, "wake": True}  # fmt: skip

    run(test())


def test_one_who_leaves_takes_the_answer_from_no_one():
    async def test():
        async with world() as w:
            w.hub.delay_s = 0.3
            first = asyncio.create_task(w.get("/x"))
            await until(lambda: w.hub.asked)
            second = asyncio.create_task(w.get("/x"))
            await asyncio.sleep(0.05)
            first.cancel()
            assert (await second)[0] == 200
            assert len(w.hub.asked) == 1

    run(test())


def test_a_denial_is_remembered_for_a_moment_and_no_longer():
    async def test():
        async with world(limits=dataclasses.replace(QUICK, deny_s=0.5)) as w:
            w.hub.denial = "stopped"
            loop = asyncio.get_running_loop()
            began = loop.time()
            for _ in range(10):
                assert (await w.get("/x"))[0] == 410
            assert len(w.hub.asked) <= 2 + (loop.time() - began) / 0.5
            w.hub.denial = ""
            await asyncio.sleep(0.5)
            assert (await w.get("/x"))[0] == 200

    run(test())


def test_a_right_is_asked_again_before_its_minute_is_over_beside_the_requests():
    async def test():
        async with world() as w:
            w.hub.cache_s = 1
            assert (await w.get("/x"))[0] == 200
            w.hub.delay_s = PATIENCE_S  # a request that waited for it would not come back
            while len(w.hub.asked) < 2:
                assert (await w.get("/x"))[0] == 200
                await asyncio.sleep(0.02)
            assert (await w.get("/x"))[0] == 200
            w.hub.delay_s = 0

    run(test())


@pytest.mark.parametrize("entry", ["ticket=ticket-of-the-owner", "link=link-of-a-friend"])
def test_who_has_just_entered_is_not_asked_about_again(entry):
    """The exchange has said it all; the right ends as any other does."""

    async def test():
        async with world() as w:
            w.hub.rights["session", SESSION] = grant = w.hub.rights[tuple(entry.split("="))]
            status, _, headers = await w.get(f"/.xcube-hub/enter?{entry}", headers=PAGE, cookie="")
            cookie = SimpleCookie(headers["Set-Cookie"])["xcube-hub"].value
            assert (status, cookie, len(w.hub.asked)) == (303, SESSION, 1)
            assert (await w.get("/viewer/", headers=PAGE, cookie=cookie))[0] == 200
            assert len(w.hub.asked) == 1
            # Neither that ticket nor another cookie has this right now.
            assert (await w.get("/x", cookie="session-of-a-stranger"))[0] == 401
            assert (await w.get("/x", headers={"Authorization": f"Bearer {cookie}"}, cookie=""))[
                0
            ] == 401
            w.hub.ended.add(grant)
            while (await w.get("/x", cookie=cookie))[0] != 401:
                await asyncio.sleep(0.02)

    run(test())


def test_a_start_is_asked_about_often_at_first_and_seldom_later(monkeypatch):
    """A page and all that it asks for wait together; most starts take less than a second."""
    clock, asked = [1000.0], []

    class Starting:
        is_away = False

        async def decide(self, question):
            asked.append(clock[0] - 1000)
            return Allowed(grant="g", instance=INSTANCE, state="STARTING", address="", cache_s=1)

    async def test():
        decisions = Decisions(Starting())
        while clock[0] < 1010:
            for _ in range(3):
                await decisions.decide(INSTANCE, Credential("session", SESSION))
            clock[0] += 0.05

    monkeypatch.setattr("services.edge.decisions.time.monotonic", lambda: clock[0])
    run(test())
    pauses = [later - before for before, later in itertools.pairwise(asked)]
    assert min(pauses) >= 0.1 - 1e-6 and max(pauses) <= 0.45 + 1e-6
    assert len([at for at in asked if at < 1]) >= 5
    assert all(pause >= 0.4 - 1e-6 for at, pause in zip(asked, pauses, strict=False) if at > 2)


def test_an_instance_that_was_not_used_for_a_while_is_asked_about_again():
    """It may be asleep meanwhile, and then the hub must know of who wakes it."""

    async def test():
        async with world(limits=dataclasses.replace(QUICK, unused_s=0.2)) as w:
            loop, took = asyncio.get_running_loop(), float("inf")
            while took >= 0.2:  # on a busy machine two requests may be so far apart
                w.hub.asked.clear()
                began = loop.time()
                await w.get("/x")
                await w.get("/x")
                took = loop.time() - began
                if took >= 0.2:
                    await asyncio.sleep(0.3)
            assert len(w.hub.asked) == 1
            await asyncio.sleep(0.3)
            await w.get("/x")
            assert len(w.hub.asked) == 2

    run(test())


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        {"allow": "yes"},
        {"allow": True},
        {"allow": True, "grant": 3, "instance": INSTANCE, "address": "unix:/x"},
        {"allow": True, "grant": "g", "instance": OTHER, "address": "unix:/x"},
        {"allow": True, "grant": "g", "instance": INSTANCE, "address": "file:/etc/passwd"},
        {"allow": True, "grant": "g", "instance": INSTANCE, "address": "http://u:p@host:1"},
        {"allow": True, "grant": "g", "instance": INSTANCE, "address": "http://host:99999"},
        {"allow": True, "grant": "g", "instance": INSTANCE, "address": "http://h/path"},
        {"allow": True, "grant": "g", "instance": INSTANCE, "cache_s": "long"},
        {"allow": True, "grant": "g" * 5000, "instance": INSTANCE},
    ],
)
def test_an_answer_of_the_hub_that_is_none_lets_no_one_pass(wrong):
    async def test():
        async with world(limits=dataclasses.replace(QUICK, decide_s=0.1)) as w:
            w.hub.wrong = wrong
            status, _, headers = await w.get("/x")
            assert status == 503 and headers["Retry-After"]
            w.hub.wrong = None
            await comes_to(w, 200)

    run(test())
