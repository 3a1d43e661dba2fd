"""Opens huge pictures, to be read row by row."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from convcli.errors import ImageError, install_command
from convcli.files.opening import is_zarr, open_input
from convcli.pictures.formats.output_formats import extra_is_installed
from convcli.pictures.frames import no_frame
from convcli.pictures.headers.signatures import find_format
from convcli.pictures.limits import DEFAULT_LIMITS, Limits
from convcli.pictures.npy import NPY_MAGIC
from convcli.pictures.regions.properties import LargePicture
from convcli.pictures.regions.reading.failures import reported
from convcli.pictures.regions.reading.npy_rows import open_npy_rows
from convcli.pictures.regions.region import Region

__all__ = ["lacks_extra", "open_large"]


def open_large(
    source: str | Path | BinaryIO,
    name: str,
    *,
    level: int | None = None,
    region: Region | None = None,
    frame: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> LargePicture | None:
    """Open a picture to be read by rows, or return None if that is not possible but it may be read whole.

    Its pixels are those that `load_picture` reads, to the last bit. Zarr arrays, which that does not read,
    are (H, W), (H, W, C) or have named axes; uint8 and uint16 are pixels, all else are numbers.

    Parameters
    ----------
    source : path or binary stream
        TIFF, BigTIFF, ``.npy``, or the folder of a Zarr array. A stream must be seekable; it stays open when
        the picture is closed.
    name : str
        The name to use in messages.
    level : int, optional
        Which level of a pyramid, counted from 0, the full resolution (default).
    region : Region, optional
        Which part of that level (default: all).
    frame : int, optional
        Which of several pages (default: the first).
    limits : Limits
        What a tile or strip may take in memory, and whether a picture that cannot be read by rows may be
        read whole.

    Raises
    ------
    ImageError
        It is damaged, does not have that level, region or frame, or can be read neither by rows nor whole.
    """
    if isinstance(source, str | Path) and is_zarr(source):
        return _open_zarr(source, name, level, region, frame, limits)
    with ExitStack() as opened, reported(name):
        stream = opened.enter_context(open_input(source)) if isinstance(source, str | Path) else source
        large = _open(stream, name, level, region, frame, limits)
        if large is not None:
            large.opened.push(opened.pop_all())
        return large


def lacks_extra(source: str | Path) -> bool:
    """Whether a file could be read by rows if the extra `convcli[deep]` was installed: a TIFF.

    Raises
    ------
    OSError
        It cannot be opened.
    """
    if extra_is_installed():
        return False
    with open_input(source) as stream:
        return stream.seekable() and find_format(stream) == "TIFF"


def _open_zarr(
    source: str | Path, name: str, level: int | None, region: Region | None, frame: int | None, limits: Limits
) -> LargePicture:
    if frame:
        raise no_frame(name, frame, 1)
    if not extra_is_installed("dask"):
        why = "is a Zarr array, which convcli does not read by itself"
        raise ImageError(name, f"{why}; {install_command('dask')} brings it")
    from convcli.pictures.regions.reading.zarr_rows import open_zarr_rows  # late: it needs the extra

    return open_zarr_rows(source, name, level, region, limits)


def _open(
    stream: BinaryIO, name: str, level: int | None, region: Region | None, frame: int | None, limits: Limits
) -> LargePicture | None:
    if not stream.seekable():
        return None
    found = find_format(stream)
    if found == "TIFF" and extra_is_installed():
        from convcli.pictures.regions.reading.tiff_rows import open_tiff_rows  # late: it needs the extra

        return open_tiff_rows(stream, name, level, region, frame, limits)
    is_npy = stream.read(len(NPY_MAGIC)) == NPY_MAGIC
    if is_npy and level is None and not frame:
        return open_npy_rows(stream, name, region)
    if level is not None:
        if found == "TIFF":
            raise ImageError(name, f"its levels are read by tifffile; {install_command('deep')} brings it")
        raise ImageError(name, f"has no level {level}: only pyramids in TIFF and OME-Zarr have levels")
    return None
