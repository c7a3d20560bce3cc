"""A request to start an xcube server: checked, recognised if it is repeated, then admitted."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from hubsite.coordination.idempotency import IdempotencyKeys
from hubsite.refusals import Kind, Refused
from jobs.stores.stores_file import StoresFileError

from ..models import Kind as ServiceKind
from ..models import ServiceInstance, ServiceProfile, StartKey
from ..xcube_server.configuration import check_configuration
from . import admission

logger = logging.getLogger(__name__)

KEYS = IdempotencyKeys(StartKey, "instance", related="instance__profile")

MAIN_SLOT = "main"
"""The slot of `PUT /xcube`: a user has one main server, whose configuration is replaced."""


@dataclass(frozen=True)
class StartRequest:
    """What to start, and for whom. `field` is the member that holds `configuration`."""

    user: Any
    configuration: dict[str, Any]
    actor: str
    field: str = "configuration"
    profile: str | None = None
    title: str = ""
    slot: str = ""
    client_id: str = ""
    key: str = ""

    @property
    def body_hash(self) -> str:
        what = [self.configuration, self.profile, self.title]
        text = json.dumps(what, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def start_server(request: StartRequest) -> ServiceInstance:
    """Make an instance, or give the main server another configuration. Raises Refused.

    Nothing waits for the engine: the worker starts what the row says.
    """
    first = KEYS.first(request.user, request.key, request.body_hash)
    if first is not None:
        return first
    profile = _named_profile(request)
    configuration = _checked(request, profile or _usual_profile(request))
    try:
        with transaction.atomic():
            instance = admission.start(
                request.user,
                profile=profile,
                configuration=configuration,
                title=request.title,
                slot=request.slot,
                client_id=request.client_id,
                actor=request.actor,
            )
            KEYS.remember(request.user, request.key, request.body_hash, instance)
            return instance
    except (IntegrityError, Refused):
        # The same request may have been accepted meanwhile, and reached the limit.
        first = KEYS.first(request.user, request.key, request.body_hash)
        if first is None:
            raise
        return first


def _checked(request: StartRequest, profile: ServiceProfile | None) -> dict[str, Any]:
    """The configuration, if a service of this profile may have it. Raises Refused."""
    try:
        return check_configuration(
            request.configuration, user=request.user, profile=profile, field=request.field
        )
    except StoresFileError as error:
        logger.error("%s", error)
        raise Refused(
            "The hub cannot read its list of data stores; its operators can find the reason in "
            "its log. Nothing was started.",
            kind=Kind.UNAVAILABLE,
            retry_after_s=60,
        ) from None


def _named_profile(request: StartRequest) -> ServiceProfile | None:
    """The profile that the request names. Whether the user may use it is for admission."""
    if not request.profile:
        return None
    profiles = ServiceProfile.objects.filter(kind=ServiceKind.XCUBE_SERVER)
    profile = profiles.filter(name=request.profile).first()
    if profile is None:
        offered = profiles.offered_to(request.user).values_list("name", flat=True)
        raise Refused(f"one of {', '.join(offered)} is expected", field="profile")
    return profile


def _usual_profile(request: StartRequest) -> ServiceProfile | None:
    """The profile of the service in the slot, else the user's default."""
    if request.slot:
        rows = ServiceInstance.objects.owned_by(request.user).active().filter(slot=request.slot)
        if (present := rows.select_related("profile").first()) is not None:
            return present.profile
    profiles = ServiceProfile.objects.filter(kind=ServiceKind.XCUBE_SERVER)
    return profiles.offered_to(request.user).first()
