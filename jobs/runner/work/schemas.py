"""Makes xcube's validation faster: same rules, but its own schemas are not checked again.

xcube checks each of its constant schemas against the meta schema at each use, which takes nearly
half of an estimate's time.
"""

from __future__ import annotations

from typing import Any

import jsonschema
from jsonschema.exceptions import best_match
from xcube.util.jsonschema import JsonSchema

_base = jsonschema.validators.Draft7Validator
_validator = jsonschema.validators.extend(
    _base,
    # As in xcube: tuples are arrays too.
    type_checker=_base.TYPE_CHECKER.redefine(
        "array", lambda checker, instance: isinstance(instance, (list, tuple))
    ),
)


def _validate_instance(self: JsonSchema, instance: Any) -> None:
    validator = _validator(self.to_dict(), format_checker=_base.FORMAT_CHECKER)
    error = best_match(validator.iter_errors(instance))
    if error is not None:
        raise error


def trust_schemas() -> None:
    """In this process and all forked from it."""
    JsonSchema.validate_instance = _validate_instance
