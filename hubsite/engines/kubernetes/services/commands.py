"""The parts of the pod of a service that runs a command of its image, such as Cate. Pure.

Its owner's files are two folders of the operators' workspace volume, `<keeps>/files` and
`<keeps>/settings`. Without such a volume they are in the pod, and go with it.
"""

from __future__ import annotations

from typing import Any

from ...specs import Command, Service, filled
from ..labels import label_value
from ..pod_options import PodOptions
from ..pods import SCRATCH, Additions

Json = dict[str, Any]

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - only the edge may reach the pod (network policy)
_VOLUME = "kept"


def additions(service: Service, command: Command, options: PodOptions) -> Additions:
    """What the command, its environment and its owner's files add to a pod. Raises ValueError."""
    values = {
        "address": _EVERYWHERE,
        "port": str(service.port),
        "path": service.path,
        "workspace": command.workspace,
    }
    env = {**service.container.env, **command.env}
    return Additions(
        command=[filled(argument, values) for argument in command.arguments],
        env=[{"name": name, "value": filled(value, values)} for name, value in env.items()],
        volumes=_volumes(options),
        mounts=_mounts(command, options),
        restarts="Always",
        only_reads=True,
    )


def _volumes(options: PodOptions) -> list[Json]:
    if options.workspace is None:
        return []
    claim = {"claimName": options.workspace.claim}
    return [{"name": _VOLUME, "persistentVolumeClaim": claim}]


def _mounts(command: Command, options: PodOptions) -> list[Json]:
    """Where the container sees its owner's folders. Raises ValueError."""
    if label_value(command.keeps) != command.keeps or not command.keeps:
        raise ValueError(f"{command.keeps!r} cannot be the name of a folder")
    volume, folder = (_VOLUME, f"{command.keeps}/") if options.workspace else ("scratch", ".kept/")
    mounts = [{"name": volume, "mountPath": command.workspace, "subPath": f"{folder}files"}]
    if command.settings:
        place = f"{SCRATCH}/{command.settings}"
        mounts.append({"name": volume, "mountPath": place, "subPath": f"{folder}settings"})
    return mounts
