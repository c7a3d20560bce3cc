"""The viewer's program comes from the edge while a viewer starts; everything else waits for it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import gzip
import hashlib
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.edge.viewer_files import read_files

from .standins import INSTANCE, LOCATION, OTHER, Later
from .world import HOST, PUBLIC, QUICK, World, run, until, world

NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}
GZIP = {"Accept-Encoding": "br, gzip"}
POLICY = "default-src 'self'; object-src 'none'"
PAGE = "<!DOCTYPE html><html><head><title>Viewer</title></head><body>program</body></html>"
PROGRAM = b"export const program = 1;"
IMMUTABLE = "private, max-age=31536000, immutable"
SCRIPT, PLAIN = "/viewer/assets/main-1.js", "/viewer/images/logo.png"
PATIENT = dataclasses.replace(QUICK, page_wait_s=600, hold_s=600)  # only what a test does ends it


def published(**changed) -> dict:
    files = {
        "/viewer/index.html": ({"Content-Type": "text/html"}, PAGE.encode()),
        SCRIPT: (
            {
                "Content-Type": "text/javascript",
                "Content-Encoding": "gzip",
                "Cache-Control": IMMUTABLE,
                "Set-Cookie": "never=passed",
            },
            gzip.compress(PROGRAM),
        ),
        PLAIN: ({"Content-Type": "image/png"}, b"logo"),
        **changed,
    }
    return {
        "files": {
            path: {
                "headers": {"Content-Security-Policy": POLICY, **headers},
                "body": base64.b64encode(body).decode(),
            }
            for path, (headers, body) in files.items()
        }
    }


def publish(file: Path, content: object) -> None:
    new = file.with_suffix(".new")
    new.write_text(content if isinstance(content, str) else json.dumps(content))
    os.replace(new, file)


@contextlib.asynccontextmanager
async def starting(folder: Path, **options) -> AsyncIterator[World]:
    """A viewer of this machine that starts; it is not there yet."""
    publish(folder / "viewer.json", published())
    options = {"limits": PATIENT, **options}
    async with world(viewer_files=folder / "viewer.json", **options) as w:
        w.hub.has_published_viewer = True
        w.hub.state, w.hub.address = "STARTING", ""
        yield w


@pytest.mark.parametrize("public_url", [PUBLIC, f"http://{HOST}"])
def test_the_program_is_there_at_once_and_data_wait(tmp_path, public_url):
    async def test():
        async with starting(tmp_path, public_url=public_url) as w:
            there = w.instance.address
            asking = [asyncio.create_task(w.get(path)) for path in ("/datasets", "/viewer/config/")]
            status, page, headers = await w.get("/viewer/?dataset=a", headers=NAVIGATES)
            assert status == 200 and "program" in page
            assert headers["Content-Type"] == "text/html; charset=UTF-8"
            assert headers["Cache-Control"] == "no-store"
            script = re.search(r"<script data-state=\"(\S+)\" data-config=\"(\S+)\">(.*?)</script>",
                               page, re.DOTALL)  # fmt: skip
            assert script[1] == f"{w.base}/.xcube-hub/state"
            assert script[2] == f"{w.base}/viewer/config/config.json"
            digest = base64.b64encode(hashlib.sha256(script[3].encode()).digest()).decode()
            own, ours = headers.getall("Content-Security-Policy")
            assert own == f"{POLICY}; script-src 'self' 'sha256-{digest}'"
            assert ours == "frame-ancestors 'self'"
            async with w.ask(SCRIPT, headers=GZIP) as answer:
                assert gzip.decompress(await answer.read()) == PROGRAM
                assert answer.headers["Cache-Control"] == IMMUTABLE
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "Set-Cookie" not in answer.headers
            assert (await w.get(PLAIN))[:2] == (200, "logo")
            uses = w.edge.usage.counts()
            assert (uses["requests"], uses["instances"]) == (2, 1)
            assert not any(task.done() for task in asking) and not w.instance.requests
            w.hub.address, w.hub.state = there, "READY"
            assert [answer[0] for answer in await asyncio.gather(*asking)] == [200, 200]
            # From now on the instance answers itself.
            assert (await w.get(PLAIN))[1].startswith("GET ")

    run(test())


def test_entering_wakes_the_viewer_before_its_page_is_asked_for(tmp_path):
    async def test():
        later = Later(tmp_path)
        await later.start()
        async with starting(tmp_path) as w:
            w.hub.state, w.hub.address = "ASLEEP", later.instance.address
            entry = "/.xcube-hub/enter?ticket=ticket-of-the-owner&next=/viewer/"
            assert (await w.get(entry, headers=NAVIGATES, cookie=""))[0] == 303
            await until(lambda: later.instance.requests, "a connection to it")
            (request,) = later.instance.requests
            assert request.path == "/" and "Cookie" not in request.headers
            assert w.edge.usage.counts()["instances"] == 1
            assert w.hub.state == "STARTING", "the hub was not asked to wake it"
            # Who has no right wakes nothing.
            w.hub.state = "ASLEEP"
            refused = entry.replace("ticket-of-the-owner", "ticket-that-was-used")
            assert (await w.get(refused, headers=NAVIGATES, cookie=""))[0] == 401
            assert w.hub.state == "ASLEEP" and len(later.instance.requests) == 1
        await later.stop()

    run(test())


def test_the_page_wakes_the_viewer_and_counts_as_its_use(tmp_path):
    async def test():
        later = Later(tmp_path)
        await later.start()
        async with starting(tmp_path) as w:
            w.hub.state, w.hub.address = "ASLEEP", later.instance.address
            w.hub.message = "Woken by a request."
            status, page, _ = await w.get("/viewer/", headers=NAVIGATES)
            assert status == 200 and "program" in page
            await until(lambda: later.instance.requests, "a connection to it")
            (request,) = later.instance.requests
            assert request.path == "/" and "Cookie" not in request.headers
            await until(
                lambda: [
                    use for it in w.hub.reports for use in it["uses"] if use["by"] == "a page"
                ],
                "report of its use",
            )
        await later.stop()

    run(test())


def test_no_file_goes_to_someone_without_the_right(tmp_path):
    async def test():
        async with starting(tmp_path) as w:
            status, _, headers = await w.get("/viewer/", headers=NAVIGATES, cookie="")
            assert status == 303 and headers["Location"].startswith(LOCATION)
            for path in (SCRIPT, PLAIN, "/viewer/index.html"):
                status, text, _ = await w.get(path, headers=GZIP, cookie="a-guess")
                assert status == 401 and "program" not in text
            host = {"Host": w.headers()["Host"].replace(INSTANCE, OTHER)}
            assert (await w.get(PLAIN, headers=host))[0] == 403
            assert (await w.get(PLAIN))[0] == 200
            w.hub.ended.add("grant-of-owner")
            await until(lambda: not w.edge.decisions.grants(), "end of the right")
            assert (await w.get(PLAIN))[0] == 401

    run(test())


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/viewer/", {}),  # a program asks, not a person
        (SCRIPT, {"headers": {"Accept-Encoding": "identity"}}),
        (SCRIPT, {"headers": {"Accept-Encoding": "gzip;q=0"}}),
        (PLAIN, {"headers": {"Range": "bytes=0-1"}}),
        (PLAIN, {"method": "HEAD"}),
        (PLAIN, {"method": "POST"}),
        ("/viewer/docs/privacy-note.en.md", {}),
        ("/viewer/assets/", {}),
        ("/viewer/assets%2Fmain-1.js", {"headers": GZIP}),
        ("/viewer/images/./logo.png", {}),
        ("/viewer/images/../images/logo.png", {}),
        ("/viewer/images/..%2f..%2f..%2f..%2fetc/passwd", {}),
        ("//viewer/images/logo.png", {}),
        ("/images/logo.png", {}),
    ],
)
def test_what_is_not_exactly_a_file_of_the_program_is_left_to_the_viewer(tmp_path, path, options):
    """503: it waits for the viewer, in vain; 400: no one may ask for such a path."""

    async def test():
        async with starting(tmp_path, limits=dataclasses.replace(QUICK, hold_s=0.1)) as w:
            status, text, _ = await w.get(path, **options)
            assert status == (400 if "/." in path or ".." in path else 503)
            assert "logo" not in text and "program" not in text

    run(test())


def test_other_viewers_and_those_that_run_answer_themselves(tmp_path):
    async def test():
        async with starting(tmp_path) as w:
            w.hub.address, w.hub.state = w.instance.address, "READY"
            assert (await w.get(PLAIN))[1].startswith("GET ")
            w.hub.has_published_viewer, w.hub.state = False, "STARTING"
            w.edge.decisions.forget(instances={INSTANCE})
            assert (await w.get("/viewer/", headers=NAVIGATES))[1].startswith("GET ")

    run(test())


def test_who_has_waited_or_waits_for_a_free_place_sees_the_page_that_says_so(tmp_path):
    async def test():
        brief = dataclasses.replace(QUICK, page_wait_s=0.2)
        async with starting(tmp_path, limits=brief) as w:

            async def opens() -> bool:
                status, text, _ = await w.get("/viewer/", headers=NAVIGATES)
                assert (status == 503) == ("is starting" in text)
                return status == 200

            assert await opens()
            while await opens():
                pass
            assert (await w.get(PLAIN))[0] == 200  # of a page that is open already
            w.hub.state, w.hub.message = "REQUESTED", "Waiting for a free place."
            w.edge.edge.gate.starts.is_ready(INSTANCE)  # as if it had run meanwhile
            w.edge.decisions.forget(instances={INSTANCE})
            assert not await opens()
            w.hub.denial = "failed"
            w.edge.decisions.forget(instances={INSTANCE})
            status, text, _ = await w.get("/viewer/", headers=NAVIGATES)
            assert status == 410 and "Because of failed." in text

    run(test())


def test_another_program_takes_the_place_of_the_one_before(tmp_path):
    async def test():
        file = tmp_path / "viewer.json"
        async with starting(tmp_path, limits=dataclasses.replace(QUICK, hold_s=0.1)) as w:
            assert (await w.get(PLAIN))[:2] == (200, "logo")
            other = published(**{"/viewer/images/other.png": ({"Content-Type": "image/png"}, b"2")})
            del other["files"][PLAIN]
            publish(file, other)
            assert (await w.get(PLAIN))[0] == 503
            assert (await w.get("/viewer/images/other.png"))[:2] == (200, "2")
            file.unlink()
            assert (await w.get("/viewer/images/other.png"))[0] == 503

    run(test())


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"files": 1}', '{"files": {"/a": 1}}', '{"files": {"/a": {}}}',
     '{"files": {"/a": {"headers": {}, "body": "not Base64!"}}}',
     '{"files": {"/a": {"headers": [], "body": ""}}}',
     '{"files": {"/a": {"headers": {}, "body": 1}}}'],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_left_to_viewers(tmp_path, caplog, content):
    publish(tmp_path / "viewer.json", content)
    assert read_files(tmp_path / "viewer.json") == {}
    assert "are left to viewers" in caplog.text
