"""Kinds of Kubernetes objects, as far as their paths and the verbs on them are concerned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """A kind of Kubernetes object, and the verbs that the hub needs for it."""

    group: str
    plural: str
    verbs: tuple[str, ...]
    version: str = "v1"

    def path(self, namespace: str, name: str = "") -> str:
        """The URL path of all of them in a namespace, or of the object called `name`."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        tail = f"/{name}" if name else ""
        return f"{base}/namespaces/{namespace}/{self.plural}{tail}"
