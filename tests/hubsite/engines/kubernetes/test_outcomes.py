"""What the API server's refusals of a run's objects mean: for good, or for all and for now."""

from __future__ import annotations

import pytest

from hubsite.engines.kubernetes.client import Refused
from hubsite.engines.kubernetes.cluster import outcome_of
from hubsite.engines.outcomes import EngineUnavailable, Outcome

DENIED = 'admission webhook "validation.gatekeeper.sh" denied the request: [memory] too much'
POLICY = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: too much"
RIGHTS = 'jobs.batch is forbidden: User "hub" cannot create resource "jobs" in API group "batch"'
QUOTA = 'jobs.batch "x" is forbidden: exceeded quota: q, requested: count/jobs.batch=1'
LEAVING = "jobs.batch is forbidden: unable to create new content in namespace cubes because it is "
LEAVING += "being terminated"


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (422, POLICY, Outcome.REFUSED),
        (400, DENIED, Outcome.REFUSED),
        (403, DENIED, Outcome.REFUSED),
        (413, "too large", Outcome.REFUSED),
        (403, RIGHTS, EngineUnavailable),
        (403, QUOTA, EngineUnavailable),
        (403, LEAVING, EngineUnavailable),
        (404, 'namespaces "cubes" not found', EngineUnavailable),
        (409, "the object has been modified", EngineUnavailable),
    ],
)
def test_only_what_is_said_of_the_object_itself_is_for_good(
    status: int, message: str, kind: type[Exception] | Outcome
) -> None:
    refused = Refused(status, "", message)
    if isinstance(kind, Outcome):
        applied = outcome_of(refused)
        assert (applied.outcome, applied.message) == (kind, message)
        return
    with pytest.raises(kind) as error:
        outcome_of(refused)
    assert message in str(error.value)
