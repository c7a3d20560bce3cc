"""The answer to an estimate: the result of `xcube gen2 -i`, or an error and its cause.

Runs in an estimator process; changes nothing that the next request would see.
"""

from __future__ import annotations

import json
import re
import traceback
from typing import Any

from ..record.failures import Failure, describe, without_roots
from ..record.workload import WorkloadError, check_egress
from ..system.process import say
from . import containment, egress, requestcheck

_FIELD = re.compile(r"((?:cube|input|output|code)_configs?[\w.\[\]]*): ")


class EstimateTimeout(BaseException):
    """The time for one estimate is over; no `except Exception` of a library swallows it."""


class EstimateTooLarge(BaseException):
    """The estimate exceeded its memory limit; like EstimateTimeout."""


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """{"status": "ok", …} or {"status": "error", "status_code", "message", "kind"}."""
    from .stores import NamedStores

    stores = NamedStores()
    try:
        _check_body(body)
        requestcheck.check(body["request"])
        containment.check(body["request"], body["stores"])
        with egress.guarded(body.get("egress"), request=body["request"], stores=body["stores"]):
            stores = NamedStores.from_dict(body["stores"])
            return _estimate(body["request"], stores)
    except EstimateTimeout:
        store = f' "{stores.last_used}"' if stores.last_used else ""
        return failed(Failure("store", 504, f"The data store{store} did not answer in time."))
    except (EstimateTooLarge, MemoryError):
        return too_large()
    except Exception as error:  # noqa: BLE001 - any failure is an answer
        failure = describe(error, store=stores.last_used)
        if failure.kind != "request":
            say("an estimate failed:\n" + traceback.format_exc())
        failure = without_places(failure, body)
        return {**failed(failure), "field": _field(error, failure.message)}
    finally:
        forget()


def _check_body(body: Any) -> None:
    if not isinstance(body, dict):
        raise WorkloadError("The body must be a JSON object.")
    for field in ("request", "stores"):
        if not isinstance(body.get(field), dict):
            raise WorkloadError(f"{field}: must be an object.")
    check_egress(body.get("egress"), "egress")


def _estimate(request: dict[str, Any], stores: Any) -> dict[str, Any]:
    from . import levels
    from .stores import output_exists

    request, with_levels = levels.taken_from(request)
    request = {key: value for key, value in request.items() if key != "callback_config"}
    code = request.pop("code_config", None)
    if code is not None:
        _validate({**request, "code_config": code})
    planned = _planned(request, stores, with_levels=with_levels)
    result = planned or _as_xcube_estimates(request, stores, with_levels=with_levels)
    output = request.get("output_config") or {}
    result["output_exists"] = output_exists(output, stores)
    if with_levels and output.get("data_id"):
        name = levels.name_of(output["data_id"])
        result["result"]["levels"]["data_id"] = name
        result["levels_exist"] = output_exists({**output, "data_id": name}, stores)
    return _without_nan(result)


def _planned(
    request: dict[str, Any], stores: Any, *, with_levels: bool = False
) -> dict[str, Any] | None:
    """What the hub has measured itself; None if it cannot look at an input."""
    from .described import described
    from .pieces import check_names, check_pieces, check_types, format_of
    from .plan import plan

    planned = plan(request, stores)
    if planned is None:
        return None
    output = request.get("output_config") or {}
    size = {"images": planned.images, "width": planned.width, "height": planned.height}
    written: dict[str, Any] = {**size}
    check_pieces(planned.chunks, **size, field=f"cube_config.{planned.cut_by}")
    dims = {dim for variable in planned.variables for dim in variable.sizes}
    check_names(output.get("write_params") or {}, planned.names, dims)
    written_as = format_of(output.get("data_id"), output.get("writer_id"))
    check_types(written_as, {v.name: v.dtype for v in planned.variables})
    result = described(planned, output)
    if with_levels:
        tile = result["size_estimation"]["tile_size"]
        images = sum(variable.images for variable in planned.variables)
        _add_levels(result, written, images, tile)
    return {"status": "ok", "status_code": 200, "result": result, "written": written}


def _add_levels(
    result: dict[str, Any], written: dict[str, Any], images: int, tile: list[int]
) -> None:
    """Add the pyramid: what is written of it, to pay for, and what there is to show of it."""
    from .levels import Shape

    shape = Shape.of(written["width"], written["height"], (tile[0], tile[1]))
    written["levels"] = [
        {"images": images, "width": width, "height": height} for width, height in shape.further
    ]
    result["levels"] = {
        "image_sizes": [[shape.width, shape.height], *map(list, shape.further)],
        "tile_size": list(shape.tile),
    }


def _as_xcube_estimates(
    request: dict[str, Any], stores: Any, *, with_levels: bool = False
) -> dict[str, Any]:
    """xcube's estimate, which knows the first input only: others are added up beside it."""
    from xcube.core.gen2.local.generator import LocalCubeGenerator

    from .plan import plan

    generator = LocalCubeGenerator(store_pool=stores, raise_on_error=True)
    result = generator.get_cube_info(request).to_dict()
    size = _size_of(result)
    written: dict[str, Any] = {"images": None, "width": None, "height": None}
    inputs = request.get("input_configs") or []
    if len(inputs) > 1:
        sizes = []
        for config in inputs:
            single = {k: v for k, v in request.items() if k != "input_configs"}
            single["input_config"] = config
            try:
                planned = plan(single, stores)
            except requestcheck.RequestError:
                continue  # An input may lack a variable or a time that another has.
            if planned is not None:
                sizes.append((planned.images, planned.width, planned.height))
            else:
                sizes.append(_size_of(generator.get_cube_info(single).to_dict()))
        _, width, height = max(sizes, key=lambda size: size[1] * size[2])
        written = {"images": sum(s[0] for s in sizes), "width": width, "height": height}
    if with_levels:
        if written["images"] is None:
            written = dict(zip(("images", "width", "height"), size, strict=True))
        info = result["result"]
        _add_levels(info, written, written["images"], _tile_of(info, written))
    result["written"] = written
    return result


def _tile_of(info: dict[str, Any], written: dict[str, Any]) -> list[int]:
    """The chunks' width and height by xcube's estimate; the whole image if it has none."""
    tile = (info.get("size_estimation") or {}).get("tile_size")
    whole = [written["width"], written["height"]]
    return tile if isinstance(tile, (list, tuple)) and len(tile) == 2 else whole


def _size_of(info: dict[str, Any]) -> tuple[int, int, int]:
    """(images, width, height) by xcube's estimate. Raises RequestError if it is too large."""
    descriptor = info["result"]["dataset_descriptor"]
    dims = descriptor.get("dims") or {}
    requestcheck.check_answer(dims)
    images = len(descriptor.get("data_vars") or ()) * max(dims.get("time") or 1, 1)
    width, height = dims.get("lon") or dims.get("x") or 1, dims.get("lat") or dims.get("y") or 1
    return images, width, height


def _validate(request: dict[str, Any]) -> None:
    """Check user code, but do not fetch or execute it, because no estimate depends on it."""
    from xcube.core.gen2.request import CubeGeneratorRequest

    CubeGeneratorRequest.get_schema().validate_instance(request)


def _without_nan(result: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN; what xcube could not determine is null."""
    return json.loads(json.dumps(result, default=str), parse_constant=lambda name: None)


def too_large() -> dict[str, Any]:
    text = "The request needs too much memory to be estimated."
    return failed(Failure("request", 400, text))


def without_places(failure: Failure, body: Any) -> Failure:
    """The failure with the roots of the stores in `body` left out of its message."""
    given = body.get("stores") if isinstance(body, dict) else None
    message = without_roots(failure.message, given if isinstance(given, dict) else {})
    return failure._replace(message=message)


def failed(failure: Failure) -> dict[str, Any]:
    """The answer for a failure."""
    return {
        "status": "error",
        "status_code": failure.status_code,
        "message": failure.message,
        "kind": failure.kind,
    }


def _field(error: Exception, message: str) -> str | None:
    """The field of the request that is at fault, where the message begins with it."""
    found = _FIELD.match(message)
    return getattr(error, "field", None) or (found.group(1) if found else None)


def forget() -> None:
    """File systems are cached with credentials and listings: the next request gets its own."""
    from fsspec.spec import AbstractFileSystem

    containment.forget()
    todo = [AbstractFileSystem]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        kind.clear_instance_cache()
