"""One namespace of a cluster, and the calls that every kind of work needs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..outcomes import Applied, EngineFull, EngineUnavailable, Outcome
from ..specs import Program
from . import drift
from .client import Api, Refused
from .connection import Source, load, namespace_of
from .kinds import CONFIG_MAPS, Resource
from .pods import program_config_map, program_name

if TYPE_CHECKING:
    from kubernetes.client import Configuration

logger = logging.getLogger(__name__)

Json = dict[str, Any]

PROGRAM_KEPT_S = 60.0


class Cluster:
    """Connects on the first call; each call raises EngineUnavailable if that is not possible."""

    def __init__(self, name: str, source: Callable[[], Source]) -> None:
        self.name = name
        self.api = Api(self._configuration)
        self._source = source
        self._namespace: str | None = None
        self._program_until: dict[str, float] = {}

    @property
    def namespace(self) -> str:
        if self._namespace is None:
            source = self._source()
            self._namespace = namespace_of(source)
            logger.info("the engine %s uses %s, namespace %s", self.name, source.text,
                        self._namespace)  # fmt: skip
        return self._namespace

    def path(self, resource: Resource, name: str = "") -> str:
        """The URL path of this resource in our namespace, or of the object called `name`."""
        return resource.path(self.namespace, name)

    def create(self, resource: Resource, body: Json) -> Json:
        """Create an object. Raises Refused."""
        return self.api.create(self.path(resource), body)

    def ensure(self, resource: Resource, body: Json) -> None:
        """Create an object whose name contains its fingerprint, so an existing one is the same."""
        try:
            self.create(resource, body)
        except Refused as refused:
            if not already_exists(refused):
                raise

    def change(self, resource: Resource, found: Json | None, wanted: Json) -> bool:
        """Replace an object of an earlier revision, or one that has drifted; False if neither.

        Raises Refused; with status 409 if the object is missing or was changed in this moment.
        """
        if found is None:
            raise Refused(409, "Conflict", "it was deleted in this moment")
        is_newer = drift.revision_of(wanted) > drift.revision_of(found)
        body = drift.marked(wanted)
        # A part may still name a former root of this name, with which it would be deleted.
        if not is_newer and not drift.has_drifted(found) and _owners(found) == _owners(body):
            return False
        body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        self.api.replace(self.path(resource, wanted["metadata"]["name"]), body)
        return True

    def discard(self, resource: Resource, name: str) -> None:
        """Delete an object that may be gone already. Raises Refused."""
        try:
            self.api.delete(self.path(resource, name), {})
        except Refused as refused:
            if refused.status != 404:
                raise

    def bring_program(self, program: Program) -> None:
        """Make sure that the program's ConfigMap exists; this is checked once in a while."""
        name = program_name(program)
        if self._program_until.get(name, 0.0) > time.monotonic():
            return
        self.ensure(CONFIG_MAPS, program_config_map(program))
        self._program_until = {name: time.monotonic() + PROGRAM_KEPT_S}

    def _configuration(self) -> Configuration:
        return load(self._source())


def _owners(item: Json) -> list[str]:
    return [owner["uid"] for owner in item["metadata"].get("ownerReferences") or []]


def already_exists(refused: Refused) -> bool:
    """Whether the object exists. A 409 for another reason means that a quota was being updated."""
    return refused.status == 409 and refused.reason == "AlreadyExists"


def is_conflict(refused: Refused) -> bool:
    """Whether the object was changed since it was read. Also true of a quota being updated."""
    return refused.status == 409 and refused.reason == "Conflict"


def outcome_of(refused: Refused) -> Applied:
    """The outcome of an apply that the API server refused.

    The outcome is final only if the object itself is invalid. An admission webhook may answer
    403, too; if it denies one object, the others must still be tried. Raises EngineUnavailable
    if nothing can be made now.
    """
    if refused.status in (400, 413, 422) or (
        refused.status == 403 and "denied the request" in str(refused)
    ):
        return Applied(Outcome.REFUSED, str(refused))
    if refused.status == 403 and "exceeded quota" in str(refused):
        raise EngineFull(f"the namespace's quota is used up: {refused}") from refused
    raise EngineUnavailable(f"the cluster refuses to make it: {refused}") from refused
