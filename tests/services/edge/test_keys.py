"""A key in the URL lets an app of another origin in, by HTTP and by WebSocket."""

from __future__ import annotations

import aiohttp
import pytest

from .standins import INSTANCE, OTHER
from .world import HOST, PUBLIC, run, until, world

KEY = "k" * 20 + "_-" + "K" * 21
PATH = f"/.xcube-hub/key/{KEY}"
PLACES = pytest.mark.parametrize("public_url", [PUBLIC, f"http://{HOST}"])
APP = {"Origin": "https://cate.example.org", "Sec-Fetch-Site": "cross-site"}


def keyed(w) -> None:
    w.hub.rights["session", KEY] = "grant-of-key"


@PLACES
def test_what_is_below_the_key_is_what_the_instance_gets(public_url):
    async def test():
        async with world(public_url=public_url) as w:
            keyed(w)
            tile = "/ws/res/tile/a%2Fb/0.png?x=%20"
            for below, seen in {"": "/", "/": "/", tile: tile}.items():
                status, text, headers = await w.get(PATH + below, headers=APP, cookie="")
                assert (status, text) == (200, f"GET {w.base}{seen}")
                assert headers["Access-Control-Allow-Origin"] == "*"
            got = w.instance.requests[-1]
            assert KEY not in f"{got.raw_path}{dict(got.headers)}"

    run(test())


@PLACES
def test_a_websocket_of_a_page_elsewhere_passes_by_its_key_alone(public_url):
    async def test():
        async with world(public_url=public_url) as w:
            keyed(w)
            async with w.websocket(f"{PATH}/socket", headers=APP, cookie="") as socket:
                await socket.send_str("kernel")
                assert await socket.receive_str() == "kernel"
                assert "grant-of-key" in w.edge.usage.open_grants()
                w.hub.ended.add("grant-of-key")
                await until(lambda: not w.edge.usage.counts()["websockets"], "end of the right")
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await w.websocket("/socket", headers=APP)

    run(test())


@pytest.mark.parametrize(
    "path",
    [f"/.xcube-hub/key/{'x' * 43}/", "/.xcube-hub/key/short/", "/.xcube-hub/key/",
     f"/.xcube-hub/key/{KEY}x/", f"{PATH}/maintenance/update", f"{PATH}/.xcube-hub/state",
     f"{PATH}{PATH}/", f"{PATH}/%2e%2e/x", f"/x{PATH}/", f"{PATH}//maintenance/kill",
     f"/%2excube-hub/key/{KEY}/"],
)  # fmt: skip
def test_other_paths_lead_nowhere(path):
    async def test():
        async with world() as w:
            keyed(w)
            status, _, _ = await w.get(path, cookie="")
            assert status in (400, 401, 403, 404), status
            assert w.instance.requests == []

    run(test())


def test_a_key_opens_no_other_instance_and_no_credential_counts_beside_it():
    async def test():
        async with world() as w:
            keyed(w)
            host = f"{OTHER}.{HOST}"
            status, _, _ = await w.get(PATH, headers={"Host": host}, cookie="")
            assert status in (401, 403, 404)
            token = {"Authorization": "Bearer token-of-the-owner"}
            status, _, _ = await w.get(f"/.xcube-hub/key/{'x' * 43}/", headers=token)
            assert status == 401
            assert w.instance.requests == []

    run(test())


def test_the_instance_learns_no_key_from_a_referer():
    async def test():
        async with world() as w:
            keyed(w)
            page = f"http://{INSTANCE}.{HOST}{PATH}/"
            await w.get(f"{PATH}/style.css", headers={"Referer": page}, cookie="")
            assert "Referer" not in w.instance.requests[-1].headers
            elsewhere = "https://cate.example.org/"
            await w.get("/style.css", headers={"Referer": elsewhere})
            assert w.instance.requests[-1].headers["Referer"] == elsewhere

    run(test())
