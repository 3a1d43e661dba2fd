"""Writes objects: each appears whole or not at all."""

import errno
from contextlib import suppress
from pathlib import Path
from typing import Any

from convcli.files.remote.clients import S3, WRITABLE, attempt
from convcli.files.remote.failures import RemoteError, status_of
from convcli.files.urls import split_url

__all__ = ["check_store", "check_writable", "object_exists", "write_object"]


BLOCK_BYTES = 1 << 24  # that are compared at a time


def check_writable(url: str) -> None:
    """Check by the name of an object that it can be written.

    Raises
    ------
    RemoteError
        It is the name of a folder, or what is written there may appear in part.
    """
    scheme, authority, path = split_url(url)
    if scheme not in WRITABLE:
        stores = ", ".join(f"{name}://" for name in ("s3", "gs", "az"))
        raise RemoteError(f"cannot be written to; write to a file, or to an object store: {stores}")
    if not authority or (not path and scheme != "memory") or path.endswith("/"):
        raise RemoteError("is a folder; give the name of an object in it")


def check_store(folder: str) -> None:
    """Check before any work is done that there is a store for outputs.

    Raises
    ------
    RemoteError
        Outputs cannot be written there, its driver is missing, or there is no such bucket.
    """
    check_writable(f"{folder.rstrip('/')}/name")

    def find_bucket(files: Any, path: str) -> None:
        if split_url(folder)[0] in S3:
            files.call_s3("head_bucket", Bucket=files.split_path(f"{path}/name")[0])

    try:
        attempt(folder, find_bucket)
    except FileNotFoundError:
        raise RemoteError("there is no such bucket; make it first, or check its name") from None
    except PermissionError:  # who may write need not be allowed to ask
        pass


def object_exists(url: str) -> bool:
    """Whether there is an object; False if the store does not tell.

    Raises
    ------
    RemoteError
        The store cannot be reached.
    """

    def find(files: Any, path: str) -> bool:
        if split_url(url)[0] not in S3:
            return bool(files.info(path)["type"] != "directory")
        bucket, key, _ = files.split_path(path)
        files.call_s3("head_object", Bucket=bucket, Key=key)
        return True

    with suppress(FileNotFoundError, PermissionError):
        return attempt(url, find)
    return False


def write_object(url: str, content: bytes | Path, *, replace: bool) -> None:
    """Write an object: bytes, or a file on this machine.

    Raises
    ------
    FileExistsError
        It exists and `replace` is false, even if it was created a moment ago, where the store can tell.
    RemoteError
        It cannot be written; then it is as it was before.
    """
    check_writable(url)

    def write(files: Any, path: str) -> None:
        try:
            _put(files, path, content, "overwrite" if replace else "create")
        except Exception as error:
            if replace:
                raise
            if getattr(error, "errno", None) == errno.ENOSYS:  # an older store
                if object_exists(url):
                    raise FileExistsError from None
                _put(files, path, content, "overwrite")
            elif not (isinstance(error, FileExistsError) or status_of(error) == 412):
                raise
            elif not _holds(files, path, content):
                raise FileExistsError from None
            # Otherwise it was written by a request whose answer was lost; drivers repeat some themselves.

    attempt(url, write)


def _holds(files: Any, path: str, content: bytes | Path) -> bool:
    """Whether an object has this content."""
    if not isinstance(content, Path):
        return bool(files.cat_file(path) == content)
    with content.open("rb") as file, files.open(path, "rb", block_size=BLOCK_BYTES) as found:
        while block := file.read(BLOCK_BYTES):
            if found.read(BLOCK_BYTES) != block:
                return False
        return not found.read(1)


def _put(files: Any, path: str, content: bytes | Path, mode: str) -> None:
    if isinstance(content, Path):
        files.put_file(str(content), path, mode=mode)
    else:
        files.pipe_file(path, content, mode=mode)
