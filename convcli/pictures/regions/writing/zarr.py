"""Writes a Zarr array or an OME-Zarr picture from rows that come in order.

Source: the Zarr specification, version 3; OME-NGFF 0.5, multiscales.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import zarr
import zarr.codecs
from numpy.typing import NDArray
from zarr.storage import FsspecStore, LocalStore, MemoryStore, StorePath

from convcli.errors import ConvcliError, OutputError, OutputExists, describe_os_error
from convcli.files.atomic import EXISTS_MESSAGE, INPUT_MESSAGE, write_folder_atomically
from convcli.files.identity import FileIds
from convcli.files.opening import ZARR_METADATA
from convcli.files.urls import is_url, redacted
from convcli.pictures.picture import Picture
from convcli.pictures.regions.properties import Storage
from convcli.pictures.regions.reading.zarr_rows import UNITS, store_errors
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
    target : path or URL
        A folder appears by a rename. Of objects in a store, the metadata, without which nothing is an array,
        is written last; an array that is replaced is removed first.
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
    writer = _Writer(redacted(str(target)), strips, height, storage, halve)
    if is_url(target):
        if inputs is not None and str(target) in inputs:
            raise OutputError(redacted(str(target)), INPUT_MESSAGE)
        _write_objects(str(target), writer, replace=replace)
    else:
        write_folder_atomically(
            target, writer.write_folder, replaceable=_is_zarr if replace else None, inputs=inputs
        )
    return tuple(writer.notes)


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ZARR_METADATA)


def _write_objects(url: str, writer: _Writer, *, replace: bool) -> None:
    """Write the objects of an array; what is there already is removed before the first.

    Raises
    ------
    OutputError
        The array exists and `replace` is false, or the store fails.
    """
    from convcli.files.remote.clients import attempt  # late, both: they load asyncio
    from convcli.files.remote.writing import object_exists, write_object

    url = url.rstrip("/")

    def remove() -> None:
        attempt(url, lambda files, path: files.rm(path, recursive=True) if files.exists(path) else None)

    try:
        if any(object_exists(f"{url}/{name}") for name in ZARR_METADATA):
            if not replace:
                raise OutputExists(redacted(url), EXISTS_MESSAGE)
            remove()
        try:
            with store_errors(url):
                store = FsspecStore.from_url(url)
                writer.write(store, lambda key, data: write_object(f"{url}/{key}", data, replace=True))
        except BaseException:
            with suppress(OSError):  # the error that made it fail is reported
                remove()
            raise
    except OSError as error:
        raise OutputError(redacted(url), describe_os_error(error)) from None


class _Writer:
    """An array or a pyramid that is made of strips: its metadata is kept until all else is written.

    Attributes
    ----------
    notes : list of str
        On what is not kept, after it was written.
    """

    def __init__(
        self, name: str, strips: Iterable[Picture], height: int, storage: Storage, halve: Halve | None
    ) -> None:
        self.name = name
        self.strips = strips
        self.height = height
        self.storage = storage
        self.halve = halve
        self.notes: list[str] = []

    def write_folder(self, folder: Path) -> None:
        """Write into an empty folder."""

        def save(key: str, data: bytes) -> None:
            (folder / key).parent.mkdir(exist_ok=True)
            (folder / key).write_bytes(data)

        try:
            self.write(LocalStore(folder), save)
        except (ConvcliError, MemoryError, OSError):
            raise
        except Exception as error:  # Zarr may raise anything
            why = " ".join(str(error).split()) or type(error).__name__
            raise OutputError(self.name, f"Zarr failed: {why}") from None

    def write(self, store: Any, save: Callable[[str, bytes], None]) -> None:
        """Write chunks to a store, then call `save` with the keys and contents of the metadata."""
        iterator = iter(self.strips)
        first = next(iterator)
        if first.profile is not None:
            self.notes.append("zarr cannot hold the color profile")
        metadata: dict[str, Any] = {}
        described = _describe(
            MemoryStore(metadata), first, self.height, self.storage, is_pyramid=self.halve is not None
        )
        pages = [[_ArrayRows(array.metadata, StorePath(store, array.path))] for array in described]
        level = chained(pages, _samples, self.halve)
        level.write(first)
        del first
        for strip in iterator:
            level.write(strip)
            del strip  # before the next is computed
        level.finish()
        for key in sorted(metadata, key=len, reverse=True):  # that of the whole comes last
            save(key, metadata[key].to_bytes())


def _samples(picture: Picture) -> list[NDArray[Any]]:
    return [picture.pixels if picture.pixels.ndim == 3 else picture.pixels[..., np.newaxis]]


class _ArrayRows(BandRows):
    """An array that is written a row of chunks at a time.

    Parameters
    ----------
    metadata : ArrayMetadata
        With axes that have the names x, y and c.
    place : StorePath
    """

    def __init__(self, metadata: Any, place: StorePath) -> None:
        self.array = zarr.Array(zarr.AsyncArray(metadata=metadata, store_path=place))
        self.axes = "".join(metadata.dimension_names)
        sides = dict(zip(self.axes, self.array.shape, strict=True))
        chunks = dict(zip(self.axes, self.array.chunks, strict=True))
        super().__init__((sides["y"], sides["x"], sides.get("c", 1)), np.dtype(self.array.dtype), chunks["y"])

    def write_band(self, top: int, band: NDArray[Any]) -> None:
        """Write a row of chunks; Zarr compresses them in threads of its own."""
        rows = slice(top, top + len(band))
        if self.axes == "yx":
            self.array[rows] = band[..., 0]
        elif self.axes == "yxc":
            self.array[rows] = band
        else:
            self.array[:, rows] = np.moveaxis(band, -1, 0)


def _describe(
    store: MemoryStore, first: Picture, height: int, storage: Storage, *, is_pyramid: bool
) -> list[Any]:
    """Write the metadata of arrays and return these, the largest first: a single one, or those of a group."""
    width, channels = first.shape[1], first.shape[2:]
    is_group = is_pyramid or storage.pixel_size is not None
    axes = ("c" if channels and is_group else "") + "yx" + ("c" if channels and not is_group else "")
    chunk = _chunk(storage)
    dtype = np.dtype(first.pixels.dtype.str)  # Zarr does not know another type of C that is as long
    options: dict[str, Any] = {"dtype": dtype, "dimension_names": list(axes)}
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
        array = zarr.create_array(store, shape=sides_of(size), chunks=chunks_of(size), **options)
        return [array]
    group = zarr.create_group(store)
    sizes = level_sizes(height, width, max(chunk)) if is_pyramid else [(height, width)]
    arrays = [
        group.create_array(str(number), shape=sides_of(size), chunks=chunks_of(size), **options)
        for number, size in enumerate(sizes)
    ]
    group.attrs["ome"] = _multiscales(axes, len(sizes), storage)
    return arrays


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
