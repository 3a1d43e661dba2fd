"""File identity: recognizes a file by any path to it, through links, and an object by any URL."""

import os
from collections.abc import Iterable
from pathlib import Path

from convcli.files.opening import is_zarr
from convcli.files.streams import STANDARD_INPUT, STREAM
from convcli.files.urls import canonical_url, is_url

__all__ = ["FileIds", "PathResolver"]


class PathResolver:
    """Resolves the symbolic links in the folders of paths; looks each folder up once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def __call__(self, path: str | Path) -> str:
        """Return the path with its folder resolved; the last component may still be a symbolic link."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return f"{self._folders[folder]}/{name}"


class FileIds:
    """A set of files that recognizes each by any path to it; a lookup takes constant time.

    It also contains a file that has since replaced one of them under the same name, what lies in a Zarr array
    that is one of them, and a Zarr array that one of them lies in. The path ``-`` is the file that standard
    input reads.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._resolver = PathResolver()
        self._paths: set[str] = set()
        self._around: set[str] = set()  # arrays that one of the files lies in
        self._paths_by_id: dict[tuple[int, int], str | Path] = {}
        for path in (STANDARD_INPUT if path == STREAM else path for path in paths):
            if is_url(path):
                self._add(canonical_url(str(path)))
                continue
            identity = _file_id(path)
            if identity is not None:
                self._add(self._resolver(path))
                self._paths_by_id.setdefault(identity, path)

    def _add(self, path: str) -> None:
        path = path.rstrip("/")  # of a folder
        self._paths.add(path)
        self._around.update(_arrays_around(path))

    def __contains__(self, path: str | Path) -> bool:
        if is_url(path):
            return self._is_known(canonical_url(str(path)))
        if self._is_known(self._resolver(path)):
            return True
        identity = _file_id(path)
        known_path = None if identity is None else self._paths_by_id.get(identity)
        # The system reuses the inode number of a deleted file.
        return known_path is not None and _file_id(known_path) == identity

    def _is_known(self, path: str) -> bool:
        path = path.rstrip("/")
        return (
            path in self._paths
            or path in self._around
            or any(array in self._paths for array in _arrays_around(path))
        )


def _arrays_around(path: str) -> list[str]:
    """Return the Zarr arrays whose folders a path leads through.

    Examples
    --------
    >>> _arrays_around("/slides/a.zarr/labels/b.zarr")
    ['/slides/a.zarr']
    """
    if ".zarr/" not in path.lower():
        return []
    ends = (place for place, letter in enumerate(path) if letter == "/")
    return [path[:end] for end in ends if is_zarr(path[:end])]


def _file_id(path: str | Path) -> tuple[int, int] | None:
    """Return the device and inode number of a file, or None if there is no such file."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
