"""Files that options name for what is drawn or saved beside the answer: checked first, written at the end."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from convcli.cli.output import output_is_terminal, write_bytes
from convcli.cli.standard_input import STREAM
from convcli.errors import UsageError
from convcli.files import Identities, check_target, write_atomically

__all__ = ["check_named_file", "check_streamed_svg", "check_two_files", "ending", "write_named_file"]


def ending(name: str) -> str:
    """Return the extension by which a file's format is told.

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
    inputs: Iterable[str | Path] | Identities = (),
    *,
    force: bool,
) -> None:
    """Check, before any work is done, that a file can be written, and in a format that is known.

    Parameters
    ----------
    name : str
    endings : collection of str
        Extensions of the formats.
    what : str
        What is done, as in "a diagram is drawn".
    inputs : iterable of paths, or Identities
        Files that are read.
    force : bool
        Whether the file may exist.

    Raises
    ------
    UsageError
        The name ends in no such format.
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
        It is taken, or a terminal.
    """
    if taken_by is not None:
        raise UsageError("-o -", f"is standard output, where {taken_by} goes; name a file")
    if output_is_terminal():
        raise UsageError("-o -", "svg is not for a terminal; redirect it")


def check_two_files(output: str | None, option: str, name: str | None) -> None:
    """Check that the file of an option is not that of ``-o``, too.

    Raises
    ------
    UsageError
        It is.
    """
    if output and name and os.path.realpath(output) == os.path.realpath(name):
        raise UsageError(option, f"and -o are one file, {output}")


def write_named_file(name: str, content: bytes, *, force: bool, inputs: Identities | None = None) -> None:
    """Write a file, or standard output where its name is ``-``.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    if name == STREAM:
        write_bytes([content])
    else:
        write_atomically(name, lambda stream: stream.write(content), replace=force, inputs=inputs)
