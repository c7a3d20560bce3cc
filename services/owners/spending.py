"""Services as what units are spent on: names the service behind a ledger entry."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.units.purposes import Purpose, Subject

from ..models import ServiceInstance


def is_block(reference: str) -> bool:
    """`<instance id>:<number>`, as `metering.py` writes them."""
    return ":" in reference


def describe(user: Any, references: Collection[str]) -> dict[str, Subject]:
    """The user's services behind these references, removed ones without a page."""
    id_of = {reference: reference.partition(":")[0] for reference in references}
    rows = ServiceInstance.objects.owned_by(user).filter(instance_id__in=set(id_of.values()))
    known = {
        row.instance_id: Subject(
            row.title or row.get_kind_display(),
            "" if row.hidden_at else reverse("service", args=[row.instance_id]),
        )
        for row in rows.only("instance_id", "title", "kind", "hidden_at")
    }
    return {reference: known[its] for reference, its in id_of.items() if its in known}


PURPOSE = Purpose("services", _("Services"), is_block, describe)
