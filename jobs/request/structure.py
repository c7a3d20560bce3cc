"""Checks the structure of a caller's JSON document in bounded time, by a JSON Schema.

Each part of the schema has `expected`: the sentence that a caller reads if the part is wrong. An
object may have `refused`: members that are known but not accepted, each with the sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from .errors import MAX_REPORTED, NOT_LISTED, FieldError
from .json_rules import member

# The library would check all of a list or object that is too long, and put all unknown members
# into a message. That takes seconds for a request that is refused anyway.


def _items(validator, items, instance, schema):
    if isinstance(instance, list) and len(instance) <= schema.get("maxItems", len(instance)):
        yield from Draft202012Validator.VALIDATORS["items"](validator, items, instance, schema)


def _additional_properties(validator, allowed, instance, schema):
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    unknown = [key for key in instance if key not in known]
    if allowed is False and unknown:
        yield ValidationError("unknown", instance=instance)
    elif allowed and len(unknown) <= schema.get("maxProperties", len(unknown)):
        for key in unknown:
            yield from validator.descend(instance[key], allowed, path=key)


_Validator = extend(
    Draft202012Validator,
    {"items": _items, "additionalProperties": _additional_properties},
)


class Structure:
    """A JSON Schema that tells the faults of documents."""

    def __init__(self, schema: Mapping[str, Any]):
        self._validator = _Validator(schema)

    def faults(self, document: object) -> Iterator[FieldError]:
        """Faults in the structure of `document`, one for each field.

        If there are very many, the list is cut and ends with NOT_LISTED.
        """
        told: set[str] = set()
        for count, error in enumerate(self._validator.iter_errors(document)):
            if count == 4 * MAX_REPORTED:
                yield NOT_LISTED
                return
            path = _field(error.absolute_path)
            known = error.schema.get("properties", {})
            if error.validator == "additionalProperties":
                unknown = (key for key in error.instance if key not in known)
                refused = error.schema.get("refused", {})
                for key in islice(unknown, 4 * MAX_REPORTED):
                    why = refused.get(key) or f"unknown; expected {_any_of(known)}"
                    yield FieldError(member(path, key), why)
            elif error.validator == "required":
                for key in error.validator_value:
                    if key not in error.instance and member(path, key) not in told:
                        told.add(member(path, key))
                        yield FieldError(
                            member(path, key), f"missing; expected {known[key]['expected']}"
                        )
            elif path not in told:
                told.add(path)
                yield FieldError(path, f"expected {error.schema['expected']}")


def _field(path) -> str:
    field = ""
    for part in path:
        field = f"{field}[{part}]" if isinstance(part, int) else member(field, part)
    return field


def _any_of(names) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
