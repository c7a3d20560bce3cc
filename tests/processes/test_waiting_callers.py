"""150 callers whose own store never answers, and health: real web processes, a slow estimator."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from statistics import median

import pytest

from tests.patience import PATIENCE_S, wait_for

from .hubprocess import CHECKOUT
from .raw import Server

pytestmark = pytest.mark.processes

CALLERS = 150
USERS = 5
PROBES = 40


_STORE = {
    "store_id": "s3",
    "store_params": {
        "root": "bucket",
        "storage_options": {
            "key": "k",
            "secret": "s",
            "client_kwargs": {"endpoint_url": "https://1.1.1.1"},
        },
    },
}
OWN_STORES = {
    "input_config": {**_STORE, "data_id": "in.zarr"},
    "cube_config": {"spatial_res": 10, "bbox": [0, 0, 40, 40]},
    "output_config": {**_STORE, "data_id": "out.zarr"},
}


class NeverAnswers(http.server.BaseHTTPRequestHandler):
    """An estimator that accepts an estimate, and answers when the test is over."""

    over = threading.Event()

    def do_POST(self) -> None:
        self.over.wait(PATIENCE_S)

    def log_message(self, *_: object) -> None:
        """Nothing is to be told."""


@pytest.fixture(scope="module")
def silent_estimator() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), NeverAnswers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    NeverAnswers.over.set()
    server.shutdown()


@pytest.fixture(scope="module")
def server(start_hub, silent_estimator) -> Server:
    return Server(
        start_hub(
            "--only", "web", "--port", "0",
            XCUBE_HUB_WEB_WORKERS="2",
            XCUBE_HUB_ESTIMATOR_URL=silent_estimator,
            XCUBE_HUB_ESTIMATOR_SECRET="a-secret-for-this-test-that-is-long-enough",  # noqa: S106
        )
    )  # fmt: skip


def new_tokens(server: Server) -> list[str]:
    """One for each of some users."""
    code = (
        "from accounts.models import User; from accounts.roles import give_roles;"
        "from accounts.tokens.hub_tokens import issue_token;"
        f"us = [User.objects.create_user(f'caller-{{n}}@example.org') for n in range({USERS})];"
        "[give_roles(u, ['manage:cubegens']) for u in us];"
        "[print('TOKEN', issue_token(u, scopes=['manage:cubegens'])) for u in us]"
    )
    ran = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", code],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "XCUBE_HUB_DATA_DIR": str(server.hub.data_dir),
            "XCUBE_HUB_DOTENV": os.devnull,
            "XCUBE_HUB_PORT": str(server.address[1]),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    return re.findall(r"TOKEN (\S+)", ran.stdout)


def test_health_answers_while_all_callers_wait_for_a_store(server, capsys):
    tokens = new_tokens(server)
    alone = median(server.get("/health/live")[1] for _ in range(PROBES))
    body = json.dumps(OWN_STORES)
    statuses: Counter[int] = Counter()
    others: Counter[bytes] = Counter()
    without_retry_after: list[int] = []
    is_over = threading.Event()

    def call(token: str) -> None:
        """Ask again and again, as impatient clients do."""
        while not is_over.is_set():
            connection = http.client.HTTPConnection(*server.address, timeout=PATIENCE_S)
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            try:
                connection.request("POST", "/api/v2/cubegens/info", body, headers)
                answer = connection.getresponse()
                told = answer.read()
            except (OSError, http.client.HTTPException):
                return
            statuses[answer.status] += 1
            others.update([told] if answer.status not in (429, 503) else [])
            if answer.status in (429, 503) and not answer.getheader("Retry-After"):
                without_retry_after.append(answer.status)
            is_over.wait(1)

    callers = [
        threading.Thread(target=call, args=(tokens[number % USERS],), daemon=True)
        for number in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    wait_for(lambda: statuses.total() >= CALLERS, "answers to all", pause_s=0.1)

    def probe() -> list[float]:
        """How long each probe took, if most were about as quick as without the other callers."""
        took = sorted(server.get("/health/live")[1] for _ in range(PROBES))
        return took if median(took) < 40 * alone + 0.1 else []

    loaded = wait_for(probe, "quick answers to probes")
    is_over.set()
    NeverAnswers.over.set()
    with capsys.disabled():
        print(
            f"\nhealth: alone {alone * 1000:.1f} ms; under {CALLERS} callers median "
            f"{median(loaded) * 1000:.1f} ms, longest {loaded[-1] * 1000:.1f} ms; {dict(statuses)}"
        )
    assert not others
    assert statuses[429] + statuses[503] >= CALLERS / 2
    assert not without_retry_after
