"""What a subscription means here: the roles of a plan, and the units a service is counted in."""

from __future__ import annotations

from hubsite.refusals import Refused

from ..models import Service, Unit
from ..scopes import MANAGE_COLLECTIONS, MANAGE_CUBEGENS, PROCESS_CUBEGENS
from ..units.ledger import MAX_UNITS

PROCESSING = "processing"
"""The option that adds own code to cube generation."""

CLIENT_SCOPES = (MANAGE_CUBEGENS, PROCESS_CUBEGENS, MANAGE_COLLECTIONS)
"""What clients of subscribers may do, as far as the subscriber may: one pair serves all of a
user's services, as it did in the service before, and never operates the hub."""

_GEODB_ROLES = {"manage": "geodb-manage", "freetrial": "geodb-free"}


def default_unit(service: str) -> str:
    return Unit.CELLS if service == Service.GEODB else Unit.PUNITS


def check_units(service: str, units: float, unit: str) -> None:
    """Raises Refused if the service is not counted in these units."""
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
