"""Standard input, which is read only for ``-``."""

import sys
from functools import partial
from typing import BinaryIO

from convcli.errors import ImageError, UsageError, reason
from convcli.opening import read_part

__all__ = [
    "STANDARD_INPUT",
    "STREAM",
    "check_no_terminal",
    "input_name",
    "read_standard_input",
    "standard_input",
]

STREAM = "-"
STANDARD_INPUT = "/dev/stdin"  # a name that resolves to its file
NAME = "standard input"


def input_name(source: str) -> str:
    """Return the name of an input in messages."""
    return NAME if source == STREAM else source


def check_no_terminal(way_out: str) -> None:
    """Refuse to wait for somebody to type.

    Raises
    ------
    UsageError
        Standard input is a terminal; the message ends with `way_out`.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        raise UsageError(NAME, f"is a terminal; {way_out}")


def standard_input() -> BinaryIO:
    """Return the binary stream of standard input.

    Raises
    ------
    ImageError
        Standard input is closed.
    """
    if sys.stdin is None:
        raise ImageError(NAME, "is closed")
    return sys.stdin.buffer


def read_standard_input(most: int) -> bytes:
    """Read standard input to its end, or up to `most` bytes.

    Raises
    ------
    ImageError
        Standard input cannot be read.
    """
    stream, parts, left = standard_input(), list[bytes](), most
    try:
        for part in iter(partial(read_part, stream, 1 << 20), b""):
            parts.append(part[:left])
            left -= len(parts[-1])
            if not left:
                break
    except (OSError, ValueError) as error:
        raise ImageError(NAME, reason(error) if isinstance(error, OSError) else str(error)) from None
    return b"".join(parts)
