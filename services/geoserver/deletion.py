"""Deletes a person's layers: out of the GeoServer first, then the rows."""

from __future__ import annotations

from accounts.deletion import StillBusy
from accounts.models import User

from ..models import Layer, StrayLayer
from . import layers
from .settings import is_configured


def stop(user: User) -> int:
    """Remove the user's layers; returns how many GeoServer still has."""
    rows = Layer.objects.owned_by(user)
    if not is_configured():
        rows.delete()  # no one could remove them
    for layer in rows.listed():
        layers.remove(layer)
    return rows.count()


def forget(user: User, old: str, new: str) -> None:
    if Layer.objects.owned_by(user).exists():
        raise StillBusy("a layer came in meanwhile")
    roles = [row.geodb_role for row in user.subscriptions.all() if row.geodb_role]
    StrayLayer.objects.filter(workspace__in=roles).delete()
