"""Hand secrets over a restart of this program in a file without a name.

The environment of a process stays readable in /proc for as long as it runs. So the token of a
run, and other variables that came with the environment, are put into such a file, and the
process that needs them reads it once.
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
    """`retries`: the number of earlier tries; `environment`: variables for the run."""

    token: str | None = field(default=None, repr=False)
    retries: int = 0
    environment: dict[str, str] = field(default_factory=dict, repr=False)


def gather(environment: Mapping[str, str], *, keep_environment: bool) -> Handover:
    """The part of an environment that is for the run. A missing annotation leaves it empty."""
    retries = environment.get(RETRIES, "")
    kept = {k: v for k, v in environment.items() if not k.startswith(_OURS)}
    return Handover(
        token=environment.get(TOKEN) or None,
        retries=int(retries) if retries.isascii() and retries.isdigit() else 0,
        environment=kept if keep_environment else {},
    )


def store(handover: Handover) -> int:
    """Write it into a file that the next program inherits; returns the file's number."""
    fd = os.memfd_create("handover", 0)
    with open(fd, "wb", closefd=False) as stream:
        stream.write(json.dumps(asdict(handover)).encode("utf-8", "surrogateescape"))
    return fd


def take(fd: int) -> Handover:
    """Read it, and close it."""
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, "rb") as stream:
        return Handover(**json.loads(stream.read()))
