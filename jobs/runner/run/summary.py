"""The summary of a run's end, for the last report and for the termination message.

Pure functions. Users' code may have written the result, so only well-formed members are passed on.
"""

from __future__ import annotations

import json
from typing import Any

from ..system import strictjson

REPORT_BYTES = 60_000
TERMINATION_BYTES = 4096
"""Kubernetes cuts off what is longer."""

_STATUSES = ("ok", "warning", "error")
_MESSAGE_CHARS = 4_000
_DATA_ID_CHARS = 1_000
_VERSIONS = 500
_VERSION_CHARS = 200
_FIELDS = (
    "phase", "reason", "message", "exit_code", "signal", "started_at", "finished_at",
    "peak_memory_bytes", "written_cells", "wrote",
)  # fmt: skip


def reported(result: Any) -> dict[str, Any] | None:
    """xcube's result without traceback and output; None if it is malformed."""
    if not isinstance(result, dict) or result.get("status") not in _STATUSES:
        return None
    told: dict[str, Any] = {"status": result["status"]}
    code = result.get("status_code")
    if isinstance(code, int) and not isinstance(code, bool) and 100 <= code < 1000:
        told["status_code"] = code
    if isinstance(result.get("message"), str):
        told["message"] = _cut(strictjson.clean_text(result["message"]), _MESSAGE_CHARS)
    reference = result.get("result")
    data_id = reference.get("data_id") if isinstance(reference, dict) else None
    if isinstance(data_id, str) and len(data_id) <= _DATA_ID_CHARS:
        told["result"] = {"data_id": strictjson.clean_text(data_id)}
    versions = _versions(result.get("versions"))
    if versions and len(strictjson.dumps({**told, "versions": versions})) <= REPORT_BYTES:
        told["versions"] = versions
    made = strictjson.clean(result.get("made"))
    if isinstance(made, dict) and len(strictjson.dumps({**told, "made": made})) <= REPORT_BYTES:
        told["made"] = made
    return told


def _versions(versions: Any) -> dict[str, str]:
    if not isinstance(versions, dict) or len(versions) > _VERSIONS:
        return {}
    return {
        strictjson.clean_text(str(name))[:_VERSION_CHARS]: strictjson.clean_text(version)
        for name, version in versions.items()
        if isinstance(version, str) and len(version) <= _VERSION_CHARS
    }


def termination_message(
    status: dict[str, Any], result: Any, *, name: str | None, attempt: int | str | None
) -> bytes:
    """The end of the run as JSON that fits. A text that is too long ends in an ellipsis."""
    told = reported(result)
    if told:
        told.pop("versions", None)
        told.pop("made", None)
    message = {"name": name, "attempt": attempt, **{f: status.get(f) for f in _FIELDS}}
    for chars in (_MESSAGE_CHARS, 1500, 1000, 500, 200, 50):
        shorter = None
        if told:
            shorter = {**told, "message": _cut(told.get("message"), chars)}
        shown = {**message, "message": _cut(message["message"], chars), "result": shorter}
        data = _dumps(shown)
        if len(data) <= TERMINATION_BYTES:
            return data
    return _dumps({**shown, "result": None})


def _cut(text: Any, chars: int) -> Any:
    return text if text is None or len(text) <= chars else f"{text[: chars - 1]}…"


def _dumps(content: Any) -> bytes:
    text = json.dumps(strictjson.clean(content), separators=(",", ":"), ensure_ascii=False)
    return text.encode()
