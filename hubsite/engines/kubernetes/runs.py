"""Runs in a cluster: a Job, and a Secret that is deleted with the Job. Pure.

`RUNS` is all that the engine needs to know about them; `run_facts.py` reads their state.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from ..facts import RunFact
from ..specs import Run
from . import run_facts
from .kinds import JOBS, SECRETS, Kind, Manifests
from .labels import ATTEMPT_LABEL, JOB_NAME_LABEL, labels
from .pod_options import PodOptions
from .pods import (
    CONTAINER,
    SCRATCH,
    TERMINATION_MESSAGE,
    Additions,
    has_extra_environment,
    pod_template,
)

Json = dict[str, Any]

COMPONENT = "cubegen"
FAILURES_ANNOTATION = "batch.kubernetes.io/job-index-failure-count"
TTL_S = 7 * 86400
"""Only a safeguard, because the hub deletes a Job as soon as its end is recorded."""
SLACK_S = 60
MOST_SECRET_BYTES = 1 << 20
"""The largest Secret that Kubernetes accepts."""
_RUN_FOLDER = "/etc/xcube-hub/run"
_WORKLOAD = "workload.json.gz"


class TooLarge(ValueError):
    """The run does not fit into a Secret."""


def run_labels(run: Run, *, instance: str) -> dict[str, str]:
    given = labels(run.container.owner, component=COMPONENT, instance=instance)
    return {**given, ATTEMPT_LABEL: str(run.attempt)}


def manifests(run: Run, options: PodOptions) -> Manifests:
    """The Job and its Secret, which the pod waits for. Raises ValueError."""
    content = secret(run, job_uid="", instance=options.instance)
    return Manifests(job(run, options), [(SECRETS, content)])


def job(run: Run, options: PodOptions) -> Json:
    """The Job of a run."""
    given = run_labels(run, instance=options.instance)
    runs = 1 + options.retries
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": run.name, "labels": given},
        "spec": {
            # Indexed, because then a pod learns how many pods before it have failed.
            "completionMode": "Indexed",
            "completions": 1,
            "parallelism": 1,
            "backoffLimitPerIndex": options.retries,
            "podReplacementPolicy": "Failed",  # never two pods that write the same cube
            "podFailurePolicy": _failure_policy(),
            # The run watches its own deadline; this one is for runs that cannot.
            "activeDeadlineSeconds": int(options.pending_s + runs * (run.deadline_s + SLACK_S)),
            "ttlSecondsAfterFinished": TTL_S,
            "template": pod_template(run.container, options, given, _additions(run, options)),
        },
    }


def _failure_policy() -> Json:
    """The failure policy: an evicted pod is replaced, up to a number; a run's own end is final."""
    return {
        "rules": [
            {"action": "Count", "onPodConditions": [{"type": "DisruptionTarget"}]},
            {
                "action": "FailJob",
                "onExitCodes": {"containerName": CONTAINER, "operator": "NotIn", "values": [0]},
            },
        ]
    }


def _additions(run: Run, options: PodOptions) -> Additions:
    """The parts of a run's pod that differ: its Secret, and the arguments of its supervisor."""
    keep = " --keep-environment" if has_extra_environment(run.container, options) else ""
    return Additions(
        arguments=(
            f"run --workload {_RUN_FOLDER}/{_WORKLOAD} --runs-dir {SCRATCH}/runs \\\n"
            f"    --termination-message {TERMINATION_MESSAGE}{keep}"
        ),
        env=[
            {
                "name": "XCUBE_HUB_RUN_TOKEN",
                "valueFrom": {"secretKeyRef": {"name": run.name, "key": "token"}},
            },
            {
                "name": "XCUBE_HUB_RUN_RETRIES",
                "valueFrom": {
                    "fieldRef": {"fieldPath": f"metadata.annotations['{FAILURES_ANNOTATION}']"}
                },
            },
        ],
        volumes=[
            {
                "name": "run",
                "secret": {
                    "secretName": run.name,
                    "items": [{"key": _WORKLOAD, "path": _WORKLOAD}],
                },
            }
        ],
        mounts=[{"name": "run", "mountPath": _RUN_FOLDER, "readOnly": True}],
    )


def secret(run: Run, *, job_uid: str, instance: str) -> Json:
    """The Secret: the run's request, stores and token. Raises TooLarge."""
    token = run.report.token if run.report else ""
    content = json.dumps(_document(run), separators=(",", ":")).encode()
    packed = gzip.compress(content, mtime=0)
    if len(packed) + len(token) > MOST_SECRET_BYTES:
        raise TooLarge(
            f"The request and its stores take {len(packed):,} bytes; Kubernetes allows "
            f"{MOST_SECRET_BYTES:,}."
        )
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": {
            "name": run.name,
            "labels": run_labels(run, instance=instance),
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "name": run.name,
                    "uid": job_uid,
                    "controller": True,
                }
            ],
        },
        "data": {
            "token": base64.b64encode(token.encode()).decode(),
            "workload.json.gz": base64.b64encode(packed).decode(),
        },
    }


def _document(run: Run) -> Json:
    """The run as the program reads it, without the token and the memory limit.

    The token is a file of its own, and the container limits the memory.
    """
    document: Json = {
        "name": run.name,
        "attempt": run.attempt,
        "payload": run.payload,
        "env": run.container.env,
        "deadline_s": run.deadline_s,
        "memory_bytes": None,
        "report": {"url": run.report.url} if run.report else None,
    }
    if run.code is not None:
        document["code_url"] = run.code.url
    return document


RUNS: Kind[Run, RunFact] = Kind(
    component=COMPONENT,
    root=JOBS,
    parts=(SECRETS,),
    manifests=manifests,
    pod_label=JOB_NAME_LABEL,
    keep_root=run_facts.kept_job,
    observe=run_facts.observe_run,
    is_refused_by_events=True,
)
