"""A gateway of the cluster's own asks the edge which requests may pass."""

from __future__ import annotations

from typing import Any

import pytest

from .standins import INSTANCE, LOCATION, OTHER
from .world import HOST, run, world

AUTHORIZE = "/.xcube-hub/authorize"
PUBLIC_HOST = f"{INSTANCE}.{HOST}"


def asked(way: str, path: str, *, host: str = PUBLIC_HOST) -> tuple[str, dict[str, str]]:
    """Path and headers of a gateway's question about a request, in its own way."""
    if way == "gateway":
        return AUTHORIZE + path, {"Host": host}
    if way == "nginx":
        return AUTHORIZE, {"Host": "xcube-hub-edge", "X-Original-URL": f"https://{host}{path}"}
    forwarded = {"X-Forwarded-Host": host, "X-Forwarded-Uri": path}
    return AUTHORIZE, {"Host": "xcube-hub-edge", **forwarded}


WAYS = ["gateway", "nginx", "traefik"]


@pytest.mark.parametrize("way", WAYS)
def test_the_owner_passes_and_it_counts_as_a_use(way: str) -> None:
    async def test() -> None:
        async with world() as w:
            path, headers = asked(way, "/tiles/demo/sst/0/0/0?time=first")
            status, text, answer = await w.get(path, headers=headers)
            assert (status, text, answer["Cache-Control"]) == (200, "", "no-store")
            assert w.hub.asked[-1]["instance"] == INSTANCE
            assert w.instance.requests == [], "the gateway passes it on itself"
            while not any(report["uses"] for report in w.hub.reports):
                await w.get(path, headers=headers)
            use = next(r["uses"][0] for r in w.hub.reports if r["uses"])
            assert (use["instance"], use["by"]) == (INSTANCE, "a tile request")

    run(test())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("path", "more", "expected"),
    [
        ("/datasets", {"cookie": ""}, 401),
        ("/datasets", {"cookie": "somebody-elses"}, 401),
        ("/maintenance/kill", {}, 404),
        ("/%6daintenance/kill", {}, 404),
        ("/.xcube-hub/enter?ticket=t", {}, 404),
        ("/.xcube-hub/authorize/x", {}, 404),
        ("/a/../b", {}, 400),
    ],
)
def test_everything_else_does_not(way: str, path: str, more: Any, expected: int) -> None:
    async def test() -> None:
        async with world() as w:
            url, headers = asked(way, path)
            assert (await w.get(url, headers=headers, **more))[0] == expected

    run(test())


@pytest.mark.parametrize("way", WAYS)
def test_other_hosts_and_other_instances_do_not_pass(way: str) -> None:
    async def test() -> None:
        async with world() as w:
            url, headers = asked(way, "/x", host=f"{OTHER}.{HOST}")
            assert (await w.get(url, headers=headers))[0] == 403
            url, headers = asked(way, "/x", host="hub.example.org")
            assert (await w.get(url, headers=headers))[0] == 404

    run(test())


def test_a_page_without_a_right_is_led_to_the_hub_and_back() -> None:
    async def test() -> None:
        async with world() as w:
            url, headers = asked("traefik", "/viewer/?a=b")
            page = {
                "Accept": "text/html",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Dest": "document",
            }
            status, _, answer = await w.get(url, headers={**headers, **page}, cookie="")
            assert status == 303
            assert answer["Location"] == f"{LOCATION}?next=%2Fviewer%2F%3Fa%3Db"

    run(test())


def test_what_sleeps_is_woken_and_must_be_asked_for_again() -> None:
    async def test() -> None:
        async with world() as w:
            w.hub.state = "ASLEEP"
            url, headers = asked("gateway", "/datasets")
            assert (await w.get(url, headers=headers))[0] == 503
            assert w.hub.state == "STARTING"

    run(test())


def test_a_question_about_nothing_is_not_answered() -> None:
    async def test() -> None:
        async with world() as w:
            assert (await w.get(AUTHORIZE))[0] == 404
            bad = {"X-Original-URL": "http://[bad/x"}
            assert (await w.get(AUTHORIZE, headers=bad))[0] == 400

    run(test())
