"""Outputs that appear whole or not at all."""

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from convcli.errors import OutputError

__all__ = ["Identities", "check_target", "write_atomically"]


class Identities:
    """Files by what they are, whatever path leads there; to look one up takes no longer among many."""

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._known = {identity for identity in map(_identity, paths) if identity is not None}

    def __contains__(self, path: str | Path) -> bool:
        return _identity(path) in self._known


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Return device and number of a file; None where there is none."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def check_target(
    target: str | Path, inputs: Iterable[str | Path] | Identities = (), *, replace: bool = False
) -> None:
    """Check, before any work is done, that a file may be written.

    Raises
    ------
    OutputError
        It exists and `replace` is false, it is one of the inputs (by any path, symbolic or hard link), it
        is a folder, or its folder is missing or may not be written to.
    """
    try:
        _check(_real(target), str(target), inputs, replace=replace)
    except OSError as error:
        raise OutputError(str(target), (error.strerror or str(error)).lower()) from None


def _check(path: Path, name: str, inputs: Iterable[str | Path] | Identities, *, replace: bool) -> None:
    if name.endswith("/"):
        raise OutputError(name, "is a folder; give the name of a file in it")
    if _is_device(name):
        return
    if not path.parent.is_dir():
        raise OutputError(name, f"there is no folder {path.parent}")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode):
        raise OutputError(name, "is a folder; give the name of a file in it")
    if mode is not None and path in (inputs if isinstance(inputs, Identities) else Identities(inputs)):
        raise OutputError(name, "is an input; an input is never overwritten, choose another name")
    if mode is not None and not replace:
        raise OutputError(name, "exists; add --force to replace it")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(name, f"no permission to write in the folder {path.parent}")


def write_atomically(
    target: str | Path, write: Callable[[BinaryIO], object], *, replace: bool = False
) -> None:
    """Write a file beside its target, then give it the target's name.

    Parameters
    ----------
    target : path
        A symbolic link stays, and the file that it names is written. A device or pipe is written to.
    write : callable
        Is called with the open file.
    replace : bool
        Replace an existing file, keeping its permissions.

    Raises
    ------
    OutputError
        The target exists and `replace` is false, or the system refuses something.
    """
    path = _real(target)
    try:
        if path.is_dir():
            raise OutputError(str(target), "is a directory")
        if _is_device(target):
            with Path(target).open("wb") as stream:
                write(stream)
            return
        _write_and_rename(path, write, replace=replace)
    except FileExistsError:
        raise OutputError(str(target), "exists; add --force to replace it") from None
    except OSError as error:
        raise OutputError(str(target), (error.strerror or str(error)).lower()) from None


def _write_and_rename(path: Path, write: Callable[[BinaryIO], object], *, replace: bool) -> None:
    temporary = path.with_name(f".convcli-{os.urandom(6).hex()}.tmp")
    mode = stat.S_IMODE(path.stat().st_mode) if replace and path.exists() else None
    try:
        # Never an existing file, and never open to more readers than the file that it replaces.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        with open(os.open(temporary, flags, 0o666 if mode is None else mode), "w+b") as stream:  # noqa: PTH123 -- opens a descriptor
            if mode is not None:
                os.fchmod(stream.fileno(), mode)
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            temporary.replace(path)
        else:
            _rename_to_new(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _rename_to_new(temporary: Path, path: Path) -> None:
    """Rename, but fail where the name is taken, even if it was taken a moment ago."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError from None
        temporary.rename(path)


def _is_device(target: str | Path) -> bool:
    """Whether a target is a pipe, a terminal or the like; by its own name, since /dev/stdout has no other."""
    try:
        mode = Path(target).stat().st_mode
    except OSError:  # there is none, or something that writing will say
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _real(target: str | Path) -> Path:
    return Path(os.path.realpath(target))
