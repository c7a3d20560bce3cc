"""A web process stays small: it holds rows, never xcube's arrays nor a cluster's client."""

from __future__ import annotations

import json

import pytest

from .hub import API, resident_mb
from .load import throughput
from .report import Pairs

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

MOST_MB = 150
FOREIGN = {"kubernetes", "xcube", "numpy", "pandas", "xarray", "dask"}

# Requests as they come from gunicorn; prints their statuses and what has been imported.
HANDLE_REQUESTS = """
import io, json, sys
token, requests = json.loads(sys.argv[1])
from hubsite.wsgi import application
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
    answer = application(environ, lambda status, headers: statuses.append(int(status[:3])))
    b"".join(answer)
    answer.close()
print(json.dumps([statuses, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def test_no_request_imports_what_the_runs_need(hub):
    from tests.jobs.factories import cubegen_request

    session = hub.new_user("imports@example.org")
    requests = [
        ["POST", f"{API}/cubegens/info", cubegen_request()],
        ["PUT", f"{API}/cubegens", cubegen_request()],
        ["GET", f"{API}/cubegens", None],
        ["GET", f"{API}/openapi.json", None],
        ["GET", "/admin/login/", None],
        ["GET", "/metrics", None],
        ["DELETE", f"{API}/cubegens", None],
    ]
    printed = hub.python("-c", HANDLE_REQUESTS, json.dumps([session.token, requests]))
    statuses, imported = json.loads(printed.splitlines()[-1])
    assert statuses[:3] == [200, 200, 200], statuses
    assert statuses[6] == 200, statuses
    assert not FOREIGN.intersection(imported)


def test_a_web_process_is_small(report, hub, web, bare, reader):
    job_id = web.python("-m", "tests.benchmarks.fill", "reader@example.org", "0", "0").strip()
    for server in (web, bare):
        throughput(server.port, f"{API}/cubegens/{job_id}", reader.token, seconds=1)
    mine, least = (max(map(resident_mb, s.web_workers())) for s in (web, bare))
    report.ratio("memory of a web process / of the bare site", Pairs([mine], [least]), unit="MB")
    most = round(max([mine, *map(resident_mb, hub.web_workers())]))
    report.count("largest web process of all hubs measured, MB", most, limit=f"≤ {MOST_MB}",
                 holds=most <= MOST_MB)  # fmt: skip
