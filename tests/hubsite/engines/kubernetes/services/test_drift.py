"""Which changes of a live object count as drift."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubsite.engines.kubernetes import drift

from .specs import live_address, live_deployment, service

Json = dict[str, Any]


def pod(root: Json) -> Json:
    return root["spec"]["template"]["spec"]


def container(root: Json) -> Json:
    return pod(root)["containers"][0]


EDITS: dict[str, Callable[[Json], Any]] = {
    "replicas": lambda o: o["spec"].update(replicas=0),
    "no strategy": lambda o: o["spec"].pop("strategy"),
    "another image": lambda o: container(o).update(image="evil"),
    "a variable": lambda o: container(o)["env"].append({"name": "A", "value": "b"}),
    "a second container": lambda o: pod(o)["containers"].append({"name": "b"}),
    "root": lambda o: pod(o)["securityContext"].update(runAsUser=0),
    "a volume": lambda o: pod(o)["volumes"].append({"name": "b"}),
    "no volumes": lambda o: pod(o).update(volumes=None),
    "a selector's key": lambda o: o["spec"]["selector"]["matchLabels"].update(a="b"),
    "no label": lambda o: o["metadata"]["labels"].popitem(),
    "memory": lambda o: container(o)["resources"]["limits"].update(memory="2Gi"),
    "no annotation": lambda o: o["metadata"]["annotations"].pop(drift.APPLIED),
    "another annotation": lambda o: o["metadata"]["annotations"].update({drift.APPLIED: "[1]"}),
    "nested annotation": lambda o: o["metadata"]["annotations"].update(
        {drift.APPLIED: "[" * 100_000}
    ),
    "no spec": lambda o: o.update(spec=None),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_drift(edit: str) -> None:
    root = live_deployment()
    assert not drift.has_drifted(root)
    EDITS[edit](root)
    assert drift.has_drifted(root)


ADDITIONS: dict[str, Callable[[Json], Any]] = {
    "a default": lambda o: pod(o).update(terminationGracePeriodSeconds=10, dnsPolicy="Default"),
    "a label": lambda o: o["metadata"]["labels"].update(team="a"),
    "an annotation": lambda o: o["metadata"]["annotations"].update(seen="yes"),
    "an annotation of the pod": lambda o: o["spec"]["template"]["metadata"].setdefault(
        "annotations", {}
    ).update(restarted="now"),
    "memory as it is usually written": lambda o: container(o)["resources"]["limits"].update(
        memory="1Gi"
    ),
    "cores as they are usually written": lambda o: container(o)["resources"]["limits"].update(
        cpu="1000m"
    ),
    "an empty value dropped": lambda o: [v.pop("value") for v in container(o)["env"]
                                         if not v["value"]],
}  # fmt: skip


@pytest.mark.parametrize("addition", ADDITIONS)
def test_what_others_add_beside_it_is_no_drift(addition: str) -> None:
    root = live_deployment()
    ADDITIONS[addition](root)
    assert not drift.has_drifted(root)


def test_a_service_without_its_owner_or_with_another_port_has_drifted() -> None:
    assert not drift.has_drifted(live_address())
    orphan = live_address()
    del orphan["metadata"]["ownerReferences"]
    assert drift.has_drifted(orphan)
    moved = live_address()
    moved["spec"]["ports"][0]["port"] = 1
    assert drift.has_drifted(moved)


def test_revisions_are_read_and_nonsense_is_none() -> None:
    assert drift.revision_of(live_deployment(service(revision=12))) == 12
    for text in ("", "-1", "x", "1.5", "9" * 40, None, 3, {}):
        assert drift.revision_of({"metadata": {"annotations": {drift.REVISION: text}}}) == 0
    assert drift.revision_of({}) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(JSON)
def test_whatever_is_there_is_compared_without_an_error(value: Any) -> None:
    root = live_deployment()
    root["spec"] = value
    assert drift.has_drifted(root) is True


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_what_was_applied_has_not_drifted(spec: Json) -> None:
    manifest = {"metadata": {"name": "a", "labels": {"b": "c"}}, "spec": spec}
    live = drift.marked(copy.deepcopy(manifest))
    assert not drift.has_drifted(live)
