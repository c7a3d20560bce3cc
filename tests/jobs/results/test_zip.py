"""A cube as a zip: right, contained, consistent, resumable, and bounded."""

import contextlib
import io
import os
import shutil
import subprocess
import zipfile

import pytest

from hubsite.refusals import Kind, Refused
from hubsite.web import downloads
from jobs.models import State
from jobs.results import zip_layout, zipping
from jobs.results.zipping import Changed, Zip
from tests.jobs.results.conftest import made

FILES = {
    ".zgroup": b"{}",
    ".zattrs": b'{"title": "x"}',
    "sst/.zarray": b"{}",
    "sst/0.0.0": bytes(range(256)) * 9000,
    "sst/0.0.1": b"",
    "größe/0": b"umlauts",
}


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "root" / "ada" / "one.zarr", FILES)
    return tmp_path / "root"


def pack(root, data_id="ada/one.zarr", start=0):
    packed = Zip(str(root), data_id)
    try:
        if start:
            packed.start_at(start)
        return b"".join(packed), packed.length
    finally:
        packed.end()


def unpacked(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


@pytest.mark.parametrize("largest", [zip_layout.LARGEST, 100, 5], ids=["plain", "zip64", "all"])
def test_it_is_a_zip_whose_length_is_known(root, tmp_path, monkeypatch, largest):
    monkeypatch.setattr(zip_layout, "LARGEST", largest)
    data, length = pack(root)
    assert len(data) == length
    assert unpacked(data) == {f"one.zarr/{name}": content for name, content in FILES.items()}
    (tmp_path / "cube.zip").write_bytes(data)
    shutil.unpack_archive(tmp_path / "cube.zip", tmp_path / "out")
    found = subprocess.run(
        ["diff", "-r", root / "ada" / "one.zarr", tmp_path / "out" / "one.zarr"],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout
    mode = (tmp_path / "out" / "one.zarr" / ".zgroup").stat().st_mode & 0o777
    assert mode & 0o111 == 0


def test_many_entries_need_zip64_too(root, monkeypatch):
    monkeypatch.setattr(zip_layout, "MOST_ENTRIES", 3)
    data, _ = pack(root)
    assert b"PK\x06\x06" in data and len(unpacked(data)) == len(FILES)


def test_a_data_set_that_is_one_file(root):
    write(root, {"ada/cube.nc": b"x" * 3_000_000})
    assert unpacked(pack(root, "ada/cube.nc")[0]) == {"cube.nc": b"x" * 3_000_000}


def test_it_can_be_continued_at_every_byte(root, monkeypatch):
    write(root / "ada" / "one.zarr", {"sst/0.0.0": b"0123456789" * 20})
    for piece in (1 << 20, 7):
        monkeypatch.setattr(zipping, "PIECE", piece)
        monkeypatch.setattr(zipping, "READ_AT_ONCE", 50)
        data, length = pack(root)
        for start in [1, 30, 31, *range(40, length, 61), length - 1]:
            assert pack(root, start=start)[0] == data[start:]


def test_pieces_are_bounded_and_reading_ahead_gives_way(root, monkeypatch):
    write(root / "ada" / "one.zarr", {"big": b"x" * 9_000_000})
    packed = Zip(str(root), "ada/one.zarr")
    assert max(len(piece) for piece in packed) <= 2 * zipping.PIECE
    monkeypatch.setattr(zipping, "READ_AT_ONCE", 2 << 20)
    packed.start_at(packed.length - 10)
    pieces = list(packed)
    assert pieces.count(b"") >= 4 and len(b"".join(pieces)) == 10
    packed.end()


# What leads out of the store, and what is no file


def link_file(cube, outside):
    (cube / "sst" / "0.0.1").unlink()
    (cube / "sst" / "0.0.1").symlink_to(outside / "secret")


def link_folder(cube, outside):
    (cube / "more").symlink_to(outside)


def link_cube(cube, outside):
    cube.rename(cube.with_name("elsewhere"))
    cube.symlink_to(outside)


def link_user(cube, outside):
    cube.parent.rename(cube.parent.with_name("ben"))
    cube.parent.symlink_to(cube.parent.with_name("ben"))


def make_fifo(cube, outside):
    os.mkfifo(cube / "pipe")


def odd_name(cube, outside):
    with open(os.fsencode(cube) + b"/\xff", "wb"):
        pass


ATTACKS = [link_file, link_folder, link_cube, link_user, make_fifo, odd_name]


@pytest.fixture
def outside(tmp_path):
    write(tmp_path / "outside", {"secret": b"TOP SECRET", "one.zarr/secret": b"TOP SECRET"})
    return tmp_path / "outside"


@pytest.mark.parametrize("attack", ATTACKS)
def test_links_and_what_is_no_file_are_refused(root, outside, attack):
    attack(root / "ada" / "one.zarr", outside)
    with pytest.raises(Refused) as caught:
        Zip(str(root), "ada/one.zarr")
    assert caught.value.kind is Kind.CONFLICT
    assert str(root) not in str(caught.value)


@pytest.mark.parametrize("data_id", ["ada/../../outside", "../outside", "ada/one.zarr/../../ada"])
def test_no_name_leads_out(root, outside, data_id):
    with pytest.raises(Refused):
        Zip(str(root), data_id)


def test_the_root_itself_may_be_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    assert len(unpacked(pack(tmp_path / "link")[0])) == len(FILES)


@pytest.mark.parametrize("attack", [link_file, link_cube, link_folder])
def test_what_becomes_a_link_after_it_was_listed_is_not_followed(root, outside, attack):
    packed = Zip(str(root), "ada/one.zarr")
    attack(root / "ada" / "one.zarr", outside)
    with contextlib.suppress(Changed):
        assert b"SECRET" not in b"".join(packed)
    packed.end()


def test_a_folder_that_becomes_a_link_is_not_followed(root, outside):
    packed = Zip(str(root), "ada/one.zarr")
    cube = root / "ada" / "one.zarr"
    shutil.copytree(cube / "sst", outside / "sst")
    (cube / "sst").rename(cube / "was")
    (cube / "sst").symlink_to(outside / "sst")
    with pytest.raises(Changed):
        list(packed)
    packed.end()


# What changes


def rewrite(path):
    path.write_bytes(b"y" * len(FILES["sst/0.0.0"]))


def cut(path):
    os.truncate(path, 10)


def grow(path):
    with path.open("ab") as file:
        file.write(b"x")


def replace(path):
    path.with_name("new").write_bytes(path.read_bytes())
    times = path.stat()
    os.utime(path.with_name("new"), ns=(times.st_atime_ns, times.st_mtime_ns))
    path.with_name("new").rename(path)


def remove(path):
    path.unlink()


@pytest.mark.parametrize("change", [rewrite, cut, grow, replace, remove])
def test_a_file_that_was_changed_before_it_is_read_cuts_the_download_off(root, change):
    path = root / "ada" / "one.zarr" / "sst" / "0.0.0"
    packed = Zip(str(root), "ada/one.zarr")
    change(path)
    with pytest.raises(Changed):
        list(packed)
    packed.end()


@pytest.mark.parametrize("change", [rewrite, cut, grow])
def test_a_file_that_is_changed_while_it_is_read_cuts_the_download_off(root, change):
    path = root / "ada" / "one.zarr" / "sst" / "0.0.0"
    packed = Zip(str(root), "ada/one.zarr")
    assert len(next(packed)) < len(FILES["sst/0.0.0"]), "some of it is still unread"
    change(path)
    with pytest.raises(Changed):
        list(packed)
    packed.end()


def test_a_cube_that_is_removed_while_it_is_sent(root):
    packed = Zip(str(root), "ada/one.zarr")
    shutil.rmtree(root / "ada" / "one.zarr")
    write(root / "ada" / "one.zarr", FILES)
    with pytest.raises(Changed):
        list(packed)
    packed.end()


def test_too_many_files_are_refused(root, monkeypatch):
    monkeypatch.setattr(zipping, "MOST_FILES", 4)
    with pytest.raises(Refused, match="more than 4 files"):
        Zip(str(root), "ada/one.zarr")


def test_no_folder_stays_open(root, outside):
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        pack(root)
        with contextlib.suppress(Refused):
            Zip(str(root), "ada/nothing")
        packed = Zip(str(root), "ada/one.zarr")
        next(packed)
        packed.end()
        packed.end()
    link_file(root / "ada" / "one.zarr", outside)
    with contextlib.suppress(Refused):
        Zip(str(root), "ada/one.zarr")
    assert len(os.listdir("/proc/self/fd")) == len(before)


# Over HTTP


@pytest.fixture
def packed(db, ada, put):
    put(ada, "one.zarr", FILES)
    return made(ada)


def get(ask, job, status=200, **headers):
    answer = ask(f"/cubegens/{job.job_id}/result/zip", **headers)
    assert answer.status_code == status, answer
    return answer


@pytest.fixture(autouse=True)
def no_download_stays_open():
    yield
    assert not downloads._open


def test_the_api_sends_it(ask, packed):
    answer = get(ask, packed)
    data = answer.getvalue()
    assert len(data) == int(answer["Content-Length"])
    assert unpacked(data)["one.zarr/größe/0"] == b"umlauts"
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="one.zarr.zip"'
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["X-Accel-Buffering"] == "no"

    rest = get(ask, packed, 206, Range="bytes=100-", **{"If-Range": answer["ETag"]})
    assert rest.getvalue() == data[100:]
    assert rest["Content-Range"] == f"bytes 100-{len(data) - 1}/{len(data)}"
    assert get(ask, packed, 206, Range=f"bytes=5-{len(data)}").getvalue() == data[5:]
    for ignored in ("bytes=0-1,5-9", "bytes=-5", "lines=1-", "bytes=a-", f"bytes=5-{10**30}"):
        assert get(ask, packed, Range=ignored).getvalue() == data
    assert get(ask, packed, Range="bytes=5-9").getvalue() == data
    other = get(ask, packed, Range="bytes=100-", **{"If-Range": '"another"'})
    assert other.getvalue() == data
    for beyond in (f"bytes={len(data)}-", "bytes=9-5"):
        assert get(ask, packed, 416, Range=beyond)["Content-Range"] == f"bytes */{len(data)}"


def test_head_tells_its_length_and_reads_nothing(client, ada, packed):
    from tests.accounts.factories import bearer

    path = f"/api/v2/cubegens/{packed.job_id}/result/zip"
    answer = client.head(path, headers=bearer(ada))
    assert answer.status_code == 200 and int(answer["Content-Length"]) > 2_000_000
    assert b"".join(answer) == b""


def test_while_a_job_is_about_to_replace_it_it_is_not_sent(ask, ada, packed):
    made(ada, state=State.QUEUED, started_at=None, is_live=True)
    assert "about to replace" in get(ask, packed, 409).json()["message"]


def test_a_job_that_came_in_while_files_were_listed_is_seen(ask, ada, packed, monkeypatch):
    from jobs.results import downloading

    def listed(*arguments):
        made(ada, state=State.QUEUED, started_at=None, is_live=True)
        return Zip(*arguments)

    monkeypatch.setattr(downloading, "Zip", listed)
    assert "about to replace" in get(ask, packed, 409).json()["message"]


def test_a_cube_in_a_bucket_is_not_packed(ask, ada, stores, db):
    job = made(ada, "b.zarr", store="@public")
    assert "own machine" in get(ask, job, 409).json()["message"]


def test_few_downloads_are_open_at_once(ask, packed):
    first, second = get(ask, packed), get(ask, packed)
    assert get(ask, packed, 429)["Retry-After"]
    first.getvalue()
    third = get(ask, packed)
    for answer in (second, third):
        answer.getvalue()


def test_a_download_that_never_begins_holds_no_place(ask, packed, monkeypatch):
    from jobs.results import downloading

    def full(who):
        raise Refused("full", kind=Kind.UNAVAILABLE)

    monkeypatch.setattr(downloading, "place_to_wait", full)
    get(ask, packed, 503)
    monkeypatch.undo()
    monkeypatch.setattr(zipping, "MOST_FILES", 1)
    assert "more than 1 files" in get(ask, packed, 409).json()["message"]


def test_places_of_all_are_few_too():
    places = [downloads.take_place(str(number)) for number in range(downloads.MOST)]
    with pytest.raises(Refused) as caught:
        downloads.take_place("one more")
    assert caught.value.kind is Kind.UNAVAILABLE
    for place in places:
        place.give_back()
        place.give_back()
