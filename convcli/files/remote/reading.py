"""Reads objects: small ones whole in one request, and ahead of their turn; large ones block by block."""

import errno
import io
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, BinaryIO

from convcli.files.remote.clients import attempt
from convcli.files.urls import WEB, split_url

__all__ = ["fetch_ahead", "open_object"]

BLOCK = 8 << 20  # bytes; an object with fewer is small
BLOCKS = 16  # kept of a large object: some decoders look through the file before they read it
MAX_AHEAD = 3


def open_object(url: str) -> BinaryIO:
    """Open an object; if it is large, its bytes are fetched as they are read.

    Raises
    ------
    OSError
        It cannot be read, also later.
    """
    with _lock:
        fetched = _ahead.pop(url, None)
    start = _fetch_start(url) if fetched is None else fetched.result()
    if len(start) < BLOCK:
        return io.BytesIO(start)
    del start
    if split_url(url)[0] in WEB and not attempt(url, _sends_ranges):
        return io.BufferedReader(_Stream(url))
    return io.BufferedReader(_LargeObject(url))


def fetch_ahead(url: str) -> None:
    """Start to fetch an object that is opened soon; forget the first of many that were not opened."""
    with _lock, suppress(RuntimeError):  # no more threads can be started
        _ahead[url] = _Fetched(url)
        if len(_ahead) > MAX_AHEAD:
            del _ahead[next(iter(_ahead))]


class _Fetched:
    """The start of an object, which a thread fetches."""

    def __init__(self, url: str) -> None:
        self._content = b""
        self._error: OSError | MemoryError | None = None
        self._thread = Thread(target=self._fetch, args=(url,), daemon=True)
        self._thread.start()

    def _fetch(self, url: str) -> None:
        try:
            self._content = _fetch_start(url)
        except (OSError, MemoryError) as error:
            self._error = error

    def result(self) -> bytes:
        """Wait for it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._content


_ahead: dict[str, _Fetched] = {}
_lock = Lock()


def _fetch_start(url: str) -> bytes:
    """Return the first bytes of an object: the whole if it is small."""
    return attempt(url, _read_start_of_stream if split_url(url)[0] in WEB else _read_start)


def _read_start(files: Any, path: str) -> bytes:
    try:
        content: bytes = files.cat_file(path, start=0, end=BLOCK)
    except OSError as error:
        if error.errno == errno.EINVAL and files.info(path)["size"] == 0:  # no such range
            return b""
        raise
    return content


def _read_start_of_stream(files: Any, path: str) -> bytes:
    """Read without a range, which not all servers know, and without asking for the size first."""
    parts: list[bytes] = []
    with files.open(path, "rb", block_size=0, size=1) as stream:
        while (missing := BLOCK - sum(map(len, parts))) and (part := stream.read(missing)):
            parts.append(part)
    return b"".join(parts)


def _open_blocks(files: Any, path: str) -> Any:
    return files.open(
        path, "rb", block_size=BLOCK, cache_type="blockcache", cache_options={"maxblocks": BLOCKS}
    )


def _sends_ranges(files: Any, path: str) -> bool:
    """Whether a web server sends parts of an object: many do not say so, but do."""
    with _open_blocks(files, path) as file:
        try:
            file.seek(BLOCK)
            file.read(1)
        except ValueError:
            return False
    return True


class _LargeObject(io.RawIOBase):
    """An object of which blocks are fetched."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = attempt(url, _open_blocks)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position: int = self._file.seek(offset, whence)
        return position

    def tell(self) -> int:
        position: int = self._file.tell()
        return position

    def readinto(self, buffer: Any) -> int:
        position = self.tell()

        def read(files: Any, path: str) -> bytes:  # noqa: ARG001 -- it is open
            self._file.seek(position)
            content: bytes = self._file.read(len(buffer))
            return content

        part = attempt(self._url, read)
        buffer[: len(part)] = part
        return len(part)

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(BLOCK) or b"", b""))

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Stream(io.RawIOBase):
    """An object on a server that does not send parts of it: read from its start to its end."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._file: Any = None
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        def read(files: Any, path: str) -> bytes:
            try:
                if self._file is None:
                    self._file = files.open(path, "rb", block_size=0, size=1)
                    skipped = 0
                    while skipped < self._position:
                        skipped += len(self._file.read(min(BLOCK, self._position - skipped)))
                content: bytes = self._file.read(len(buffer))
            except BaseException:
                self._file = None
                raise
            return content

        part = attempt(self._url, read)
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()
