"""What a run has come to, read out of its Job and its pods: every reason, and every lie."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubsite.engines.facts import Phase, RunFact
from hubsite.engines.kubernetes.pod_facts import REFUSED_EXIT
from hubsite.engines.kubernetes.pods import NO_PYTHON_EXIT
from hubsite.engines.kubernetes.reading import time_of
from hubsite.engines.kubernetes.run_facts import observe
from jobs.lifecycle import OUR_FAULTS

from .objects import (
    BORN,
    NAME,
    at,
    condition,
    disrupted,
    ended,
    job,
    pod,
    running,
    told_failure,
    waiting,
)

ITS_OWN = None
"""The reason of a run that failed by itself and did not say why."""
PENDING_S = 600.0
FAILED_BY_POLICY = condition("Failed", "PodFailurePolicy", "Container xcube failed")
NO_TRIES_LEFT = condition("Failed", "FailedIndexes", "Job has failed indexes")
TIME_OVER = condition("Failed", "DeadlineExceeded", "Job was active longer than it may")
EVICTION = "The node was low on resource: memory."


def look(made: dict, *pods: dict, after: float = 100, refusal: str | None = None) -> RunFact:
    return observe(
        made,
        pods,
        now=BORN + timedelta(seconds=after),
        pending_s=PENDING_S,
        refusal=refusal,
    )


def summary(seen: RunFact) -> tuple[str, str | None]:
    return seen.phase.value, seen.reason


# A failure of the run's own, while the Job does not tell of it yet.

OWN_EXITS = {
    "killed for its memory": (ended(137, why="OOMKilled"), "OUT_OF_MEMORY", "more memory"),
    "killed for its memory, whatever it says": (
        ended(137, why="OOMKilled", told=told_failure("LOST")),
        "OUT_OF_MEMORY",
        "more memory",
    ),
    **{
        f"it says {reason}": (ended(1, told=told_failure(reason)), reason, "So it was.")
        for reason in ("OUT_OF_MEMORY", "DEADLINE", "XCUBE_ERROR", "COST")
    },
    "it was not begun": (ended(2, told=told_failure("LAUNCH")), "LAUNCH", "So it was."),
    "it says that it was not begun": (ended(1, told=told_failure("LAUNCH")), ITS_OWN, "1"),
    "it says that it was lost": (ended(1, told=told_failure("LOST")), ITS_OWN, "So it was."),
    "it says nothing": (ended(1), ITS_OWN, "exit code 1 without a result"),
    "no python": (
        ended(69, told={"phase": "FAILED", "reason": "IMAGE", "message": "No Python in it."}),
        "IMAGE",
        "No Python in it.",
    ),
    "no python, by the run's own word": (ended(1, told=told_failure("IMAGE")), ITS_OWN, "1"),
    "the code of no python, without a word": (ended(69), ITS_OWN, "exit code 69"),
    "never started": (
        ended(128, why="StartError", began=None, told="exec /bin/sh: no such file"),
        "IMAGE",
        "could not be started: exec /bin/sh: no such file",
    ),
    "126 of a run that had begun": (ended(126), ITS_OWN, "exit code 126"),
    "127 of a run that had begun": (ended(127), ITS_OWN, "exit code 127"),
    "128 of a run that had begun": (ended(128), ITS_OWN, "exit code 128"),
    "crashed": (ended(139), ITS_OWN, "SIGSEGV"),
    "aborted": (ended(134), ITS_OWN, "SIGABRT"),
    "killed by nobody known": (ended(137), ITS_OWN, "killed (exit code 137)"),
    "terminated by nobody known": (ended(143), ITS_OWN, "killed (exit code 143)"),
    "used up its scratch": (
        ended(
            137,
            reason="Evicted",
            message='Usage of EmptyDir volume "scratch" exceeds the limit "10Gi".',
        ),
        ITS_OWN,
        "more disk space",
    ),
    "used up its ephemeral storage": (
        ended(
            137,
            reason="Evicted",
            message='Container xcube exceeded its local ephemeral storage limit "1Gi".',
        ),
        ITS_OWN,
        "more disk space",
    ),
}


@pytest.mark.parametrize(("ended_pod", "reason", "says"), OWN_EXITS.values(), ids=list(OWN_EXITS))
def test_a_run_that_failed_by_itself_has_ended_before_its_job_tells(ended_pod, reason, says):
    for made in (job(), job(FAILED_BY_POLICY)):
        seen = look(made, ended_pod)
        assert summary(seen) == ("FAILED", reason)
        assert says in (seen.message or "")
        assert seen.finished_at == BORN + timedelta(seconds=60)


# What drives a run off its node, when no try is left.

DISRUPTIONS = {
    "EvictionByEvictionAPI": "EVICTED",
    "PreemptionByScheduler": "EVICTED",
    "TerminationByKubelet": "EVICTED",
    "DeletionByTaintManager": "LOST",
    "DeletionByPodGC": "LOST",
}


@pytest.mark.parametrize(("why", "reason"), DISRUPTIONS.items())
@pytest.mark.parametrize("code", [1, 137, 143])
def test_a_run_driven_off_is_tried_again_and_final_only_when_no_try_is_left(why, reason, code):
    driven = ended(code, disrupted(why), told=told_failure("STOPPED"))
    waits = look(job(), driven, after=PENDING_S * 9)
    assert summary(waits) == ("PENDING", reason)
    assert "It will be tried again." in (waits.message or "")
    final = look(job(NO_TRIES_LEFT), driven)
    assert summary(final) == ("FAILED", reason)
    assert "said so" in (final.message or "")
    if reason == "LOST":
        assert "node-7" in (final.message or "")


def test_a_node_that_shuts_down_is_lost():
    driven = ended(143, disrupted("TerminationByKubelet"), reason="Terminated", message="shutdown")
    assert summary(look(job(NO_TRIES_LEFT), driven)) == ("FAILED", "LOST")


def test_a_run_evicted_for_what_the_node_lacks_is_tried_again():
    driven = ended(
        137, disrupted("TerminationByKubelet", EVICTION), reason="Evicted", message=EVICTION
    )
    assert summary(look(job(), driven)) == ("PENDING", "EVICTED")
    final = look(job(NO_TRIES_LEFT), driven)
    assert summary(final) == ("FAILED", "EVICTED")
    assert EVICTION in (final.message or "")


def test_a_node_that_refuses_a_pod_costs_a_try_and_ends_nothing():
    refused = pod("Failed", reason="OutOfcpu", message="Node didn't have enough resource: cpu")
    waits = look(job(), refused, after=PENDING_S * 9)
    assert summary(waits) == ("PENDING", "EVICTED")
    assert "didn't have enough" in (waits.message or "")
    assert summary(look(job(NO_TRIES_LEFT), refused)) == ("FAILED", "EVICTED")


def test_the_next_try_is_what_counts():
    first = ended(137, disrupted("EvictionByEvictionAPI"), name="a", born=1)
    second = {"name": "b", "born": 70}
    assert summary(look(job(), first, running(began=75, **second))) == ("RUNNING", None)
    assert summary(look(job(), running(began=75, **second), first)) == ("RUNNING", None)
    assert summary(look(job(), first, ended(0, began=75, **second))) == ("SUCCEEDED", None)
    failed = look(job(), first, ended(1, told=told_failure("XCUBE_ERROR"), **second))
    assert summary(failed) == ("FAILED", "XCUBE_ERROR")


def test_of_two_pods_of_one_second_the_one_that_has_ended_was_the_first():
    first = ended(137, disrupted("EvictionByEvictionAPI"), name="z")
    assert look(job(), first, running(name="a")).phase == Phase.RUNNING


def test_a_run_began_when_its_first_try_did():
    first = ended(137, disrupted("EvictionByEvictionAPI"), name="a", born=1, began=5)
    seen = look(job(), first, running(name="b", born=70, began=75))
    assert seen.started_at == BORN + timedelta(seconds=5)


def test_driven_off_at_its_last_instant_a_run_that_was_done_has_succeeded():
    done = ended(0, disrupted("TerminationByKubelet"), phase="Failed", reason="Evicted")
    assert look(job(), done).phase == Phase.SUCCEEDED


# Ended by somebody else: only the Job knows why.

STOPPED = ended(143, told=told_failure("STOPPED"), is_deleted=True)
KILLED = ended(137, is_deleted=True)
FORGOTTEN = ended(137, why="ContainerStatusUnknown")


@pytest.mark.parametrize("stopped", [STOPPED, KILLED, FORGOTTEN])
def test_a_run_that_was_stopped_waits_for_its_jobs_word(stopped):
    """The Job's deadline, or somebody who deletes pods? The pod does not tell."""
    waits = look(job(), stopped, after=PENDING_S * 9)
    assert summary(waits) == ("PENDING", None)
    assert summary(look(job(FAILED_BY_POLICY), stopped)) == ("FAILED", "LOST")
    assert summary(look(job(TIME_OVER), stopped)) == ("FAILED", "DEADLINE")


def test_an_exit_that_the_runtime_does_not_know_is_lost():
    seen = look(job(FAILED_BY_POLICY), ended(255, why="Unknown"))
    assert summary(seen) == ("FAILED", "LOST")


# The Job's deadline.


def target(reason: str) -> dict:
    return condition("FailureTarget", reason)


def test_the_deadline_of_a_run_that_ended_by_itself_before_is_not_its_end():
    for own, reason in (
        (ended(1, told=told_failure("COST")), "COST"),
        (ended(137, why="OOMKilled"), "OUT_OF_MEMORY"),
        (ended(139), ITS_OWN),
    ):
        assert summary(look(job(TIME_OVER), own)) == ("FAILED", reason)
    assert look(job(TIME_OVER), ended(0)).phase == Phase.SUCCEEDED


def test_a_run_is_let_end_when_its_deadline_has_come():
    made = job(target("DeadlineExceeded"))
    assert look(made, running(is_deleted=True)).phase == Phase.RUNNING
    assert summary(look(made, STOPPED)) == ("FAILED", "DEADLINE")
    assert summary(look(job(TIME_OVER))) == ("FAILED", "DEADLINE")


def test_the_deadline_of_a_run_that_never_began_has_the_reason_for_that():
    unscheduled = pod(
        "Pending", condition("PodScheduled", "Unschedulable", "0/3 nodes", status="False")
    )
    for last, reason in (
        (unscheduled, "UNSCHEDULABLE"),
        (waiting("ImagePullBackOff"), "IMAGE"),
        (pod("Pending"), "DEADLINE"),
        (ended(137, disrupted("EvictionByEvictionAPI")), "EVICTED"),
    ):
        assert summary(look(job(TIME_OVER), last)) == ("FAILED", reason)


# Before it begins.

WAITING = {
    "being prepared": (pod("Pending", condition("PodScheduled")), "LAUNCH", None),
    "image": (waiting("ImagePullBackOff", "no such tag"), "IMAGE", "no such tag"),
    "image in another way": (waiting("ErrImagePull", "403"), "IMAGE", "xcube:1 cannot be had"),
    "no secret": (
        waiting("CreateContainerConfigError", 'secret "x" not found'),
        "LAUNCH",
        'secret "x" not found',
    ),
    "no node": (
        pod(
            "Pending",
            condition("PodScheduled", "Unschedulable", "0/3 nodes: too small", status="False"),
        ),
        "UNSCHEDULABLE",
        "0/3 nodes: too small",
    ),
}


@pytest.mark.parametrize(("pending", "reason", "says"), WAITING.values(), ids=list(WAITING))
def test_what_a_run_waits_for_is_told_and_is_stuck_when_it_lasts(pending, reason, says):
    seen = look(job(), pending)
    assert summary(seen) == ("PENDING", reason)
    assert (says or "") in (seen.message or "")
    assert summary(look(job(), pending, after=PENDING_S)) == ("PENDING", reason)
    stuck = look(job(), pending, after=PENDING_S + 2)
    assert summary(stuck) == ("STUCK", reason)
    assert stuck.message


@pytest.mark.parametrize("why", ["InvalidImageName", "ErrImageNeverPull"])
def test_an_image_that_can_never_be_had_is_not_waited_for(why):
    assert summary(look(job(), waiting(why), after=2)) == ("STUCK", "IMAGE")


def test_a_job_whose_pods_are_refused_is_stuck_after_a_while():
    seen = look(job(), refusal="exceeded quota")
    assert summary(seen) == ("PENDING", "REJECTED")
    assert "exceeded quota" in (seen.message or "")
    late = PENDING_S + 2
    assert summary(look(job(), after=late, refusal="exceeded quota")) == ("STUCK", "REJECTED")


def test_a_job_without_a_pod_is_told_even_where_nobody_says_why():
    assert summary(look(job(), after=30)) == ("PENDING", None)
    seen = look(job(), after=61)
    assert seen.message == "The cluster has not made the run's pod yet."
    assert summary(look(job(), after=PENDING_S + 2)) == ("PENDING", None), "nobody knows why"


def test_a_run_that_lost_its_pod_late_is_not_stuck_at_once():
    seen = look(job(failed=1), after=PENDING_S * 9, refusal="exceeded quota")
    assert summary(seen) == ("PENDING", "REJECTED")


def test_nothing_is_concluded_of_a_time_that_is_not_known_yet():
    """While the API server is away, no run becomes stuck in our eyes."""
    assert look(job(), waiting("ErrImagePull"), after=30).phase == Phase.PENDING


# Jobs and pods are seen apart.

VERDICTS = [FAILED_BY_POLICY, NO_TRIES_LEFT, TIME_OVER, condition("Complete")]


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda c: c["reason"] or c["type"])
def test_a_jobs_word_on_pods_not_seen_yet_waits_until_they_can_be(verdict):
    fresh = {**verdict, "lastTransitionTime": at(100)}
    assert look(job(fresh), after=101).phase == Phase.PENDING
    driven = ended(137, disrupted("EvictionByEvictionAPI"))
    assert look(job(fresh), driven, after=101).phase == Phase.PENDING
    assert look(job(fresh), after=110).phase.is_final


def test_what_the_pod_itself_tells_needs_not_wait():
    fresh = {**FAILED_BY_POLICY, "lastTransitionTime": at(100)}
    assert summary(look(job(fresh), ended(1), after=100)) == ("FAILED", ITS_OWN)
    assert look(job(), ended(0), after=60).phase == Phase.SUCCEEDED


def test_a_job_that_will_fail_has_not_failed_while_its_pod_runs():
    for kind in ("FailureTarget", "Failed", "Complete"):
        assert look(job(condition(kind, "PodFailurePolicy")), running()).phase == Phase.RUNNING


def test_a_condition_that_is_not_so_is_none():
    made = job(condition("Failed", "DeadlineExceeded", status="False"))
    assert look(made).phase == Phase.PENDING


def test_ends_whose_pods_were_removed():
    lost = look(job(FAILED_BY_POLICY))
    assert summary(lost) == ("FAILED", "LOST")
    assert "Container xcube failed" in (lost.message or "")
    done = look(job(condition("Complete"), startTime=at(2), completionTime=at(70)))
    assert done == RunFact(
        NAME,
        Phase.SUCCEEDED,
        attempt=1,
        started_at=BORN + timedelta(seconds=2),
        finished_at=BORN + timedelta(seconds=70),
    )


def test_containers_that_the_cluster_puts_beside_it_are_not_the_run():
    seen = running()
    proxy = {"name": "a-proxy", "state": {"terminated": {"exitCode": 1, "startedAt": at(3)}}}
    seen["status"]["containerStatuses"].insert(0, proxy)
    assert look(job(), seen).started_at == BORN + timedelta(seconds=5)
    seen["status"]["phase"] = "Failed"
    assert look(job(), seen).phase == Phase.PENDING


# What a run says.

RESULT = {"status": "ok", "status_code": 200, "message": "Done.", "result": {"data_id": "a.zarr"}}


def test_a_run_that_succeeded_tells_its_result_and_when_it_began():
    told = {"phase": "SUCCEEDED", "message": "Done.", "started_at": at(7), "result": RESULT}
    assert look(job(), ended(0, told=told)) == RunFact(
        NAME,
        Phase.SUCCEEDED,
        None,
        "Done.",
        attempt=1,
        started_at=BORN + timedelta(seconds=7),
        finished_at=BORN + timedelta(seconds=60),
        result=RESULT,
    )


def test_a_failed_run_may_tell_its_result_too():
    error = {"status": "error", "status_code": 400, "message": "No such variable."}
    assert look(job(), ended(1, told=told_failure("XCUBE_ERROR", result=error))).result == error


LIES: list[Any] = [
    "",
    "Traceback (most recent call last):",
    '{"phase": "FAILED", "reason": "LO',
    "[" * 2000,
    '{"a":' * 800,
    [],
    7,
    None,
    {},
    {"phase": ["FAILED"], "reason": ["LOST"], "message": {}, "result": []},
    {"phase": "FAILED", "reason": {"LOST": 1}, "started_at": 1, "result": "ok"},
    {"phase": "FAILED", "reason": "none of a program"},
    {"phase": "FAILED", "reason": "A" * 41},
    *({"phase": "FAILED", "reason": reason} for reason in ("EVICTED", "REJECTED", "UNSCHEDULABLE")),
    {"phase": "SUCCEEDED", "reason": "LOST", "message": "I was done."},
    {"result": {"status": [], "message": {}}},
    {"result": {"status": "ok", "message": ["x"], "status_code": "x", "result": 1}},
    '{"phase": "FAILED", "message": NaN, "started_at": Infinity}',
]


def test_a_reason_of_the_programs_own_passes_through_as_it_is():
    """The app that owns the program knows its reasons; the engine has no list of them."""
    failed = look(job(), ended(1, told=told_failure("NONE_OF_OURS")))
    assert (*summary(failed), failed.message) == ("FAILED", "NONE_OF_OURS", "So it was.")


@pytest.mark.parametrize("lie", LIES, ids=range(len(LIES)))
def test_what_makes_no_sense_is_not_believed(lie):
    text = lie if isinstance(lie, str) else json.dumps(lie)
    failed = look(job(), ended(1, told=text))
    assert (*summary(failed), failed.message) == (
        "FAILED",
        ITS_OWN,
        "The run ended with exit code 1 without a result.",
    )
    succeeded = look(job(), ended(0, told=text))
    assert succeeded.phase == Phase.SUCCEEDED
    for seen in (failed, succeeded):
        assert seen.message is None or isinstance(seen.message, str)
        assert seen.started_at == BORN + timedelta(seconds=5)
        json.dumps(seen.result, allow_nan=False)
        for key, value in (seen.result or {}).items():
            assert (key, type(value)) in (("status", str), ("status_code", int))


def test_the_exit_code_decides_whatever_the_run_says():
    said = {"phase": "SUCCEEDED", "message": "Done.", "result": RESULT}
    assert summary(look(job(), ended(1, told=said))) == ("FAILED", ITS_OWN)
    assert look(job(), ended(0, told=told_failure("LOST"))).phase == Phase.SUCCEEDED


def test_texts_can_be_stored():
    told = r'{"phase": "FAILED", "reason": "COST", "message": "a\ud800b\u0000c"}'
    assert look(job(), ended(1, told=told)).message == "a?bc"
    never = ended(128, why="StartError", began=None, told="a\0\ud800b")
    assert (look(job(), never).message or "").endswith(": a?b")
    assert look(job(), refusal="a\0b").message == "The cluster refuses the run's pod: ab"


def test_huge_texts_are_cut():
    told = told_failure("COST", message="x" * 1_000_000)
    assert len(look(job(), ended(1, told=told)).message or "") == 4000
    assert len(look(job(), refusal="x" * 1_000_000).message or "") == 1000


@pytest.mark.parametrize(
    "told",
    [
        "yesterday",
        "2024-05-01",  # before it began
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        at(4),
        at(62),
        20240501,
        None,
    ],
)
def test_a_start_that_cannot_be_is_not_believed(told):
    seen = look(job(), ended(0, told={"started_at": told}))
    assert seen.started_at == BORN + timedelta(seconds=5)


def test_times_can_be_compared_whether_they_name_a_zone_or_not():
    seen = look(job(), ended(0, told={"started_at": "2024-05-01T12:00:07.25"}))
    assert seen.started_at == BORN + timedelta(seconds=7.25)
    assert time_of("2024-05-01T14:00:00+02:00") == BORN
    assert time_of("2024-05-01") == datetime(2024, 5, 1, tzinfo=UTC)


def test_the_attempt_is_the_labels():
    assert look(job(attempt=3)).attempt == 3
    for odd in ("", "x", "-1", "1.5"):
        assert look(job(attempt=odd)).attempt == 0


# A run's own code in the hands of a user who would like it for free.

_words = st.sampled_from(
    ["FAILED", "SUCCEEDED", "STOPPED", "IMAGE", "LOST", "EVICTED", "LAUNCH", "Evicted", "x"]
)
_forged = st.one_of(
    st.text(max_size=50),
    st.fixed_dictionaries({}, optional={"phase": _words, "message": _words, "started_at": _words}),
    st.fixed_dictionaries({"phase": _words, "reason": _words}),
)
# Process 1 never ends with others once the run has begun: see tests/runner/test_pod.py.
_codes = st.integers(1, 255).filter(lambda code: code not in (NO_PYTHON_EXIT, REFUSED_EXIT))


@given(code=_codes, told=_forged)
def test_no_exit_and_no_word_of_a_run_makes_it_free(code, told):
    for made in (job(), job(FAILED_BY_POLICY)):
        seen = look(made, ended(code, told=told))
        assert seen.reason not in OUR_FAULTS


# Anything at all.

_kinds = st.sampled_from(
    ["Failed", "FailureTarget", "Complete", "DisruptionTarget", "PodScheduled", "x", 1, None]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def _or_anything(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(strategy, strategy, strategy, _json)


_time = _or_anything(st.sampled_from([at(0), at(5), at(50), "1970-01-01T00:00:00Z", "2024-05-01"]))
_condition = _or_anything(
    st.fixed_dictionaries(
        {"type": _kinds},
        optional={
            "status": _or_anything(st.sampled_from(["True", "False"])),
            "reason": _or_anything(st.sampled_from(["DeadlineExceeded", "DeletionByPodGC"])),
            "message": _json,
            "lastTransitionTime": _time,
        },
    )
)
_state = _or_anything(
    st.fixed_dictionaries(
        {},
        optional={
            "running": _or_anything(st.fixed_dictionaries({"startedAt": _time})),
            "waiting": _or_anything(
                st.fixed_dictionaries(
                    {"reason": st.just("ErrImagePull")}, optional={"message": _json}
                )
            ),
            "terminated": _or_anything(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "exitCode": _or_anything(st.sampled_from([0, 1, 69, 128, 137, 139])),
                        "reason": _or_anything(st.sampled_from(["OOMKilled", "Unknown"])),
                        "startedAt": _time,
                        "finishedAt": _time,
                        "message": st.one_of(_json, _json.map(json.dumps)),
                    },
                )
            ),
        },
    )
)
_conditions = _or_anything(st.lists(_condition, max_size=3))
_pod = st.builds(
    lambda created, deleted, status: {
        "metadata": {"name": "p", "creationTimestamp": created, "deletionTimestamp": deleted},
        "status": status,
    },
    _time,
    _time,
    _or_anything(
        st.fixed_dictionaries(
            {},
            optional={
                "phase": _or_anything(
                    st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"])
                ),
                "reason": _or_anything(st.sampled_from(["Evicted", "Terminated"])),
                "message": _json,
                "conditions": _conditions,
                "containerStatuses": _or_anything(
                    st.lists(
                        _or_anything(
                            st.fixed_dictionaries(
                                {"name": st.just("xcube"), "state": _state},
                                optional={"image": _json},
                            )
                        ),
                        max_size=2,
                    )
                ),
            },
        )
    ),
)


@given(
    conditions=_conditions,
    pods=st.lists(_pod, max_size=3),
    failed=_json,
    after=st.sampled_from([0, 51, 10_000]),
)
def test_whatever_is_told_is_one_of_the_phases(conditions, pods, failed, after):
    made = job(conditions=conditions, failed=failed)
    seen = look(made, *pods, after=after)
    assert isinstance(seen.phase, Phase)
    assert seen.name == NAME
    assert seen.phase != Phase.FAILED or (seen.reason and seen.message)
    for moment in (seen.started_at, seen.finished_at):
        assert moment is None or moment.tzinfo is not None
    for text in (seen.reason, seen.message):
        assert text is None or isinstance(text, str)
    (seen.message or "").encode()
    json.dumps(seen.result, allow_nan=False)
