"""Specs: what an engine shall run, under which name. A `Run` ends by itself, a `Service` does not.

An engine knows nothing of jobs, users or xcube: a payload is for the program alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar


@dataclass(frozen=True)
class Program:
    """The program that understands a payload: a Python package as a zip file.

    An engine starts `python -m module` with a Python that can import `requires`.
    """

    archive: bytes = field(repr=False)
    module: str
    requires: str


@dataclass(frozen=True)
class Command:
    """A program that the image or this machine has itself, in place of a `Program`.

    In `arguments` and in the values of `env` the engine replaces `{address}` and `{port}` (where
    the program must listen), `{path}` (the path of all its URLs), and `{workspace}` (a folder of
    its owner that is kept between starts); on this machine also `{socket}`, the path of a unix
    socket that it may listen at in place of a port. No shell is involved. `keeps` names the
    folder; two services of the same name share it. `workspace` is where the folder is in an
    image, and `settings` is the folder in its home that is kept as well, such as `.cate`.
    """

    arguments: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    keeps: str = ""
    workspace: str = "/workspace"
    settings: str = ""


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with each `{name}` that `values` has replaced, once; others stay as they are."""
    names = "|".join(map(re.escape, values))
    return re.sub(rf"\{{({names})\}}", lambda found: values[found[1]], text)


@dataclass(frozen=True)
class Container:
    """The process of a run or of a service, and what it may use: a `program`, or a `command`.

    `owner` is the id of the user for whom it runs. `memory_bytes` is the most that it may use,
    `expected_memory_bytes` is what it will probably use; `cpus` is the most processor time that
    it may use, in cores. `is_untrusted`: it executes code of its owner, so it must get nothing
    that does not belong to its owner. `image` is an image other than the engine's own; an engine
    without images ignores it.
    """

    owner: str
    program: Program | None = None
    command: Command | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    memory_bytes: int | None = None
    expected_memory_bytes: int | None = None
    is_untrusted: bool = False
    cpus: float | None = None
    image: str = ""


@dataclass(frozen=True)
class Report:
    """Where a run reports its progress and its log, and the token that allows it."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Code:
    """Code that the owner uploaded: the zip file, and where the run can fetch it by its token."""

    url: str
    archive: bytes = field(repr=False)


@dataclass(frozen=True)
class Run:
    """The spec of a run, which begins once and ends by itself.

    `payload` is opaque to the engine: only the program understands it. `attempt` belongs to the
    identity: an object of another attempt is another run. Today every job has one attempt.
    """

    name: str
    attempt: int
    container: Container
    payload: Mapping[str, Any] = field(repr=False)
    deadline_s: float
    report: Report | None = None
    code: Code | None = None


@dataclass(frozen=True)
class Service:
    """The spec of a service, which runs until it is removed and answers HTTP.

    Applying a spec with a higher `revision` changes the object; one with a lower revision is
    ignored. `payload` is opaque to the engine: only the program understands it. `path` is the
    path of all its URLs, without a slash at its end ("" if it has an origin of its own); `probe`
    is the path below it that answers 200 when the service is ready. `port` is where it listens,
    if the engine gives it an address of its own. `is_asleep`: it shall have no process, but keep
    its address.
    """

    name: str
    revision: int
    container: Container
    payload: Mapping[str, Any] = field(repr=False)
    path: str = ""
    probe: str = "/"
    port: int = 8080
    is_asleep: bool = False


class Spec(Protocol):
    """What all specs have."""

    @property
    def name(self) -> str: ...

    @property
    def container(self) -> Container: ...


SpecT = TypeVar("SpecT", bound=Spec)
