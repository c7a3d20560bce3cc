"""How a request that cannot be accepted is told to its caller: each fault by field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_REPORTED = 50


@dataclass(frozen=True)
class FieldError:
    """One fault: `field` is a path such as `input_configs[0].data_id`, `message` says what is
    expected there."""

    field: str
    message: str


NOT_LISTED = FieldError("", "more faults are not listed")


class InvalidRequest(Exception):
    """The request is refused for `errors` (at least one); the view answers with `status`."""

    def __init__(self, errors: Iterable[FieldError], status: int = 400):
        distinct = [error for error in dict.fromkeys(errors) if error != NOT_LISTED]
        self.errors = distinct[:MAX_REPORTED]
        if len(distinct) > MAX_REPORTED:
            self.errors.append(NOT_LISTED)
        self.status = status
        super().__init__(
            "; ".join(f"{e.field}: {e.message}" if e.field else e.message for e in self.errors)
        )
