"""Requests pass the edge, by host name and by path, over unix sockets and TCP."""

from __future__ import annotations

import pytest

from .standins import INSTANCE, OTHER
from .world import HOST, PUBLIC, run, world

BY_PATH = f"http://{HOST}"


@pytest.mark.parametrize("public_url", [PUBLIC, BY_PATH])
@pytest.mark.parametrize("tcp", [False, True])
def test_a_request_passes_as_it_was_sent(public_url, tcp):
    async def test():
        async with world(public_url=public_url, tcp=tcp) as w:
            path = "/datasets/a%2Fb.levels/tiles2/3/4/5?vmin=0&title=%C3%A4+b%2F"
            status, text, _ = await w.get(path)
            assert (status, text) == (200, f"GET {w.base}{path}")

    run(test())


def test_each_method_and_body_passes():
    async def test():
        async with world() as w:
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                assert (await w.get("/x", method=method))[:2] == (200, f"{method} /x")
            async with w.ask("/x", method="HEAD") as answer:
                assert answer.status == 200 and answer.headers["Content-Length"] == "7"

            async def pieces():
                for _ in range(100):
                    yield b"y" * 10_000

            for body in (b"", b"z" * 3_000_000, pieces()):
                assert (await w.get("/upload", method="POST", data=body))[0] == 200
            assert [len(body) for body in w.instance.bodies] == [0, 3_000_000, 1_000_000]
            assert (await w.get("/nothing"))[:2] == (204, "")
            status, _, headers = await w.get("/moved")
            assert (status, headers["Location"]) == (302, "/viewer/")
            async with w.ask("/large") as answer:
                assert len(await answer.read()) == 5_000_000

    run(test())


@pytest.mark.parametrize(
    "host",
    ["example.org", HOST, f"a.b.{HOST}", f".{HOST}", f"{INSTANCE}.{HOST}.", f"-.{HOST}", "*"],
)
def test_other_hosts_are_not_served(host):
    async def test():
        async with world() as w:
            status, text, _ = await w.get("/", headers={"Host": host})
            assert status == 404 and "no service" in text
            assert not w.hub.asked

    run(test())


@pytest.mark.parametrize("host", [f"{INSTANCE.upper()}.{HOST}", f"{INSTANCE}.{HOST}:8081"])
def test_case_and_port_of_the_host_do_not_matter(host):
    async def test():
        async with world() as w:
            assert (await w.get("/", headers={"Host": host}))[0] == 200

    run(test())


def test_the_path_of_an_instance_leads_to_its_root():
    async def test():
        async with world(public_url=BY_PATH) as w:
            status, _, headers = await w.get("")
            assert (status, headers["Location"]) == (303, f"/{INSTANCE}/")
            w.hub.denial = ""
            async with w.session.get(
                f"http://127.0.0.1:{w.edge.port}/{OTHER}/x", headers=w.headers()
            ) as answer:
                assert answer.status == 403
            for path in ("/", "//", "/.well-known/x", "/-", "/9"):
                async with w.session.get(
                    f"http://127.0.0.1:{w.edge.port}{path}", headers=w.headers()
                ) as answer:
                    assert answer.status == 404

    run(test())


def test_probes_need_no_host():
    async def test():
        async with (
            world() as w,
            w.session.get(f"http://127.0.0.1:{w.edge.port}/.xcube-hub/health") as answer,
        ):
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})

    run(test())
