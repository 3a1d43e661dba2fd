"""Reads bytes at any place of a file, from several threads at once."""

from __future__ import annotations

import io
import os
from threading import Lock
from typing import Any, BinaryIO

from convcli.errors import ImageError

__all__ = ["FileBytes"]


class FileBytes:
    """The bytes of a seekable stream.

    A file of the system is read without moving its position (``pread``), by any number of threads at once;
    for all other streams, such as those of object stores, a lock lets one thread read at a time.

    Parameters
    ----------
    stream : binary stream
    name : str
        The name to use in messages.

    Examples
    --------
    >>> bytes(FileBytes(io.BytesIO(b"0123456789"), "digits").read(3, 4))
    b'3456'
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream = stream
        self.name = name
        self.length = stream.seek(0, io.SEEK_END)
        self._lock = Lock()
        raw = getattr(stream, "raw", stream)  # of a buffered stream
        has_descriptor = isinstance(raw, io.FileIO) and hasattr(os, "preadv")
        self._descriptor = raw.fileno() if has_descriptor else None

    def read(self, offset: int, count: int) -> bytes:
        """Read `count` bytes.

        Raises
        ------
        ImageError
            The file ends before.
        """
        if self._descriptor is not None:
            data = os.pread(self._descriptor, count, offset)
            while data and len(data) < count:  # the system reads at most 2 GB at a time
                more = os.pread(self._descriptor, count - len(data), offset + len(data))
                data = data + more if more else b""
        else:
            with self._lock:
                self.stream.seek(offset)
                data = self.stream.read(count)
        if len(data) < count:
            raise self._truncated()
        return data

    def read_into(self, offset: int, memory: Any) -> None:
        """Fill memory, a contiguous buffer, with the bytes from an offset on.

        Raises
        ------
        ImageError
            The file ends before.
        """
        view = memoryview(memory).cast("B")
        if self._descriptor is None:
            view[:] = self.read(offset, len(view))
            return
        while len(view):
            count = os.preadv(self._descriptor, [view], offset)
            if not count:
                raise self._truncated()
            view, offset = view[count:], offset + count

    def _truncated(self) -> ImageError:
        return ImageError(self.name, "is truncated: a part of its pixels lies beyond the end of the file")
