"""Writes a Zarr array or an OME-Zarr picture from rows that come in order.

Source: the Zarr specification, version 3; OME-NGFF 0.5, multiscales.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
import zarr.codecs
from numpy.typing import NDArray

from convcli.errors import ConvcliError, OutputError
from convcli.files.atomic import write_folder_atomically
from convcli.files.identity import FileIds
from convcli.pictures.picture import Picture
from convcli.pictures.regions.properties import Storage
from convcli.pictures.regions.reading.zarr_rows import UNITS
from convcli.pictures.regions.writing.levels import BandRows, Halve, chained, level_sizes

__all__ = ["write_zarr"]

CHUNK = 512  # rows and columns
CHUNK_SIDES = range(64, 4097)  # of a source, which a result inherits
CODECS: dict[str, Any] = {
    "none": None,
    "blosc": zarr.codecs.BloscCodec,
    "gzip": zarr.codecs.GzipCodec,
    "deflate": zarr.codecs.GzipCodec,
}
"""By the compression of the source; Zarr's default, zstd, for all others."""
METADATA = ("zarr.json", ".zarray", ".zgroup")  # files by which a folder is known to be a Zarr array
OME_VERSION = "0.5"


def write_zarr(
    target: str | Path,
    strips: Iterable[Picture],
    height: int,
    storage: Storage,
    *,
    halve: Halve | None = None,
    replace: bool = False,
    inputs: FileIds | None = None,
) -> tuple[str, ...]:
    """Write a Zarr array, (H, W) or (H, W, C); it appears complete or not at all.

    Parameters
    ----------
    target : path
    strips : iterable of Picture
        The rows, from the first to the last, any number at a time. The first gives dtype and channels.
    height : int
        How many rows there are.
    storage : Storage
        How the source is stored: compression, chunks and the size of pixels are inherited.
    halve : callable, optional
        Halves rows, for a pyramid (default: a single level). A pyramid, or a picture whose pixels have a
        size, is written as OME-Zarr, with the axes (Y, X) or (C, Y, X).
    replace : bool
        Replace an existing Zarr array.
    inputs : FileIds, optional
        Folders that are never replaced.

    Returns
    -------
    tuple of str
        Notes on what is not kept.

    Raises
    ------
    OutputError
        The target exists and `replace` is false, it is no Zarr array, or it cannot be written.
    """
    notes: list[str] = []

    def write(folder: Path) -> None:
        iterator = iter(strips)
        first = next(iterator)
        notes.extend(_losses(first))
        try:
            levels = _make_levels(folder, first, height, storage, is_pyramid=halve is not None)
            level = chained([[level] for level in levels], _samples, halve)
            level.write(first)
            del first
            for strip in iterator:
                level.write(strip)
                del strip  # before the next is computed
        except (ConvcliError, MemoryError, OSError):
            raise
        except Exception as error:  # Zarr may raise anything
            why = " ".join(str(error).split()) or type(error).__name__
            raise OutputError(str(target), f"Zarr failed: {why}") from None

    write_folder_atomically(target, write, replaceable=_is_zarr if replace else None, inputs=inputs)
    return tuple(notes)


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).is_file() for name in METADATA)


def _losses(picture: Picture) -> list[str]:
    return ["zarr cannot hold the color profile"] if picture.profile is not None else []


def _samples(picture: Picture) -> list[NDArray[Any]]:
    return [picture.pixels if picture.pixels.ndim == 3 else picture.pixels[..., np.newaxis]]


class _ArrayRows(BandRows):
    """An array that is written a row of chunks at a time.

    Parameters
    ----------
    array : zarr.Array
    axes : str
        ``yx``, ``yxc`` or ``cyx``.
    """

    def __init__(self, array: Any, axes: str) -> None:
        sides = dict(zip(axes, array.shape, strict=True))
        chunks = dict(zip(axes, array.chunks, strict=True))
        super().__init__((sides["y"], sides["x"], sides.get("c", 1)), np.dtype(array.dtype), chunks["y"])
        self.array = array
        self.axes = axes

    def write_band(self, top: int, band: NDArray[Any]) -> None:
        """Write a row of chunks; Zarr compresses them in threads of its own."""
        rows = slice(top, top + len(band))
        if self.axes == "yx":
            self.array[rows] = band[..., 0]
        elif self.axes == "yxc":
            self.array[rows] = band
        else:
            self.array[:, rows] = np.moveaxis(band, -1, 0)


def _make_levels(
    folder: Path, first: Picture, height: int, storage: Storage, *, is_pyramid: bool
) -> Sequence[_ArrayRows]:
    """Make the arrays, the largest first: one in the folder itself, or those of a group."""
    width, channels = first.shape[1], first.shape[2:]
    is_group = is_pyramid or storage.pixel_size is not None
    axes = ("c" if channels and is_group else "") + "yx" + ("c" if channels and not is_group else "")
    chunk = _chunk(storage)
    options: dict[str, Any] = {"dtype": first.pixels.dtype, "dimension_names": list(axes)}
    if storage.compression in CODECS:
        codec = CODECS[storage.compression]
        options["compressors"] = None if codec is None else [codec()]

    def sides_of(size: tuple[int, int]) -> tuple[int, ...]:
        given = {"y": size[0], "x": size[1], "c": channels[0] if channels else 1}
        return tuple(given[axis] for axis in axes)

    def chunks_of(size: tuple[int, int]) -> tuple[int, ...]:
        given = {"y": min(chunk[0], size[0]), "x": min(chunk[1], size[1])}
        return tuple(given.get(axis, 1 if is_group else channels[0] if channels else 1) for axis in axes)

    if not is_group:
        size = height, width
        array = zarr.create_array(folder, shape=sides_of(size), chunks=chunks_of(size), **options)
        return [_ArrayRows(array, axes)]
    group = zarr.open_group(folder, mode="a", zarr_format=3)
    sizes = level_sizes(height, width, max(chunk)) if is_pyramid else [(height, width)]
    arrays = [
        group.create_array(str(number), shape=sides_of(size), chunks=chunks_of(size), **options)
        for number, size in enumerate(sizes)
    ]
    group.attrs["ome"] = _multiscales(axes, len(sizes), storage)
    return [_ArrayRows(array, axes) for array in arrays]


def _chunk(storage: Storage) -> tuple[int, int]:
    if storage.tile is not None and all(side in CHUNK_SIDES for side in storage.tile):
        return storage.tile
    return CHUNK, CHUNK


def _multiscales(axes: str, levels: int, storage: Storage) -> Any:
    """Return what the group says about its arrays."""
    height, width = storage.pixel_size or (1.0, 1.0)
    unit = next((name for name, sign in UNITS.items() if sign == storage.unit), storage.unit)
    described: list[dict[str, str]] = []
    for axis in axes:
        kind = {"name": axis, "type": "channel" if axis == "c" else "space"}
        described.append(kind | ({"unit": unit} if unit and axis != "c" else {}))
    datasets = []
    for level in range(levels):
        sizes = {"c": 1.0, "y": height * 2**level, "x": width * 2**level}
        scale = {"type": "scale", "scale": [sizes[axis] for axis in axes]}
        datasets.append({"path": str(level), "coordinateTransformations": [scale]})
    return {"version": OME_VERSION, "multiscales": [{"axes": described, "datasets": datasets}]}
