"""Describes objects of a cluster for operators: their state in words, and their events. Pure.

What the cluster returns is bounded and cleaned, because users choose names and messages in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from hubsite.storable import storable

from ..facts import Described, Note
from .reading import list_of, object_of, text_of, time_of

Json = dict[str, Any]

MOST_CHARACTERS = 300
MOST_NOTES = 20


def described(item: Json, events: Iterable[Json]) -> Described:
    """One object, such as a Job or a pod, with its events, newest first."""
    metadata = object_of(item.get("metadata"))
    notes = sorted(map(_note, events), key=_when, reverse=True)
    return Described(
        _short(item.get("kind")) or "Pod",  # a list does not repeat the kind of its items
        _short(metadata.get("name")),
        "; ".join(_states(item)) or "no state yet",
        time_of(metadata.get("creationTimestamp")),
        notes[:MOST_NOTES],
    )


def _states(item: Json) -> Iterator[str]:
    """Phase and node of a pod, conditions that hold, and why containers wait or ended."""
    status = object_of(item.get("status"))
    if node := object_of(item.get("spec")).get("nodeName"):
        yield f"on node {_short(node)}"
    if phase := status.get("phase"):
        yield _short(phase)
    for name in ("active", "ready", "succeeded", "failed"):
        if isinstance(count := status.get(name), int) and count:
            yield f"{count} {name}"
    for found in map(object_of, list_of(status.get("conditions"))):
        if found.get("status") == "True" and found.get("reason"):
            yield f"{_short(found.get('type'))} ({_short(found.get('reason'))})"
        elif found.get("status") == "False" and found.get("message"):
            yield f"not {_short(found.get('type'))}: {_short(found.get('message'))}"
    for container in map(object_of, list_of(status.get("containerStatuses"))):
        for name, state in object_of(container.get("state")).items():
            why = [object_of(state).get(key) for key in ("reason", "message")]
            yield ": ".join([f"{_short(container.get('name'))} {_short(name)}",
                             *(_short(text) for text in why if text)])  # fmt: skip
        if isinstance(restarts := container.get("restartCount"), int) and restarts:
            yield f"{restarts} restarts"
    if object_of(item.get("metadata")).get("deletionTimestamp"):
        yield "being deleted"


def _note(event: Json) -> Note:
    told = ": ".join(_short(event.get(key)) for key in ("reason", "message") if event.get(key))
    at = time_of(event.get("lastTimestamp")) or time_of(event.get("eventTime"))
    count = event.get("count")
    return Note(told, at, count if isinstance(count, int) and count > 0 else 1)


def _when(note: Note) -> float:
    return note.at.timestamp() if note.at else 0.0


def _short(value: object) -> str:
    return storable(text_of(value))[:MOST_CHARACTERS]
