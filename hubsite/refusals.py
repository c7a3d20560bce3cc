"""The one exception by which the domain refuses what someone asks for.

    raise Refused("this client id is taken", field="client_id", kind=Kind.CONFLICT)

The API makes an HTTP answer of it (`hubsite/api/handlers.py`), a command and the admin show
its sentence: `str(refused)`. The domain knows no HTTP status.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Why something is refused."""

    INVALID = "invalid"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too large"
    TOO_EXPENSIVE = "too expensive"
    UNSUPPORTED = "unsupported"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class FieldError:
    """One invalid field: `message` says what is expected there.

    `field` is a path such as `input_configs[0].data_id`, or empty for the whole request.
    """

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Refused(Exception):
    """A request is refused, and nothing was changed.

    With `field`, `message` says what is expected of that field, and the sentence names both.
    `errors` lists the fields instead if there are several, or if the sentence should be another.
    `retry_after_s`: when to try again. `members` are further members of an API answer.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        kind: Kind = Kind.INVALID,
        errors: Iterable[FieldError] = (),
        retry_after_s: int | None = None,
        **members: Any,
    ) -> None:
        self.errors = list(errors)
        sentence = message
        if field is not None:
            error = FieldError(field, message)
            self.errors.append(error)
            sentence = str(error)
        self.message = message
        self.kind = kind
        self.retry_after_s = retry_after_s
        self.members = members
        super().__init__(sentence)
