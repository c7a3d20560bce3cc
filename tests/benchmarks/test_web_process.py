"""A web process stays small: it holds rows, never xcube's arrays nor a cluster's client."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.jobs.factories import cubegen_request

from .hub import API, Server, Session, resident_mb
from .load import throughput
from .report import Pairs
from .sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

MOST_MB = 150
MOST_AFTER_LISTS_MB = 250
AT_ONCE = size(50, 2)
FOREIGN = {"kubernetes", "xcube", "numpy", "pandas", "xarray", "dask"}

# Requests as they come from gunicorn; prints their statuses and what has been imported.
HANDLE_REQUESTS = """
import io, json, sys, time
token, requests = json.loads(sys.argv[1])
from hubsite.web.wsgi import application
statuses = []
for method, path, body in requests:
    data = b"" if body is None else json.dumps(body).encode()
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": path, "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(data), "wsgi.errors": sys.stderr, "wsgi.version": (1, 0),
        "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(data)),
        "HTTP_AUTHORIZATION": f"Bearer {token}",
    }
    give_up = time.monotonic() + 200
    while True:
        said = []
        answer = application(environ, lambda status, headers: said.append(int(status[:3])))
        b"".join(answer)
        answer.close()
        if said != [503] or time.monotonic() > give_up:
            break
        time.sleep(0.2)
        environ["wsgi.input"] = io.BytesIO(data)
    statuses += said
print(json.dumps([statuses, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def largest_mb(server: Server) -> float:
    return max(map(resident_mb, server.web_workers()))


def test_no_request_imports_what_the_runs_need(hub):
    session = hub.new_user("imports@example.org")
    requests = [
        ["POST", f"{API}/cubegens/info", cubegen_request()],
        ["PUT", f"{API}/cubegens", cubegen_request()],
        ["GET", f"{API}/cubegens", None],
        ["GET", f"{API}/openapi.json", None],
        ["GET", "/login/", None],
        ["GET", "/metrics", None],
        ["DELETE", f"{API}/cubegens", None],
    ]
    printed = hub.python("-c", HANDLE_REQUESTS, json.dumps([session.token, requests]))
    statuses, imported = json.loads(printed.splitlines()[-1])
    assert statuses[:3] == [200, 200, 200], statuses
    assert statuses[6] == 200, statuses
    assert not FOREIGN.intersection(imported)


def test_a_web_process_is_small(report, hub, web, bare, reader, running_job):
    throughput(web.port, f"{API}/cubegens/{running_job}", reader.token, seconds=1)
    throughput(bare.port, f"/rows/{running_job}", "", seconds=1)
    mine, least = largest_mb(web), largest_mb(bare)
    report.ratio("memory of a web process / of the bare site", Pairs([mine], [least]), unit="MB")
    most = max(mine, largest_mb(hub))
    report.measured(
        "largest web process of the hubs, MB",
        round(most),
        limit=f"≤ {MOST_MB}",
        holds=most <= MOST_MB,
    )


def test_a_web_process_stays_small_when_hundreds_list_their_jobs(report, web, crowd):
    """Each thread has a connection to the database, whose cache is its own: 24 add up."""

    def list_jobs(tokens: list[str]) -> None:
        session = Session(web.port)
        for session.token in tokens:
            status, jobs = session.call("GET", "/cubegens")
            assert status == 200 and len(jobs) > size(400, 300), jobs
        session.close()

    shares = [crowd[first::AT_ONCE] for first in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(2):
            list(pool.map(list_jobs, shares))
    most = largest_mb(web)
    report.measured(
        f"the same after {2 * len(crowd)} lists of 500 jobs, {AT_ONCE} at once, MB",
        round(most),
        limit=f"≤ {MOST_AFTER_LISTS_MB}",
        holds=most <= MOST_AFTER_LISTS_MB,
    )
