"""Which uploaded archives are accepted: none that unpacks elsewhere, or without end."""

from __future__ import annotations

import io
import random
import stat
import struct
import warnings
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubsite.refusals import Kind
from jobs.request import InvalidRequest
from jobs.submission import user_code
from jobs.submission.user_code import check_upload

PROCESSOR = b"def process_dataset(ds, **params):\n    return ds\n"


def archive(*entries, method=zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name or ZipInfo, content) pairs."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as writer:
        warnings.simplefilter("ignore")
        for name, content in entries:
            writer.writestr(name, content)
    return buffer.getvalue()


def with_mode(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def fault(data: bytes, name="code.zip", kind=Kind.INVALID) -> str:
    with pytest.raises(InvalidRequest) as raised:
        check_upload(name, data)
    assert raised.value.kind == kind
    assert {error.field for error in raised.value.errors} == {"user_code"}
    return raised.value.errors[0].message


def patched(data: bytes, name: bytes, other: bytes) -> bytes:
    """`data` with a name exchanged in headers and directory."""
    assert len(name) == len(other)
    return data.replace(name, other)


def test_archives_of_the_xcube_client_are_accepted(tmp_path):
    (tmp_path / "processor.py").write_bytes(PROCESSOR)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as writer:
        writer.write(tmp_path / "processor.py", "pkg/processor.py")
        writer.mkdir("pkg/data")
        writer.writestr("pkg/__init__.py", b"")
    check_upload("xcube-byoa_x1.zip", buffer.getvalue())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_entries_are_accepted(method):
    check_upload("code.zip", archive(("a.py", PROCESSOR), ("d/", b""), method=method))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x.zip", "a/b.zip", "a\\b.zip", "/x", "x\n.zip"]
)
def test_the_file_name_is_bare(name):
    assert "bare file name" in fault(archive(("a.py", b"")), name=name)


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x05\x06", b"def f(): pass", bytes(10_000)])
def test_what_is_no_zip_is_refused(data):
    assert "zip archive" in fault(data)


def test_an_empty_archive_is_refused():
    assert "not empty" in fault(archive())


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../x.py",
        "a/../../x.py",
        "a/..",
        "./a.py",
        "a//b.py",
        "C:/x.py",
        "C:x.py",
        "~/x",
        "a\nb.py",
        "a/%2e%2e/b",
        "x" * 256,
        "a/" * 300 + "x",
    ],
)
def test_names_that_lead_out_of_the_archive_are_refused(name):
    assert fault(archive((name, PROCESSOR))).startswith("entry ")


@pytest.mark.parametrize("name", [b"a\\b.py", b"ab\x00.py", b"..\\..x"])
def test_names_that_zipfile_would_tidy_up_are_refused(name):
    data = patched(archive(("abcdef", PROCESSOR)), b"abcdef", name)
    assert fault(data)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_links_and_devices_are_refused(kind):
    assert "links or devices" in fault(archive((with_mode("a", kind | 0o777), b"/etc/passwd")))


def test_folders_that_are_files_are_refused():
    assert "folder's name" in fault(archive((with_mode("a", stat.S_IFDIR | 0o755), b"x")))
    assert "folder's name" in fault(archive((with_mode("a/", stat.S_IFREG | 0o644), b"")))
    assert "lies in a file" in fault(archive(("a", b"x"), ("a/b", b"x")))


def test_duplicate_names_are_refused():
    assert "is there twice" in fault(archive(("a.py", b"1"), ("a.py", b"2")))
    assert "is there twice" in fault(archive(("a", b"1"), ("a/", b"")))


def test_encrypted_entries_are_refused():
    data = bytearray(archive(("a.py", PROCESSOR)))
    directory = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[directory + 8] |= 1
    assert "no encryption" in fault(bytes(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(method):
    assert "deflate" in fault(archive(("a.py", PROCESSOR), method=method))


def test_wrong_checksums_and_cut_archives_are_refused():
    data = archive(("a.py", PROCESSOR), method=zipfile.ZIP_STORED)
    assert "zip archive" in fault(data.replace(b"return", b"RETURN"))
    assert "zip archive" in fault(data[:-1])
    assert "zip archive" in fault(data[10:])


def test_archives_are_at_most_10_mb():
    data = archive(("a", random.randbytes(10 * 1024**2)), method=zipfile.ZIP_STORED)
    assert "10 MB" in fault(data, kind=Kind.TOO_LARGE)


def test_unpacked_archives_are_at_most_100_mb(monkeypatch):
    monkeypatch.setattr(user_code, "MAX_BYTES", 1000)
    check_upload("code.zip", archive(("a", bytes(500)), ("b", bytes(500))))
    assert "100 MB" in fault(archive(("a", bytes(500)), ("b", bytes(501))), kind=Kind.TOO_LARGE)


def test_a_header_that_lies_about_the_size_is_found_out(monkeypatch):
    monkeypatch.setattr(user_code, "MAX_BYTES", 1000)
    data = bytearray(archive(("a", bytes(50_000))))
    directory = data.index(b"PK\x01\x02")
    for offset in (22, directory + 24):
        data[offset : offset + 4] = struct.pack("<I", 100)
    assert fault(bytes(data))


def test_entries_are_at_most_10_000(monkeypatch):
    monkeypatch.setattr(user_code, "MAX_ENTRIES", 2)
    assert "entries" in fault(archive(("a", b""), ("b", b""), ("c", b"")), kind=Kind.TOO_LARGE)


def test_a_huge_directory_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(user_code, "MAX_ENTRIES", 1)
    data = archive(*((str(i), b"") for i in range(6)))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert "entries" in fault(data, kind=Kind.TOO_LARGE)


def test_bombs_are_refused():
    assert "too strongly" in fault(archive(("a", bytes(2 * 1024**2))))


def test_several_faults_are_told_at_once():
    with pytest.raises(InvalidRequest) as raised:
        check_upload("code.zip", archive(("/a", b""), ("../b", b""), ("c", b"")))
    assert [error.message.partition(":")[0] for error in raised.value.errors] == [
        "entry '/a'",
        "entry '../b'",
    ]


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6), st.data())
def test_any_damaged_archive_is_accepted_or_invalid_and_nothing_else(changes, data):
    damaged = bytearray(archive(("pkg/__init__.py", b""), ("pkg/a.py", PROCESSOR), ("b/", b"")))
    for position, value in changes:
        damaged[position % len(damaged)] = value
    cut = data.draw(st.integers(0, 30))
    try:
        check_upload("code.zip", bytes(damaged[: len(damaged) - cut]))
    except InvalidRequest as error:
        assert error.errors
