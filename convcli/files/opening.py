"""Opens inputs safely: refuses devices, and does not wait forever for a named pipe or a server.

Uses only the standard library, because layer specs are read without loading anything else.
"""

import errno
import io
import math
import os
import select
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from convcli.files.urls import is_url, local_name

__all__ = ["PIPE_TIMEOUT", "ZARR_METADATA", "identifying_names", "is_zarr", "open_input", "read_chunk"]

PIPE_TIMEOUT = 5.0  # seconds to wait for a process at the other end of a named pipe

ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup")
"""Files of which a Zarr array has one."""


def is_zarr(name: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a Zarr array: a folder that is read as one file.

    Examples
    --------
    >>> is_zarr("slides/a.zarr/"), is_zarr("a.tif")
    (True, False)
    """
    return os.fspath(name).rstrip("/").lower().endswith(".zarr")


def identifying_names(name: str) -> list[str]:
    """Return the files of which an output has one: itself, or the metadata of a Zarr array.

    Examples
    --------
    >>> identifying_names("s3://bucket/a.tif"), identifying_names("s3://bucket/a.zarr")[0]
    (['s3://bucket/a.tif'], 's3://bucket/a.zarr/zarr.json')
    """
    return [f"{name}/{part}" for part in ZARR_METADATA] if is_zarr(name) else [name]


def open_input(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file, a named pipe or the object of a URL for reading.

    Raises
    ------
    OSError
        It is a folder, a device or a socket, its name has a NUL byte, or it cannot be opened. Reading a pipe
        that no process writes to, or an object that does not come, raises it too, after some seconds.

    Examples
    --------
    >>> open_input("/dev/null")
    Traceback (most recent call last):
    ...
    OSError: [Errno 22] is a device or a socket, not a file
    """
    name = os.fspath(path)
    path = local_name(name) if isinstance(name, str) else path
    if is_url(path):
        from convcli.files.remote.reading import open_object  # late: it loads asyncio

        return open_object(str(path))
    try:
        found = Path(path).stat()
        mode, size = found.st_mode, found.st_size
    except ValueError as error:  # of a NUL byte
        raise OSError(errno.EINVAL, str(error)) from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISFIFO(mode) and hasattr(os, "O_NONBLOCK"):
        return io.BufferedReader(_NamedPipe(path))
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise OSError(errno.EINVAL, "is a device or a socket, not a file")
    if not size and stat.S_ISREG(mode) and hasattr(os, "O_NONBLOCK"):
        return io.BufferedReader(_SystemFile(path))
    return Path(path).open("rb")


def read_chunk(stream: BinaryIO, max_bytes: int) -> bytes:
    """Read at most `max_bytes` bytes from a stream that may be a terminal or a pipe; b"" at its end.

    Waits with `select` before it reads, because a blocking read misses a signal that arrives just before it.
    """
    with suppress(OSError, ValueError, AttributeError):  # without a file descriptor it is always ready
        while not select.select([stream.fileno()], [], [], 0.1)[0]:
            pass
    part: bytes = getattr(stream, "read1", stream.read)(max_bytes)
    return part


def _open_without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)


class _SystemFile(io.FileIO):
    """A file without a size, as the system's own are, some of which (/proc/kmsg) wait for events."""

    read = io.RawIOBase.read  # type: ignore[assignment] # through `readinto`; never called without a size
    readall = io.RawIOBase.readall

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, opener=_open_without_waiting)

    def readinto(self, buffer: Any) -> int:
        """Read what there is.

        Raises
        ------
        OSError
            Nothing is there yet.
        """
        count: int | None = super().readinto(buffer)
        if count is None:
            raise OSError(errno.EINVAL, "waits for events of the system, so it is not a file to read")
        return count


class _NamedPipe(io.RawIOBase):
    """A named pipe, opened without blocking: opening would wait forever for a writer that never comes."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = io.FileIO(path, opener=_open_without_waiting)
        self._deadline = time.monotonic() + PIPE_TIMEOUT

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes or for the end of the pipe; signals are handled meanwhile."""
        while True:
            ready = select.select([self._file], [], [], 0.05)[0]
            count = self._file.readinto(buffer)
            if count or (ready and count == 0):
                return count
            if count is None:  # a writer is connected but has not written yet
                self._deadline = math.inf
            elif time.monotonic() > self._deadline:
                raise TimeoutError(errno.ETIMEDOUT, "is a pipe that no process writes to")
