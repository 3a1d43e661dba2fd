"""Standard output and standard error: what is written where, and in which form.

Standard output carries the answer and nothing else, messages go to standard error. A failure to write the
answer is an error, a reader who went away ends the program quietly.
"""

import math
import os
import re
import select
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from convcli.errors import OutputError, reason

__all__ = [
    "ReaderGone",
    "answer_is_shown",
    "colors_are_shown",
    "display_width",
    "escaped",
    "json_line",
    "left_to_right",
    "message",
    "output_is_terminal",
    "progress_is_shown",
    "show_answers",
    "shown",
    "shown_name",
    "wrapped",
    "write",
    "write_bytes",
    "write_json",
    "writing_stdout",
]


LEAST_BESIDE = 20  # columns that texts beside their labels take, however narrow the terminal
MARK = "\u200e"  # stands where a letter that is read from left to right would, and takes no room
# A letter of a script that is read from right to left (Hebrew, Arabic, ...), and all from the first to the
# last of them, with what has no direction of its own between them.
LETTER_FROM_THE_RIGHT = r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
RIGHT_TO_LEFT = rf"{LETTER_FROM_THE_RIGHT}(?:[\W\d_]*{LETTER_FROM_THE_RIGHT})*"


class ReaderGone(BaseException):
    """Nobody reads standard output any more: the program is to end by SIGPIPE."""


class _Form:
    """How answers are printed; set by `show_answers`."""

    as_text = False


def show_answers(as_text: bool) -> None:
    """Lay answers out for a person even if standard output is no terminal (``--text``), or stop doing so."""
    _Form.as_text = as_text


def answer_is_shown() -> bool:
    """Whether a person reads the answer: standard output is a terminal, or ``--text`` was given."""
    return _Form.as_text or output_is_terminal()


def colors_are_shown() -> bool:
    """Whether answers have colors: not with ``--text`` or ``NO_COLOR``, nor where no terminal is."""
    return not _Form.as_text and output_is_terminal() and not os.environ.get("NO_COLOR")


def output_is_terminal() -> bool:
    """Whether standard output is a terminal."""
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


def left_to_right(text: str) -> str:
    """Keep what is read from right to left from pulling what stands behind it to its other side.

    Terminals that know both directions else show a size or a number behind a Hebrew name before it. Marks of
    direction are put round such parts alone; they take no room, and are for a person's eyes only.

    Examples
    --------
    >>> ascii(left_to_right("\u05d7\u05ea\u05d5\u05dc.png")), left_to_right("cat.png")
    ("'\\\\u200e\\\\u05d7\\\\u05ea\\\\u05d5\\\\u05dc\\\\u200e.png'", 'cat.png')
    """
    return text if text.isascii() else re.sub(RIGHT_TO_LEFT, rf"{MARK}\g<0>{MARK}", text)


def shown_name(name: object, width: int = 0) -> str:
    """Make the name of a file safe to show, at the left of as many columns of the terminal.

    A longer one is not cut. Wide characters take two columns, combining ones none.

    Examples
    --------
    >>> shown_name("cat.png", 9) + "|", shown_name("\u732b.png", 9) + "|"
    ('cat.png  |', '\u732b.png   |')
    """
    text = escaped(name)
    return left_to_right(text) + " " * (width - display_width(text))


def display_width(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    Examples
    --------
    >>> display_width("cat"), display_width("\u732b")
    (3, 2)
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # late: few names need it

    return cell_len(text)


def shown(lines: Sequence[tuple[str, str]], names: Sequence[tuple[str, str]] = ()) -> str:
    """Lay out labels and texts for a person: labels aligned, long texts wrapped beside them.

    `names` are labels and names of files, which are not wrapped: their blanks may matter.

    Examples
    --------
    >>> print(shown([("gain", "4"), ("separable", "yes")]), end="")
    gain       4
    separable  yes
    """
    label_width = max(len(label) for label, _ in (*lines, *names)) + 2
    indent = " " * label_width
    parts = [wrapped(text, label.ljust(label_width), indent, least=LEAST_BESIDE) for label, text in lines]
    return "".join([*parts, *(f"{label.ljust(label_width)}{shown_name(name)}\n" for label, name in names)])


def wrapped(text: str, first: str = "", further: str = "", *, least: int = 0) -> str:
    """Return lines for the terminal, parted between words: no word is cut, however narrow it is.

    `first` and `further` stand before the first line and the others, `least` columns are left for words.

    Examples
    --------
    >>> wrapped("(28x28, int16 from -9 to 9)", "  ", "  ")
    '  (28x28, int16 from -9 to 9)\\n'
    """
    from shutil import get_terminal_size
    from textwrap import fill

    return (
        fill(
            text,
            max(get_terminal_size().columns, len(first) + max(least, 1)),
            initial_indent=first,
            subsequent_indent=further,
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
    )


def message(what: object, why: object | None = None) -> None:
    """Write the one line ``convcli: WHAT: WHY`` to standard error; a closed one is no reason to fail."""
    named = escaped(what) or "''"
    text = named if why is None else f"{named}: {escaped(why)}"
    if progress_is_shown():
        text = left_to_right(text)
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
