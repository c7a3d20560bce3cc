"""Services as something that can be shared (`accounts/sharing/`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Action
from accounts.sharing import kinds
from accounts.sharing.kinds import Subject

from .. import lifecycle
from ..addresses import base_url, first_path
from ..models import ServiceInstance, State
from .rights import SERVICE


def register(show: Any) -> None:
    """Register the kind; `show` makes the pages of a shared service."""
    kinds.register(
        kinds.Kind(
            SERVICE,
            noun="service",
            called=_("service"),
            key="instance_id",
            rows=_rows,
            living=_living,
            describe=_describe,
            show=show,
            note=lambda row, message, actor: lifecycle.note(row, message, actor=actor),
            actions=(Action.VIEW, Action.STOP),
        )
    )


def direct_url(instance: ServiceInstance, secret: str, *, onward: str = "") -> str:
    """The address at the edge that a public link leads to without a page in between."""
    onward = onward or first_path(instance)
    return f"{base_url(instance)}/.xcube-hub/enter?link={secret}&next={onward}"


def _rows() -> QuerySet[ServiceInstance]:
    return ServiceInstance.objects.listed()


def _living() -> QuerySet[ServiceInstance]:
    return ServiceInstance.objects.active()


def _describe(ids: Collection[str]) -> Mapping[str, Subject]:
    rows = ServiceInstance.objects.filter(instance_id__in=ids)
    columns = rows.values_list("instance_id", "title", "state", "kind")
    return {
        instance_id: Subject(
            title=title or kind.replace("_", " "),
            state=State(state).label,
            owner_page=reverse("service", args=[instance_id]),
        )
        for instance_id, title, state, kind in columns
    }
