"""When files were last read and modified, and giving an output the times of its input."""

import os
import stat
from typing import BinaryIO, NamedTuple

from convcli.files.urls import is_url

__all__ = ["FileTimes", "file_times", "set_times"]


class FileTimes(NamedTuple):
    """When a file was last read and modified, in nanoseconds since 1970."""

    accessed: int
    modified: int


def file_times(name: str) -> FileTimes | None:
    """Return the times of a file, or None if there are none to keep: it is missing, a pipe or an object."""
    if is_url(name):
        return None
    try:
        status = os.stat(name)  # noqa: PTH116 -- a name may be too long for a path
    except (OSError, ValueError):  # reported when the file is read
        return None
    return FileTimes(status.st_atime_ns, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def set_times(stream: BinaryIO, times: FileTimes) -> None:
    """Set the times of a file to which everything has been written.

    Raises
    ------
    OSError
        The file system or the operating system does not allow it.
    """
    stream.flush()
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):  # a pipe, or a device that all programs share
        raise OSError("it is not a regular file")
    if os.utime not in os.supports_fd:
        raise OSError("this system cannot set the times of an open file")
    os.utime(stream.fileno(), ns=(times.accessed, times.modified))
