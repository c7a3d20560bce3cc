"""What `run` was started with and its environment must not keep: the run's token above all.

An environment stays readable in /proc for as long as its program runs. So this goes over the
restart in a file without a name, which is read once, by the process that needs it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

TOKEN = "XCUBE_HUB_RUN_TOKEN"
RETRIES = "XCUBE_HUB_RUN_RETRIES"
_OURS = ("XCUBE_HUB_", "KUBERNETES_")


@dataclass(frozen=True)
class Handover:
    """`retries`: how many tries of this run there were before; `environment`: for the run."""

    token: str | None = field(default=None, repr=False)
    retries: int = 0
    environment: dict[str, str] = field(default_factory=dict, repr=False)


def gather(environment: Mapping[str, str], *, keep_environment: bool) -> Handover:
    """What of an environment is for the run. An annotation that is not there makes it empty."""
    retries = environment.get(RETRIES, "")
    kept = {k: v for k, v in environment.items() if not k.startswith(_OURS)}
    return Handover(
        token=environment.get(TOKEN) or None,
        retries=int(retries) if retries.isascii() and retries.isdigit() else 0,
        environment=kept if keep_environment else {},
    )


def store(handover: Handover) -> int:
    """A file that whatever this process executes inherits; gives its number."""
    fd = os.memfd_create("handover", 0)
    with open(fd, "wb", closefd=False) as stream:
        stream.write(json.dumps(asdict(handover)).encode("utf-8", "surrogateescape"))
    return fd


def take(fd: int) -> Handover:
    """Read it, and close it."""
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, "rb") as stream:
        return Handover(**json.loads(stream.read()))
