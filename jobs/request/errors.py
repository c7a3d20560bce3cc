"""The exception for a request that is not accepted: each fault with its field."""

from __future__ import annotations

from collections.abc import Iterable

from hubsite.refusals import FieldError, Kind, Refused

MAX_REPORTED = 50
_MAX_SENTENCE = 4000

NOT_LISTED = FieldError("", "more faults are not listed")


class InvalidRequest(Refused):
    """A cube generation request is refused because of `errors` (at least one)."""

    def __init__(self, errors: Iterable[FieldError], kind: Kind = Kind.INVALID):
        distinct = [error for error in dict.fromkeys(errors) if error != NOT_LISTED]
        listed = distinct[:MAX_REPORTED]
        if len(distinct) > MAX_REPORTED:
            listed.append(NOT_LISTED)
        sentence = "; ".join(str(error) for error in listed)
        super().__init__(sentence[:_MAX_SENTENCE], errors=listed, kind=kind)
