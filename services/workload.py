"""Builds the service of an instance for the engine: its program, limits and configuration."""

from __future__ import annotations

from hubsite.engines.base import Container, Program, Service
from jobs.runner_package import MODULE, REQUIRES, runner_zip

from .models import Kind, ServiceInstance, State
from .xcube_server.payload import build_payload

PROBES = {Kind.XCUBE_SERVER: "/datasets"}
"""The path of each kind that answers 200 when the service is ready."""


def build_service(instance: ServiceInstance) -> Service:
    """The service of an instance, as its row and its stored configuration say it now.

    The stores are read again, because keys may have been rotated and rights withdrawn since the
    start. Reads the instance's owner, profile and document. Raises StoresFileError if the stores
    file cannot be read; then try again later.
    """
    kind, profile = Kind(instance.kind), instance.profile
    return Service(
        name=instance.instance_id,
        revision=instance.revision,
        container=Container(
            owner=instance.owner.username,
            program=Program(archive=runner_zip(), module=MODULE, requires=REQUIRES),
            memory_bytes=profile.memory_bytes,
            cpus=profile.cpus,
            image=profile.image,
        ),
        payload=build_payload(instance),
        path=instance.path,
        probe=PROBES[kind],
        is_asleep=instance.state == State.ASLEEP,
    )
