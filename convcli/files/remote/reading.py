"""Reads objects: small ones whole in one request, and ahead of their turn; large ones block by block."""

import errno
import io
from contextlib import suppress
from functools import partial
from threading import Lock, Thread
from typing import Any, BinaryIO

from convcli.files.remote.clients import WRITABLE, attempt
from convcli.files.remote.failures import FolderError
from convcli.files.remote.web import BLOCKS, open_parts, read_start
from convcli.files.urls import WEB, split_url

__all__ = ["fetch_ahead", "open_object"]

BLOCK = 8 << 20  # bytes; an object with fewer is small
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
    scheme, _, key = split_url(url)
    if scheme in WRITABLE and scheme != "memory" and not key:
        raise FolderError("is a folder")  # a bucket
    if scheme in WEB:
        return attempt(url, partial(read_start, max_bytes=BLOCK))
    return attempt(url, _read_start)


def _read_start(files: Any, path: str) -> bytes:
    try:
        content: bytes = files.cat_file(path, start=0, end=BLOCK)
    except FileNotFoundError:
        if _is_folder(files, path):
            raise FolderError("is a folder") from None
        raise
    except OSError as error:
        if error.errno == errno.EINVAL and files.info(path)["size"] == 0:  # no such range
            return b""
        raise
    return content


def _is_folder(files: Any, path: str) -> bool:
    try:
        return bool(files.info(path)["type"] == "directory")
    except OSError:
        return False


def _open_blocks(files: Any, path: str) -> Any:
    return files.open(
        path, "rb", block_size=BLOCK, cache_type="blockcache", cache_options={"maxblocks": BLOCKS}
    )


class _LargeObject(io.RawIOBase):
    """An object of which blocks are fetched."""

    def __init__(self, url: str) -> None:
        self._url = url
        is_web = split_url(url)[0] in WEB
        self._file = attempt(url, partial(open_parts, block_bytes=BLOCK) if is_web else _open_blocks)

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
