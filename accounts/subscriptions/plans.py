"""Plans of subscriptions: the roles that they grant, and the units of each service."""

from __future__ import annotations

from hubsite.refusals import Refused

from ..models import Service, Unit
from ..scopes import MANAGE_COLLECTIONS, MANAGE_CUBEGENS, PROCESS_CUBEGENS
from ..units.ledger import MAX_UNITS

PROCESSING = "processing"
"""The option that adds own code to cube generation."""

CLIENT_SCOPES = (MANAGE_CUBEGENS, PROCESS_CUBEGENS, MANAGE_COLLECTIONS)
"""Scopes of subscribers' clients, limited to those of the subscriber. One pair of id and secret
serves all services of a user, as in the old service. It can never operate the hub."""

_GEODB_ROLES = {"manage": "geodb-manage", "freetrial": "geodb-free"}


def default_unit(service: str) -> str:
    return Unit.CELLS if service == Service.GEODB else Unit.PUNITS


def check_units(service: str, units: float, unit: str) -> None:
    """Check the units. Raises Refused if the service is not counted in them."""
    if service == Service.GEN and unit not in (Unit.PUNITS, Unit.EURO):
        raise Refused("Wrong unit for a xcube gen subscription: punits or euro", field="unit")
    if service == Service.GEODB and unit != Unit.CELLS:
        raise Refused("Wrong unit for a geodb subscription: cells", field="unit")
    if not 0 <= units <= MAX_UNITS:
        raise Refused(f"a number from 0 to {MAX_UNITS} is expected", field="units")


def roles_of_plan(service: str, plan: str, option: str) -> list[str]:
    """The roles that a subscriber has while the subscription lasts."""
    if service == Service.GEODB:
        return [_GEODB_ROLES.get(plan, "geodb-user")]
    if service == Service.GEOSERV:
        return ["geoserver"]
    return ["cube-generation", "user-code"] if option == PROCESSING else ["cube-generation"]
