"""The inputs of a batch: files and objects named, all pictures in a folder, or a list of names."""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from convcli.errors import ImageError, UsageError, describe_os_error
from convcli.files.opening import is_zarr
from convcli.files.streams import STREAM, input_name, refuse_terminal
from convcli.files.urls import file_name, has_wildcard, is_url, local_name, redacted

__all__ = ["ALL_SHARDS", "Inputs", "Shard", "Source", "check_names", "gather_inputs", "parse_shard"]

MAX_HELD_NAMES = 100_000  # of a list, which are checked before anything is started
MAX_HELD_BYTES = 1 << 26
MAX_NAMES_BYTES = 1 << 30  # of a list that has to be held


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

    @property
    def is_zarr(self) -> bool:
        """Whether it is a folder with an array in it, as its name says."""
        return is_zarr(self.name)


class Shard(NamedTuple):
    """One of several runs that share the inputs: each input belongs to one of them, by its name.

    Examples
    --------
    >>> shards = [Shard(1, 3), Shard(2, 3), Shard(3, 3)]
    >>> [[shard.has("a.png"), shard.has("b.png")].count(True) for shard in shards]
    [1, 0, 1]
    """

    number: int  # from 1
    total: int

    def has(self, name: str) -> bool:
        """Whether an input of this name belongs to it."""
        return self.total == 1 or self.chooser()(name)

    def chooser(self) -> Callable[[str], bool]:
        """Return a faster `has`, for many names."""
        from hashlib import blake2b  # late: one run does without

        total, remainder = self.total, self.number - 1

        def has(name: str) -> bool:
            hashed = blake2b(os.fsencode(name), digest_size=8).digest()
            return int.from_bytes(hashed, "big") % total == remainder

        return has


ALL_SHARDS = Shard(1, 1)


def parse_shard(text: str) -> Shard:
    """Read a shard, such as ``1/4``.

    Raises
    ------
    UsageError
        It is none.

    Examples
    --------
    >>> parse_shard("1/4")
    Shard(number=1, total=4)
    >>> parse_shard("5/4")
    Traceback (most recent call last):
    ...
    convcli.errors.UsageError: --shard 5/4: shards are numbered from 1 to 4
    """
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found is None or not int(found[2]):
        raise UsageError(f"--shard {text}", "must be I/N, such as 1/4 for the first of four runs")
    shard = Shard(int(found[1]), int(found[2]))
    if not 1 <= shard.number <= shard.total:
        why = f"shards are numbered from 1 to {shard.total}"
        raise UsageError(
            f"--shard {text}", why if shard.number else f"{why}; add 1 to a number that starts at 0"
        )
    return shard


class Inputs(NamedTuple):
    """The inputs of a batch.

    Attributes
    ----------
    held : sequence of Source
        Those of all shards, or the first of a list that is too long to be held. They are checked before
        anything is started.
    own : sequence of Source
        Those of them that belong to this run.
    rest : iterable of Source
        The others of a long list that belong to this run, read as they are needed. What is wrong with
        their names is their error.
    """

    held: Sequence[Source]
    own: Sequence[Source]
    rest: Iterable[Source] = ()

    @property
    def known_count(self) -> int | None:
        """How many belong to this run; None if that is not known yet."""
        return None if self.rest else len(self.own)


def gather_inputs(
    names: Sequence[str] | None,
    *,
    recursive: bool = False,
    files0_from: str | None = None,
    out_dir: str | None = None,
    shard: Shard = ALL_SHARDS,
    hold_all: bool = False,
) -> Inputs:
    """Return the inputs of a batch.

    Parameters
    ----------
    names : sequence of str, optional
    recursive : bool
        Replace folders by the pictures in them.
    files0_from : str, optional
        A file that lists the names instead.
    out_dir : str, optional
        The folder of the outputs, which are no inputs.
    shard : Shard
        The run that this is, of several.
    hold_all : bool
        Hold even a long list of names.

    Raises
    ------
    UsageError
        There are no inputs, or the options contradict each other.
    ImageError
        A list of names cannot be read.
    """
    rest: Iterable[Source] = ()
    if files0_from is not None:
        if not files0_from:
            raise UsageError("--files0-from", "has an empty file name; give a file, or - for standard input")
        if names:
            raise UsageError("--files0-from", "reads the file names from a list; leave IMAGE out")
        if recursive:
            raise UsageError("--recursive", "cannot be combined with --files0-from, which names every file")
        sources, rest = _read_list(files0_from, hold_all=hold_all)
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
    if shard == ALL_SHARDS:
        return Inputs(sources, sources, rest)
    if any(source.name == STREAM for source in sources):
        raise UsageError("--shard", "needs names of files, but - is standard input; name a file")
    has = shard.chooser()
    own = [source for source in sources if has(source.name)]
    return Inputs(sources, own, rest and (source for source in rest if source.error or has(source.name)))


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


def _read_list(file: str, *, hold_all: bool) -> tuple[list[Source], Iterable[Source]]:
    """Return the first names in a list, which are held, and the rest."""
    from convcli.files.name_lists import (  # late, here and below: most runs have no list
        LINES,
        read_names,
        wrong_name,
    )

    names, held, size = read_names(file), list[Source](), 0
    option = f"--files0-from {redacted(file)}"
    for name in names:
        if why := wrong_name(name, len(held) + 1):
            if not held and next(names, None) is None:
                break
            raise UsageError(option, why)
        held.append(Source(local_name(name)))
        size += len(name) + 1
        if hold_all and size > MAX_NAMES_BYTES:
            why = (
                f"has more than {MAX_NAMES_BYTES} bytes of names, and --force needs all of them; leave it out"
            )
            raise ImageError(input_name(file), why)
        if not hold_all and (len(held) >= MAX_HELD_NAMES or size > MAX_HELD_BYTES):
            following = next(names, None)
            if following is not None:
                return held, _later_sources(file, chain([following], names), len(held) + 1)
    if not held:
        raise UsageError(option, "contains no names")
    if len(held) == 1 and "\n" in held[0].name:
        raise UsageError(option, LINES)
    return held, ()


def _later_sources(file: str, names: Iterator[str], number: int) -> Iterator[Source]:
    """Yield the rest of a list, from a name with this number on; what ends it early is its last source."""
    from convcli.files.name_lists import wrong_name

    try:
        for number, name in enumerate(names, number):  # noqa: B020 -- goes on counting
            if why := wrong_name(name, number):
                yield Source(file, error=f"{why}; the names behind it were not read")
                return
            why = f"comes behind {MAX_HELD_NAMES} names in the list; move - up" if name == STREAM else ""
            yield Source(local_name(name), error=why)
    except ImageError as error:
        yield Source(file, error=error.why)


def _find_pictures(source: Source, out_dir: str) -> list[Source]:
    """Return the pictures in a folder and its subfolders, sorted; return anything else unchanged."""
    if source.name == STREAM or is_url(source.name):
        return [source]
    try:
        if is_zarr(source.name) or not stat.S_ISDIR(Path(source.name).stat().st_mode):
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
            if (Path(entry.name).suffix.lower() in extensions and not entry.is_dir())
            or (is_zarr(entry.name) and entry.is_dir())
        ]
        # Skip links, which may lead back here, and the outputs of an earlier run.
        folders += [
            (entry.path, os.path.join(subfolder, entry.name))  # noqa: PTH118 -- a path takes its own length in time
            for entry in reversed(entries)
            if entry.is_dir(follow_symlinks=False)
            and not is_zarr(entry.name)
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
