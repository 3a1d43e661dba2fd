"""What libtiff says while it decodes: it writes that to standard error, and Pillow hears nothing of it."""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import BinaryIO

__all__ = ["heard_libtiff"]

LINE = re.compile(r"(?:\w+|tempfile\.tif): .*")  # of libtiff: its part, or the name that Pillow gives a file
HARMLESS = re.compile(r"(?!JPEGLib: Warning, (?:Premature|Corrupt)).*\bWarning\b")

_one_at_a_time = threading.Lock()


@contextmanager
def heard_libtiff(stream: BinaryIO) -> Iterator[Callable[[], str]]:
    """Hear what is said while a TIFF is decoded; what others write to standard error meanwhile is passed on.

    Yields a function that returns the first error, or an empty text. Damage of fax pages, or of JPEGs in a
    TIFF, is not told otherwise.
    """
    is_tiff = stream.read(2) in {b"II", b"MM"}
    stream.seek(0)
    if not is_tiff or not _is_standard_error():
        yield str
        return
    with _one_at_a_time, _memory() as said:
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield lambda: _first_error(_lines(said))
        finally:
            os.dup2(kept, 2)
            for line in _lines(said):
                if not LINE.fullmatch(line):
                    with suppress(OSError):
                        os.write(2, f"{line}\n".encode())
            os.close(kept)


def _is_standard_error() -> bool:
    """Whether descriptor 2 is standard error, or stands for it, and is no other file's."""
    if sys.__stderr__ is not None:
        return True
    try:
        return os.path.samestat(os.fstat(2), os.stat(os.devnull))  # noqa: PTH116 -- as the other
    except OSError:
        return False


def _memory() -> BinaryIO:
    """Return a file that is nowhere: there may be no folder that can be written to."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("libtiff"), "w+b")  # noqa: PTH123 -- a descriptor
    return TemporaryFile()


def _lines(said: BinaryIO) -> list[str]:
    said.seek(0)
    return said.read(1 << 16).decode("utf-8", "replace").splitlines()


def _first_error(lines: list[str]) -> str:
    errors = [line for line in lines if LINE.fullmatch(line) and not HARMLESS.match(line)]
    return f"is damaged: {errors[0].removeprefix('tempfile.tif: ').rstrip('.')}" if errors else ""
