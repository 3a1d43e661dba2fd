"""Standard output and standard error: answers, messages and JSON, laid out for a person or for programs.

Standard output carries the answer and nothing else; messages go to standard error. A failure to write the
answer is an error; a broken pipe ends the program quietly.
"""

import math
import os
import re
import sys
from collections.abc import Mapping, Sequence

from convcli.files.streams import redirect_to_null, write_bytes
from convcli.files.urls import without_secrets

__all__ = [
    "answer_columns",
    "display_width",
    "escaped",
    "format_name",
    "is_human_readable",
    "json_line",
    "labeled_text",
    "left_to_right",
    "message",
    "set_text_output",
    "stderr_is_terminal",
    "stdout_is_terminal",
    "uses_color",
    "wrapped",
    "write",
    "write_json",
]


MIN_TEXT_WIDTH = 20  # columns for a text beside its label, however narrow the terminal is
NO_BREAK_SPACE = "\u00a0"  # the no-break space; names have none, as `escaped` escapes it
LEFT_TO_RIGHT_MARK = "\u200e"  # the left-to-right mark: acts like a left-to-right letter, but is invisible
# A letter of a right-to-left script (Hebrew, Arabic, ...), and a run of text from the first of them to the
# last, including characters without a direction of their own.
RIGHT_TO_LEFT_LETTER = r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
RIGHT_TO_LEFT_RUN = rf"{RIGHT_TO_LEFT_LETTER}(?:[\W\d_]*{RIGHT_TO_LEFT_LETTER})*"


class _Settings:
    """How answers are printed; set by `set_text_output`."""

    text_output = False


def set_text_output(is_on: bool) -> None:
    """Turn ``--text`` on or off: answers laid out as on a terminal, wherever standard output goes."""
    _Settings.text_output = is_on


def is_human_readable() -> bool:
    """Whether the answer is laid out for a person: standard output is a terminal, or ``--text`` was given."""
    return _Settings.text_output or stdout_is_terminal()


def uses_color() -> bool:
    """Whether answers have colors: on a terminal, without ``--text`` and ``NO_COLOR``."""
    return not _Settings.text_output and stdout_is_terminal() and not os.environ.get("NO_COLOR")


def stdout_is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def stderr_is_terminal() -> bool:
    """Whether standard error is a terminal: messages are wrapped, and progress is shown."""
    return sys.stderr is not None and sys.stderr.isatty()


def answer_columns() -> int:
    """Return the width of the terminal that shows the answer."""
    from shutil import get_terminal_size  # late: answers in a pipe need no width

    return get_terminal_size().columns


def escaped(text: object) -> str:
    """Make a text safe to show on one line: escape control, bidi and undecodable characters.

    Examples
    --------
    >>> escaped("a\\nb\\x1b[31m")
    'a\\\\nb\\\\x1b[31m'
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


def left_to_right(text: str) -> str:
    """Keep right-to-left text from changing the order of the text around it.

    Terminals that support both directions otherwise show a size or number that follows a Hebrew name in front
    of it. Invisible direction marks are put around right-to-left parts only, and only in output for a person.

    Examples
    --------
    >>> ascii(left_to_right("\u05d7\u05ea\u05d5\u05dc.png")), left_to_right("cat.png")
    ("'\\\\u200e\\\\u05d7\\\\u05ea\\\\u05d5\\\\u05dc\\\\u200e.png'", 'cat.png')
    """
    if text.isascii():
        return text
    return re.sub(RIGHT_TO_LEFT_RUN, rf"{LEFT_TO_RIGHT_MARK}\g<0>{LEFT_TO_RIGHT_MARK}", text)


def format_name(name: object, width: int = 0) -> str:
    """Make a file name safe to show, padded to a width in columns.

    A longer name is not truncated. Wide characters take two columns, combining characters none.

    Examples
    --------
    >>> format_name("cat.png", 9) + "|", format_name("\u732b.png", 9) + "|"
    ('cat.png  |', '\u732b.png   |')
    """
    text = escaped(name)
    return left_to_right(text) + " " * (width - display_width(text))


def display_width(text: str) -> int:
    """Return the number of terminal columns that a text takes.

    Examples
    --------
    >>> display_width("cat"), display_width("\u732b")
    (3, 2)
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # late: few names need it

    return cell_len(text)


def labeled_text(lines: Sequence[tuple[str, str]], names: Sequence[tuple[str, str]] = ()) -> str:
    """Lay out labels and texts for a person: labels aligned, long texts wrapped beside them.

    `names` are labels and file names; these are not wrapped, as their spaces may matter.

    Examples
    --------
    >>> print(labeled_text([("gain", "4"), ("separable", "yes")]), end="")
    gain       4
    separable  yes
    """
    label_width = max(len(label) for label, _ in (*lines, *names)) + 2
    indent = " " * label_width
    parts = [
        wrapped(text, label.ljust(label_width), indent, min_width=MIN_TEXT_WIDTH) for label, text in lines
    ]
    return "".join([*parts, *(f"{label.ljust(label_width)}{format_name(name)}\n" for label, name in names)])


def wrapped(
    text: str, first_indent: str = "", indent: str = "", *, min_width: int = 0, columns: int | None = None
) -> str:
    """Wrap a text to the width of the terminal between words; a word is never broken.

    A no-break space becomes a space that is not a place to wrap.

    Parameters
    ----------
    text : str
    first_indent, indent : str
        Prefix of the first line and of the other lines.
    min_width : int
        Columns for the text, however narrow the terminal is.
    columns : int or None
        Width of the terminal; None for that of standard output.

    Examples
    --------
    >>> wrapped("(28x28, int16 from -9 to 9)", "  ", "  ")
    '  (28x28, int16 from -9 to 9)\\n'
    """
    from textwrap import fill

    lines = fill(
        text,
        max(columns or answer_columns(), len(first_indent) + max(min_width, 1)),
        initial_indent=first_indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace(NO_BREAK_SPACE, " ") + "\n"


def message(what: object, why: object | None = None) -> None:
    """Write the line ``convcli: WHAT: WHY`` to standard error; ignore that it is closed.

    On a terminal the line is wrapped between words, except within WHAT, which may be a file name.
    """
    name = without_secrets(escaped(what)) or "''"
    reason = "" if why is None else f": {without_secrets(escaped(why))}"
    text = f"convcli: {name}{reason}\n"
    if stderr_is_terminal():
        name = name.replace(" ", NO_BREAK_SPACE) if reason else name
        text = left_to_right(wrapped(f"convcli: {name}{reason}", indent="  ", columns=_message_columns()))
    try:
        if sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()
    except (OSError, ValueError):
        redirect_to_null(sys.stderr.fileno())


def _message_columns() -> int | None:
    """Return the width of the terminal that shows standard error, as standard output may go elsewhere."""
    if os.environ.get("COLUMNS"):
        return None
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return None


def write(text: str) -> None:
    """Write a part of the answer to standard output.

    Raises
    ------
    OutputError
        Standard output cannot be written.
    BrokenPipe
        The pipe is broken.
    """
    write_bytes([text.encode("utf-8", "surrogateescape")])


def json_line(record: Mapping[str, object]) -> str:
    """Return one line of JSON; NaN and infinity, which JSON does not have, become null."""
    import json  # late: importing takes most of the time of a short command

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
