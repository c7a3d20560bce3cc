"""Builds the service of an instance for the engine: its program, limits and configuration."""

from __future__ import annotations

from hubsite.engines.specs import Container, Program, Service
from jobs.running.runner_package import MODULE, REQUIRES, runner_zip

from ..cate.workload import build_service as build_cate
from ..models import Kind, ServiceInstance, State
from ..xcube_server.payload import build_payload

PROBE = "/datasets"
"""The path of an xcube server that answers 200 when it is ready."""


def build_service(instance: ServiceInstance) -> Service:
    """The service of an instance, as its row and its stored configuration say it now.

    The stores are read again, because keys may have been rotated and rights withdrawn since the
    start. Reads the instance's owner, profile and document. Raises StoresFileError if the stores
    file cannot be read; then try again later.
    """
    if instance.kind == Kind.CATE_WEBAPI:
        return build_cate(instance)
    profile = instance.profile
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
        probe=PROBE,
        is_asleep=instance.state == State.ASLEEP,
    )
