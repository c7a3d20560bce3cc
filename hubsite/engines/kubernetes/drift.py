"""Finds out whether a live object still is what was applied. Pure.

Each mutable object carries what the hub applied, as JSON in an annotation, like `kubectl apply`
does. The live object has more fields, because the API server and webhooks fill in theirs. So an
object has drifted if a field that the hub set is missing or has another value, or if a list that
the hub set has another length. Additional keys are left alone, apart from those of selectors.

Nothing secret may be in such an object: payloads are in Secrets, which are immutable.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from .reading import object_of, text_of

Json = dict[str, Any]

APPLIED = "xcube-hub/applied"
REVISION = "xcube-hub/revision"
EXACT = {"selector", "matchLabels", "nodeSelector"}
"""In these, another key changes what all the others mean."""


def marked(manifest: Json) -> Json:
    """A copy of the manifest that carries its own content, to be compared later."""
    made = copy.deepcopy(manifest)
    content = {"metadata": _owned(made["metadata"]), "spec": made["spec"]}
    annotations = made["metadata"].setdefault("annotations", {})
    annotations[APPLIED] = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return made


def has_drifted(live: Json) -> bool:
    """Whether someone changed what the hub applied."""
    return not _holds(live, applied(live) or {"spec": {"never": "applied"}})


def applied(live: Json) -> Json:
    """What the hub applied; {} if that cannot be read any more."""
    try:
        return object_of(json.loads(_annotation(live, APPLIED)))
    except (ValueError, RecursionError):
        return {}


def revision_of(item: Json) -> int:
    """The revision of the spec that the object was made from; 0 if it has none."""
    text = _annotation(item, REVISION)
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _owned(metadata: Json) -> Json:
    names = ("labels", "ownerReferences")
    return {name: metadata[name] for name in names if name in metadata}


def _annotation(item: Json, name: str) -> str:
    return text_of(object_of(object_of(item.get("metadata")).get("annotations")).get(name))


def _holds(live: Any, wanted: Any) -> bool:
    """Whether `live` has all of `wanted`. The API server drops empty values, so these may lack."""
    if isinstance(wanted, dict):
        found = object_of(live)
        return (isinstance(live, dict) or not wanted) and all(
            _holds(found.get(key), value)
            and (key not in EXACT or object_of(found.get(key)).keys() == object_of(value).keys())
            for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not wanted:
            return not live
        return (
            isinstance(live, list)
            and len(live) == len(wanted)
            and all(_holds(*pair) for pair in zip(live, wanted, strict=True))
        )
    return live == wanted or (live is None and not wanted) or _is_same_quantity(live, wanted)


def _is_same_quantity(live: Any, wanted: Any) -> bool:
    """Whether both are the same amount, such as "0.5" and "500m": the API server rewrites these."""
    from kubernetes.utils.quantity import parse_quantity

    if not (isinstance(live, str) and isinstance(wanted, str)):
        return False
    try:
        return parse_quantity(live) == parse_quantity(wanted)
    except ValueError:
        return False
