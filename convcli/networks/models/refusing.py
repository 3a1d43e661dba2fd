"""Errors about model files that readers cannot explain: other kinds of files, memory and disks."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from convcli.errors import SpecError, describe_os_error

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["explained_errors"]

START = 512  # bytes of a file that tell what it is
ZIPPED = (".keras", ".pt2", ".pth", ".pt", ".bin", ".ckpt")
# What people find under the name of a model, by how it starts; the word after the name is "is".
OTHERS = {
    b"version https://git-lfs": "a pointer of Git LFS to the file, not the file itself; run: git lfs pull",
    b"<!doctype html": "a web page, not a model; download the file itself",
    b"<html": "a web page, not a model; download the file itself",
    b"\x89hdf\r\n\x1a\n": "in HDF5, Keras's old format: load it in Keras and save it as .keras",
    b"\x1f\x8b": "compressed by gzip; decompress it first",
}


@contextmanager
def explained_errors(path: str) -> Iterator[None]:
    """Turn errors of reading a model file into those that say what to do.

    Raises
    ------
    SpecError
        Instead of a `MemoryError` or an `OSError`; and if the file is not of the kind that its name says.
    """
    try:
        yield
    except MemoryError:
        raise SpecError(path, "needs more memory than is available") from None
    except OSError as error:
        raise SpecError(path, describe_os_error(error)) from None
    except SpecError:
        other = _other_kind(path)
        if other:
            raise SpecError(path, f"is {other}") from None
        raise


def _other_kind(path: str) -> str:
    """Return what a file is that its reader refused; an empty text if its start does not tell."""
    if not os.path.isfile(path):  # noqa: PTH113 -- takes any text; a pipe cannot be read twice
        return ""
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 -- as above
            start = stream.read(START)
    except OSError:
        return ""
    for known, what in OTHERS.items():
        if start.lower().startswith(known):
            return what
    extension = os.path.splitext(path.strip())[1].lower()  # noqa: PTH122 -- as above
    if start.startswith(b"PK\x03\x04") and extension not in ZIPPED:
        return f"a zip archive, which no {extension} file is; give it its own ending: .keras, .pt2 or .pth"
    if start[8:10] == b'{"' and extension != ".safetensors":
        return "a file of weights in another format; give it the ending .safetensors"
    return ""
