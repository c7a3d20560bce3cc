"""What is reported of a service, read from its Deployment, its Service and its pods."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubsite.engines.facts import Phase, ServiceFact

from ..objects import BORN, at, condition, disrupted, ended, pod, running, told_failure, waiting
from ..workloads import options
from .specs import NAME, live_address, live_deployment, look, of_service, service

Json = dict[str, Any]

READY = condition("Ready", after=20)
NOT_READY = condition("Ready", status="False", after=20)
PENDING_S = options().service_pending_s


def ready(**more: Any) -> Json:
    return of_service(running(READY), **more)


def crashed(
    restarts: int,
    *,
    code: int = 1,
    why: str | None = None,
    ran_s: float = 5,
    told: Any = None,
    is_up: bool = False,
) -> Json:
    """A pod whose container has ended, and waits to be started again, or was (`is_up`)."""
    of = ended(code, why=why, told=told)
    last = of["status"]["containerStatuses"][0]["state"]["terminated"]
    last |= {"startedAt": at(0), "finishedAt": at(ran_s)}
    made = running(NOT_READY) if is_up else waiting("CrashLoopBackOff", "back-off 40s")
    return of_service(made, restartCount=restarts, lastState={"terminated": last})


def summary(fact: ServiceFact) -> tuple[str, str | None]:
    return fact.phase.value, fact.reason


def test_it_runs_once_its_pod_is_ready() -> None:
    fact = look(ready())
    assert fact == ServiceFact(
        NAME,
        Phase.RUNNING,
        revision=1,
        address="http://10.96.7.7:8080",
        ready_since=BORN + timedelta(seconds=20),
    )


@pytest.mark.parametrize(
    "pods",
    [
        (),
        (of_service(pod("Pending")),),
        (of_service(running(NOT_READY)),),
        (of_service(running()),),
        (of_service(running(READY, is_deleted=True)),),
        (ready(revision=2),),
        (ready(revision="x"),),
    ],
    ids=["none", "new", "not ready", "starting", "ending", "other revision", "odd revision"],
)
def test_until_then_it_is_pending_and_has_its_address(pods: tuple[Json, ...]) -> None:
    fact = look(*pods)
    assert (fact.phase, fact.reason, fact.ready_since) == (Phase.PENDING, None, None)
    assert (fact.revision, fact.address) == (1, "http://10.96.7.7:8080")


def test_of_two_pods_the_newer_one_counts() -> None:
    old = of_service(running(NOT_READY, name="a", born=1))
    new = of_service(running(READY, name="b", born=5))
    assert look(old, new).phase is Phase.RUNNING
    assert look(new, old).phase is Phase.RUNNING


def test_asleep_is_what_was_applied_not_what_someone_scaled() -> None:
    asleep = live_deployment(service(revision=2, is_asleep=True))
    fact = look(root=asleep)
    assert (fact.phase, fact.revision) == (Phase.ASLEEP, 2)
    assert fact.address == "http://10.96.7.7:8080"
    scaled = live_deployment()
    scaled["spec"]["replicas"] = 0
    fact = look(root=scaled)
    assert (fact.phase, fact.revision) == (Phase.PENDING, 0)


@pytest.mark.parametrize("ip", ["", "None", "not an address"])
def test_without_an_address_it_is_not_ready(ip: str) -> None:
    fact = look(ready(), part=live_address(ip=ip))
    assert (fact.phase, fact.address, fact.ready_since) == (Phase.PENDING, "", None)


def test_an_address_of_version_6_is_written_as_in_urls() -> None:
    assert look(ready(), part=live_address(ip="fd00::7")).address == "http://[fd00::7]:8080"


def test_the_pods_own_address_where_only_pods_are_reached() -> None:
    opts = options(reaches_pods=True)
    up = ready()
    up["status"]["podIP"] = "10.1.2.3"
    assert look(up, opts=opts).address == "http://10.1.2.3:8080"
    assert look(opts=opts).address == ""


@pytest.mark.parametrize(
    ("changes", "revision"),
    [
        ({}, 1),
        ({"has_part": False}, 0),
        ({"has_part": False, "after": 2}, 1),  # it may not have been seen yet
        ({"is_lacking": True}, 0),
        ({"part": {**live_address(), "spec": {"clusterIP": "10.96.7.7"}}}, 0),
        ({"root": {**live_deployment(), "spec": {}}}, 0),
    ],
    ids=["whole", "no Service", "not yet", "no Secret", "edited Service", "edited Deployment"],
)
def test_what_is_not_whole_has_revision_0(changes: Json, revision: int) -> None:
    assert look(ready(), **changes).revision == revision


def test_what_is_being_deleted_is_to_be_applied_again() -> None:
    root = live_deployment()
    root["metadata"]["deletionTimestamp"] = at(50)
    assert look(ready(), root=root).revision == 0


@pytest.mark.parametrize(
    ("found", "phase", "reason", "says"),
    [
        (crashed(1), "PENDING", "CRASH_LOOP", "exit code 1"),
        (crashed(2), "PENDING", "CRASH_LOOP", "It is started again"),
        (crashed(3), "FAILED", "CRASH_LOOP", "4 times"),
        (crashed(3, is_up=True), "PENDING", "CRASH_LOOP", "It is started again"),
        (crashed(30, ran_s=3600), "PENDING", "CRASH_LOOP", "It is started again"),
        (crashed(1, code=137, why="OOMKilled"), "PENDING", "OUT_OF_MEMORY", "more memory"),
        (crashed(3, code=137, why="OOMKilled"), "FAILED", "OUT_OF_MEMORY", "service used more"),
        (crashed(3, code=139), "FAILED", "CRASH_LOOP", "SIGSEGV"),
        (
            crashed(3, code=2, told=told_failure("LAUNCH", "Its configuration is wrong.")),
            "FAILED",
            "LAUNCH",
            "Its configuration is wrong.",
        ),
        (
            crashed(0, code=69, told=told_failure("IMAGE", "No Python in it.")),
            "FAILED",
            "IMAGE",
            "No Python in it.",
        ),
        (crashed(3, told=told_failure("EVICTED")), "FAILED", "CRASH_LOOP", "exit code 1"),
    ],
)
def test_what_ends_is_started_again_a_few_times(
    found: Json, phase: str, reason: str, says: str
) -> None:
    fact = look(found)
    assert summary(fact) == (phase, reason)
    assert says in (fact.message or "")
    assert fact.restarts == found["status"]["containerStatuses"][0]["restartCount"]


def test_after_a_restart_it_is_ready_again_and_counts_it() -> None:
    fact = look(ready(restartCount=9, lastState={"terminated": {"exitCode": 1}}))
    assert (fact.phase, fact.reason, fact.restarts) == (Phase.RUNNING, None, 9)


NO_NODE = condition("PodScheduled", "Unschedulable", "0/3 nodes fit", status="False")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (pod("Pending", NO_NODE), "UNSCHEDULABLE"),
        (waiting("ImagePullBackOff", "no such image"), "IMAGE"),
        (waiting("ErrImagePull"), "IMAGE"),
        (waiting("CreateContainerConfigError", "no such key"), "LAUNCH"),
    ],
)
def test_what_does_not_start_waits_with_its_reason_and_is_stuck_after_a_while(
    found: Json, reason: str
) -> None:
    assert summary(look(of_service(found), after=PENDING_S)) == ("PENDING", reason)
    late = look(of_service(found), after=PENDING_S + 10)
    assert summary(late) == ("STUCK", reason)
    assert "run" not in (late.message or "").split()


def test_an_image_that_can_never_be_had_is_stuck_at_once() -> None:
    for why in ("InvalidImageName", "ErrImageNeverPull"):
        assert summary(look(of_service(waiting(why)))) == ("STUCK", "IMAGE")


def test_what_is_being_prepared_has_no_reason_until_it_takes_too_long() -> None:
    preparing = of_service(waiting("ContainerCreating"))
    assert summary(look(preparing)) == ("PENDING", None)
    late = look(preparing, after=PENDING_S + 10)
    assert summary(late) == ("STUCK", "LAUNCH")
    assert "could not be prepared" in (late.message or "")


def test_a_quota_that_refuses_the_pod_is_told_by_the_deployment() -> None:
    said = 'pods "x" is forbidden: exceeded quota: q'
    refused = condition("ReplicaFailure", "FailedCreate", said, after=10)
    fact = look(root=live_deployment(None, refused))
    assert summary(fact) == ("PENDING", "REJECTED")
    assert "exceeded quota" in (fact.message or "")
    late = look(root=live_deployment(None, refused), after=PENDING_S + 20)
    assert summary(late) == ("STUCK", "REJECTED")
    over = condition("ReplicaFailure", "FailedCreate", said, status="False")
    assert summary(look(root=live_deployment(None, over))) == ("PENDING", None)


def test_an_evicted_pod_gives_way_to_the_next() -> None:
    gone = of_service(ended(137, disrupted("EvictionByEvictionAPI"), name="a"))
    assert summary(look(gone)) == ("PENDING", None)
    assert look(gone, of_service(running(READY, name="b", born=9))).phase is Phase.RUNNING


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["state", "lastState", "terminated", "name", "type", "status", "running"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(status=st.dictionaries(
    st.sampled_from(["phase", "conditions", "containerStatuses", "podIP", "reason"]), JSON
))  # fmt: skip
def test_no_pod_however_odd_stops_the_observer(status: Json) -> None:
    odd = of_service(pod("Pending"))
    odd["status"] = status
    for reaches_pods in (False, True):
        fact = look(odd, opts=options(reaches_pods=reaches_pods))
        assert fact.name == NAME
