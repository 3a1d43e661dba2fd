"""Files for drawings and saved kernels: checked before any work is done, written at the end."""

import os
from collections.abc import Collection
from pathlib import Path

from convcli.cli.terminal.output import stdout_is_terminal
from convcli.errors import UsageError, alternatives
from convcli.files.atomic import check_target, write_atomically
from convcli.files.identity import FileIds
from convcli.files.streams import STREAM, write_bytes

__all__ = [
    "HTML_EXTENSIONS",
    "check_distinct_files",
    "check_output_file",
    "check_svg_to_stdout",
    "extension",
    "write_output_file",
]

HTML_EXTENSIONS = (".html", ".htm")


def extension(name: str) -> str:
    """Return the extension of a file name, which determines the format.

    Examples
    --------
    >>> extension("a/NET.SVG"), extension("svg")
    ('.svg', '')
    """
    return Path(name).suffix.lower()


def check_output_file(
    name: str,
    extensions: Collection[str],
    purpose: str,
    inputs: FileIds,
    *,
    force: bool,
) -> None:
    """Check that a file can be written, in a known format, before any work is done.

    Parameters
    ----------
    name : str
    extensions : collection of str
        Extensions of the formats.
    purpose : str
        What is written, as in "a diagram"; the message begins with it.
    inputs : FileIds
        All files that are read, which must not be overwritten.
    force : bool
        Whether an existing file is overwritten.

    Raises
    ------
    UsageError
        The extension is none of `extensions`.
    OutputError
        The file may not be written.
    """
    if extension(name) not in extensions:
        raise UsageError(name, f"{purpose} must be saved as {alternatives(extensions)}")
    check_target(name, inputs, replace=force)


def check_svg_to_stdout(other_option: str | None) -> None:
    """Check that standard output can take a drawing; `other_option` is the option whose answer goes there.

    Raises
    ------
    UsageError
        Standard output takes that answer, or is a terminal.
    """
    if other_option is not None:
        raise UsageError("-o -", f"writes to standard output, and so does {other_option}; give a file name")
    if stdout_is_terminal():
        raise UsageError("-o -", "svg cannot be shown in a terminal; redirect it")


def check_distinct_files(output: str | None, option: str, name: str | None) -> None:
    """Check that an option does not name the same file as ``-o``.

    Raises
    ------
    UsageError
        Both name the same file.
    """
    if output and name and os.path.realpath(output) == os.path.realpath(name):
        raise UsageError(option, f"names the same file as -o, {output}; change one of them")


def write_output_file(name: str, content: bytes, inputs: FileIds, *, force: bool) -> None:
    """Write a file that has been checked, or standard output if its name is ``-``.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    if name == STREAM:
        write_bytes([content])
    else:
        write_atomically(name, lambda stream: stream.write(content), replace=force, inputs=inputs)
