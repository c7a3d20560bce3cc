"""Builds the service of a Cate web API for the engine: a command of the image or this machine."""

from __future__ import annotations

from hubsite.engines.specs import Command, Container, Service
from hubsite.refusals import Kind, Refused

from ..models import ServiceInstance, State
from . import offered
from .settings import DEFAULT_COMMAND, hub, within_image

PORT = 4000
"""Where Cate listens in a pod, as in the old service."""
PROBE = "/"
"""The path at which Cate tells its name and version."""
SETTINGS = ".cate"
"""The folder in Cate's home with its user's preferences."""
EXPECTED_MEMORY_BYTES = 2 << 30
"""What a pod of Cate requests, as in the old service; its profile says the limit."""


def build_service(instance: ServiceInstance) -> Service:
    """The service of an instance. Reads the instance's owner, profile and document.

    Raises Refused if the hub has no Cate any more.
    """
    profile = instance.profile
    image = profile.image or hub.cate_image or ""
    if not offered.is_configured():
        raise Refused(offered.NOT_CONFIGURED, kind=Kind.UNSUPPORTED)
    return Service(
        name=instance.instance_id,
        revision=instance.revision,
        container=Container(
            owner=instance.owner.username,
            command=_command(instance),
            memory_bytes=profile.memory_bytes,
            expected_memory_bytes=EXPECTED_MEMORY_BYTES,
            cpus=profile.cpus,
            image=image,
            is_untrusted=True,  # Cate runs what its user writes
        ),
        # What differs between two starts, so that the engine begins anew.
        payload={"kind": instance.kind, **instance.document.configuration},
        path=instance.path,
        probe=PROBE,
        port=PORT,
        is_asleep=instance.state == State.ASLEEP,
    )


def kept_name(user_id: str) -> str:
    """The name under which engines keep a user's files."""
    return f"{user_id}-cate"


def _command(instance: ServiceInstance) -> Command:
    env = {
        "CATE_USER_ROOT": "{workspace}",
        "CATE_DEBUG": "1" if hub.cate_debug else "0",
        "JUPYTERHUB_SERVICE_PREFIX": "{path}/",
    }
    if hub.cate_stores:
        env["CATE_STORES_CONFIG_PATH"] = hub.cate_stores
    return Command(
        arguments=hub.cate_command or within_image(DEFAULT_COMMAND),
        env=env,
        keeps=kept_name(instance.owner.username),
        workspace=hub.cate_user_root,
        settings=SETTINGS,
    )
