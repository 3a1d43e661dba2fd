"""Lists of NUL-separated file names, as ``find -print0`` writes them, read as far as they are needed."""

import os
from collections.abc import Iterator
from contextlib import nullcontext

from convcli.errors import ConvcliError, ImageError, describe_os_error
from convcli.files.opening import open_input, read_chunk
from convcli.files.streams import STREAM, input_name, refuse_terminal, standard_input

__all__ = ["LINES", "MAX_NAME_BYTES", "read_names", "wrong_name"]

CHUNK_BYTES = 1 << 16
MAX_NAME_BYTES = 1 << 20
LINES = "contains lines, but names must be NUL-separated, as find -print0 writes them"


def read_names(file: str) -> Iterator[str]:
    """Yield the names in a file, or in standard input (``-``).

    What is longer than `MAX_NAME_BYTES` is no name, and may be endless: its beginning comes as the last one.

    Raises
    ------
    ImageError
        The list cannot be read, also while iterating.
    UsageError
        Standard input is a terminal.
    """
    if file == STREAM:
        refuse_terminal("pipe NUL-separated names into it, as find -print0 writes them")
    rest = b""
    try:
        with nullcontext(standard_input()) if file == STREAM else open_input(file) as stream:
            while chunk := read_chunk(stream, CHUNK_BYTES):
                *names, rest = (rest + chunk).split(b"\0")
                yield from map(os.fsdecode, names)
                if len(rest) > MAX_NAME_BYTES:
                    break
    except (OSError, ValueError) as error:
        if isinstance(error, ConvcliError):
            raise
        raise ImageError(input_name(file), describe_os_error(error)) from None
    if rest:
        yield os.fsdecode(rest)


def wrong_name(name: str, number: int) -> str:
    """Return what is wrong with a name in a list, or nothing."""
    if not name:
        return f"name number {number} is empty"
    if len(name) <= MAX_NAME_BYTES:
        return ""
    return LINES if number == 1 and "\n" in name else f"name number {number} has over {MAX_NAME_BYTES} bytes"
