"""What is made in the cluster for a run, as plain objects. Pure: tested without a cluster.

A Job, and a Secret that goes when the Job goes. The pods meet the `restricted` Pod Security
Standard; they get no credentials of the cluster's, and nothing that another user's pod can write.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from typing import Any

from ..base import Program, Run
from .pod_options import PodOptions, Volume

Json = dict[str, Any]

MANAGER = "xcube-hub"
COMPONENT = "cubegen"
OWNER_LABEL = "xcube-hub/owner"
ATTEMPT_LABEL = "xcube-hub/attempt"
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
FAILURES_ANNOTATION = "batch.kubernetes.io/job-index-failure-count"

CONTAINER = "xcube"
TTL_S = 7 * 86400
"""A backstop: the hub deletes a Job as soon as its end is recorded."""
GRACE_S = 10
"""From the signal to end until the kernel's: the run's supervisor needs 2 s of it."""
SLACK_S = 60
MOST_SECRET_BYTES = 1 << 20
"""What Kubernetes allows in a Secret."""
SMALLEST_REQUEST_BYTES = 512 << 20
SMALLEST_DISK_BYTES = 256 << 20
BESIDE_SCRATCH_BYTES = 1 << 30

NO_PYTHON_EXIT = 69
REFUSED_EXIT = 2
"""The program ends so where the run has not begun; and never where its own code ran."""
_PROGRAM_FOLDER = "/opt/xcube-hub"
_RUN_FOLDER = "/etc/xcube-hub/run"
_SCRATCH = "/scratch"
_TERMINATION_MESSAGE = "/dev/termination-log"

# The image is any that has xcube: in its own environment, in a conda one, or on the PATH.
_START = """\
for python in "$XCUBE_HUB_XCUBE_PYTHON" python3 python "$CONDA_PREFIX/bin/python" \\
    /opt/conda/envs/{requires}/bin/python /opt/conda/bin/python \\
    /home/*/micromamba/envs/{requires}/bin/python /home/*/micromamba/bin/python \\
    /opt/venv/bin/python; do
  found=$(command -v "$python" 2>/dev/null) || continue
  why=$("$found" -c 'import importlib.util as u, sys
sys.exit(None if u.find_spec("{requires}") else "cannot import {requires}")' 2>&1) || {{
    echo "$found: $why"
    continue
  }}
  PATH=$(dirname "$found"):$PATH
  export PATH
  exec "$found" -m {module} run --workload {run}/workload.json.gz --runs-dir {scratch}/runs \\
    --termination-message {message}{options}
done
echo 'No Python in this image can import {requires}.'
printf '%s' '{{"phase": "FAILED", "reason": "IMAGE", "message": "No Python in the image \
{image} can import {requires}."}}' > {message}
exit {no_python}
"""


class TooLarge(ValueError):
    """The run does not fit into a Secret."""


def selector(instance: str) -> str:
    """What finds our objects, and no others'."""
    return ",".join(f"{key}={value}" for key, value in _ours(instance).items())


def _ours(instance: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/managed-by": MANAGER,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/component": COMPONENT,
    }


def labels(run: Run, *, instance: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": CONTAINER,
        **_ours(instance),
        OWNER_LABEL: label_value(run.container.owner),
        ATTEMPT_LABEL: str(run.attempt),
    }


def label_value(text: str) -> str:
    """`text` if it can be a label's value, else a digest of it."""
    if re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", text):
        return text
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def is_ours(job: Json, run: Run, *, instance: str) -> bool:
    """Whether the existing Job `job` is that of this run, of this hub and attempt."""
    given = job["metadata"].get("labels") or {}
    return all(given.get(k) == v for k, v in labels(run, instance=instance).items())


def program_name(program: Program) -> str:
    digest = hashlib.sha256(program.archive).hexdigest()[:12]
    return f"xcube-hub-runner-{digest}"


def program_config_map(program: Program) -> Json:
    """The ConfigMap that brings the program into any image."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "metadata": {
            "name": program_name(program),
            "labels": {
                "app.kubernetes.io/name": "xcube-hub-runner",
                "app.kubernetes.io/managed-by": MANAGER,
            },
        },
        "binaryData": {"runner.zip": base64.b64encode(program.archive).decode()},
    }


def job(run: Run, options: PodOptions) -> Json:
    """The Job of a run."""
    given = labels(run, instance=options.instance)
    runs = 1 + options.retries
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": run.name, "labels": given},
        "spec": {
            # Indexed, so that a pod is told how many before it have failed.
            "completionMode": "Indexed",
            "completions": 1,
            "parallelism": 1,
            "backoffLimitPerIndex": options.retries,
            "podReplacementPolicy": "Failed",  # never two pods that write the same cube
            "podFailurePolicy": _failure_policy(),
            # The run keeps its own deadline; this one is for what cannot.
            "activeDeadlineSeconds": int(options.pending_s + runs * (run.deadline_s + SLACK_S)),
            "ttlSecondsAfterFinished": TTL_S,
            "template": {
                "metadata": {"labels": given, "annotations": dict(options.annotations)},
                "spec": _pod(run, options),
            },
        },
    }


def _failure_policy() -> Json:
    """What drives a pod off its node counts and is tried again; what a run does is final."""
    return {
        "rules": [
            {"action": "Count", "onPodConditions": [{"type": "DisruptionTarget"}]},
            {
                "action": "FailJob",
                "onExitCodes": {"containerName": CONTAINER, "operator": "NotIn", "values": [0]},
            },
        ]
    }


def _pod(run: Run, options: PodOptions) -> Json:
    assert run.container.program is not None
    mounted = [(volume, f"data-{number}") for number, volume in enumerate(options.volumes)]
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": options.user_id,
            "runAsGroup": options.user_id,
            "fsGroup": options.user_id,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(run, options, mounted)],
        "volumes": [
            {
                "name": "run",
                "secret": {
                    "secretName": run.name,
                    "items": [{"key": "workload.json.gz", "path": "workload.json.gz"}],
                },
            },
            {"name": "program", "configMap": {"name": program_name(run.container.program)}},
            {"name": "scratch", "emptyDir": {"sizeLimit": str(options.scratch_bytes)}},
            *(
                {
                    "name": name,
                    "persistentVolumeClaim": {
                        "claimName": volume.claim,
                        "readOnly": not volume.per_user,
                    },
                }
                for volume, name in mounted
            ),
        ],
    }
    if options.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in options.pull_secrets]
    if options.node_selector:
        pod["nodeSelector"] = dict(options.node_selector)
    if options.tolerations:
        pod["tolerations"] = [dict(toleration) for toleration in options.tolerations]
    if options.priority_class:
        pod["priorityClassName"] = options.priority_class
    if options.runtime_class:
        pod["runtimeClassName"] = options.runtime_class
    return pod


def _container(run: Run, options: PodOptions, mounted: list[tuple[Volume, str]]) -> Json:
    assert run.container.program is not None
    env_from = [] if run.container.is_untrusted else _env_from(options)
    script = _START.format(
        requires=run.container.program.requires,
        module=run.container.program.module,
        image=re.sub(r"[^\w./:@-]", "", options.image),
        run=_RUN_FOLDER,
        scratch=_SCRATCH,
        message=_TERMINATION_MESSAGE,
        options=" --keep-environment" if env_from else "",
        no_python=NO_PYTHON_EXIT,
    )
    container: Json = {
        "name": CONTAINER,
        "image": options.image,
        "command": ["/bin/sh", "-c", script],
        # Empty, and ours: Python imports from there first.
        "workingDir": _SCRATCH,
        "env": [
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
            {"name": "XCUBE_HUB_XCUBE_PYTHON", "value": options.python or ""},
            {"name": "PYTHONPATH", "value": f"{_PROGRAM_FOLDER}/runner.zip"},
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
            {"name": "HOME", "value": _SCRATCH},
        ],
        "resources": _resources(run, options),
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": _TERMINATION_MESSAGE,
        # Never the log instead: there the run's own code could say why it failed.
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "run", "mountPath": _RUN_FOLDER, "readOnly": True},
            {"name": "program", "mountPath": _PROGRAM_FOLDER, "readOnly": True},
            {"name": "scratch", "mountPath": _SCRATCH},
            *(_mount(volume, name, run) for volume, name in mounted),
        ],
    }
    if options.pull_policy:
        container["imagePullPolicy"] = options.pull_policy
    if env_from:
        container["envFrom"] = env_from
    return container


def _env_from(options: PodOptions) -> list[Json]:
    found = []
    if options.env_secret:
        found.append({"secretRef": {"name": options.env_secret}})
    if options.env_config_map:
        found.append({"configMapRef": {"name": options.env_config_map}})
    return found


def _mount(volume: Volume, name: str, run: Run) -> Json:
    if not volume.per_user:
        return {"name": name, "mountPath": volume.path, "readOnly": True}
    if label_value(run.container.owner) != run.container.owner:
        raise ValueError(f"{run.container.owner!r} cannot be the name of a folder")
    return {
        "name": name,
        "mountPath": f"{volume.path}/{run.container.owner}",
        "subPath": run.container.owner,
    }


def _resources(run: Run, options: PodOptions) -> Json:
    """What is reserved is what the estimate expects; what is allowed is what the job may use."""
    # Beside its scratch a run writes its log, and its last word, on the node's disk.
    limits: Json = {"ephemeral-storage": str(options.scratch_bytes + BESIDE_SCRATCH_BYTES)}
    requests: Json = {"cpu": options.cpu_request, "ephemeral-storage": str(SMALLEST_DISK_BYTES)}
    if options.cpu_limit:
        limits["cpu"] = options.cpu_limit
    expected = max(run.container.expected_memory_bytes or 0, SMALLEST_REQUEST_BYTES)
    if run.container.memory_bytes is not None:
        limits["memory"] = str(run.container.memory_bytes)
        expected = min(expected, run.container.memory_bytes)
    requests["memory"] = str(expected)
    return {"requests": requests, "limits": limits}


def secret(run: Run, *, job_uid: str, instance: str) -> Json:
    """What the run is to do, with which stores and which token. Raises TooLarge."""
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
            "labels": labels(run, instance=instance),
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
    """The run as the program reads it: the token comes apart, the kernel bounds memory."""
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
