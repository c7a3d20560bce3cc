"""Errors of xcube and its libraries in words: by messages that runs have really ended with.

The messages of `REAL` come from xcube 1.14.1, zarr, xarray, s3fs, pyproj and an S3 server, as
`jobs/runner/record/failures.py` gives them. Those of `DOCUMENTED` are in the documentation of
Amazon S3, aiohttp and this hub's own planner.
"""

from __future__ import annotations

import pytest

from jobs.known_errors import KNOWN_ERRORS, Fault, recognise

STORE = 'Cannot reach the data store "sea": '
OPEN = 'Cannot open the data store "sea": '
REAL = (
    ('Data resource "nix.zarr" does not exist in store', "dataset-missing"),
    (OPEN + "@sea/nope.zarr does not exist", "dataset-missing"),
    (OPEN + "[Errno 2] No such file or directory: '@sea/nope.nc'", "dataset-missing"),
    (
        "Failed to open dataset '@sea/a.zarr': No group found in store '@sea/a.zarr' at path ''",
        "dataset-missing",
    ),
    (OPEN + "[Errno -51] NetCDF: Unknown file format: '@sea/bad.nc'", "format"),
    (
        OPEN + "Cannot create '' with mode 'w-' because it already contains data. Use mode 'w' to "
        "overwrite or 'a' to append.",
        "already-exists",
    ),
    (
        STORE + 'Could not connect to the endpoint URL: "http://127.0.0.1:9/b/x/a.zarr/.zmetadata"',
        "unreachable",
    ),
    (STORE + "[Errno 121] Internal Server Error", "unreachable"),
    (STORE + "Forbidden", "access-denied"),
    (STORE + "Unable to locate credentials", "keys-missing"),
    (
        STORE + 'Read timeout on endpoint URL: "http://127.0.0.1:8940/b/a.zarr/.zmetadata"',
        "timeout",
    ),
    (
        "\"No variable named 'nope'. Variables on the dataset include ['sst', 'lat', 'lon']\"",
        "variable-missing",
    ),
    ("crs is invalid", "crs"),
    (
        "Invalid projection: EPSG:99999: (Internal Proj Error: proj_create: crs not found: "
        "EPSG:99999)",
        "crs",
    ),
    ("Unknown datetime string format, unable to parse: nonsense, at position 0", "time-format"),
    ("cube_config.time_period: '1X' does not match '^([1-9][0-9]*)?[DWMY]$'", "time-format"),
    ("cannot find any grid mapping in dataset", "area"),
    (
        "Specified Zarr chunks encoding['chunks']=(2, 18, 36) for variable named 'sst' would "
        "overlap multiple Dask chunks. Please check the Dask chunks at position 0 and 0, on axis 0",
        "chunking",
    ),
    (
        "Zarr requires uniform chunk sizes except for final chunk. Variable named 'lon_bnds' has "
        "incompatible dask chunks: ((10, 5, 21), (2,)). Consider rechunking using `chunk()`.",
        "chunking",
    ),
    (
        "variable 'sst' already exists with different dimension sizes: {'lat': 18} != {'lat': 5}. "
        "to_zarr() only supports changing dimension sizes when explicitly appending",
        "append-mismatch",
    ),
    (
        "append_dim='nope' does not match any existing dataset dimensions {'lon': 36, 'time': 4}",
        "append-mismatch",
    ),
    (
        "Unable to allocate 728. TiB for an array with shape (10000000, 10000000) and data type "
        "float64",
        "memory",
    ),
    ('Unknown data store "nix" (may be due to missing xcube plugin)', "store-unknown"),
    ("connections to 127.0.0.1 are not allowed", "not-allowed"),
    ("error during blosc decompression: -1", "damaged"),
    ("Error -3 while decompressing data: incorrect header check", "damaged"),
    ("Compressed file ended before the end-of-stream marker was reached", "damaged"),
    ("Zstd decompression error: b'Data corruption detected'", "damaged"),
    ("LZ4 decompression error: -6", "damaged"),
    (OPEN + "Invalid data stream", "damaged"),
    ("Corrupt input data", "damaged"),
    (
        "Stored and computed crc32 checksum do not match. Stored: 443628231. Computed: 3571537460.",
        "damaged",
    ),
    (
        "The fletcher32 checksum of the data (4026541056) did not match the expected checksum (9).",
        "damaged",
    ),
    ("No space left in the output store or on this machine.", "disk-full"),
)
DOCUMENTED = (
    (STORE + "Access Denied", "access-denied"),
    (
        STORE + "The AWS Access Key Id you provided does not exist in our records.",
        "access-denied",
    ),
    (
        STORE + "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        "access-denied",
    ),
    (STORE + "The provided token has expired.", "access-denied"),
    (OPEN + "The specified bucket does not exist", "bucket-missing"),
    (OPEN + "The specified key does not exist.", "dataset-missing"),
    (STORE + "Please reduce your request rate.", "too-many-requests"),
    (STORE + "429, message='Too Many Requests', url='https://example.org/a'", "too-many-requests"),
    (STORE + "503, message='Service Unavailable', url='https://example.org/a'", "unreachable"),
    (STORE + "Connection timed out", "timeout"),
    (
        "cube_config.time_range: no time step is within 2050-01-01 to 2051-01-01; the data has 4",
        "time-range",
    ),
    (
        "cube_config.bbox: [200, 100, 210, 110] lies beside the data, which covers [0, 0, 1, 1]",
        "area",
    ),
    ("cube_config.variable_names: unknown variable 'nix'; there are sst, chl", "variable-missing"),
    ("No module named 'my_library'", "user-code"),
)


@pytest.mark.parametrize(("message", "name"), [*REAL, *DOCUMENTED])
def test_known_messages_are_recognised(message, name):
    told = recognise(message)
    assert told is not None and told.name == name
    assert str(told.text) and str(told.what_helps)


def test_every_row_has_a_message_that_it_was_written_for():
    untested = {known.name for known in KNOWN_ERRORS} - {name for _, name in REAL + DOCUMENTED}
    assert untested == {"too-large"}
    assert recognise("cube_config: the cube is too large").name == "too-large"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "The cube has been written.",
        "something odd happened in frobnicate()",
        "tile 403 of 503 has a bad value",
        "x" * 100_000,
        "\0\u202e",
    ],
)
def test_of_other_messages_the_hub_says_that_it_does_not_know_them(message):
    assert recognise(message) is None


def test_the_end_of_the_log_says_what_the_message_does_not():
    log = [
        "INFO no time step is within reach",  # no error
        "UserWarning: Unable to locate credentials",
        "Traceback (most recent call last):",
        '  File "x.py", line 3, in <module>',
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.28 TiB for an array",
    ]
    assert recognise("1 error", lambda: log).name == "memory"
    assert recognise("1 error", lambda: log[:2]) is None


def test_the_log_is_not_read_if_the_message_is_enough():
    def read():
        raise AssertionError("it was read")

    assert recognise("crs is invalid", read).name == "crs"


def test_a_store_of_ones_own_is_ones_own_fault():
    assert recognise(STORE + "Forbidden").fault is Fault.STORE
    own = recognise(STORE + "Forbidden", uses_own_store=True)
    assert own.fault is Fault.OWN_STORE and "keys" in str(own.what_helps)
    assert recognise("crs is invalid", uses_own_store=True).fault is Fault.REQUEST
