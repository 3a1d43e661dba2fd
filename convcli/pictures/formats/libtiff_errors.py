"""Captures the errors that libtiff writes to standard error while it decodes; Pillow does not report them."""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

__all__ = ["captured_libtiff_errors"]

# A message begins with a module, or Pillow's name for the file.
LIBTIFF_MESSAGE = re.compile(r"(?:\w+|tempfile\.tif): .*")
HARMLESS = re.compile(r"(?!JPEGLib: Warning, (?:Premature|Corrupt)).*\bWarning\b")

_capture_lock = threading.Lock()


@contextmanager
def captured_libtiff_errors(stream: BinaryIO) -> Iterator[Callable[[], str]]:
    """Capture standard error while a TIFF is decoded, and pass on all lines that are not from libtiff.

    Yields a function that returns the first error, or an empty string. Damaged fax pages, and damaged JPEG
    data in a TIFF, are reported in no other way.
    """
    is_tiff = stream.read(2) in {b"II", b"MM"}
    stream.seek(0)
    if not is_tiff or not _is_standard_error():
        yield str
        return
    with _capture_lock, _memory_file() as captured:
        original = os.dup(2)
        os.dup2(captured.fileno(), 2)
        try:
            yield lambda: _first_error(_read_lines(captured))
        finally:
            os.dup2(original, 2)
            for line in _read_lines(captured):
                if not LIBTIFF_MESSAGE.fullmatch(line):
                    with suppress(OSError):
                        os.write(2, f"{line}\n".encode())
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


def _read_lines(captured: BinaryIO) -> list[str]:
    captured.seek(0)
    return captured.read(1 << 16).decode("utf-8", "replace").splitlines()


def _first_error(lines: list[str]) -> str:
    errors = [line for line in lines if LIBTIFF_MESSAGE.fullmatch(line) and not HARMLESS.match(line)]
    return f"is damaged: {errors[0].removeprefix('tempfile.tif: ').rstrip('.')}" if errors else ""
