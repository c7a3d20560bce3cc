"""Checks the configuration that a user gives for an xcube server, and refuses it with fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from hubsite.refusals import FieldError, Refused
from jobs.request.errors import NOT_LISTED
from jobs.request.json_rules import json_faults
from jobs.stores.catalogue import load_catalogue
from services.models import ServiceProfile

from . import schema
from .checks import meaning_faults, text_faults
from .shown import dataset_ids
from .spelling import respelled

__all__ = ["check_configuration", "dataset_ids"]

MAX_REPORTED = 10
MAX_BYTES = 256 * 1024
_MAX_SENTENCE = 4000


def check_configuration(
    configuration: object,
    *,
    profile: ServiceProfile | None = None,
    field: str = "configuration",
    user: Any = None,
) -> dict[str, Any]:
    """The configuration in xcube's spelling, if all of it is accepted.

    Raises Refused with up to ten faults, whose fields begin with `field`, and no other exception
    for any JSON value. Raises StoresFileError if the stores file cannot be read. The stores that
    a user may read are the same for all users; `user` has a folder of their own in some.
    """

    def refuse(faults: Iterable[FieldError]) -> None:
        if found := list(islice(faults, MAX_REPORTED + 1)):
            raise _refusal(found, field)

    if not isinstance(configuration, dict) or not configuration:
        refuse([FieldError("", "expected an object with DataStores or Datasets")])
    refuse(json_faults(configuration))
    refuse(_size_faults(configuration))
    checked = respelled(configuration, schema.CONFIGURATION)
    refuse(schema.STRUCTURE.faults(checked))
    refuse(text_faults(checked))
    refuse(meaning_faults(checked, load_catalogue(), profile))
    return checked


def _size_faults(document: object) -> Iterator[FieldError]:
    if len(json.dumps(document, separators=(",", ":"))) > MAX_BYTES:
        yield FieldError("", f"expected at most {MAX_BYTES // 1024} kB")


def _refusal(faults: list[FieldError], field: str) -> Refused:
    distinct = [fault for fault in dict.fromkeys(faults) if fault != NOT_LISTED]
    listed = [FieldError(_below(field, fault.field), fault.message) for fault in distinct]
    if len(listed) > MAX_REPORTED or NOT_LISTED in faults:
        listed = [*listed[:MAX_REPORTED], NOT_LISTED]
    sentence = "; ".join(str(fault) for fault in listed)
    return Refused(sentence[:_MAX_SENTENCE], errors=listed)


def _below(field: str, path: str) -> str:
    if not field or not path:
        return field or path
    return f"{field}{path}" if path.startswith("[") else f"{field}.{path}"
