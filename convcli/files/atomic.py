"""Atomic writes: output files and objects appear complete or not at all."""

import errno
import io
import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from convcli.errors import OutputError, OutputExists, describe_os_error
from convcli.files.identity import FileIds
from convcli.files.opening import PIPE_TIMEOUT, identifying_names, is_zarr
from convcli.files.urls import is_url, redacted

__all__ = [
    "EXISTS_MESSAGE", "INPUT_MESSAGE", "check_target", "has_temporaries", "remove_temporaries",
    "write_atomically", "write_folder_atomically",
]  # fmt: skip


ACCESS_LIST = "system.posix_acl_access"
EXISTS_MESSAGE = "exists; use --force to overwrite it"
INPUT_MESSAGE = "is an input, and inputs are never overwritten; choose another name"


def check_target(
    target: str | Path, inputs: Iterable[str | Path] | FileIds = (), *, replace: bool = False
) -> None:
    """Check before any work is done that a file, or the object of a URL, may be written.

    Raises
    ------
    OutputError
        It exists and `replace` is false, it is one of the inputs (by any path, symbolic or hard link), it
        is a folder, or its folder does not exist or is not writable. A URL: or it is not in an object store.
    """
    try:
        if is_url(target):
            return _check_object(str(target), inputs, replace=replace)
        _check(_resolve(target), str(target), inputs, replace=replace)
    except (OSError, ValueError) as error:  # a ValueError: the name has a NUL byte
        raise OutputError(redacted(str(target)), describe_os_error(error)) from None


def _check_object(url: str, inputs: Iterable[str | Path] | FileIds, *, replace: bool) -> None:
    from convcli.files.remote.writing import check_writable, object_exists  # late: they load asyncio

    check_writable(url)
    if url in (inputs if isinstance(inputs, FileIds) else FileIds(inputs)):
        raise OutputError(redacted(url), INPUT_MESSAGE)
    if not replace and any(map(object_exists, identifying_names(url))):
        raise OutputExists(redacted(url), EXISTS_MESSAGE)


def _check(path: Path, name: str, inputs: Iterable[str | Path] | FileIds, *, replace: bool) -> None:
    if name.endswith("/") and not is_zarr(name):
        raise OutputError(name, "is a folder; give the name of a file in it")
    if _is_device(name):
        return
    if not path.parent.is_dir():
        raise OutputError(name, f"there is no folder {path.parent}")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and stat.S_ISDIR(mode) != is_zarr(name):
        is_folder = "is a folder; give the name of a file in it"
        raise OutputError(name, "is a file, but a Zarr array is a folder" if is_zarr(name) else is_folder)
    if mode is not None and path in (inputs if isinstance(inputs, FileIds) else FileIds(inputs)):
        raise OutputError(name, INPUT_MESSAGE)
    if mode is not None and not replace:
        raise OutputExists(name, EXISTS_MESSAGE)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(name, f"no permission to write in the folder {path.parent}")


def write_atomically(
    target: str | Path,
    write: Callable[[BinaryIO], object],
    *,
    replace: bool = False,
    inputs: FileIds | None = None,
    is_large: bool = False,
) -> None:
    """Write a temporary file next to the target, then rename it atomically; an object is put as a whole.

    Parameters
    ----------
    target : path or URL
        A symbolic link is followed and stays a link. A device or pipe is written directly.
    write : callable
        Called with the open file.
    replace : bool
        Replace an existing file, keeping its permissions.
    inputs : FileIds, optional
        Files that are never replaced, even if the target became one of them after it was checked.
    is_large : bool
        Whether an object may be too large to be held until it is written to its store.

    Raises
    ------
    OutputError
        The target exists and `replace` is false, or the system reports an error.
    BrokenPipeError
        The target is a pipe whose reader has closed it.
    """
    try:
        if is_url(target):
            return _write_object(str(target), write, replace=replace, inputs=inputs, is_large=is_large)
        if _is_device(target):
            with _open_device(target) as stream:
                write(stream)
            return None
        path = _resolve(target)
        if path.is_dir():
            raise OutputError(str(target), "is a folder")
        if replace and inputs is not None and path in inputs:
            raise OutputError(str(target), INPUT_MESSAGE)
        _write_and_rename(path, write, replace=replace)
    except FileExistsError:
        raise OutputExists(redacted(str(target)), EXISTS_MESSAGE) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(redacted(str(target)), describe_os_error(error)) from None


def _write_object(
    url: str,
    write: Callable[[BinaryIO], object],
    *,
    replace: bool,
    inputs: FileIds | None,
    is_large: bool,
) -> None:
    from convcli.files.remote.writing import write_object  # late: it loads asyncio

    if replace and inputs is not None and url in inputs:
        raise OutputError(redacted(url), INPUT_MESSAGE)
    if not is_large:
        stream = io.BytesIO()
        write(stream)
        return write_object(url, stream.getvalue(), replace=replace)
    from tempfile import NamedTemporaryFile  # late: few objects are large

    with NamedTemporaryFile(prefix="convcli-") as file:
        _temporaries.add(Path(file.name))  # a signal does not end the context
        try:
            write(cast("BinaryIO", file))
            file.flush()
            write_object(url, Path(file.name), replace=replace)
        finally:
            _temporaries.discard(Path(file.name))


def write_folder_atomically(
    target: str | Path,
    write: Callable[[Path], object],
    *,
    replaceable: Callable[[Path], bool] | None = None,
    inputs: FileIds | None = None,
) -> None:
    """Write a temporary folder next to the target, then rename it: the target appears complete or not at all.

    Parameters
    ----------
    target : path
        A symbolic link is followed and stays a link.
    write : callable
        Called with the path of the folder, which is empty.
    replaceable : callable, optional
        Whether an existing folder may be replaced (default: none may). It is renamed before, so for a moment
        there is neither.
    inputs : FileIds, optional
        Folders that are never replaced.

    Raises
    ------
    OutputError
        The target exists and may not be replaced, or the system reports an error.
    """
    name = str(target)
    try:
        path = _resolve(target)
        if path.exists():
            if inputs is not None and path in inputs:
                raise OutputError(name, INPUT_MESSAGE)
            if replaceable is None:
                raise FileExistsError
            if not path.is_dir() or not replaceable(path):
                raise OutputError(name, "exists and is something else, which is never replaced")
        temporary, old = (path.with_name(f".convcli-{os.urandom(6).hex()}.tmp") for _ in range(2))
        _temporaries.add(temporary)
        try:
            temporary.mkdir()
            write(temporary)
            if path.exists():
                _exchange(temporary, path, old)
            else:
                temporary.rename(path)
        finally:
            for folder in _temporaries & {temporary, old}:
                _remove(folder)
                _temporaries.discard(folder)
    except FileExistsError:
        raise OutputExists(name, EXISTS_MESSAGE) from None
    except OSError as error:
        why = EXISTS_MESSAGE if error.errno == errno.ENOTEMPTY else describe_os_error(error)
        raise OutputError(name, why) from None


def _exchange(new: Path, path: Path, old: Path) -> None:
    """Put a new folder in the place of another, which is renamed."""
    path.rename(old)
    try:
        new.rename(path)
    except OSError:
        old.rename(path)
        raise
    _temporaries.add(old)


def has_temporaries() -> bool:
    """Whether there are temporary files of unfinished writes."""
    return bool(_temporaries)


def remove_temporaries() -> None:
    """Remove the temporary files and folders of unfinished writes, before the program ends."""
    for temporary in list(_temporaries):
        _remove(temporary)


def _remove(temporary: Path) -> None:
    with suppress(OSError):
        if not temporary.is_dir():
            temporary.unlink()
            return
        import shutil  # late: few outputs are folders

        shutil.rmtree(temporary, ignore_errors=True)


_temporaries: set[Path] = set()


def _write_and_rename(path: Path, write: Callable[[BinaryIO], object], *, replace: bool) -> None:
    temporary = path.with_name(f".convcli-{os.urandom(6).hex()}.tmp")
    old = path.stat() if replace and path.exists() else None
    _temporaries.add(temporary)
    try:
        # Never opens an existing file, and never lets more people read it than the file that it replaces.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        mode = 0o666 if old is None else stat.S_IMODE(old.st_mode)
        with open(os.open(temporary, flags, mode), "w+b") as stream:  # noqa: PTH123 -- opens a descriptor
            if old is not None:
                _copy_permissions(stream.fileno(), path, old)
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            temporary.replace(path)
        else:
            _rename_if_new(temporary, path)
    finally:
        with suppress(OSError):  # it was renamed, or the error that prevented that is reported
            temporary.unlink()
        _temporaries.discard(temporary)


def _copy_permissions(descriptor: int, path: Path, old: os.stat_result) -> None:
    """Give a file the owner and permissions of the file that it replaces, and never more access than that."""
    mode = stat.S_IMODE(old.st_mode)
    try:
        os.fchown(descriptor, old.st_uid, old.st_gid)
    except (PermissionError, AttributeError):  # it belongs to another user, or files have no owner here
        if os.fstat(descriptor).st_gid != old.st_gid:
            mode = mode & ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3  # a new group gets the rights of others
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)
    with suppress(OSError, AttributeError):  # no access list, or a system without them
        os.setxattr(descriptor, ACCESS_LIST, os.getxattr(path, ACCESS_LIST))


def _rename_if_new(temporary: Path, path: Path) -> None:
    """Rename, but fail if the name exists, even if it was created a moment ago."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # the file system, or the whole system, has no hard links
        if path.exists():
            raise FileExistsError from None
        temporary.rename(path)


def _is_device(target: str | Path) -> bool:
    """Whether a target is a pipe, a terminal or another device; /dev/stdout must be tested unresolved."""
    try:
        mode = Path(target).stat().st_mode
    except OSError:  # it does not exist, or writing will report the error
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _open_device(target: str | Path) -> BinaryIO:
    """Open a pipe or a device for writing; give up on a named pipe that no process reads."""
    deadline = time.monotonic() + PIPE_TIMEOUT
    while hasattr(os, "O_NONBLOCK") and stat.S_ISFIFO(Path(target).stat().st_mode):
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > deadline:
                raise OSError(errno.ENXIO, "is a pipe that no process reads") from None
            time.sleep(0.02)
            continue
        os.set_blocking(descriptor, True)
        return open(descriptor, "wb")  # noqa: PTH123 -- a descriptor
    return Path(target).open("wb")


def _resolve(target: str | Path) -> Path:
    """Resolve symbolic links; an unreadable link raises an error instead of passing for a file."""
    try:
        return Path(os.path.realpath(target, strict=True))
    except (FileNotFoundError, NotADirectoryError):
        return Path(os.path.realpath(target))
