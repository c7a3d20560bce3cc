"""A trial run for `manage.py check_cluster --trial`: its pod imports xcube and calls the hub.

The pod is like that of a job. It shows what a dry run cannot: quotas of pods, classes, nodes, the
image, the network. Its objects have another instance label than the hub's, so the follower
ignores them.
"""

from __future__ import annotations

import io
import secrets
import time
import zipfile
from dataclasses import replace
from typing import Any

from django.utils import timezone

from ...facts import Phase, RunFact
from ...specs import Container, Program, Report, Run
from .. import runs
from ..labels import JOB_NAME_LABEL
from ..pods import program_config_map
from ..run_facts import observe
from .rows import Place, Row, failed, ok

Json = dict[str, Any]

INSTANCE = "xcube-hub-check"
POLL_S = 0.5
_JOBS = "/apis/batch/v1"

# The Python of the image executes this. It writes its result as a run writes its termination
# message.
PROGRAM = """\
import gzip, json, sys, urllib.error, urllib.request

arguments = dict(zip(sys.argv[2::2], sys.argv[3::2]))
with gzip.open(arguments["--workload"]) as file:
    url = json.load(file)["report"]["url"]
try:
    urllib.request.urlopen(url + "/", timeout=20).read(1)
except urllib.error.HTTPError as error:
    fault = f"answers {error.code}"
except (OSError, ValueError) as error:
    fault = f"cannot be reached: {getattr(error, 'reason', error)}"
else:
    sys.exit(0)
with open(arguments["--termination-message"], "w") as file:
    message = f"From a pod, the hub at {url} {fault}"
    json.dump({"phase": "FAILED", "reason": "LAUNCH", "message": message}, file)
sys.exit(2)  # pod_facts.REFUSED_EXIT
"""
_MENDS = {
    "IMAGE": "Set XCUBE_HUB_POD_IMAGE to an image with xcube that the nodes can pull; name the "
    "registry's credentials in XCUBE_HUB_POD_PULL_SECRETS, and a Python at an unusual place in "
    "XCUBE_HUB_POD_PYTHON.",
    "UNSCHEDULABLE": "Add nodes that fit, or correct XCUBE_HUB_POD_NODE_SELECTOR, "
    "XCUBE_HUB_POD_TOLERATIONS, XCUBE_HUB_POD_CPU_REQUEST or XCUBE_HUB_JOB_MEMORY_BYTES: "
    "kubectl describe nodes shows what they have.",
    "REJECTED": "What refuses the pod is in the message: raise the quota, or correct the setting "
    "XCUBE_HUB_POD_… that it names.",
    "LAUNCH": "Set XCUBE_HUB_CALLBACK_URL to a URL, with /api/v2, at which pods reach the hub; let "
    "them in deploy/kubernetes/network-policy.yaml; let XCUBE_HUB_ALLOWED_HOSTS hold its host.",
    "OUT_OF_MEMORY": "Raise XCUBE_HUB_JOB_MEMORY_BYTES.",
}


def run_trial(place: Place, *, callback_url: str, memory_bytes: int, wait_s: float) -> Row:
    """Make the run, wait for its end, remove it."""
    name = f"{INSTANCE}-{secrets.token_hex(4)}"
    program = Program(archive(name), "xcube_hub_check", "xcube")
    run = Run(
        name=name,
        attempt=1,
        container=Container(owner="check", program=program, memory_bytes=memory_bytes),
        payload={},
        deadline_s=60,
        report=Report(callback_url, ""),
    )
    # Without users' folders, because mounting one would create it.
    volumes = [replace(volume, per_user=False) for volume in place.options.volumes]
    options = replace(
        place.options, instance=INSTANCE, retries=0, pending_s=int(wait_s), volumes=volumes
    )
    began = time.monotonic()
    return place.row(
        "trial run",
        lambda: _row(_run(replace(place, options=options), run, wait_s), began, place),
    )


def archive(name: str) -> bytes:
    """The program as a zip. It contains the name of the run, so no other has its ConfigMap."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("xcube_hub_check.py", f"# {name}\n{PROGRAM}")
    return buffer.getvalue()


def _run(place: Place, run: Run, wait_s: float) -> RunFact:
    assert run.container.program is not None
    api, path = place.api, place.path("jobs", group=_JOBS)
    job = api.create(path, runs.job(run, place.options))
    try:
        secret = runs.secret(run, job_uid=job["metadata"]["uid"], instance=INSTANCE)
        config_map = program_config_map(run.container.program)
        config_map["metadata"]["ownerReferences"] = secret["metadata"]["ownerReferences"]
        api.create(place.path("configmaps"), config_map)
        api.create(place.path("secrets"), secret)
        return _end(place, run.name, wait_s)
    finally:
        api.delete(f"{path}/{run.name}", {"propagationPolicy": "Background"})


def _end(place: Place, name: str, wait_s: float) -> RunFact:
    """Wait for the end of the run; after the time limit, say what it waits for."""
    deadline = time.monotonic() + wait_s
    while True:
        seen = _observe(place, name)
        is_refused = seen.phase is Phase.PENDING and seen.reason == "REJECTED"
        is_over = seen.phase.is_final or seen.phase is Phase.STUCK or is_refused
        if is_over or time.monotonic() > deadline:
            return seen
        time.sleep(POLL_S)


def _observe(place: Place, name: str) -> RunFact:
    job = place.api.get(place.path("jobs", name, group=_JOBS))
    label = f"{JOB_NAME_LABEL}={name}"
    pods = place.api.get(place.path("pods"), labelSelector=label)["items"]
    selector = f"involvedObject.kind=Job,involvedObject.name={name},reason=FailedCreate"
    events = [] if pods else place.api.get(place.path("events"), fieldSelector=selector)["items"]
    refusal = events[-1].get("message") if events else None
    return observe(
        job, pods, now=timezone.now(), pending_s=place.options.pending_s, refusal=refusal
    )


def _row(seen: RunFact, began: float, place: Place) -> Row:
    if seen.phase is Phase.SUCCEEDED:
        return ok("trial run", f"found xcube and the hub, in {time.monotonic() - began:.0f} s")
    if seen.phase is Phase.FAILED or seen.reason:
        found = f"{seen.reason}: {seen.message}" if seen.reason else str(seen.message)
    else:
        found = f"it is still {seen.phase.lower()}; nothing says why"
    describe = f"Look at kubectl -n {place.namespace} get events; give it longer by --trial-s."
    return failed("trial run", found, _MENDS.get(seen.reason or "", describe))
