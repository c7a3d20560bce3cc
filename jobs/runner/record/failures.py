"""Classify failures, and describe each in one sentence that a user understands.

Kinds: "request" (the request cannot be met), "store" (a data store cannot be reached or
opened), "internal" (anything else).
"""

from __future__ import annotations

import errno
import re
from typing import Any, NamedTuple

MESSAGE_CHARS = 1_000
NO_SPACE = "No space left in the output store or on this machine."
NO_SPACE_HERE = "No space left on the runner's disk."
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ON_INSTANCE = re.compile(r"^On instance((?:\[[^\n]*?\])*):$", re.MULTILINE)
_STEP = re.compile(r"\['([^']*)'\]|\[(\d+)\]")
_NETWORK_PACKAGES = {"botocore", "aiobotocore", "aiohttp", "requests", "urllib3", "s3fs", "adlfs"}
_REQUEST_ERRORS = {"CubeGeneratorError", "ValidationError", "DataStoreError", "OutsideStore"}


class Failure(NamedTuple):
    kind: str
    status_code: int
    message: str


def chain(error: BaseException) -> list[BaseException]:
    """The error and its causes, outermost first."""
    found: list[BaseException] = []
    todo: BaseException | None = error
    while todo is not None and todo not in found:
        found.append(todo)
        todo = todo.__cause__ or todo.__context__
    return found


def describe(error: BaseException, *, store: str | None = None) -> Failure:
    """Kind, status code and message of an error; `store` is the store last used."""
    errors = chain(error)
    message = shorten(str(error) or type(error).__name__)
    if any(is_full(e) for e in errors):
        return Failure("store", 507, NO_SPACE)
    if any(_is_unreachable(e) for e in errors):
        named = f'the data store "{store}"' if store else "a data store"
        late = any(isinstance(e, TimeoutError) for e in errors)
        return Failure("store", 504 if late else 502, f"Cannot reach {named}: {message}")
    code = getattr(error, "status_code", None)
    if any(type(e).__name__ in _REQUEST_ERRORS for e in errors):
        return Failure("request", code if isinstance(code, int) else 400, message)
    if isinstance(error, OSError) and not _is_unreadable(error):
        named = f'the data store "{store}"' if store else "a data store"
        return Failure("store", 502, f"Cannot open {named}: {message}")
    if isinstance(error, (ValueError, OSError)):
        return Failure("request", code if isinstance(code, int) else 400, message)
    return Failure("internal", code if isinstance(code, int) else 500, message)


def is_full(error: BaseException) -> bool:
    """Whether the error says that a disk is full."""
    return isinstance(error, OSError) and error.errno in _FULL


def unwritten(error: OSError) -> tuple[int, str]:
    """HTTP status and message of a failure to write into the runs folder."""
    if is_full(error):
        return 507, NO_SPACE_HERE
    return 503, f"The runner cannot write to its disk: {error.strerror or error}"


def _is_unreadable(error: OSError) -> bool:
    """Whether a file was read but is not of its format, so that its store is not at fault.

    netCDF4 reports it with a number below zero, or as an invalid argument; GDAL with its own type.
    """
    number = error.errno or 0
    return number < 0 or number == errno.EINVAL or type(error).__name__ == "RasterioIOError"


def _is_unreachable(error: BaseException) -> bool:
    if isinstance(error, (FileNotFoundError, FileExistsError, IsADirectoryError)):
        return False
    if isinstance(error, (ConnectionError, TimeoutError, PermissionError)):
        return True
    kinds = type(error).__mro__
    return any(kind.__module__.split(".")[0] in _NETWORK_PACKAGES for kind in kinds)


def shorten(message: str) -> str:
    """The first line of a message; of a schema's long dump the path and the first line."""
    line = message.strip().split("\n", 1)[0].strip()[:MESSAGE_CHARS]
    place = _ON_INSTANCE.search(message)
    if place:
        path = json_path([name or int(index) for name, index in _STEP.findall(place.group(1))])
        return f"{path}: {line}" if path else line
    return line


def without_roots(message: str, stores: dict[str, Any]) -> str:
    """Replace paths below a configured store's root by `@name`.

    Users must not learn how the operators' machines are laid out.
    """
    roots = {}
    for name, store in stores.items():
        params = store.get("store_params") if isinstance(store, dict) else None
        root = params.get("root") if isinstance(params, dict) else None
        if isinstance(root, str) and len(root) > 1:
            roots[root.rstrip("/")] = f"@{name}"
    for root in sorted(roots, key=len, reverse=True):
        message = message.replace(root, roots[root])
    return message


def json_path(steps: list[str | int]) -> str:
    """A path as text: ["cube_config", "bbox", 2] becomes "cube_config.bbox[2]"."""
    text = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps)
    return text.removeprefix(".")
