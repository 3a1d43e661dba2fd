"""The inputs of a batch: files and objects named, all pictures in a folder, or a list of names."""

import os
import stat
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from convcli.errors import ImageError, UsageError, describe_os_error
from convcli.files.opening import open_input
from convcli.files.streams import STREAM, input_name, read_standard_input, refuse_terminal
from convcli.files.urls import file_name, has_wildcard, is_url, local_name, redacted

__all__ = ["Source", "check_names", "gather_sources"]

MAX_NAMES_BYTES = 1 << 30


class Source(NamedTuple):
    """An input.

    Attributes
    ----------
    name : str
        Path of the file, URL of the object, or ``-`` for standard input.
    subfolder : str
        Subfolder of the output folder that its output goes to, with --recursive.
    error : str
        Why it cannot be read, if that is known already.
    """

    name: str
    subfolder: str = ""
    error: str = ""

    @property
    def display_name(self) -> str:
        """Its name in messages."""
        return input_name(self.name)


def gather_sources(
    names: Sequence[str] | None,
    *,
    recursive: bool = False,
    files0_from: str | None = None,
    out_dir: str | None = None,
) -> list[Source]:
    """Return the inputs of a batch.

    Raises
    ------
    UsageError
        There are no inputs, or the options contradict each other.
    ImageError
        A list of names cannot be read.
    """
    if files0_from is not None:
        if not files0_from:
            raise UsageError("--files0-from", "has an empty file name; give a file, or - for standard input")
        if names:
            raise UsageError("--files0-from", "reads the file names from a list; leave IMAGE out")
        if recursive:
            raise UsageError("--recursive", "cannot be combined with --files0-from, which names every file")
        sources = [Source(local_name(name)) for name in _read_names(files0_from)]
    else:
        sources = [Source(local_name(name)) for name in names or []]
    if recursive:
        if out_dir is None:
            raise UsageError("--recursive", "needs --out-dir, the folder that gets the same subfolders")
        sources = [
            subfolder for source in sources for subfolder in _find_pictures(source, os.path.realpath(out_dir))
        ]
    if files0_from is None:
        sources = [
            found for source in sources for found in _find_objects(source, out_dir, recursive=recursive)
        ]
    check_names([source.name for source in sources])
    return sources


def check_names(names: Sequence[str], what: str = "IMAGE") -> None:
    """Check the names of inputs, without opening any file.

    Raises
    ------
    UsageError
        A name is empty, or standard input is named twice or is a terminal.
    """
    if "" in names:
        raise UsageError(what, "has an empty file name; give a file, or - for standard input")
    if STREAM in names:
        if names.count(STREAM) > 1:
            raise UsageError(STREAM, "standard input can be read only once; leave one - out")
        refuse_terminal("pipe an image into it")


def _read_names(file: str) -> list[str]:
    """Read NUL-separated names, as ``find -print0`` writes them."""
    content = _read_list(file)
    if len(content) > MAX_NAMES_BYTES:
        raise ImageError(
            input_name(file), f"is larger than {MAX_NAMES_BYTES} bytes, so it is not a list of names"
        )
    content = content.removesuffix(b"\0")
    if not content:
        raise UsageError(f"--files0-from {redacted(file)}", "contains no names")
    position = 0 if content.startswith(b"\0") else content.find(b"\0\0") + 1
    if position or content.startswith(b"\0"):  # checked before splitting: there may be a billion names
        raise UsageError(
            f"--files0-from {redacted(file)}", f"name number {content.count(0, 0, position) + 1} is empty"
        )
    names = [os.fsdecode(name) for name in content.split(b"\0")]
    if len(names) == 1 and "\n" in names[0]:
        raise UsageError(
            f"--files0-from {file}",
            "contains lines, but names must be NUL-separated, as find -print0 writes them",
        )
    return names


def _read_list(file: str) -> bytes:
    if file == STREAM:
        refuse_terminal("pipe NUL-separated names into it, as find -print0 writes them")
        return read_standard_input(MAX_NAMES_BYTES + 1)
    try:
        with open_input(file) as stream:
            return stream.read(MAX_NAMES_BYTES + 1)
    except OSError as error:
        raise ImageError(input_name(file), describe_os_error(error)) from None


def _find_pictures(source: Source, out_dir: str) -> list[Source]:
    """Return the pictures in a folder and its subfolders, sorted; return anything else unchanged."""
    if source.name == STREAM or is_url(source.name):
        return [source]
    try:
        if not stat.S_ISDIR(Path(source.name).stat().st_mode):
            return [source]
    except OSError as error:
        return [Source(source.name, error=describe_os_error(error))]
    extensions = _extensions()
    sources: list[Source] = []
    folders = [(source.name, "")]
    out_name, out_id = os.path.basename(out_dir), _folder_id(out_dir)  # noqa: PTH119 -- a part of a real path, as text
    while folders:  # `os.walk` is recursive, and a tree may be deeper than its limit
        folder, subfolder = folders.pop()
        try:
            with os.scandir(folder) as listing:
                visible = [entry for entry in listing if not entry.name.startswith(".")]
        except OSError as error:
            sources.append(Source(folder, error=describe_os_error(error)))
            continue
        entries = sorted(visible, key=attrgetter("name"))
        sources += [
            Source(entry.path, subfolder)
            for entry in entries
            if Path(entry.name).suffix.lower() in extensions and not entry.is_dir()
        ]
        # Skip links, which may lead back here, and the outputs of an earlier run.
        folders += [
            (entry.path, os.path.join(subfolder, entry.name))  # noqa: PTH118 -- a path takes its own length in time
            for entry in reversed(entries)
            if entry.is_dir(follow_symlinks=False)
            and (out_id is None or entry.name != out_name or _folder_id(entry.path) != out_id)
        ]
    if not sources:
        raise UsageError(source.name, "contains no pictures")
    return sources


def _extensions() -> set[str]:
    from convcli.pictures.formats.decoding import readable_extensions  # late: single files need no list

    return readable_extensions() | {".npy"}


def _find_objects(source: Source, out_dir: str | None, *, recursive: bool) -> list[Source]:
    """Return the objects that a pattern matches, or the pictures in a folder; anything else unchanged."""
    if not is_url(source.name) or not (recursive or has_wildcard(source.name)):
        return [source]
    from convcli.files.remote.listing import find_objects  # late: it loads asyncio

    extensions = _extensions() if recursive else None
    try:
        found = find_objects(source.name, extensions=extensions, without=out_dir)
        sources = [Source(name, subfolder) for name, subfolder in found]
    except OSError as error:
        return [Source(source.name, error=describe_os_error(error))]
    if not sources and recursive and Path(file_name(source.name)).suffix.lower() not in _extensions():
        raise UsageError(redacted(source.name), "contains no pictures")
    return sources or [source]  # as a shell, which takes a pattern without matches as a name


def _folder_id(folder: str) -> tuple[int, int] | None:
    """Return the device and inode number of a folder, or None if there is none."""
    try:
        found = os.stat(folder)  # noqa: PTH116 -- for each of many folders
    except OSError:
        return None
    return found.st_dev, found.st_ino
