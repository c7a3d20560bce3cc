"""Check a workload, and split it into the parts that each process needs.

Pure functions, but for the one that reads the file. Each part goes into a file of its own, so
that neither the zygote nor the run reads a secret that is not meant for it.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
import zlib
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

WORKLOAD_BYTES = 64 << 20
_GZIP = b"\x1f\x8b"
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")


class WorkloadError(ValueError):
    """The workload is malformed; the message names the field."""


def is_name(name: object) -> bool:
    return isinstance(name, str) and NAME.match(name) is not None


def parse(text: bytes | bytearray | str, *, allow_standins: bool) -> dict[str, dict | None]:
    """The parts of a workload: {"meta", "work", "report"}.

    meta: name, attempt, deadline_s, memory_bytes, kind, has_code, wants_looks; work: payload,
    env (only the run reads it); report: url and token, or None (only the supervisor reads it).
    """
    workload = loads(text)
    if not isinstance(workload, dict):
        raise WorkloadError("The workload must be a JSON object.")
    unknown = set(workload) - _FIELDS
    if unknown:
        raise WorkloadError(f"{sorted(unknown)[0]}: is not a field of a workload.")
    if not is_name(workload.get("name")):
        raise WorkloadError("name: must be of a-z, 0-9 and -, at most 63 characters.")
    attempt = workload.get("attempt")
    if isinstance(attempt, bool) or not isinstance(attempt, (int, str)):
        raise WorkloadError("attempt: must be a number or a string.")
    meta = {
        "name": workload["name"],
        "attempt": attempt,
        "deadline_s": _positive(workload, "deadline_s", (int, float)),
        "memory_bytes": _positive(workload, "memory_bytes", (int,)),
    }
    work = {"payload": _payload(workload, allow_standins), "env": _env(workload)}
    meta["kind"] = work["payload"]["kind"]
    meta["has_code"] = _has_code(work["payload"])
    meta["wants_looks"] = meta["kind"] == "cubegen" and work["payload"].get("quicklooks") is True
    return {"meta": meta, "work": work, "report": _report(workload)}


_FIELDS = {"name", "attempt", "payload", "env", "deadline_s", "memory_bytes", "report", "code"}


def loads(text: bytes | bytearray | str) -> Any:
    """JSON without NaN and Infinity; raises WorkloadError."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise WorkloadError("The JSON is nested too deeply.") from None
    except ValueError as error:
        raise WorkloadError(f"The body is not valid JSON: {error}") from None


def read_workload(path: Path) -> Any:
    """The JSON in a workload file, which may be gzip. Raises OSError and WorkloadError."""
    with open(path, "rb") as stream:
        data = stream.read(WORKLOAD_BYTES + 1)
    if data.startswith(_GZIP):
        data = _unpacked(data)
    if len(data) > WORKLOAD_BYTES:
        raise WorkloadError(f"The workload has more than {WORKLOAD_BYTES >> 20} MiB.")
    return loads(data)


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = unpacking.decompress(data, WORKLOAD_BYTES + 1)
    except zlib.error as error:
        raise WorkloadError(f"The workload cannot be unpacked: {error}") from None
    if not unpacking.eof and len(text) <= WORKLOAD_BYTES:
        raise WorkloadError("The workload is cut off.")
    return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _positive(workload: dict, field: str, types: tuple[type, ...]) -> Any:
    value = workload.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, types) or not 0 < value < 2**63:
        raise WorkloadError(f"{field}: must be a positive number or null.")
    return value


def _env(workload: dict) -> dict[str, str]:
    env = workload.get("env") or {}
    if not isinstance(env, dict):
        raise WorkloadError("env: must be an object.")
    for key, value in env.items():
        if not key or "=" in key or "\0" in key or not isinstance(value, str) or "\0" in value:
            raise WorkloadError(f"env.{key}: names and values must be plain strings.")
    return env


def _report(workload: dict) -> dict | None:
    report = workload.get("report")
    if report is None:
        return None
    if not isinstance(report, dict) or set(report) != {"url", "token"}:
        raise WorkloadError("report: must hold url and token.")
    url, token = report["url"], report["token"]
    if not is_address(url):
        raise WorkloadError("report.url: must be an http or https address.")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise WorkloadError("report.token: must be a plain string.")
    return {"url": url, "token": token}


def is_address(url: object) -> bool:
    """Whether `url` is an HTTP address that can be called."""
    if not isinstance(url, str) or not url.isascii() or any(c <= " " for c in url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is none
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _payload(workload: dict, allow_standins: bool) -> dict:
    payload = workload.get("payload")
    if not isinstance(payload, dict):
        raise WorkloadError("payload: must be an object.")
    if workload.get("code") is not None:
        payload["code"] = workload["code"]  # comes beside it: an engine does not open the payload
    kind = payload.get("kind")
    if kind == "standin":
        if not allow_standins:
            raise WorkloadError("payload.kind: stand-ins are not enabled in this runner.")
        return payload
    if kind != "cubegen":
        raise WorkloadError("payload.kind: must be cubegen.")
    for field in ("request", "stores"):
        if not isinstance(payload.get(field), dict):
            raise WorkloadError(f"payload.{field}: must be an object.")
    code = payload.get("code")
    try:
        if code is not None:
            base64.b64decode(code, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise WorkloadError("payload.code: must be base64.") from None
    check_egress(payload.get("egress"), "payload.egress")
    _positive(payload, "admitted_cells", (int,))
    if not isinstance(payload.get("quicklooks", False), bool):
        raise WorkloadError("payload.quicklooks: must be true or false.")
    return payload


def _has_code(payload: dict) -> bool:
    """Whether the run executes its owner's code, which may do anything, also to itself."""
    request = payload.get("request")
    config = request.get("code_config") if isinstance(request, dict) else None
    return config is not None or payload.get("code") is not None


def check_egress(egress: object, field: str) -> None:
    """Raises WorkloadError unless it is null or {"deny_private", "allow_networks"}."""
    if egress is None:
        return
    if not isinstance(egress, dict) or set(egress) - {"deny_private", "allow_networks"}:
        raise WorkloadError(f"{field}: must hold deny_private and allow_networks.")
    networks = egress.get("allow_networks", [])
    if not isinstance(egress.get("deny_private"), bool) or not isinstance(networks, list):
        raise WorkloadError(f"{field}: must hold deny_private (bool) and allow_networks (list).")
    for network in networks:
        try:
            ipaddress.ip_network(network if isinstance(network, str) else "")
        except ValueError:
            raise WorkloadError(f"{field}.allow_networks: {network!r} is no network.") from None
