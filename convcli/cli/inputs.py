"""Which inputs a batch has: those that were named, all pictures in a folder, or a list of names."""

import os
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from convcli.errors import ImageError, UsageError
from convcli.opening import open_input

__all__ = ["STREAM", "Source", "gathered"]

STREAM = "-"
PICTURES = {
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".pnm", ".pgm", ".ppm", ".pbm",
    ".avif", ".npy",
}  # fmt: skip
MOST_NAMES_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Source:
    """An input.

    Attributes
    ----------
    name : str
        Of a file, or ``-``.
    below : str
        The folder of its output below that of all outputs, where a tree is kept.
    trouble : str
        Why it cannot be read, where that is known already.
    """

    name: str
    below: str = ""
    trouble: str = ""


def gathered(
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
        There are none, or one that cannot be.
    ImageError
        A list of names cannot be read.
    """
    if files0_from is not None:
        if not files0_from:
            raise UsageError("--files0-from", "is an empty name")
        if names:
            raise UsageError("--files0-from", "gives the names; leave IMAGE out")
        if recursive:
            raise UsageError("--recursive", "does not go with --files0-from, which names every file")
        found = [Source(name) for name in _listed(files0_from)]
    else:
        found = [Source(name) for name in names or []]
    if recursive:
        if out_dir is None:
            raise UsageError("--recursive", "keeps the tree of folders below --out-dir; give one")
        found = [below for source in found for below in _tree(source, os.path.realpath(out_dir))]
    _check(found)
    return found


def _check(sources: Iterable[Source]) -> None:
    names = [source.name for source in sources]
    if "" in names:
        raise UsageError("IMAGE", "is an empty name")
    if STREAM in names:
        if names.count(STREAM) > 1:
            raise UsageError(STREAM, "standard input can be read only once")
        if sys.stdin is not None and sys.stdin.isatty():
            raise UsageError(STREAM, "standard input is a terminal; pipe an image into it")


def _listed(file: str) -> list[str]:
    """Read names, each ended by a zero byte, as ``find -print0`` writes them."""
    if file == STREAM and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError("--files0-from -", "standard input is a terminal, or closed; pipe names into it")
    try:
        if file == STREAM:
            content = sys.stdin.buffer.read(MOST_NAMES_BYTES + 1)
        else:
            with open_input(file) as stream:
                content = stream.read(MOST_NAMES_BYTES + 1)
    except OSError as error:
        raise ImageError(file, (error.strerror or str(error)).lower()) from None
    if len(content) > MOST_NAMES_BYTES:
        raise ImageError(file, f"is longer than {MOST_NAMES_BYTES} bytes, which no list of names is")
    names = [os.fsdecode(name) for name in content.removesuffix(b"\0").split(b"\0")]
    if names == [""]:
        raise UsageError(f"--files0-from {file}", "holds no names")
    if "" in names:
        raise UsageError(f"--files0-from {file}", f"its name {names.index('') + 1} is empty")
    if len(names) == 1 and "\n" in names[0]:
        raise UsageError(
            f"--files0-from {file}", "holds lines; names are ended by zero bytes, as find -print0 does"
        )
    return names


def _tree(source: Source, out_dir: str) -> list[Source]:
    """Return the pictures in a folder and in those below, sorted; what is no folder stays what it is."""
    if source.name == STREAM:
        return [source]
    try:
        if not stat.S_ISDIR(Path(source.name).stat().st_mode):
            return [source]
    except OSError as error:
        return [Source(source.name, trouble=(error.strerror or str(error)).lower())]
    found: list[Source] = []

    def note(error: OSError) -> None:
        found.append(Source(str(error.filename), trouble=(error.strerror or str(error)).lower()))

    for folder, folders, files in os.walk(source.name, onerror=note):
        # Neither what is hidden, nor what an earlier run has made.
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(folder, name)) != out_dir  # noqa: PTH118 -- os.walk gives strings
        )
        below = os.path.relpath(folder, source.name)
        found += [
            Source(os.path.join(folder, name), "" if below == "." else below)  # noqa: PTH118 -- as above
            for name in sorted(files)
            if not name.startswith(".") and Path(name).suffix.lower() in PICTURES
        ]
    if not found:
        raise UsageError(source.name, "holds no pictures")
    return found
