"""Lists the objects in a folder of a store, a page at a time, and remembers their names in little memory."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import Any
from zlib import crc32

from convcli.files.remote.clients import S3, attempt
from convcli.files.remote.failures import RemoteError
from convcli.files.urls import WEB, is_url, split_pattern, split_url

__all__ = ["NameSet", "find_objects", "is_listed", "list_objects"]

GROUPS = 4096


class NameSet:
    """A set of names that takes little more memory than their bytes.

    Examples
    --------
    >>> names = NameSet(["cat.png", "dog.png"])
    >>> "cat.png" in names, "at.png" in names
    (True, False)
    """

    def __init__(self, names: Iterator[str] | list[str]) -> None:
        self._groups = [bytearray(b"\0") for _ in range(GROUPS)]
        for name in names:
            encoded = os.fsencode(name)
            self._groups[crc32(encoded) % GROUPS] += encoded + b"\0"

    def __contains__(self, name: str) -> bool:
        encoded = os.fsencode(name)
        return b"\0%b\0" % encoded in self._groups[crc32(encoded) % GROUPS]


_listed: dict[tuple[str, str], NameSet] = {}


def is_listed(url: str, folder: str, run: str) -> bool:
    """Whether an object is in a folder or its subfolders, which are listed once in a run.

    Raises
    ------
    RemoteError
        They cannot be listed.
    """
    folder = f"{folder.rstrip('/')}/"
    length = len(folder)
    names = _listed.get((run, folder))
    if names is None:
        for other in [key for key in _listed if key[0] != run]:
            _listed.pop(other, None)
        names = NameSet(name[length:] for name in list_objects(folder, deep=True))
        _listed[run, folder] = names
    return url[length:] in names


def find_objects(
    url: str, *, extensions: Collection[str] | None = None, without: str | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the objects that a pattern matches, or the pictures in the folders that it matches.

    Parameters
    ----------
    url : str
    extensions : collection of str, optional
        Of the pictures that are looked for in folders and their subfolders.
    without : str, optional
        A folder to leave out: that of the outputs.

    Yields
    ------
    str
        URL of an object.
    str
        Its subfolder in the folder.

    Raises
    ------
    RemoteError
        The folders cannot be listed.
    """
    url = url.rstrip("/")
    start, pattern, deep = split_pattern(url)
    if extensions is None:
        yield from ((name, "") for name in list_objects(start, deep=deep) if pattern.fullmatch(name))
        return
    at_folder = re.compile(rf"{pattern.pattern}(?=/|\Z)", pattern.flags)
    left_out = f"{(without or '').rstrip('/')}/"
    for name in list_objects(f"{url}/" if start == url else start, deep=True):
        folder = at_folder.match(name)
        if folder is None or (is_url(without) and name.startswith(left_out)):
            continue
        *subfolders, last = name[folder.end() :].strip("/").split("/")
        # Also for .., which would lead out of the folder of the outputs.
        is_hidden = any(part.startswith(".") for part in (*subfolders, last))
        if not last or (not is_hidden and PurePosixPath(last).suffix.lower() in extensions):
            yield name, "/".join(filter(None, subfolders))


def list_objects(start: str, *, deep: bool) -> Iterator[str]:
    """Yield the URLs of the objects that begin with a text; none if there is no such folder.

    Parameters
    ----------
    start : str
    deep : bool
        Also those in subfolders.

    Raises
    ------
    RemoteError
        The store cannot be reached, or does not allow it.
    """
    scheme, authority, path = split_url(start)
    if scheme in WEB:
        raise RemoteError("a web server does not list its pictures; name each of them")
    prefix = start.partition("://")[0] + "://" + authority
    keys = _pages_of_s3(start, path, deep=deep) if scheme in S3 else _keys(start, path, deep=deep)
    return (f"{prefix}/{key}" for key in keys)


def _pages_of_s3(start: str, prefix: str, *, deep: bool) -> Iterator[str]:
    """Ask for a page at a time: fsspec holds a dictionary for each object."""
    chosen = {"Prefix": prefix} if deep else {"Prefix": prefix, "Delimiter": "/"}

    def list_page(files: Any, path: str) -> Any:
        return files.call_s3("list_objects_v2", Bucket=files.split_path(f"{path}/name")[0], **chosen)

    while True:
        page = attempt(start, list_page)
        yield from (entry["Key"] for entry in page.get("Contents", ()))
        if not page.get("IsTruncated"):
            return
        chosen["ContinuationToken"] = page["NextContinuationToken"]


def _keys(start: str, prefix: str, *, deep: bool) -> Iterator[str]:
    folder = start[: start.rindex("/") + 1] if prefix else start

    def list_all(files: Any, path: str) -> list[str]:  # noqa: ARG001 -- without the start of a name
        where = type(files)._strip_protocol(folder)
        try:
            if deep:
                return sorted(files.find(where))
            return sorted(entry["name"] for entry in files.ls(where, detail=True) if entry["type"] == "file")
        except FileNotFoundError:
            return []

    keys = (name.lstrip("/").partition("/")[2] for name in attempt(start, list_all))
    return (key for key in keys if key.startswith(prefix))
