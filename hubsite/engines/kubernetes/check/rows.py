"""The result of one check of the cluster, and what to do about it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from urllib.parse import quote

from ...outcomes import EngineUnavailable
from ..client import Api, Refused
from ..pod_options import PodOptions


class Outcome(enum.StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Row:
    """`remedy` says what to do, with the exact setting or command; empty where all is well."""

    what: str
    outcome: Outcome
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Place:
    """The namespace that is checked, and the pods that shall run there."""

    api: Api
    namespace: str
    options: PodOptions

    def path(self, kind: str = "", name: str = "", *, group: str = "/api/v1") -> str:
        """The path of a kind (its plural) in the namespace, of one object, or of the namespace."""
        parts = [quote(part, safe="") for part in (self.namespace, kind, name) if part]
        return f"{group}/namespaces/{'/'.join(parts)}"

    def row(self, what: str, look: Callable[[], Row]) -> Row:
        """The row of `look`, or a row that says that the call was refused, or that the API server
        is unreachable."""
        try:
            return look()
        except Refused as refused:
            if is_denied(refused):
                return failed(what, str(refused), role_mend(self.namespace))
            return failed(what, str(refused), "The API server's own words: do what they ask for.")
        except EngineUnavailable as error:
            return failed(what, str(error), "Run check_cluster again once the API server answers.")


def ok(what: str, found: str) -> Row:
    return Row(what, Outcome.OK, found)


def warning(what: str, found: str, remedy: str) -> Row:
    return Row(what, Outcome.WARNING, found, remedy)


def failed(what: str, found: str, remedy: str) -> Row:
    return Row(what, Outcome.FAILED, found, remedy)


def has_failed(rows: Iterable[Row]) -> bool:
    return any(row.outcome is Outcome.FAILED for row in rows)


def is_denied(refused: Refused) -> bool:
    """Whether a permission is missing; quotas and admission rules answer 403, too."""
    return refused.status == 403 and " cannot " in str(refused)


def is_quota(refused: Refused) -> bool:
    return refused.status == 403 and "exceeded quota" in str(refused)


def role_mend(namespace: str) -> str:
    return (
        f"kubectl -n {namespace} apply -f deploy/kubernetes/role.yaml; its RoleBinding must name "
        "the account that the row credentials shows."
    )
