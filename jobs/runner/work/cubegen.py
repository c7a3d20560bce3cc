"""A cube generation: what `xcube gen2 --stores … -o result.json` does, in a warm process.

The result is written in xcube's own shape; a failure whose cause a user can
act on gets a short sentence besides, in failure.json.
"""

from __future__ import annotations

import base64
import json
import os
import traceback
from pathlib import Path
from typing import Any

from ..record.failures import describe, without_roots
from ..record.outcome import NO_SPACE_EXIT
from ..record.progress import ProgressWriter
from ..record.rundir import RunDir, insistently
from . import containment, egress, requestcheck

WRITE_TRIES = 10
_TRACEBACK_LINES = 100
_MESSAGE_CHARS = 20_000


def generate(payload: dict[str, Any], *, run: RunDir, progress: int, scratch: Path) -> int:
    """Generate the cube and write the result; gives the exit code."""
    from . import levels
    from .outputs import Writing
    from .stores import NamedStores
    from .writing import TooLarge, write_at_most

    stores = NamedStores()
    writing: Writing | None = None
    try:
        request = _request(payload, scratch)
        requestcheck.check(request)
        containment.check(request, payload["stores"])
        request, with_levels = levels.taken_from(request)
        if with_levels:
            containment.check_levels(request, payload["stores"], levels.name_of)
        with egress.guarded(payload.get("egress"), request=request, stores=payload["stores"]):
            stores = NamedStores.from_dict(payload["stores"])
            writing = Writing(request, stores, run, with_levels=with_levels)
            writing.watch()
            write_at_most(payload.get("admitted_cells"), with_levels=with_levels)
            result = _generate(request, stores, progress)
    except BaseException as error:  # noqa: BLE001 - as `xcube gen2` does
        traceback.print_exc()
        failure = describe(error, store=stores.last_used)
        message = without_roots(failure.message, payload["stores"])
        result = _error_result(error, without_roots(str(error), payload["stores"]), run.root)
        kind = "cost" if isinstance(error, TooLarge) else failure.kind
        _write(run, "failure.json", {"kind": kind, "message": message})
    else:
        print(result.get("message") or "Done.")
    if not _write(run, "result.json", result):
        return NO_SPACE_EXIT
    if result["status"] == "error":
        return 1
    if writing is not None:
        _finish(writing)
    if result["status"] == "ok":
        _describe(run, result, request, stores, payload)
    return 0


def _finish(writing: Any) -> None:
    """The cube is complete and the result recorded: a claim that cannot be removed now is
    replaced by the next one, and names a run that succeeded until then."""
    try:
        writing.finished()
    except Exception:  # noqa: BLE001 - stores raise what they like
        traceback.print_exc()


def _describe(
    run: RunDir,
    result: dict[str, Any],
    request: dict[str, Any],
    stores: Any,
    payload: dict[str, Any],
) -> None:
    """Add what was made to the result, which is recorded already; nothing here ends the run."""
    from .made import record

    try:
        data_id = result["result"]["data_id"]
        with egress.guarded(payload.get("egress"), request=request, stores=payload["stores"]):
            made = record(request, stores, data_id=data_id)
        if made:
            _write(run, "result.json", {**result, "made": made})
    except Exception:  # noqa: BLE001 - stores and data raise what they like
        traceback.print_exc()


def _request(payload: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """The request with the uploaded code in its place, and without a callback of its own."""
    request = {k: v for k, v in payload["request"].items() if k != "callback_config"}
    if payload.get("code") is not None:
        archive = scratch / "code.zip"
        archive.write_bytes(base64.b64decode(payload["code"]))
        config = request.get("code_config")
        if not isinstance(config, dict):
            raise requestcheck.RequestError("code_config: is required with uploaded code")
        files = config.get("file_set")
        files = files if isinstance(files, dict) else {}
        request["code_config"] = {**config, "file_set": {**files, "path": str(archive)}}
    return request


def _generate(request: dict[str, Any], stores: Any, progress: int) -> dict[str, Any]:
    from xcube.core.gen2.local.generator import LocalCubeGenerator
    from xcube.util.progress import ProgressObserver, add_progress_observers

    observer_type = type("Observer", (ProgressWriter, ProgressObserver), {})
    generator = LocalCubeGenerator(store_pool=stores, raise_on_error=True)
    with add_progress_observers(observer_type(progress)):
        return generator.generate_cube(request).to_dict()


def _error_result(error: BaseException, message: str, root: Path) -> dict[str, Any]:
    code = getattr(error, "status_code", None)
    trace = getattr(error, "remote_traceback", None) or traceback.format_tb(error.__traceback__)
    return {
        "status": "error",
        "status_code": code if isinstance(code, int) else 400,
        "message": message[:_MESSAGE_CHARS],
        "traceback": trace[-_TRACEBACK_LINES:],
        "versions": versions(root),
    }


def versions(root: Path) -> dict[str, str]:
    """xcube's versions; the zygote has had them listed, which takes seconds."""
    try:
        return json.loads((root / ".cache" / "versions.json").read_bytes())
    except (OSError, ValueError):
        from xcube.util.versions import get_xcube_versions

        return get_xcube_versions()


def _write(run: RunDir, file: str, content: dict[str, Any]) -> bool:
    os.umask(0o077)
    try:
        text = json.loads(json.dumps(content, default=str))
        insistently(lambda: run.write(file, text), tries=WRITE_TRIES)
    except OSError as error:
        print(f"{file} was not written: {error}")
        return False
    return True
