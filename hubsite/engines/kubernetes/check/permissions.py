"""What the hub's account must be allowed in the namespace of the runs.

It follows from the kinds of work. `deploy/kubernetes/role.yaml` gives exactly this (a test holds
them equal), and `manage.py check_cluster` asks for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..engine import KINDS
from ..kinds import Resource


class Permission(NamedTuple):
    """One verb on one kind; `resource` may have a part, as `pods/log`."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"

    def attributes(self, namespace: str) -> dict[str, str]:
        """As a SelfSubjectAccessReview asks for it."""
        resource, _, part = self.resource.partition("/")
        asked = {"namespace": namespace, "group": self.group, "resource": resource}
        return asked | ({"subresource": part} if part else {}) | {"verb": self.verb}


CHECKED = (
    Resource("", "persistentvolumeclaims", ("get",)),
    Resource("", "namespaces", ("get",)),
)
"""What only `check_cluster` looks at."""


def permissions(resources: Iterable[Resource]) -> tuple[Permission, ...]:
    """Each verb on each of these resources, once."""
    found = (Permission(r.group, r.plural, verb) for r in resources for verb in r.verbs)
    return tuple(dict.fromkeys(found))


NEEDED = permissions([*(r for kind in KINDS for r in kind.resources), *CHECKED])
