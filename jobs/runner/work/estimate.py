"""The answer to an estimate: what `xcube gen2 -i` would say, or whose fault it is that it cannot.

Runs in an estimator process; changes nothing that the next request would see.
"""

from __future__ import annotations

import json
import traceback
from typing import Any

from ..record.failures import Failure, describe, without_roots
from ..record.workload import WorkloadError, check_egress
from ..system.process import say
from . import containment, egress, requestcheck


class EstimateTimeout(BaseException):
    """The time for one estimate is over; no `except Exception` of a library swallows it."""


class EstimateTooLarge(BaseException):
    """The estimate has taken more memory than it may; like EstimateTimeout."""


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
        given = body.get("stores") if isinstance(body, dict) else None
        roots = given if isinstance(given, dict) else {}
        message = without_roots(failure.message, roots)
        return failed(failure._replace(message=message))
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
    from xcube.core.gen2.local.generator import LocalCubeGenerator

    from .measure import written
    from .stores import output_exists

    request = {key: value for key, value in request.items() if key != "callback_config"}
    code = request.pop("code_config", None)
    if code is not None:
        _validate({**request, "code_config": code})
    measured = written(request, stores)
    info = LocalCubeGenerator(store_pool=stores, raise_on_error=True).get_cube_info(request)
    result = info.to_dict()
    requestcheck.check_answer(result["result"]["dataset_descriptor"].get("dims") or {})
    result["written"] = measured
    result["output_exists"] = output_exists(request.get("output_config"), stores)
    return _without_nan(result)


def _validate(request: dict[str, Any]) -> None:
    """User code is checked, but neither fetched nor run: no estimate depends on it."""
    from xcube.core.gen2.request import CubeGeneratorRequest

    CubeGeneratorRequest.get_schema().validate_instance(request)


def _without_nan(result: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN; what xcube could not determine is null."""
    return json.loads(json.dumps(result, default=str), parse_constant=lambda name: None)


def too_large() -> dict[str, Any]:
    text = "The request needs too much memory to be estimated."
    return failed(Failure("request", 400, text))


def failed(failure: Failure) -> dict[str, Any]:
    """The answer that tells a failure."""
    return {
        "status": "error",
        "status_code": failure.status_code,
        "message": failure.message,
        "kind": failure.kind,
    }


def forget() -> None:
    """File systems are cached with credentials and listings: the next request gets its own."""
    from fsspec.spec import AbstractFileSystem

    todo = [AbstractFileSystem]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        kind.clear_instance_cache()
