"""Which APIs of xcube's server a viewer offers; those that execute or write are off.

| off | why |
|---|---|
| `compute` | runs operations on request, and keeps their results |
| `expressions`, and `name=expression` as a variable | evaluates what the caller writes |
| `/viewer/ext/*` (chartlets) | runs Python callbacks of extensions |
| `/viewer/state` | writes what callers send |
| `/maintenance/*` | ends the server or fills its memory; `update` is offered by our own route |
| `s3` | hands out every file of a data set as it is, also what `Variables` leaves out |
| `ows.coverages` | writes files of any size into the temporary folder |

`auth` is on because others need it. The edge decides who may call; it passes no token on.
"""

from __future__ import annotations

from typing import Any

ON = (
    "meta",
    "auth",
    "places",
    "styles",
    "datasets",
    "tiles",
    "timeseries",
    "statistics",
    "volumes",
    "ows.wmts",
    "ows.stac",
    "viewer",
)
NO_EXPRESSIONS = "Expressions are not offered here; name a variable."
_CLOSED = ("/maintenance", "/viewer/ext", "/viewer/state", "/viewer/config")

_ABOUT_MACHINE = ("pid", "versions")


def is_offered(route: str) -> bool:
    """Whether a route of an API that is on may be offered. `/viewer/config` is our own."""
    return not any(route == closed or route.startswith(f"{closed}/") for closed in _CLOSED)


def refuse_expressions() -> None:
    """Refuse `name=expression` wherever xcube takes it for a variable, in this process."""
    from xcube.core.varexpr import VarExprContext
    from xcube.server.api import ApiError

    def refuse(self: object, expression: str) -> None:
        raise ApiError.BadRequest(NO_EXPRESSIONS)

    VarExprContext.evaluate = refuse


def hide_process() -> None:
    """Leave out of `GET /` what tells about this machine: the process, and all its libraries.

    xcube would import each library to ask for its version, so it is not asked at all.
    """
    from xcube.webapi.meta import controllers, routes

    controllers.get_xcube_versions = dict

    tell = routes.get_service_info

    def tell_less(context: Any) -> dict[str, Any]:
        told = tell(context)
        return {key: value for key, value in told.items() if key not in _ABOUT_MACHINE}

    routes.get_service_info = tell_less


def without_others(config: dict) -> dict:
    """The configuration with these APIs only, and without what would read or run files."""
    closed = {"Viewer", "Authentication", "static_routes", "api_spec", "base_dir", "tornado"}
    kept = {key: value for key, value in config.items() if key not in closed}
    return {**kept, "api_spec": {"includes": list(ON)}}
