"""What is seen of simulated pods by somebody else than the hub, and what their runs would report.

    python -m tests.benchmarks.simulated_runs KUBECONFIG NAMESPACE FILE

Watches Jobs and pods as admin. Writes a line into FILE for each event that a watcher is sent:
when it came (s, as the clock of the hub has it), of which kind, the Job's name, the pod's phase.
Beside them a probe, a pod that is never scheduled, is annotated with the time again and again.
Its lines have that time instead of a phase: they tell how late any watcher hears of a change.
A pod runs in name only: for it this process sends the report that a run sends at first, with a
line of its log, by the run's own token. A process of its own, so that its clock is not delayed
by what else a test does.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

REPORT = {
    "sender": "on_update",
    "state": {"label": "Generating cube", "total_work": 138, "progress": 0.4, "worked": 55.2},
    "output": {"first_line": 0, "lines": ["Generating cube"]},
}
REPORTERS = 3
PROBE = "probe"
PROBE_EACH_S = 0.1


def main(kubeconfig: Path, namespace: str, output: IO[str]) -> None:
    import django

    django.setup()
    began: queue.SimpleQueue[str] = queue.SimpleQueue()
    for _ in range(REPORTERS):
        threading.Thread(target=report, args=[began], daemon=True).start()
    paths = {
        "job": f"/apis/batch/v1/namespaces/{namespace}/jobs",
        "pod": f"/api/v1/namespaces/{namespace}/pods",
    }
    watches = [
        threading.Thread(target=watch, args=[kubeconfig, kind, path, output, began], daemon=True)
        for kind, path in paths.items()
    ]
    threading.Thread(target=probe, args=[kubeconfig, paths["pod"]], daemon=True).start()
    for thread in watches:
        thread.start()
    for thread in watches:
        thread.join()


def watch(
    kubeconfig: Path, kind: str, path: str, output: IO[str], began: queue.SimpleQueue[str]
) -> None:
    """Follow one kind for ever."""
    pool, url = reach(kubeconfig, path)
    version = json.loads(pool.request("GET", url).data)["metadata"]["resourceVersion"]
    phases: dict[str, str] = {}
    while True:
        asked = f"{url}?watch=true&allowWatchBookmarks=true&resourceVersion={version}"
        for line in pool.request("GET", asked, preload_content=False, timeout=3600):
            at, event = time.time(), json.loads(line)
            item, told = event["object"], event["type"]
            version = item["metadata"]["resourceVersion"]
            if told == "BOOKMARK":
                continue
            if item["metadata"]["name"] == PROBE:
                output.write(f"{at} probe {told} {PROBE} {item['metadata']['annotations']['at']}\n")
                continue
            name, phase = item["metadata"]["name"], ""
            if kind == "pod":
                name = item["metadata"]["labels"]["batch.kubernetes.io/job-name"]
                phase = item["status"]["phase"]
                if phase == "Running" and phases.get(name) != phase:
                    began.put(name)
                phases[name] = phase
            output.write(f"{at} {kind} {told} {name} {phase}\n")


def probe(kubeconfig: Path, path: str) -> None:
    """Change the probe for ever."""
    pool, url = reach(kubeconfig, path)
    headers = {"Content-Type": "application/json"}
    # A namespace takes pods once its service account has been made.
    while pool.request("POST", url, body=json.dumps(probe_pod()), headers=headers).status != 201:
        time.sleep(PROBE_EACH_S)
    headers = {"Content-Type": "application/merge-patch+json"}
    while True:
        change = {"metadata": {"annotations": {"at": str(time.time())}}}
        pool.request("PATCH", f"{url}/{PROBE}", body=json.dumps(change), headers=headers)
        time.sleep(PROBE_EACH_S)


def probe_pod() -> dict[str, Any]:
    """A pod that no scheduler takes, as restricted namespaces allow it."""
    container = {
        "name": PROBE,
        "image": "none.invalid/none",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": PROBE, "annotations": {"at": str(time.time())}},
        "spec": {
            "schedulingGates": [{"name": "example.org/probe"}],
            "automountServiceAccountToken": False,
            "containers": [container],
        },
    }


def reach(kubeconfig: Path, path: str) -> tuple[Any, str]:
    """Connections of one's own to the API server, and the URL of `path`."""
    from kubernetes import client, config

    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    return client.ApiClient(configuration).rest_client.pool_manager, configuration.host + path


def report(began: queue.SimpleQueue[str]) -> None:
    """Send the first report of each run that has begun."""
    from jobs.running.run_token import run_token

    site = urlsplit(os.environ["XCUBE_HUB_PUBLIC_URL"])
    connection: http.client.HTTPConnection | None = None
    while True:
        name = began.get()
        for _ in range(2):  # a server closes what is idle
            connection = connection or http.client.HTTPConnection(
                site.hostname or "", site.port, timeout=60
            )
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.request(
                    "PUT",
                    f"/api/v2/cubegens/{name}/callbacks",
                    body=json.dumps(REPORT),
                    headers=_headers(run_token(name, 1)),
                )
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != 200:
                    print(f"{name}: {answer.status} {said!r}", flush=True)
                break
            connection.close()
            connection = None


def _headers(token: str) -> dict[str, Any]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


if __name__ == "__main__":
    with Path(sys.argv[3]).open("w", buffering=1) as file:
        main(Path(sys.argv[1]), sys.argv[2], file)
