"""Standard output and standard error: what is written where, and in which form.

Standard output carries the answer and nothing else, messages go to standard error. A failure to write the
answer is an error, a reader who went away ends the program quietly.
"""

import math
import os
import select
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from convcli.errors import OutputError, reason

__all__ = [
    "ReaderGone",
    "answer_is_shown",
    "escaped",
    "json_line",
    "message",
    "progress_is_shown",
    "shown",
    "write",
    "write_bytes",
    "write_json",
    "writing_stdout",
]


class ReaderGone(BaseException):
    """Nobody reads standard output any more: the program is to end by SIGPIPE."""


def answer_is_shown() -> bool:
    """Whether a person reads the answer: standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def progress_is_shown() -> bool:
    """Whether a person looks on: standard error is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def escaped(text: object) -> str:
    """Make a text safe to show: control, bidi and undecodable characters as escapes, one line.

    Examples
    --------
    >>> escaped("a\\nb\\x1b[31m")
    'a\\\\nb\\\\x1b[31m'
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


def shown(lines: Sequence[tuple[str, str]]) -> str:
    """Lay out labels and texts for a person: labels aligned, long texts wrapped beside them.

    Examples
    --------
    >>> print(shown([("gain", "4"), ("separable", "yes")]), end="")
    gain       4
    separable  yes
    """
    from shutil import get_terminal_size
    from textwrap import fill

    label_width = max(len(label) for label, _ in lines) + 2
    width = max(get_terminal_size().columns, label_width + 20)
    return "".join(
        fill(
            text,
            width,
            initial_indent=label.ljust(label_width),
            subsequent_indent=" " * label_width,
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
        for label, text in lines
    )


def message(what: object, why: object | None = None) -> None:
    """Write the one line ``convcli: WHAT: WHY`` to standard error; a closed one is no reason to fail."""
    text = escaped(what) if why is None else f"{escaped(what)}: {escaped(why)}"
    try:
        if sys.stderr is not None:
            sys.stderr.write(f"convcli: {text}\n")
            sys.stderr.flush()
    except (OSError, ValueError):
        _detach(sys.stderr.fileno())


def write(text: str) -> None:
    """Write a part of the answer to standard output.

    Raises
    ------
    OutputError
        It cannot be written.
    ReaderGone
        The reader went away.
    """
    write_bytes([text.encode("utf-8", "surrogateescape")])


def write_bytes(content: Iterable[bytes | memoryview]) -> None:
    """Write parts of a file as `write` writes text."""
    if sys.stdout is None:
        raise OutputError("standard output", "is closed")
    with writing_stdout():
        for part in content:
            rest = memoryview(part)
            while rest:  # an unbuffered stream may take a part only
                rest = rest[_taken(sys.stdout.buffer, rest) :]
        while True:
            try:
                sys.stdout.buffer.flush()
                return
            except BlockingIOError:
                select.select([], [sys.stdout.buffer], [])


def _taken(stream: BinaryIO, part: memoryview) -> int:
    """Write as many bytes as a stream takes; one that does not block is waited for."""
    try:
        return stream.write(part)
    except BlockingIOError as error:
        select.select([], [stream], [])
        return error.characters_written


def json_line(record: Mapping[str, object]) -> str:
    """Return one line of JSON; numbers that JSON does not know become null."""
    import json  # late: start-up is most of a short command

    return json.dumps(_finite(record), allow_nan=False) + "\n"


def write_json(record: Mapping[str, object]) -> None:
    """Write one line of JSON, as `json_line` makes it."""
    write(json_line(record))


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


@contextmanager
def writing_stdout() -> Iterator[None]:
    """Turn a failure to write standard output into `OutputError`, and a closed pipe into `ReaderGone`."""
    try:
        yield
    except BrokenPipeError:
        _detach(1)
        raise ReaderGone from None
    except OSError as error:
        _detach(1)
        raise OutputError("standard output", reason(error)) from None


def _detach(descriptor: int) -> None:
    """Point a broken stream to nowhere, so that flushing it at the end cannot fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
