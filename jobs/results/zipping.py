"""A data set in a local folder as a zip, piece by piece: contained, unchanged, resumable.

What is packed is what was there when the download began. Each file is opened from the folder that
was opened then, without following any link on the way, and must be the same file as listed, with
the same size and time, before and after it is read. Otherwise the download is cut off. So no link
leads out of the store, and no one gets half of one cube and half of the next.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import zlib
from array import array
from collections.abc import Generator, Iterator

from hubsite.refusals import Kind, Refused
from hubsite.web.downloads import Place

from . import zip_layout

MOST_FILES = 100_000
"""The list of files takes about 150 bytes of memory for each."""
PIECE = 1 << 20
READ_AT_ONCE = 16 << 20
"""How much is read, at most, before others have their turn."""
PART_COUNTS_AS = 4096
"""To open a small file takes as long as to read so much."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Changed(Exception):
    """A file is not what it was when the download began."""


class Zip:
    """The zip of one data set; a source for `hubsite.web.downloads`, read once.

    `length` is its size in bytes, `etag` changes when any file does. Raises Refused if the data
    set cannot be packed.
    """

    def __init__(self, root: str, data_id: str, place: Place | None = None) -> None:
        """`root` is the folder of the store, which may be a link; nothing below it may."""
        self._place = place
        self._folder = -1
        self._pieces = self._all(0)
        self._names: list[bytes] = []
        self._sizes, self._times, self._inodes = array("Q"), array("q"), array("Q")
        self._is_file = False
        try:
            self._open(root, data_id)
            self.length = zip_layout.total_bytes(self._names, self._sizes)
            self.etag = f'"{self._digest()}"'
        except BaseException:
            self.end()
            raise

    def start_at(self, first: int) -> None:
        """Leave out so many bytes. What they would have held is read for its checksums."""
        self._pieces = self._all(first)

    def __iter__(self) -> Zip:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def end(self) -> None:
        """Close the folder and free the place; repeating it changes nothing."""
        self._pieces.close()  # and with it the file that is open
        folder, self._folder = self._folder, -1
        if folder >= 0:
            os.close(folder)
        if self._place is not None:
            self._place.give_back()

    # What is there

    def _open(self, root: str, data_id: str) -> None:
        *folders, name = [part for part in data_id.split("/") if part not in ("", ".")]
        if ".." in (*folders, name):
            raise Refused("The cube has a name that cannot be packed.", kind=Kind.CONFLICT)
        self._folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for folder in folders:
                self._enter(folder)
            self._prefix = b""
            if stat.S_ISDIR(os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_mode):
                self._enter(name)
                self._prefix = os.fsencode(name) + b"/"
                self._list_folder()
            else:
                self._add(os.fsencode(name), self._folder, name)
        except OSError as error:
            raise _unusable(error) from None
        if len(self._names) > 1:
            self._sort()

    def _enter(self, folder: str) -> None:
        inner = os.open(folder, _FOLDER, dir_fd=self._folder)
        os.close(self._folder)
        self._folder = inner

    def _list_folder(self) -> None:
        def fail(error: OSError) -> None:
            raise error

        for below, folders, files, fd in os.fwalk(".", dir_fd=self._folder, onerror=fail):
            for folder in folders:
                if stat.S_ISLNK(os.stat(folder, dir_fd=fd, follow_symlinks=False).st_mode):
                    raise OSError(errno.ELOOP, "a link")
            for file in files:
                self._add(os.fsencode(f"{below}/{file}"[2:]), fd, file)
                if len(self._names) > MOST_FILES:
                    raise Refused(
                        f"The cube has more than {MOST_FILES:,} files, too many for a zip.",
                        kind=Kind.CONFLICT,
                    )

    def _add(self, name: bytes, folder: int, file: str) -> None:
        status = os.stat(file, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ELOOP, "a link, or no file")
        try:
            name.decode()
        except UnicodeDecodeError:  # a zip says that its names are UTF-8
            raise OSError(errno.EILSEQ, "a name") from None
        self._names.append(name)
        self._sizes.append(status.st_size)
        self._times.append(status.st_mtime_ns)
        self._inodes.append(status.st_ino)

    def _sort(self) -> None:
        order = sorted(range(len(self._names)), key=self._names.__getitem__)
        self._names = [self._prefix + self._names[i] for i in order]
        for column in ("_sizes", "_times", "_inodes"):
            values = getattr(self, column)
            setattr(self, column, array(values.typecode, (values[i] for i in order)))

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name in self._names:
            digest.update(name + b"\0")
        for column in (self._sizes, self._times, self._inodes):
            digest.update(column.tobytes())
        return digest.hexdigest()[:32]

    # What is sent

    def _all(self, first: int) -> Generator[bytes, None, None]:
        """Everything from byte `first` on, in pieces of about PIECE bytes.

        An empty piece: something was read, but nothing of it is due.
        """
        due = bytearray()
        offset = unsent = 0
        for part in self._parts():
            due += part[max(0, first - offset) :] if offset < first else part
            offset += len(part)
            unsent += max(len(part), PART_COUNTS_AS)
            if len(due) >= PIECE or unsent >= READ_AT_ONCE:
                yield bytes(due)
                due.clear()
                unsent = 0
        if offset != self.length:
            raise Changed(f"it has {offset} bytes instead of {self.length}")
        yield bytes(due)

    def _parts(self) -> Iterator[bytes]:
        """Headers, contents, directory: whatever is one after the other."""
        offset = 0
        crcs, offsets = array("I"), array("Q")
        for index, (name, size) in enumerate(zip(self._names, self._sizes, strict=True)):
            offsets.append(offset)
            yield zip_layout.local_header(name, size, self._modified(index))
            crc = 0
            for piece in self._content(index):
                crc = zlib.crc32(piece, crc)
                yield piece
            crcs.append(crc)
            yield zip_layout.descriptor(size, crc)
            offset += zip_layout.entry_bytes(name, size)
        directory = 0
        for index, (name, size) in enumerate(zip(self._names, self._sizes, strict=True)):
            entry = zip_layout.central_header(
                name, size, self._modified(index), crcs[index], offsets[index]
            )
            directory += len(entry)
            yield entry
        yield zip_layout.end_of_directory(len(self._names), directory, offset)

    def _modified(self, index: int) -> int:
        return self._times[index] // 1_000_000_000

    def _content(self, index: int) -> Iterator[bytes]:
        """The bytes of a file, which must be the one that was listed."""
        listed = (self._sizes[index], self._times[index], self._inodes[index])
        try:
            fd = self._open_listed(self._names[index].removeprefix(self._prefix))
        except OSError as error:
            raise Changed(f"{self._names[index]!r} cannot be opened: {error.strerror}") from None
        left = listed[0]
        try:
            if _stamp(fd) != listed:
                raise Changed(f"{self._names[index]!r} was replaced")
            while left and (piece := os.read(fd, min(PIECE, left))):
                left -= len(piece)
                yield piece
            if left or _stamp(fd) != listed:
                raise Changed(f"{self._names[index]!r} was changed")
        finally:
            os.close(fd)

    def _open_listed(self, name: bytes) -> int:
        *folders, file = name.split(b"/")
        folder = os.dup(self._folder)
        try:
            for below in folders:
                inner = os.open(below, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            return os.open(file, _FILE, dir_fd=folder)
        finally:
            os.close(folder)


def _stamp(fd: int) -> tuple[int, int, int]:
    status = os.fstat(fd)
    return status.st_size, status.st_mtime_ns, status.st_ino


def _unusable(error: OSError) -> Refused:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return Refused(
            "The cube has symbolic links or special files; it cannot be packed.",
            kind=Kind.CONFLICT,
        )
    if error.errno == errno.ENOENT:
        return Refused("The cube is no longer there, or is being changed.", kind=Kind.GONE)
    if error.errno == errno.EILSEQ:
        return Refused(
            "A file of the cube has a name that is not UTF-8; it cannot be packed.",
            kind=Kind.CONFLICT,
        )
    return Refused("The cube's files cannot be read by the hub.", kind=Kind.CONFLICT)
