"""Reads the stores file, YAML or JSON: all its stores, or all its faults.

A map `name -> {title, description, store_id, store_params, cost_params}`, as xcube and the old
service read it. Members of the hub are `readable`, `writable` (default: yes) and `per_user`
(default: no), which gives each user a folder of their own below `root`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from .entries import EntryReader
from .store import Store


class StoresFileError(ValueError):
    """The stores file cannot be used; `faults` has one sentence for each fault."""

    def __init__(self, path: object, faults: list[str]):
        self.path, self.faults = path, faults
        super().__init__(f"The stores file {path} cannot be used:\n" + "\n".join(faults))


def read_stores_file(
    path: str | os.PathLike, environ: Mapping[str, str] | None = None
) -> dict[str, Store]:
    """The stores of the file `path` by name: JSON if its name ends with .json, else YAML.

    `${NAME}` and `$NAME` in its texts are replaced by variables of `environ`, `$$` by a dollar.
    Raises StoresFileError with every fault.
    """
    path = Path(path).absolute()
    try:
        content = _parsed(path.read_text(encoding="utf-8"), is_json=path.suffix == ".json")
    except OSError as error:
        raise StoresFileError(path, [f"It cannot be read: {error.strerror}."]) from None
    except UnicodeDecodeError:
        raise StoresFileError(path, ["It is not text in UTF-8."]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StoresFileError(path, [_syntax_fault(error)]) from None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise StoresFileError(path, ["It is not a map of names to stores."])
    reader = EntryReader(path.parent, os.environ if environ is None else environ)
    try:
        stores = {name: reader.store(name, entry) for name, entry in content.items()}
    except RecursionError:
        raise StoresFileError(path, ["It is nested without end."]) from None
    if reader.faults:
        raise StoresFileError(path, reader.faults)
    return stores


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys and keeps dates as text, as in JSON."""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in getattr(node, "value", ()):
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else id(key_node))
        return super().construct_mapping(node, deep)


def _parsed(text: str, *, is_json: bool) -> object:
    if is_json:
        return json.loads(text, object_pairs_hook=_distinct)
    return yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader


def _distinct(pairs: list[tuple[str, object]]) -> dict:
    content: dict = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"{key!r} is given twice")
        content[key] = value
    return content


def _syntax_fault(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"Line {error.lineno}: {error.msg}."
    mark = getattr(error, "problem_mark", None)
    if mark:
        return f"Line {mark.line + 1}: {error.problem or 'not understood'}."
    return f"It cannot be read: {error}."
