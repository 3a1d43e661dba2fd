"""Reads objects on web servers: no more than was asked for, whatever a server sends."""

import io
import re
from collections.abc import Callable, Mapping
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import Any, NamedTuple

from convcli.files.remote.failures import RemoteError

__all__ = ["BLOCKS", "open_parts", "read_start"]

BLOCKS = 16  # kept of a large object: some decoders look through the file before they read it
MAX_DOWNLOADED = 1 << 32  # bytes
PARTIAL, RANGE_NOT_SATISFIABLE = 206, 416
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def read_start(files: Any, url: str, max_bytes: int) -> bytes:
    """Return the first bytes of an object, without asking for its size first."""
    content = bytearray()
    _stream(files, url, content.extend, max_bytes)
    return bytes(content)


class _Answer(NamedTuple):
    """What a web server says of what it sends."""

    status: int
    headers: Mapping[str, str]


def _stream(
    files: Any,
    url: str,
    write: Callable[[bytes], object],
    max_bytes: int,
    headers: Mapping[str, str] = NO_HEADERS,
) -> _Answer:
    """Read as many bytes as a web server sends, but no more than some."""
    from fsspec.asyn import sync  # type: ignore[import-untyped] # it has no types

    async def read() -> _Answer:
        sent = {**files.kwargs.get("headers", {}), "Accept-Encoding": "identity", **headers}
        session = await files.set_session()
        async with session.get(files.encode_url(url), **{**files.kwargs, "headers": sent}) as answer:
            if answer.status != RANGE_NOT_SATISFIABLE:
                answer.raise_for_status()
            missing = max_bytes
            while missing and (part := await answer.content.read(min(missing, 1 << 20))):
                write(part)
                missing -= len(part)
            return _Answer(answer.status, answer.headers)

    answer: _Answer = sync(files.loop, read)
    return answer


def open_parts(files: Any, url: str, block_bytes: int) -> Any:
    """Return a file of an object that is larger than a block, as fsspec's `open` does.

    Raises
    ------
    RemoteError
        Its server sends only the whole, and it is too long for a temporary file.
    """
    answer = _stream(files, url, bytearray().extend, 1, {"Range": f"bytes={block_bytes}-{block_bytes}"})
    size = re.fullmatch(r"bytes \d+-\d+/(\d+)", answer.headers.get("Content-Range", ""))
    if answer.status == PARTIAL and size is not None:
        return _WebFile(files, url, int(size[1]), block_bytes, answer.headers.get("ETag", ""))
    file = TemporaryFile()  # noqa: SIM115 -- it is returned
    try:
        _stream(files, url, file.write, MAX_DOWNLOADED + 1)
        if file.tell() > MAX_DOWNLOADED:
            raise RemoteError(f"is longer than {MAX_DOWNLOADED} bytes, and its server sends only the whole")
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


class _WebFile:
    """An object on a web server that sends parts. Unlike fsspec's, it takes no more than it has asked for."""

    def __init__(self, files: Any, url: str, size: int, block_bytes: int, tag: str) -> None:
        from fsspec.caching import BlockCache  # type: ignore[import-untyped]

        self._files = files
        self._url = url
        self._tag = {"If-Range": tag} if tag.startswith('"') else {}
        self._size = size
        self._position = 0
        self._blocks = BlockCache(block_bytes, self._fetch, size, BLOCKS)

    def _fetch(self, start: int, end: int) -> bytes:
        content, end = bytearray(), min(end, self._size)
        headers = {"Range": f"bytes={start}-{end - 1}", **self._tag}
        answer = _stream(self._files, self._url, content.extend, end - start, headers)
        if answer.status != PARTIAL or len(content) != end - start:
            raise RemoteError("has changed while it was read; try again")
        return bytes(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, length: int) -> bytes:
        end = min(self._position + length, self._size)
        content: bytes = self._blocks._fetch(self._position, end) if self._position < end else b""
        self._position += len(content)
        return content

    def close(self) -> None:
        """Nothing is open."""
