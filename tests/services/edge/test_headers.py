"""Which headers pass: no credential reaches an instance, and no power over a site a browser."""

from __future__ import annotations

import pytest

from .standins import INSTANCE, SESSION
from .world import HOST, PUBLIC, run, world

TO_INSTANCE_NEVER = {
    "Authorization": "Bearer token-of-the-owner",
    "Proxy-Authorization": "Basic eA==",
    "Forwarded": "for=1.2.3.4;host=evil",
    "X-Forwarded-Server": "evil",
    "X-Forwarded-User": "admin",
    "X-Forwarded-Port": "1",
    "X-Forwarded": "x",
    "X-Real-IP": "1.2.3.4",
    "X-Original-URL": "/maintenance/update",
    "X-Rewrite-URL": "/maintenance/update",
    "X-HTTP-Method-Override": "DELETE",
    "Remote-User": "admin",
    "X_Forwarded_For": "1.2.3.4",
    "Via": "1.1 x",
    "Proxy": "http://evil",
    "TE": "trailers",
    "Keep-Alive": "5",
    "Connection": "X-Private, keep-alive",
    "X-Private": "named by Connection",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAMAAABkAAQAAP__",
}
TO_BROWSER_NEVER = [
    ("Set-Cookie", "xcube-hub=theirs; Path=/"),
    ("Set-Cookie", "a=b; Domain=example.org"),
    ("Set-Cookie2", "a=b"),
    ("Clear-Site-Data", '"*"'),
    ("Service-Worker-Allowed", "/"),
    ("Strict-Transport-Security", "max-age=1"),
    ("Public-Key-Pins", "x"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Allow-Methods", "PUT"),
    ("Alt-Svc", 'h2="evil:443"'),
    ("WWW-Authenticate", "Basic realm=password"),
    ("Proxy-Authenticate", "Basic"),
    ("Authentication-Info", "x"),
    ("X-Accel-Redirect", "/etc/passwd"),
    ("X-Sendfile", "/etc/passwd"),
    ("X-Frame-Options", "ALLOWALL"),
    ("NEL", "{}"),
    ("Report-To", "{}"),
    ("Reporting-Endpoints", 'a="https://evil"'),
    ("Set-Login", "logged-in"),
    ("Refresh", "0; url=https://evil"),
    ("Accept-CH", "DPR"),
    ("Server", "TornadoServer/6"),
    ("Connection", "X-Mine"),
    ("X-Mine", "named by Connection"),
    ("Trailer", "X"),
    ("Keep-Alive", "5"),
    ("Surrogate-Control", "max-age=1"),
]


@pytest.mark.parametrize("public_url", [PUBLIC, f"http://{HOST}"])
def test_an_instance_sees_no_credential_and_only_our_word_about_the_client(public_url):
    async def test():
        async with world(public_url=public_url) as w:
            more = {**TO_INSTANCE_NEVER, "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "evil",
                    "X-Forwarded-Proto": "evil", "X-Forwarded-Prefix": "/evil",
                    "Accept": "image/png", "If-None-Match": '"x"', "Range": "bytes=0-1",
                    "User-Agent": "Browser", "X-Custom": "stays",
                    "Referer": "https://x/"}  # fmt: skip
            assert (await w.get("/x", headers=more))[0] == 200
            (request,) = w.instance.requests
            host = w.origin.partition("://")[2]
            expected = {
                "Host": host,
                "X-Forwarded-For": "127.0.0.1",
                "X-Forwarded-Host": host,
                "X-Forwarded-Proto": "http",
                "Accept": "image/png",
                "If-None-Match": '"x"',
                "Range": "bytes=0-1",
                "User-Agent": "Browser",
                "X-Custom": "stays",
                "Referer": "https://x/",
                "Accept-Encoding": request.headers["Accept-Encoding"],
            }
            if w.base:
                expected["X-Forwarded-Prefix"] = f"/{INSTANCE}"
            assert dict(request.headers) == expected
            assert len(request.headers) == len(expected)

    run(test())


def test_no_cookie_reaches_an_instance_neither_ours_nor_others():
    async def test():
        async with world() as w:
            assert (await w.get("/x"))[0] == 200
            async with w.websocket() as socket:
                await socket.send_str("x")
                await socket.receive_str()
            for request in w.instance.requests:
                assert "Cookie" not in request.headers
                assert SESSION not in str(request.raw_headers)

    run(test())


def test_a_browser_gets_no_power_over_a_site_from_an_instance():
    async def test():
        async with world() as w:
            w.instance.headers = [
                *TO_BROWSER_NEVER,
                ("Access-Control-Allow-Origin", "https://evil.example.org"),
                ("Referrer-Policy", "unsafe-url"),
                ("X-Content-Type-Options", "no"),
                ("Content-Security-Policy", "default-src 'self'"),
                ("ETag", '"e"'),
                ("Content-Disposition", "attachment"),
                ("X-Tile-Source", "cache"),
                ("Vary", "Accept"),
            ]
            _, _, headers = await w.get("/x")
            assert sorted(headers.items()) == sorted(
                [
                    ("Access-Control-Allow-Origin", "*"),
                    ("Access-Control-Expose-Headers", "*"),
                    ("Cache-Control", "private"),
                    ("Content-Disposition", "attachment"),
                    ("Content-Length", "6"),
                    ("Content-Security-Policy", "default-src 'self'"),
                    ("Content-Security-Policy", "frame-ancestors 'self'"),
                    ("Content-Type", "text/plain; charset=utf-8"),
                    ("Date", headers["Date"]),
                    ("Etag", '"e"'),
                    ("Referrer-Policy", "strict-origin-when-cross-origin"),
                    ("Server", "xcube-hub"),
                    ("Vary", "Accept"),
                    ("X-Content-Type-Options", "nosniff"),
                    ("X-Tile-Source", "cache"),
                ]
            )

    run(test())


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("public, max-age=60", "private, max-age=60"),
        ("s-maxage=60, max-age=1", "private, max-age=1"),
        ("no-store", "no-store"),
        ("private, no-cache", "private, no-cache"),
        ("PUBLIC", "private"),
    ],
)
def test_no_shared_cache_keeps_an_answer(given, passed):
    async def test():
        async with world() as w:
            w.instance.headers = [("Cache-Control", given)]
            assert (await w.get("/x"))[2].getall("Cache-Control") == [passed]

    run(test())


def test_pages_elsewhere_may_read_answers_to_a_token_but_send_no_cookie():
    async def test():
        async with world() as w:
            elsewhere = {"Origin": "https://notebook.example.org", "Sec-Fetch-Site": "cross-site",
                         "Sec-Fetch-Mode": "cors"}  # fmt: skip
            asked = {
                **elsewhere,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization, x-y, bad header",
            }
            status, _, headers = await w.get("/x", method="OPTIONS", headers=asked, cookie="")
            assert status == 204
            assert headers["Access-Control-Allow-Origin"] == "*"
            assert headers["Access-Control-Allow-Headers"] == "authorization, x-y"
            assert "Access-Control-Allow-Credentials" not in headers
            assert not w.hub.asked and not w.instance.requests
            status, _, headers = await w.get("/x", headers=elsewhere)
            assert status == 401 and headers["Access-Control-Allow-Origin"] == "*"
            token = {**elsewhere, "Authorization": "Bearer token-of-the-owner"}
            status, _, headers = await w.get("/x", headers=token, cookie="")
            assert status == 200 and headers["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in headers

    run(test())
