"""Files for drawings and saved kernels: checked before any work is done, written at the end."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from convcli.cli.terminal.output import output_is_terminal
from convcli.errors import UsageError
from convcli.files.atomic import check_target, write_atomically
from convcli.files.identity import FileIds
from convcli.files.streams import STREAM, write_bytes

__all__ = ["check_named_file", "check_streamed_svg", "check_two_files", "ending", "write_named_file"]


def ending(name: str) -> str:
    """Return the extension of a file name, which determines the format.

    Examples
    --------
    >>> ending("a/NET.SVG"), ending("svg")
    ('.svg', '')
    """
    return Path(name).suffix.lower()


def check_named_file(
    name: str,
    endings: Collection[str],
    what: str,
    inputs: Iterable[str | Path] | FileIds = (),
    *,
    force: bool,
) -> None:
    """Check that a file can be written, in a known format, before any work is done.

    Parameters
    ----------
    name : str
    endings : collection of str
        Extensions of the formats.
    what : str
        Start of the message, as in "a diagram is drawn".
    inputs : iterable of paths, or FileIds
        Files that are read, which must not be overwritten.
    force : bool
        Whether an existing file is overwritten.

    Raises
    ------
    UsageError
        The extension is none of `endings`.
    OutputError
        The file may not be written.
    """
    if ending(name) not in endings:
        raise UsageError(name, f"{what} as {', '.join(endings)}")
    check_target(name, inputs, replace=force)


def check_streamed_svg(taken_by: str | None) -> None:
    """Check that standard output can take a drawing; `taken_by` is the option whose answer goes there.

    Raises
    ------
    UsageError
        Standard output takes that answer, or is a terminal.
    """
    if taken_by is not None:
        raise UsageError("-o -", f"writes to standard output, and so does {taken_by}; give a file name")
    if output_is_terminal():
        raise UsageError("-o -", "svg is not for a terminal; redirect it")


def check_two_files(output: str | None, option: str, name: str | None) -> None:
    """Check that an option does not name the same file as ``-o``.

    Raises
    ------
    UsageError
        Both name the same file.
    """
    if output and name and os.path.realpath(output) == os.path.realpath(name):
        raise UsageError(option, f"names the same file as -o, {output}; change one of them")


def write_named_file(name: str, content: bytes, *, force: bool, inputs: FileIds | None = None) -> None:
    """Write a file, or standard output if its name is ``-``.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    if name == STREAM:
        write_bytes([content])
    else:
        write_atomically(name, lambda stream: stream.write(content), replace=force, inputs=inputs)
