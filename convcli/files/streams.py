"""Standard input and standard output as streams of bytes."""

import os
import select
import sys
from collections.abc import Iterable
from functools import partial
from typing import BinaryIO

from convcli.errors import ImageError, OutputError, UsageError, describe_os_error
from convcli.files.opening import read_chunk
from convcli.files.urls import redacted

__all__ = [
    "STANDARD_INPUT",
    "STREAM",
    "BrokenPipe",
    "input_name",
    "read_standard_input",
    "redirect_to_null",
    "refuse_terminal",
    "standard_input",
    "write_bytes",
]

STREAM = "-"
STANDARD_INPUT = "/dev/stdin"  # a name that resolves to its file
LABEL = "standard input"


def input_name(source: str) -> str:
    """Return the name of an input in messages: a URL without its secrets."""
    return LABEL if source == STREAM else redacted(source)


def refuse_terminal(hint: str) -> None:
    """Refuse to wait for somebody to type.

    Raises
    ------
    UsageError
        Standard input is a terminal; the message ends with `hint`.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        raise UsageError(LABEL, f"is a terminal; {hint}")


def standard_input() -> BinaryIO:
    """Return the binary stream of standard input.

    Raises
    ------
    ImageError
        Standard input is closed.
    """
    if sys.stdin is None:
        raise ImageError(LABEL, "is closed")
    return sys.stdin.buffer


def read_standard_input(max_bytes: int) -> bytes:
    """Read standard input to its end, or up to `max_bytes` bytes.

    Raises
    ------
    ImageError
        Standard input cannot be read.
    """
    stream, parts, left = standard_input(), list[bytes](), max_bytes
    try:
        for part in iter(partial(read_chunk, stream, 1 << 20), b""):
            parts.append(part[:left])
            left -= len(parts[-1])
            if not left:
                break
    except (OSError, ValueError) as error:
        raise ImageError(LABEL, describe_os_error(error)) from None
    return b"".join(parts)


class BrokenPipe(BaseException):
    """A broken pipe: nobody reads standard output any more, so the program ends by SIGPIPE."""


def write_bytes(content: Iterable[bytes | memoryview]) -> None:
    """Write parts of a file to standard output, as `write` does with text.

    Raises
    ------
    BrokenPipe
        Nobody reads standard output any more.
    OutputError
        Standard output is closed, or the system reports an error.
    """
    if sys.stdout is None:
        raise OutputError("standard output", "is closed")
    try:
        _write_all(sys.stdout.buffer, content)
    except BrokenPipeError:
        redirect_to_null(1)
        raise BrokenPipe from None
    except OSError as error:
        redirect_to_null(1)
        raise OutputError("standard output", describe_os_error(error)) from None


def _write_all(stream: BinaryIO, content: Iterable[bytes | memoryview]) -> None:
    """Write to a stream that may be unbuffered, or non-blocking, and flush it."""
    for part in content:
        rest = memoryview(part)
        while rest:
            try:
                written = stream.write(rest) or 0  # None: an unbuffered stream that would block
            except BlockingIOError as error:
                written = error.characters_written
            if not written:
                select.select([], [stream], [])
            rest = rest[written:]
    while True:
        try:
            return stream.flush()
        except BlockingIOError:
            select.select([], [stream], [])


def redirect_to_null(descriptor: int) -> None:
    """Redirect a broken stream to the null device, so that flushing it at exit cannot fail again."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
