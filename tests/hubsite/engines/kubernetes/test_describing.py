"""What operators see of a job's objects: their state, why they wait, and their events."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hubsite.engines.kubernetes.describing import MOST_NOTES, described
from hubsite.engines.kubernetes.place import KubernetesPlace
from hubsite.engines.kubernetes.pod_options import PodOptions
from hubsite.engines.kubernetes.runs import RUNS
from hubsite.engines.outcomes import EngineUnavailable

from .apiserver import ApiServer
from .objects import at, condition, job, waiting

EVENTS = [
    {"reason": "Scheduled", "message": "on node-1", "lastTimestamp": at(1)},
    {"reason": "BackOff", "message": "pull of <image>\0", "lastTimestamp": at(9), "count": 4},
]


def test_a_pod_is_described_by_its_state_and_its_newest_events():
    item = waiting("ImagePullBackOff", "no such image")
    one = described({"kind": "Pod", **item}, EVENTS)
    assert (one.kind, one.name) == ("Pod", "p1")
    assert "Pending" in one.state and "waiting: ImagePullBackOff: no such image" in one.state
    assert [note.count for note in one.notes] == [4, 1]
    assert (
        one.notes[0].text.startswith("BackOff: pull of <image>") and "\0" not in one.notes[0].text
    )


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"metadata": None, "status": {"conditions": "x", "containerStatuses": [3]}},
        {"metadata": {"name": 7}, "spec": {"nodeName": []}, "status": {"phase": {"a": 1}}},
        {"status": {"conditions": [{"status": "True", "reason": "r" * 9999, "type": "t"}]}},
    ],
)
def test_odd_objects_are_described_within_bounds(item):
    one = described(item, [{"message": "m" * 9999, "count": "many", "eventTime": 5}] * 50)
    assert len(one.state) < 700 and len(one.notes) == MOST_NOTES
    assert all(len(note.text) <= 300 and note.count == 1 for note in one.notes)


def _place(server: ApiServer) -> KubernetesPlace:
    def path(resource, name=""):
        return resource.path("cubes", name)

    cluster = SimpleNamespace(api=server.api(), path=path)
    return KubernetesPlace(cluster, RUNS, PodOptions(image="x"), capacity=1)


def test_a_place_asks_for_the_job_its_pods_and_the_events_of_each():
    def answer(request, reply):
        if "/events" in request.path:
            return reply.json({"items": EVENTS if "pod-uid" in str(request.query) else []})
        if "/pods" in request.path:
            pod = waiting("ErrImagePull")
            pod["metadata"]["uid"] = "pod-uid"
            return reply.json({"items": [pod]})
        root = {"kind": "Job", **job(condition("Suspended", "Quota"))}
        root["metadata"]["uid"] = "job-uid"
        return reply.json(root)

    with ApiServer(answer) as server:
        found = _place(server).describe("a-job")
    assert [(one.kind, len(one.notes)) for one in found] == [("Job", 0), ("Pod", 2)]


def test_a_job_without_objects_has_none_and_a_refusal_is_told():
    def gone(request, reply):
        if "/jobs/" in request.path:
            return reply.status(404, "NotFound", "no such job")
        return reply.json({"items": []})

    with ApiServer(gone) as server:
        assert _place(server).describe("a-job") == []

    def refused(request, reply):
        return reply.status(403, "Forbidden", "no rights")

    with ApiServer(refused) as server, pytest.raises(EngineUnavailable, match="no rights"):
        _place(server).describe("a-job")
