"""Check the workload of a service, and split it into what each process needs.

Pure functions. The runner reads only `meta`, which holds no secret; `work` holds the stores with
their keys, and only the service's own process reads it.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import urlsplit

from ..record.workload import WorkloadError, check_egress, is_name, loads

KIND = "xcube_server"
_FIELDS = {
    "name", "revision", "payload", "path", "probe", "env", "memory_bytes", "is_asleep", "command",
}  # fmt: skip
_COMMAND = {"arguments", "env", "keeps"}
_MOST_ARGUMENTS = 200
_PAYLOAD = {"kind", "config", "viewer", "public_url", "egress", "own_stores"}
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*\Z")
_PROBE = re.compile(r"/[A-Za-z0-9._~/?=&-]*\Z")


def parse(text: bytes | bytearray | str) -> dict[str, dict[str, Any]]:
    """The parts of a workload: {"meta", "work"}. Raises WorkloadError, which names the field.

    meta: name, revision, path, probe, memory_bytes, is_asleep, and two digests: if `place`
    changes, the process must start anew; if `digest` changes, it reads its work again. work:
    payload and env, or payload, env and command; a command always starts anew.
    """
    workload = loads(text)
    if not isinstance(workload, dict):
        raise WorkloadError("The workload must be a JSON object.")
    unknown = set(workload) - _FIELDS
    if unknown:
        raise WorkloadError(f"{min(unknown)}: is not a field of a service.")
    if not is_name(workload.get("name")):
        raise WorkloadError("name: must be of a-z, 0-9 and -, at most 63 characters.")
    meta = {
        "name": workload["name"],
        "revision": _whole(workload, "revision", least=0),
        "path": _text(workload, "path", _PATH, default=""),
        "probe": _text(workload, "probe", _PROBE, default="/"),
        "memory_bytes": _whole(workload, "memory_bytes", least=1, may_lack=True),
        "is_asleep": workload.get("is_asleep", False),
    }
    if not isinstance(meta["is_asleep"], bool):
        raise WorkloadError("is_asleep: must be true or false.")
    env = _env(workload.get("env"))
    command = _command(workload.get("command"))
    if command is None:
        work = {"payload": _payload(workload.get("payload")), "env": env}
        meta["place"] = _digest([meta["path"], meta["probe"], work["env"]])
    else:
        work = {"payload": _object(workload.get("payload")), "env": env, "command": command}
        meta["place"] = _digest([meta["path"], meta["probe"], work])
    meta["digest"] = _digest([meta["place"], work])
    return {"meta": meta, "work": work}


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _whole(workload: dict, field: str, *, least: int, may_lack: bool = False) -> int | None:
    value = workload.get(field)
    if value is None and may_lack:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**62:
        raise WorkloadError(f"{field}: must be a whole number from {least}.")
    return value


def _text(workload: dict, field: str, shape: re.Pattern[str], *, default: str) -> str:
    value = workload.get(field, default)
    if not isinstance(value, str) or len(value) > 200 or not shape.match(value):
        raise WorkloadError(f"{field}: must be a plain path.")
    if any(set(part) == {"."} for part in value.split("/") if part):
        raise WorkloadError(f"{field}: must not contain . or ..")
    return value


def _env(env: Any) -> dict[str, str]:
    env = {} if env is None else env
    if not isinstance(env, dict):
        raise WorkloadError("env: must be an object.")
    for key, value in env.items():
        is_key = key and "=" not in key and "\0" not in key
        if not is_key or not isinstance(value, str) or "\0" in value:
            raise WorkloadError("env: must hold names and texts.")
    return env


def _command(command: Any) -> dict[str, Any] | None:
    """The command to start in place of the program of the payload, if there is one."""
    if command is None:
        return None
    if not isinstance(command, dict) or set(command) != _COMMAND:
        raise WorkloadError(f"command: must be an object of {', '.join(sorted(_COMMAND))}.")
    arguments = command["arguments"]
    if not isinstance(arguments, list) or not 0 < len(arguments) <= _MOST_ARGUMENTS:
        raise WorkloadError(f"command.arguments: must be 1 to {_MOST_ARGUMENTS} texts.")
    if not all(isinstance(text, str) and "\0" not in text for text in arguments):
        raise WorkloadError("command.arguments: must be texts.")
    if not is_name(command["keeps"]):
        raise WorkloadError("command.keeps: must be of a-z, 0-9 and -, at most 63 characters.")
    return {"arguments": arguments, "env": _env(command["env"]), "keeps": command["keeps"]}


def _object(payload: Any) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise WorkloadError("payload: must be an object.")
    return payload


def _payload(payload: Any) -> dict[str, Any]:
    payload = _object(payload)
    if payload.get("kind") != KIND:
        raise WorkloadError(f"payload.kind: must be {KIND}.")
    unknown = set(payload) - _PAYLOAD
    if unknown:
        raise WorkloadError(f"payload.{min(unknown)}: is not a field of {KIND}.")
    if not isinstance(payload.get("config"), dict):
        raise WorkloadError("payload.config: must be an object.")
    if not isinstance(payload.get("viewer", {}), dict | None):
        raise WorkloadError("payload.viewer: must be an object or null.")
    _check_url(payload.get("public_url"))
    check_egress(payload.get("egress"), "payload.egress")
    own = payload.get("own_stores", [])
    if not isinstance(own, list) or not all(isinstance(name, str) for name in own):
        raise WorkloadError("payload.own_stores: must be a list of Identifiers of DataStores.")
    if own and not (payload.get("egress") or {}).get("deny_private"):
        raise WorkloadError("payload.own_stores: needs payload.egress with deny_private.")
    return payload


def _check_url(url: Any) -> None:
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isascii() else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise WorkloadError("payload.public_url: must be an http or https address.")
    if url.endswith("/") or parts.query or parts.fragment or any(c <= " " for c in url):
        raise WorkloadError("payload.public_url: must have no slash at its end, and no query.")
