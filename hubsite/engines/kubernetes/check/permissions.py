"""The permissions (RBAC) that the hub's account needs in the namespace of the runs.

They follow from the kinds of work. `deploy/kubernetes/role.yaml` grants exactly these (a test
compares them), and `manage.py check_cluster` checks each of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..engine import KINDS
from ..kinds import Resource


class Permission(NamedTuple):
    """One verb on one resource, which may be a subresource such as `pods/log`."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"

    def attributes(self, namespace: str) -> dict[str, str]:
        """The permission in the form of a SelfSubjectAccessReview."""
        resource, _, part = self.resource.partition("/")
        asked = {"namespace": namespace, "group": self.group, "resource": resource}
        return asked | ({"subresource": part} if part else {}) | {"verb": self.verb}


CHECKED = (
    Resource("", "persistentvolumeclaims", ("get",)),
    Resource("", "namespaces", ("get",)),
)
"""Resources that only `check_cluster` reads."""


def permissions(resources: Iterable[Resource]) -> tuple[Permission, ...]:
    """Each verb on each of these resources, once."""
    found = (Permission(r.group, r.plural, verb) for r in resources for verb in r.verbs)
    return tuple(dict.fromkeys(found))


NEEDED = permissions([*(r for kind in KINDS for r in kind.resources), *CHECKED])
