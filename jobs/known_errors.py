"""Errors of xcube and its libraries in words: what happened, whose fault it is, what helps.

A run's message comes from xcube, xarray, zarr, s3fs, fsspec, pyproj or an S3 service. `recognise`
finds the first row of `KNOWN_ERRORS` that fits; the messages that it was written for are in
tests/jobs/test_known_errors.py. If no row fits, the hub says that it does not know the error.

To add one: a row with a pattern that fits this error and no other, and its real message in the
test. Rows that fit fewer messages stand first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

SUCCESS = "Cube generated successfully"
"""How xcube's message of a finished cube begins: it says no more than the state."""
MOST_CHARACTERS = 2000
LOG_LINES = 40
"""Of the end of the log: the error itself is among them, and what came before is not."""


class Fault(StrEnum):
    """Who can do something about a failure."""

    REQUEST = "request"
    STORE = "store"
    OWN_STORE = "own store"
    HUB = "hub"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class KnownError:
    """`pattern` is searched in a message, without regard to upper and lower case."""

    name: str
    pattern: re.Pattern[str]
    fault: Fault
    text: Any
    what_helps: Any


def _row(name: str, pattern: str, fault: Fault, text: Any, what_helps: Any) -> KnownError:
    return KnownError(name, re.compile(pattern, re.IGNORECASE), fault, text, what_helps)


KNOWN_ERRORS: tuple[KnownError, ...] = (
    _row(
        "already-exists",
        r"already contains data|FileExistsError|output .{0,600}already exists",
        Fault.REQUEST,
        _("A cube of this name is there already."),
        _("Choose another name, or allow that the cube is replaced."),
    ),
    _row(
        "append-mismatch",
        r"already exists with different dimension sizes|append_dim='[^']{0,200}' does not match",
        Fault.REQUEST,
        _("The new data does not fit to the cube that it is added to."),
        _("Ask for the same area, resolution and variables as that cube; only times may differ."),
    ),
    _row(
        "chunking",
        r"Zarr requires uniform chunk sizes|overlap(?:ped)? (?:on the same|multiple Dask)"
        r"|incompatible dask chunks|chunk sizes? .{0,80}mismatch",
        Fault.REQUEST,
        _("The chunks of the cube do not fit to those of its data."),
        _("Leave out the chunks in cube_config, or choose sizes that divide the image evenly."),
    ),
    _row(
        "crs",
        r"\bcrs is invalid|Invalid projection|crs not found|CRSError|proj_create",
        Fault.REQUEST,
        _("The coordinate system is unknown, or cannot be used here."),
        _("Name one by its code, such as EPSG:4326 for degrees, or leave it out."),
    ),
    _row(
        "time-format",
        r"Unknown datetime string format|unable to parse: .{0,80}at position|time_period: "
        r"|DateParseError|time data .{0,80}doesn't match format",
        Fault.REQUEST,
        _("A time in the request cannot be read."),
        _("Write days as 2026-11-26, and periods as 1D, 8D, 1W, 1M or 1Y."),
    ),
    _row(
        "time-range",
        r"no time step is within|time_range: |out of bounds nanosecond",
        Fault.REQUEST,
        _("The dataset has no data in this range of times."),
        _("Look at the times of the dataset, and choose a range within them."),
    ),
    _row(
        "area",
        r"cube_config\.bbox: |cannot find any grid mapping|lies beside the data"
        r"|bbox .{0,80}(?:outside|does not intersect)|crosses? the antimeridian",
        Fault.REQUEST,
        _("The area does not fit to the dataset, or the dataset has no grid that can be used."),
        _("Look at the area of the dataset and its coordinate system, and choose a part of it."),
    ),
    _row(
        "variable-missing",
        r"No variable named|unknown variables? |None of the requested variables"
        r"|variable(?: name)?s? .{0,200}not found|has no variable",
        Fault.REQUEST,
        _("The dataset has no variable of this name."),
        _("Look at the variables of the dataset, and choose among them."),
    ),
    _row(
        "store-unknown",
        r"Unknown data store|Configured data store instance .{0,200}not found",
        Fault.REQUEST,
        _("There is no data store of this name."),
        _("Look at the stores of this hub under “Data”, and name one of them."),
    ),
    _row(
        "access-denied",
        r"Access ?Denied|InvalidAccessKeyId|AWS Access Key Id you provided does not exist"
        r"|SignatureDoesNotMatch|request signature we calculated does not match"
        r"|ExpiredToken|token has expired|Permission denied|\bForbidden\b|PermissionError",
        Fault.STORE,
        _("The store refuses the hub: the keys are wrong or have expired, or lack a right."),
        _("The operators of the hub must look at the keys of the store."),
    ),
    _row(
        "bucket-missing",
        r"specified bucket does not exist|NoSuchBucket",
        Fault.STORE,
        _("The store's bucket does not exist."),
        _("The operators of the hub must look at how the store is set up."),
    ),
    _row(
        "dataset-missing",
        r"Data resource \"?.{0,600}does not exist|\bNoSuchKey|specified key does not exist"
        r"|No group found in store|group not found at path|GroupNotFoundError"
        r"|: .{0,600} does not exist|No such file or directory|FileNotFoundError",
        Fault.REQUEST,
        _("The store has no dataset of this name."),
        _("Look under “Data” at what the store holds. Upper and lower case make a difference."),
    ),
    _row(
        "damaged",
        r"\b(?:blosc|zstd|lz4) decompression(?: error)?:|while decompressing data"
        r"|checksums? .{0,80}(?:do|does|did) not match|has been corrupted|Corrupt input data"
        r"|before the end-of-stream marker|Not a gzipped file|Invalid data stream"
        r"|Input format not supported by decoder",
        Fault.STORE,
        _("A part of the dataset is damaged: its compressed data cannot be read."),
        _(
            "Choose an area or times without the damaged part, or another dataset, and tell the "
            "operators of the hub which one it was."
        ),
    ),
    _row(
        "format",
        r"Unknown file format|not a valid (?:NetCDF|HDF5|Zarr)|Failed to open dataset"
        r"|did not find a match in any of xarray's|unrecognized engine",
        Fault.STORE,
        _("The dataset is there, but its files are damaged or of a format that is not read."),
        _("Try another dataset, and tell the operators of the hub which one it was."),
    ),
    _row(
        "keys-missing",
        r"Unable to locate credentials|NoCredentialsError|Partial credentials",
        Fault.STORE,
        _("The store wants keys, and none were given."),
        _("The operators of the hub must look at how the store is set up."),
    ),
    _row(
        "too-many-requests",
        r"SlowDown|reduce your request rate|Too Many Requests|\b429, message",
        Fault.STORE,
        _("The store was asked too often at once, and refused."),
        _("Run it again later."),
    ),
    _row(
        "timeout",
        r"\btime(?:d )?-?out\b|TimeoutError|ServerTimeoutError|ReadTimeout|ConnectTimeout",
        Fault.STORE,
        _("The store did not answer in time."),
        _("Run it again later. If it fails again, the operators of the hub can look at the store."),
    ),
    _row(
        "unreachable",
        r"Cannot reach |Could not connect to the endpoint|Connection refused|ClientConnectorError"
        r"|Name or service not known|Temporary failure in name resolution|Connection reset"
        r"|getaddrinfo failed|Server disconnected|Service ?Unavailable|Internal ?(?:Server ?)?Error"
        r"|\b50[0234], message",
        Fault.STORE,
        _("The store cannot be reached, or has a fault."),
        _("Run it again later. If it fails again, the operators of the hub can look at the store."),
    ),
    _row(
        "memory",
        r"Unable to allocate|MemoryError|Cannot allocate memory|OutOfMemory",
        Fault.REQUEST,
        _("The run needed more memory than it may use."),
        _("Choose smaller chunks or a smaller area, or fewer variables at once."),
    ),
    _row(
        "disk-full",
        r"No space left",
        Fault.HUB,
        _("The output store, or a disk of the hub, is full."),
        _("The operators of the hub must make room. Run it again afterwards."),
    ),
    _row(
        "not-allowed",
        r"connections to .{0,200} are not allowed|is outside of its store|OutsideStore",
        Fault.REQUEST,
        _("The request leads to a place that the hub does not go to."),
        _("Use a store with a public address, and names within it."),
    ),
    _row(
        "too-large",
        r"too large|too many (?:pixels|images|time steps)|exceeds? the limit",
        Fault.REQUEST,
        _("The cube would be larger than the hub allows."),
        _("Choose a smaller area, a shorter range of times, or a coarser resolution."),
    ),
    _row(
        "user-code",
        r"ModuleNotFoundError|No module named|user_?code|callable .{0,200}not found|ImportError",
        Fault.REQUEST,
        _("Your own code failed, or needs a library that the hub does not have."),
        _("Run the code with xcube on your machine first; the log shows where it failed here."),
    ),
)
"""Ordered: the first row that fits is the one that is told."""

OWN_STORE_HELPS = _("It is a store of your own: look at its address, its keys and their rights.")


@dataclass(frozen=True)
class Told:
    """What to tell about an error. `name` is empty if the hub does not know it."""

    name: str
    fault: Fault
    text: Any
    what_helps: Any


def recognise(
    message: str,
    end_of_log: Callable[[], Sequence[str]] = list,
    *,
    uses_own_store: bool = False,
) -> Told | None:
    """The error of a run that xcube ended; None if the hub does not know it.

    `end_of_log` gives the last lines of the run's log: they are looked at if the message alone
    says too little.
    """
    found = _match(message)
    if found is None:
        lines = reversed(end_of_log()[-LOG_LINES:])
        found = next((known for line in lines if (known := _error_in(line))), None)
    if found is None:
        return None
    if uses_own_store and found.fault is Fault.STORE:
        return Told(found.name, Fault.OWN_STORE, found.text, OWN_STORE_HELPS)
    return Told(found.name, found.fault, found.text, found.what_helps)


_ERROR_LINE = re.compile(r"^(?:[\w.]{1,100}(?:Error|Exception|Timeout|Warning)\b|Error: )")


def _error_in(line: str) -> KnownError | None:
    """The error that a line of a log ends with, such as the last line of a traceback."""
    if "Warning" in line[:120] or not _ERROR_LINE.match(line):
        return None
    return _match(line)


def _match(text: str) -> KnownError | None:
    text = " ".join(text[:MOST_CHARACTERS].split())
    return next((known for known in KNOWN_ERRORS if known.pattern.search(text)), None)
