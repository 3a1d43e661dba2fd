"""Reads rows of Zarr arrays, and of the levels of OME-Zarr pictures (the extra ``dask`` brings Zarr).

Source: the Zarr specifications, versions 2 and 3; OME-NGFF 0.4 and 0.5, multiscales.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EINVAL
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore

from convcli.errors import ConvcliError, ImageError
from convcli.files.urls import is_url, local_name
from convcli.pictures.arrays import PIXEL_DTYPES
from convcli.pictures.limits import Limits
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.regions.properties import Storage
from convcli.pictures.regions.reading.failures import reported
from convcli.pictures.regions.reading.stored_rows import StoredRows
from convcli.pictures.regions.reading.tiff_pages import no_level
from convcli.pictures.regions.region import Region

__all__ = ["UNITS", "ZarrRows", "open_zarr_rows", "store_errors"]

AXES = {2: "yx", 3: "yxc"}
"""By the number of axes of an array that does not name them."""
UNITS = {
    "angstrom": "Å", "nanometer": "nm", "micrometer": "µm", "millimeter": "mm", "centimeter": "cm",
    "meter": "m", "kilometer": "km", "inch": "in",
}  # fmt: skip
"""By its name in OME-Zarr, the sign of a unit in OME-XML."""
READ_BYTES = 1 << 23  # that Zarr reads at a time
DECODED_COPIES = 2  # of a row of chunks, while it is read
FIRST_OF_SEVERAL = "has several planes; the first is used"


class _Level(NamedTuple):
    """An array and what its group says about it."""

    array: Any
    axes: str  # a letter each
    pixel_size: tuple[float, float] | None
    unit: str


def open_zarr_rows(
    source: str | Path, name: str, level: int | None, region: Region | None, limits: Limits
) -> ZarrRows:
    """Open a Zarr array or an OME-Zarr picture; `source` is a folder, or the URL of one.

    Raises
    ------
    ImageError
        It is not a picture, does not have that level or region, or its chunks are too large.
    """
    with reported(name):
        if not is_url(source):
            source = Path(local_name(str(source)))
            source.stat()  # so that a missing one is reported as a file is
        with store_errors(source):
            levels = _levels(_opened(source, name), name)
        number = level or 0
        if number >= len(levels):
            raise no_level(name, number, [_size(each) for each in levels])
        rows = ZarrRows(levels[number], name, source, region)
        rows.check_memory(limits)
        return rows


@contextmanager
def store_errors(place: str | Path) -> Iterator[None]:
    """Describe what goes wrong between here and the store of a URL, as for single objects.

    Raises
    ------
    OSError
        Something did.
    """
    try:
        yield
    except (ConvcliError, MemoryError):
        raise
    except Exception as error:
        if not is_url(place):
            raise
        from convcli.files.remote.failures import described  # late: most arrays are in folders

        raise described(error, 1) from None


def _opened(source: str | Path, name: str) -> Any:
    try:
        return zarr.open(source if is_url(source) else _Folder(source, read_only=True), mode="r")
    except FileNotFoundError:
        raise ImageError(name, "is not a Zarr array: it has no zarr.json, .zarray or .zgroup") from None


class _Folder(LocalStore):
    """A folder whose chunks are files: it is never waited for a pipe, nor is a device read without an end."""

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        self._check(key)
        return await super().get(key, *args, **options)

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> Any:
        key_ranges = list(key_ranges)
        for key, _ in key_ranges:
            self._check(key)
        return await super().get_partial_values(prototype, key_ranges)

    def _check(self, key: str) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):  # missing chunks hold the fill value
            if not S_ISREG((self.root / key).stat().st_mode):
                raise OSError(EINVAL, f"has a folder, a pipe or a device in the place of its file {key}")


def _levels(found: Any, name: str) -> list[_Level]:
    if isinstance(found, zarr.Array):
        return [_checked(found, _axes_of(found), None, "", name)]
    attributes = found.attrs.asdict()
    holder = attributes.get("ome") if isinstance(attributes.get("ome"), Mapping) else attributes
    multiscales = holder.get("multiscales") if isinstance(holder, Mapping) else None
    if not multiscales:
        arrays = sorted(key for key, _ in found.arrays())
        listed = f"; it has the arrays {', '.join(arrays[:10])}" if arrays else ""
        raise ImageError(
            name, f"is a Zarr group without multiscales, so which array to read is not known{listed}"
        )
    image = multiscales[0]
    if not image["datasets"]:
        raise ImageError(name, "is not a picture: its multiscales list no arrays")
    axes = [axis if isinstance(axis, str) else str(axis["name"]) for axis in image.get("axes", "tczyx")]
    units = {
        str(axis["name"]): str(axis.get("unit", ""))
        for axis in image.get("axes", ())
        if isinstance(axis, Mapping)
    }
    unit = UNITS.get(units.get("x", ""), units.get("x", ""))
    levels = []
    for dataset in image["datasets"]:
        array = found[str(dataset["path"])]
        levels.append(
            _checked(
                array, "".join(axis[:1].lower() for axis in axes), _pixel_size(dataset, axes), unit, name
            )
        )
    return levels


def _axes_of(array: Any) -> str:
    named = getattr(array.metadata, "dimension_names", None)
    letters = "".join(str(axis or " ")[:1].lower() for axis in named or ())
    return letters if {"y", "x"} <= set(letters) else AXES.get(array.ndim, "tczyx"[-array.ndim :])


def _pixel_size(dataset: Mapping[str, Any], axes: list[str]) -> tuple[float, float] | None:
    for transformation in dataset.get("coordinateTransformations", ()):
        if transformation.get("type") == "scale" and len(transformation.get("scale", ())) == len(axes):
            sizes = dict(zip(axes, transformation["scale"], strict=True))
            height, width = float(sizes["y"]), float(sizes["x"])
            return (height, width) if height > 0 and width > 0 else None
    return None


def _checked(array: Any, axes: str, pixel_size: tuple[float, float] | None, unit: str, name: str) -> _Level:
    """Return a level if it is an array of numbers with these axes."""
    if not isinstance(array, zarr.Array):
        raise ImageError(name, "is not a picture: one of its levels is not an array")
    dtype = np.dtype(array.dtype)
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise ImageError(name, f"holds values of the type {dtype}, which are not those of a picture")
    is_known = len(axes) == array.ndim == len(set(axes)) and {"y", "x"} <= set(axes) <= set("tczyx")
    if not is_known or 0 in array.shape:
        raise ImageError(
            name, f"is not a picture: its shape is {array.shape}, with the axes {axes or 'unknown'}"
        )
    return _Level(array, axes, pixel_size if unit else None, unit)


def _size(level: _Level) -> tuple[int, int]:
    sides = dict(zip(level.axes, level.array.shape, strict=True))
    return sides["y"], sides["x"]


class ZarrRows(StoredRows):
    """The rows of an array; see `LargePicture`.

    Parameters
    ----------
    level : _Level
    name : str
        The name to use in messages.
    place : str or Path
        Its folder or URL.
    region : Region or None
        Which part to read.
    """

    def __init__(self, level: _Level, name: str, place: str | Path, region: Region | None) -> None:
        height, width = _size(level)
        sides = dict(zip(level.axes, level.array.shape, strict=True))
        chunks = dict(zip(level.axes, level.array.shards or level.array.chunks, strict=True))
        self._chunk = min(chunks["y"], height), min(chunks["x"], width)
        self._channels = sides.get("c", 1)
        dtype = np.dtype(level.array.dtype).newbyteorder("=")
        super().__init__(name, (height, width, self._channels), dtype, self._chunk[0], region)
        self._level, self._place = level, place
        several = any(sides.get(axis, 1) > 1 for axis in "tz")
        self._notes = (FIRST_OF_SEVERAL,) if several else ()
        storage = Storage(_family(level.array), self._chunk, False, "", level.pixel_size, level.unit)
        self.properties = self.describe(self._chunk, storage)

    def check_memory(self, limits: Limits) -> None:
        """Refuse an array whose rows of chunks are too large.

        Raises
        ------
        ImageError
            Reading a row of chunks would take more memory than the limits allow.
        """
        across = self.window.width + 2 * self._chunk[1]
        values = self._chunk[0] * across * self._channels
        limits.check_bytes(self.name, DECODED_COPIES * values * self.bands.dtype.itemsize)

    def read(self, start: int, stop: int, jobs: int | None = None) -> Picture:
        """Read rows of the window; Zarr decodes chunks in threads of its own."""
        with reported(self.name), store_errors(self._place):
            return super().read(start, stop, jobs)

    def to_picture(self, samples: NDArray[Any]) -> Picture:
        """Make a picture of samples (N, W, C)."""
        pixels = samples[..., 0] if self._channels == 1 else samples
        kind = PictureKind.PIXELS if pixels.dtype.name in PIXEL_DTYPES else PictureKind.ARRAY
        return Picture(pixels, kind=kind, notes=self._notes)

    def decode(self, rows: NDArray[Any], start: int, jobs: int | None) -> None:  # noqa: ARG002 -- see `read`
        """Read rows of the window."""
        window, width = self.window, self._chunk[1]
        band = max(1, len(rows) * width * self._channels * rows.itemsize)
        step = max(1, READ_BYTES // band) * width  # some chunks at a time, which Zarr holds, too
        right = window.left + window.width
        for first in range(window.left // width * width, right, step):
            columns = slice(max(first, window.left), min(first + step, right))
            target = rows[:, columns.start - window.left : columns.stop - window.left]
            self._read(target, slice(start, start + len(rows)), columns)

    def _read(self, target: NDArray[Any], rows: slice, columns: slice) -> None:
        """Fill an array (N, W, C) with a part of the picture."""
        axes, parts = self._level.axes, {"y": rows, "x": columns, "c": slice(None)}
        found = self._level.array[tuple(parts.get(axis, 0) for axis in axes)]
        kept = [axis for axis in axes if axis in parts]
        if "c" not in kept:
            found, kept = found[..., np.newaxis], [*kept, "c"]
        target[...] = np.transpose(found, [kept.index(axis) for axis in "yxc"])


def _family(array: Any) -> str:
    """Return the family of compression that an array uses."""
    names = [type(codec).__name__.lower() for codec in array.compressors]
    return next(
        (
            name
            for name in ("zstd", "blosc", "gzip", "zlib", "lz4", "lzma")
            for given in names
            if name in given
        ),
        "none",
    )
