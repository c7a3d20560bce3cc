"""What the hub's account must be allowed in the namespace of the runs, as in
`deploy/kubernetes/role.yaml`: a test holds them equal. `manage.py check_cluster` asks for each.
"""

from __future__ import annotations

from typing import NamedTuple


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


_VERBS = (
    ("batch", "jobs", ("create", "get", "list", "watch", "delete")),
    ("", "secrets", ("create",)),
    ("", "configmaps", ("create", "get")),
    ("", "pods", ("list", "watch")),
    ("", "pods/log", ("get",)),
    ("", "events", ("list",)),
    ("", "persistentvolumeclaims", ("get",)),
    ("", "namespaces", ("get",)),
)

NEEDED: tuple[Permission, ...] = tuple(
    Permission(group, resource, verb) for group, resource, verbs in _VERBS for verb in verbs
)
