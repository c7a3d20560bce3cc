"""Rules of a `code_config`: users' own code is inline, or the uploaded archive.

It is never a path or URL, because xcube would fetch it.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import FieldError
from .json_rules import size_faults
from .paths import path_fault

UPLOAD_PLACEHOLDER = "user_code.zip"  # the run replaces it by the real path of the archive


def code_faults(code: dict, *, uploaded: bool) -> Iterator[FieldError]:
    field = "code_config"
    inline, file_set = code.get("inline_code"), code.get("file_set")
    if (inline is None) == (file_set is None):
        yield FieldError(field, "expected exactly one of inline_code and file_set")
    if fault := _reference_fault(code["callable_ref"], is_inline=inline is not None):
        yield FieldError(f"{field}.callable_ref", fault)
    yield from size_faults(field, code, "callable_params")
    if code.get("install_required") and file_set is None:
        yield FieldError(f"{field}.install_required", "expected only together with file_set")
    if file_set is not None:
        yield from _file_set_faults(file_set, uploaded=uploaded)
    elif uploaded:
        yield FieldError(f"{field}.file_set", "missing; expected a file_set for uploaded code")


def _reference_fault(reference: str, *, is_inline: bool) -> str | None:
    module, colon, name = reference.partition(":")
    parts = module.split(".")
    if not (colon and name.isidentifier() and all(part.isidentifier() for part in parts)):
        return "expected a function or class as 'module:name'"
    if is_inline and len(parts) > 1:
        return "expected a module without dots for inline code"
    return None


def _file_set_faults(file_set: dict, *, uploaded: bool) -> Iterator[FieldError]:
    field = "code_config.file_set"
    if not uploaded:
        yield FieldError(
            f"{field}.path", "not accepted; send code inline or upload it to cubegens/code"
        )
        return
    path = file_set["path"]
    if "/" in path or path_fault(path):
        yield FieldError(f"{field}.path", "expected the bare name of the uploaded file")
    if "storage_params" in file_set:
        yield FieldError(f"{field}.storage_params", "not accepted for uploaded code")
    sub_path = file_set.get("sub_path")
    if sub_path is not None and (fault := path_fault(sub_path.removesuffix("/"))):
        yield FieldError(f"{field}.sub_path", fault)
    for name in ("includes", "excludes"):
        for index, pattern in enumerate(file_set.get(name, [])):
            if fault := _pattern_fault(pattern):
                yield FieldError(f"{field}.{name}[{index}]", fault)


def _pattern_fault(pattern: str) -> str | None:
    """Check patterns that select names in the archive; a leading `/` means its top folder."""
    plain = pattern.removeprefix("/").removesuffix("/")
    for wildcard in "*?![]":
        plain = plain.replace(wildcard, "x")
    return path_fault(plain)
