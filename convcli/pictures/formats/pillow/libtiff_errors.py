"""Captures the errors that libtiff writes to standard error while it decodes; Pillow does not report them.

Used only if the process belongs to the program, because the capture replaces a descriptor of the process.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

__all__ = ["captured_libtiff_errors"]

# A message begins with the function or module of libtiff, or with Pillow's name for the file, and ends with a
# period and a line feed; some are longer than a line.
MODULE = (
    r"tempfile\.tif|_?TIFF\w*|(?:Init)?(?:CCITT)?Fax\w+|O?JPEG\w*|LZW\w*|ZIP\w*|ZSTD\w*|LZMA\w*|LERC\w*|T?WebP\w*"
    r"|PackBits\w*|PixarLog\w*|Log(?:Luv|L16)\w*|Thunder\w*|NeXT\w*|DumpMode\w*|Predictor\w*"
    r"|EstimateStrip\w*|ChopUp\w*|MissingRequired|alloc\w*|BuildMap\w*|gt\w*|init\w*Conversion"
)
LIBTIFF_MESSAGE = rf"(?m)^({MODULE}): ((?s:.*?))\.$\n?"  # compiled when a TIFF is read
HARMLESS = r"Warning\b(?!, (?:Premature|Corrupt))"
MAX_CAPTURED = 1 << 16  # bytes


@contextmanager
def captured_libtiff_errors(stream: BinaryIO) -> Iterator[Callable[[], str]]:
    """Capture standard error while a TIFF is decoded, and pass on what is not from libtiff.

    Yields a function that returns the first error, or an empty string. Damaged fax pages, and damaged JPEG
    data in a TIFF, are reported in no other way.
    """
    is_tiff = stream.read(2) in {b"II", b"MM"}
    stream.seek(0)
    if not is_tiff or not _is_standard_error():
        yield str
        return
    with _memory_file() as captured:
        original = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            yield lambda: _first_error(_read(captured))
        finally:
            os.dup2(original, 2)
            with suppress(OSError):
                os.write(2, re.sub(LIBTIFF_MESSAGE, "", _read(captured)).encode("utf-8", "surrogateescape"))
            os.close(original)


def _is_standard_error() -> bool:
    """Whether file descriptor 2 is standard error or the null device, and not some other open file."""
    if sys.__stderr__ is not None:
        return True
    try:
        return os.path.samestat(os.fstat(2), os.stat(os.devnull))  # noqa: PTH116 -- as the other
    except OSError:
        return False


def _memory_file() -> BinaryIO:
    """Return a file in memory where the system has them: there may be no writable folder."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("libtiff"), "w+b")  # noqa: PTH123 -- a descriptor
    from tempfile import TemporaryFile  # late: it loads much, and most systems have files in memory

    return TemporaryFile()


def _read(captured: BinaryIO) -> str:
    captured.seek(0)
    return captured.read(MAX_CAPTURED).decode("utf-8", "surrogateescape")


def _first_error(text: str) -> str:
    messages = (match.groups() for match in re.finditer(LIBTIFF_MESSAGE, text))
    module, error = next((message for message in messages if not re.match(HARMLESS, message[1])), ("", ""))
    if unread := re.fullmatch(r"(\w+) compression support is not configured", error):
        return f"is compressed by {unread[1]}, which is not read"
    where = "" if module == "tempfile.tif" else f"{module}: "
    return f"is damaged: {where}{' '.join(error.split()).rstrip('.')}" if error else ""
