"""Options that operators set for all pods, apart from what a spec says itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .routes import RouteOptions

_VOLUME = re.compile(r"(?P<claim>[a-z0-9][-a-z0-9.]*):(?P<path>/[^:]*[^:/])(?::(?P<how>per-user))?")


@dataclass(frozen=True)
class Volume:
    """A PersistentVolumeClaim that pods see at `path`.

    A pod sees all of it, but cannot write. With `per_user` it sees only the folder of its owner,
    and can write there. So no pod can write where a pod of another user reads.
    """

    claim: str
    path: str
    per_user: bool = False

    @classmethod
    def parse(cls, text: str) -> Volume:
        """`claim:/path` or `claim:/path:per-user`. Raises ValueError."""
        match = _VOLUME.fullmatch(text)
        if not match or ".." in match["path"].split("/"):
            raise ValueError(f"expected claim:/path or claim:/path:per-user, not {text!r}")
        return cls(match["claim"], match["path"], per_user=bool(match["how"]))


@dataclass(frozen=True)
class PodOptions:
    """Each field is one setting; `settings.py` explains them."""

    image: str
    instance: str = "xcube-hub"
    pull_policy: str | None = None
    pull_secrets: Sequence[str] = ()
    python: str | None = None
    env_secret: str | None = None
    env_config_map: str | None = None
    volumes: Sequence[Volume] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    priority_class: str | None = None
    runtime_class: str | None = None
    user_id: int = 1000
    cpu_request: str = "500m"
    cpu_limit: str | None = "2"
    scratch_bytes: int = 10 * 2**30
    retries: int = 2
    pending_s: int = 1800
    service_pending_s: int = 600
    workspace: Volume | None = None
    reaches_pods: bool = False
    routes: RouteOptions | None = None
