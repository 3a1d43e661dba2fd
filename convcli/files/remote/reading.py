"""Reads objects: small ones whole in one request, and ahead of their turn; large ones block by block."""

import errno
import io
from collections.abc import Callable
from contextlib import suppress
from tempfile import TemporaryFile
from threading import Lock, Thread
from typing import Any, BinaryIO, cast

from convcli.files.remote.clients import attempt
from convcli.files.remote.failures import RemoteError
from convcli.files.urls import WEB, split_url

__all__ = ["fetch_ahead", "open_object"]

BLOCK = 8 << 20  # bytes; an object with fewer is small
BLOCKS = 16  # kept of a large object: some decoders look through the file before they read it
MAX_AHEAD = 3
MAX_DOWNLOADED = 1 << 32  # bytes


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
        return attempt(url, _download)
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
    return attempt(url, _read_start_from_web if split_url(url)[0] in WEB else _read_start)


def _read_start(files: Any, path: str) -> bytes:
    try:
        content: bytes = files.cat_file(path, start=0, end=BLOCK)
    except OSError as error:
        if error.errno == errno.EINVAL and files.info(path)["size"] == 0:  # no such range
            return b""
        raise
    return content


def _read_start_from_web(files: Any, url: str) -> bytes:
    content = bytearray()
    _stream(files, url, content.extend, BLOCK)
    return bytes(content)


def _stream(files: Any, url: str, write: Callable[[bytes], object], max_bytes: int) -> None:
    """Read without a range, which not all servers know, and without asking for the size first."""
    from fsspec.asyn import sync  # type: ignore[import-untyped] # it has no types

    async def read() -> None:
        headers = {**files.kwargs.get("headers", {}), "Accept-Encoding": "identity"}
        session = await files.set_session()
        async with session.get(files.encode_url(url), **{**files.kwargs, "headers": headers}) as answer:
            answer.raise_for_status()
            missing = max_bytes
            while missing and (part := await answer.content.read(min(missing, 1 << 20))):
                write(part)
                missing -= len(part)

    sync(files.loop, read)


def _download(files: Any, url: str) -> BinaryIO:
    """Return a temporary file with an object of a server that does not send parts of it."""
    file = TemporaryFile()  # noqa: SIM115 -- it is returned
    try:
        _stream(files, url, file.write, MAX_DOWNLOADED + 1)
        if file.tell() > MAX_DOWNLOADED:
            raise RemoteError(f"is longer than {MAX_DOWNLOADED} bytes, and its server sends only the whole")
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return cast(BinaryIO, file)


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
