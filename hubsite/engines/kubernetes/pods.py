"""Builds the pods of every kind of work: their resources, and how their program starts. Pure.

They meet the `restricted` Pod Security Standard. They get no credentials of the cluster, and see
nothing that the pod of another user can write.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..specs import Container, Program
from .labels import MANAGER, label_value
from .pod_options import PodOptions, Volume

Json = dict[str, Any]

CONTAINER = "xcube"
GRACE_S = 10
"""Seconds from SIGTERM to SIGKILL; the run's supervisor needs 2 s of it."""
SMALLEST_REQUEST_BYTES = 512 << 20
SMALLEST_DISK_BYTES = 256 << 20
BESIDE_SCRATCH_BYTES = 1 << 30
NO_PYTHON_EXIT = 69
"""The start script's exit code if no Python of the image can import what the program requires."""
SCRATCH = "/scratch"
TERMINATION_MESSAGE = "/dev/termination-log"
_PROGRAM_FOLDER = "/opt/xcube-hub"

# The image is any that has xcube: in its own environment, in a conda one, or on the PATH.
START = """\
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
  exec "$found" -m {module} {arguments}
done
echo 'No Python in this image can import {requires}.'
printf '%s' '{{"phase": "FAILED", "reason": "IMAGE", "message": "No Python in the image \
{image} can import {requires}."}}' > {message}
exit {no_python}
"""


@dataclass(frozen=True)
class Additions:
    """The parts of a pod that differ between kinds: the program's arguments, and its input."""

    arguments: str = ""
    """Arguments of the program, as shell text."""
    command: Sequence[str] = ()
    """What the container runs if it has no program."""
    env: Sequence[Json] = ()
    volumes: Sequence[Json] = ()
    mounts: Sequence[Json] = ()
    container: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the container, such as its ports and probes."""
    restarts: str = "Never"
    """The pod's restartPolicy."""
    only_reads: bool = False
    """Whether it may not write into its owner's folders on the operators' volumes."""
    workspace: Volume | None = None
    """A volume on which it may write into its owner's folder in any case."""


def pod_template(container: Container, options: PodOptions, labels: Json, more: Additions) -> Json:
    """The pod template of a Job or a Deployment."""
    return {
        "metadata": {"labels": labels, "annotations": dict(options.annotations)},
        "spec": _pod(container, options, more),
    }


def has_extra_environment(container: Container, options: PodOptions) -> bool:
    """Whether the pod gets the operators' environment variables: never with users' code."""
    return not container.is_untrusted and bool(_env_from(options))


def program_name(program: Program) -> str:
    digest = hashlib.sha256(program.archive).hexdigest()[:12]
    return f"xcube-hub-runner-{digest}"


def program_config_map(program: Program) -> Json:
    """The ConfigMap with the program, so that it can run in any image."""
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


def _pod(container: Container, options: PodOptions, more: Additions) -> Json:
    mounted = [(volume, f"data-{number}") for number, volume in enumerate(options.volumes)]
    if more.workspace:
        mounted.append((more.workspace, "workspace"))
    pod = {
        "restartPolicy": more.restarts,
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
        "containers": [_container(container, options, mounted, more)],
        "volumes": [
            *more.volumes,
            *_program_volume(container),
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


def _program_volume(container: Container) -> list[Json]:
    if container.program is None:
        return []
    return [{"name": "program", "configMap": {"name": program_name(container.program)}}]


def _start(container: Container, options: PodOptions, image: str, more: Additions) -> Json:
    """The command of the container, with the environment and the mount that it needs."""
    if container.program is None:
        # Such an image may have its own PYTHONPATH, and a HOME that cannot be written.
        return {"command": list(more.command), "env": [], "mounts": []}
    script = START.format(
        requires=container.program.requires,
        module=container.program.module,
        arguments=more.arguments,
        image=re.sub(r"[^\w./:@-]", "", image),
        message=TERMINATION_MESSAGE,
        no_python=NO_PYTHON_EXIT,
    )
    return {
        "command": ["/bin/sh", "-c", script],
        "env": [
            {"name": "XCUBE_HUB_XCUBE_PYTHON", "value": options.python or ""},
            {"name": "PYTHONPATH", "value": f"{_PROGRAM_FOLDER}/runner.zip"},
        ],
        "mounts": [{"name": "program", "mountPath": _PROGRAM_FOLDER, "readOnly": True}],
    }


def _container(
    container: Container, options: PodOptions, mounted: list[tuple[Volume, str]], more: Additions
) -> Json:
    image = container.image or options.image
    start = _start(container, options, image, more)
    made: Json = {
        "name": CONTAINER,
        "image": image,
        "command": start["command"],
        # An empty folder, because Python imports from the working directory first.
        "workingDir": SCRATCH,
        "env": [
            *more.env,
            *start["env"],
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
            {"name": "HOME", "value": SCRATCH},
        ],
        "resources": _resources(container, options),
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": TERMINATION_MESSAGE,
        # Never from the log, because users' code could write a false reason there.
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            *more.mounts,
            *start["mounts"],
            {"name": "scratch", "mountPath": SCRATCH},
            *(
                _mount(
                    volume,
                    name,
                    container.owner,
                    only_reads=more.only_reads and volume is not more.workspace,
                )
                for volume, name in mounted
            ),
        ],
        **more.container,
    }
    if options.pull_policy:
        made["imagePullPolicy"] = options.pull_policy
    if has_extra_environment(container, options):
        made["envFrom"] = _env_from(options)
    return made


def _env_from(options: PodOptions) -> list[Json]:
    found = []
    if options.env_secret:
        found.append({"secretRef": {"name": options.env_secret}})
    if options.env_config_map:
        found.append({"configMapRef": {"name": options.env_config_map}})
    return found


def _mount(volume: Volume, name: str, owner: str, *, only_reads: bool) -> Json:
    if not volume.per_user:
        return {"name": name, "mountPath": volume.path, "readOnly": True}
    if label_value(owner) != owner:
        raise ValueError(f"{owner!r} cannot be the name of a folder")
    return {
        "name": name,
        "mountPath": f"{volume.path}/{owner}",
        "subPath": owner,
        **({"readOnly": True} if only_reads else {}),
    }


def _cores(cpus: float) -> str:
    """A number of cores as Kubernetes writes it: "2", or "250m" for a quarter of one."""
    thousandths = max(1, round(cpus * 1000))
    whole, rest = divmod(thousandths, 1000)
    return f"{thousandths}m" if rest else str(whole)


def _resources(container: Container, options: PodOptions) -> Json:
    """Requests are what is expected, limits are what the pod may use."""
    from kubernetes.utils.quantity import parse_quantity  # imported late: it takes a second

    # Besides its scratch folder, a run writes its log and its message to the node's disk.
    limits: Json = {"ephemeral-storage": str(options.scratch_bytes + BESIDE_SCRATCH_BYTES)}
    requests: Json = {"cpu": options.cpu_request, "ephemeral-storage": str(SMALLEST_DISK_BYTES)}
    if container.cpus is not None:
        limits["cpu"] = _cores(container.cpus)
        if parse_quantity(options.cpu_request) > parse_quantity(limits["cpu"]):
            requests["cpu"] = limits["cpu"]
    elif options.cpu_limit:
        limits["cpu"] = options.cpu_limit
    expected = max(container.expected_memory_bytes or 0, SMALLEST_REQUEST_BYTES)
    if container.memory_bytes is not None:
        limits["memory"] = str(container.memory_bytes)
        expected = min(expected, container.memory_bytes)
    requests["memory"] = str(expected)
    return {"requests": requests, "limits": limits}
