"""The edge as a part of the hub: it asks its own web, and outlasts a restart of it."""

from __future__ import annotations

import http.client
import os
import re
import signal

import pytest

from tests.patience import PATIENCE_S

from .hubprocess import START_WITHIN_S

pytestmark = pytest.mark.processes

INSTANCE = "xaaaaaaaaaaaaaaaaaaaaaaaaaa"


def _page(port: int, path: str) -> tuple[int, str]:
    """Status and Location of a page load without a cookie."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    headers = {"Host": f"{INSTANCE}.localhost:{port}", "Accept": "text/html"}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.headers.get("Location", "")


def test_a_page_without_a_right_leads_to_the_sign_in_of_the_same_hub(start_hub):
    hub = start_hub("--only", "web,edge", "--port", "0")
    site = re.search(r"http://localhost:\d+", hub.wait_for("is ready: "))[0]
    port = int(re.search(r"listens on \S+:(\d+) ", hub.wait_for("The edge listens on"))[1])
    leads = (303, f"{site}/services/{INSTANCE}/open?next=%2Fviewer%2F%3Fa%3D1")
    hub.until(lambda: _page(port, "/viewer/?a=1") == leads or None, "answer of a busy web")
    os.kill(hub.part("web"), signal.SIGKILL)
    hub.wait_for("web was ended by SIGKILL")
    hub.until(
        lambda: _page(port, "/viewer/?a=1") == leads or None,
        "answer after web came back",
        within_s=START_WITHIN_S,
    )
    hub.process.terminate()
    assert hub.end() == 0
    assert "killed" not in hub.output.replace("SIGKILL", "")
    assert "Traceback" not in hub.output
