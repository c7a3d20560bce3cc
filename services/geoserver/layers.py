"""What owners and operators do with layers: publish, remove, verify, adopt. Rows only."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Service, Subscription, User
from accounts.models.subscription import GEODB_ROLE_PREFIX
from accounts.roles import hold_user
from accounts.scopes import MANAGE_COLLECTIONS
from hubsite import audit
from hubsite.coordination.wake_up import wake_up
from hubsite.refusals import Kind, Refused

from ..models import Layer, LayerState, StrayLayer
from .names import Place, checked_place

MOST_LAYERS = 1000
"""Of one user."""
TASK = "services.tasks.publish_layers"


def place_of(layer: Layer) -> Place:
    return Place(layer.workspace, layer.database, layer.collection)


def publish(owner: User, place: Place) -> Layer:
    """The row of a collection that shall be published. Repeated, it changes nothing.

    A layer that failed or is being removed begins anew. Raises Refused.
    """
    with transaction.atomic():
        hold_user(owner, MANAGE_COLLECTIONS)
        layer = (
            Layer.objects.select_for_update()
            .filter(workspace=place.workspace, name=place.name)
            .first()
        )
        if layer is None:
            layer = _new(owner, place)
        elif layer.database != place.database:
            raise Refused(
                f"Its layer would have the name of {layer.collection} of database "
                f"{layer.database}, which is published.",
                kind=Kind.CONFLICT,
            )
        else:
            _begin_anew(layer, owner)
        if layer.layer_state != LayerState.READY:
            wake_up(TASK)
    return layer


def _new(owner: User, place: Place) -> Layer:
    if Layer.objects.owned_by(owner).count() >= MOST_LAYERS:
        raise Refused(f"You have {MOST_LAYERS} layers; remove one first.", kind=Kind.TOO_LARGE)
    StrayLayer.objects.filter(workspace=place.workspace, name=place.name).delete()
    layer = Layer.objects.create(
        owner=owner,
        workspace=place.workspace,
        database=place.database,
        collection=place.collection,
        name=place.name,
    )
    audit.record("layer.requested", on=layer)
    return layer


def _begin_anew(layer: Layer, owner: User) -> None:
    row = Layer.objects.filter(pk=layer.pk)
    if layer.owner_id != owner.pk:
        row.update(owner=owner)  # the role is another account's now
    if layer.layer_state in (LayerState.FAILED, LayerState.REMOVING):
        row.wish(LayerState.REQUESTED)
        audit.record("layer.requested", on=layer, about=owner)
    layer.refresh_from_db()


def remove(layer: Layer) -> None:
    """Remove a layer from GeoServer, and then its row. Repeated, it changes nothing."""
    rows = Layer.objects.filter(pk=layer.pk).exclude(layer_state=LayerState.REMOVING)
    with transaction.atomic():
        if rows.wish(LayerState.REMOVING):
            audit.record("layer.removed", on=layer)
        wake_up(TASK)


def repair(layer: Layer) -> bool:
    """Take all steps again and verify; False if the layer is being removed.

    What is READY stays so meanwhile.
    """
    with transaction.atomic():
        rows = Layer.objects.filter(pk=layer.pk).listed()
        failed = rows.filter(layer_state=LayerState.FAILED)
        done = failed.wish(LayerState.REQUESTED) or rows.renew()
        if done:
            audit.record("layer.repaired", on=layer)
        wake_up(TASK)
    return bool(done)


def adopt(stray: StrayLayer) -> Layer:
    """Make a row for a layer that GeoServer has; it belongs to whom its workspace belongs to.

    Raises Refused if that is no one, or the layer is not of a data store of geoDB.
    """
    owner = _owner_of(stray.workspace)
    database, collection = stray.store, stray.name.removeprefix(f"{stray.store}_")
    if owner is None:
        raise Refused(f"No user has the role {stray.workspace} in geoDB.", kind=Kind.CONFLICT)
    if not database or collection == stray.name:
        raise Refused(
            f"{stray} is not named after its data store, so it is no collection of geoDB.",
            kind=Kind.CONFLICT,
        )
    with transaction.atomic():
        layer = publish(owner, checked_place(stray.workspace, database, collection))
        audit.record("layer.adopted", on=layer)
    return layer


def _owner_of(role: str) -> User | None:
    guid = role.removeprefix(GEODB_ROLE_PREFIX)
    subscription = (
        Subscription.objects.live()
        .filter(service=Service.GEODB, guid=guid)
        .select_related("user")
        .first()
    )
    return subscription.user if subscription and subscription.geodb_role == role else None


def workspaces() -> set[str]:
    """The workspaces of the hub: roles of its subscribers, and those of its layers."""
    guids = Subscription.objects.filter(service=Service.GEODB).values_list("guid", flat=True)
    rows = Layer.objects.order_by().values_list("workspace", flat=True).distinct()
    return {f"{GEODB_ROLE_PREFIX}{guid}" for guid in guids} | set(rows)
