"""Zarr arrays and OME-Zarr pictures are read by rows as Zarr itself reads them."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.pictures.limits import Limits
from convcli.pictures.picture import PictureKind
from convcli.pictures.reading import load_picture
from convcli.pictures.regions.opening import open_large
from convcli.pictures.regions.properties import LargePicture
from convcli.pictures.regions.region import Region
from tests.pictures.regions.tiff_files import random_samples


def made(folder: Path, array: NDArray[Any], **options: Any) -> str:
    path = folder / "x.zarr"
    chunks = options.pop("chunks", (16, 24, *array.shape[2:]))
    zarr.create_array(path, data=array, chunks=chunks, overwrite=True, **options)
    return str(path)


def opened(path: str | Path, **options: Any) -> LargePicture:
    large = open_large(path, "x.zarr", **options)
    assert large is not None
    return large


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("shape", [(50, 60), (50, 60, 3), (50, 60, 5)])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f2", ">f4", "f8", "i8"])
def test_arrays_of_every_kind(zarr_format: Any, shape: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    array = random_samples(dtype.lstrip(">"), *shape).astype(dtype)
    with opened(made(tmp_path, array, zarr_format=zarr_format)) as large:
        expected = array.astype(np.float32) if dtype == "f2" else array.astype(array.dtype.newbyteorder("="))
        assert large.properties.size == (*shape, 1)[:3]
        assert large.properties.dtype == expected.dtype.name
        assert large.properties.kind == (PictureKind.PIXELS if dtype in ("u1", "u2") else PictureKind.ARRAY)
        assert (large.properties.block, large.properties.storage.tile) == ((16, 24), (16, 24))
        for start in range(0, 50, 11):
            rows = slice(max(0, start - 2), min(50, start + 13))
            found = large.read(rows.start, rows.stop).pixels
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected[rows])


@given(
    region=st.tuples(st.integers(0, 59), st.integers(0, 49), st.integers(1, 60), st.integers(1, 50)),
    ranges=st.lists(st.tuples(st.integers(0, 49), st.integers(1, 50)), min_size=1, max_size=5),
)
def test_any_ranges_of_any_region(
    region: tuple[int, int, int, int],
    ranges: list[tuple[int, int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    array = random_samples("u2", 50, 60, 3)
    path = made(tmp_path_factory.getbasetemp(), array)
    left, top, width, height = region
    part = Region(left, top, min(width, 60 - left), min(height, 50 - top))
    expected = array[part.top : part.top + part.height, part.left : part.left + part.width]
    with opened(path, region=part) as large:
        for start, count in ranges:
            start %= part.height
            stop = min(start + count, part.height)
            assert np.array_equal(large.read(start, stop).pixels, expected[start:stop])


def test_chunks_in_shards(tmp_path: Path) -> None:
    array = random_samples("u1", 100, 120)
    with opened(made(tmp_path, array, chunks=(16, 16), shards=(32, 64))) as large:
        assert large.properties.block == (32, 64)
        assert np.array_equal(large.read(3, 77).pixels, array[3:77])


@pytest.mark.parametrize(
    ("names", "shape", "take"),
    [
        (("y", "x"), (50, 60), lambda array: array),
        (("c", "y", "x"), (3, 50, 60), lambda array: np.moveaxis(array, 0, -1)),
        (("y", "x", "c"), (50, 60, 3), lambda array: array),
        (("x", "y"), (60, 50), lambda array: array.T),
        (("t", "c", "z", "y", "x"), (1, 2, 1, 50, 60), lambda array: np.moveaxis(array[0, :, 0], 0, -1)),
        (("z", "y", "x"), (4, 50, 60), lambda array: array[0]),
    ],
)
def test_axes_that_have_names(
    names: tuple[str, ...], shape: tuple[int, ...], take: Any, tmp_path: Path
) -> None:
    array = random_samples("u1", *shape)
    chunks = tuple(16 if side > 5 else 1 for side in shape)
    with opened(made(tmp_path, array, chunks=chunks, dimension_names=names)) as large:
        assert np.array_equal(large.read(0, 50).pixels, take(array))
        several = ("has several planes; the first is used",) if names[0] == "z" else ()
        assert large.properties.notes == several


def pyramid(folder: Path, version: str, axes: str) -> tuple[str, list[NDArray[Any]]]:
    levels = [random_samples("u1", *(3 if axis == "c" else 1 if axis in "tz" else side >> level for axis, side in zip(axes, sides(axes), strict=True))) for level in range(3)]  # fmt: skip
    group = zarr.create_group(folder / "p.zarr", zarr_format=3 if version == "0.5" else 2)
    kinds = {"c": "channel", "t": "time"}
    units = {"y": "micrometer", "x": "micrometer"}
    multiscales: Any = [
        {
            "version": version,
            "axes": [
                {"name": axis, "type": kinds.get(axis, "space")}
                | ({"unit": units[axis]} if axis in units else {})
                for axis in axes
            ],
            "datasets": [
                {
                    "path": f"s{level}",
                    "coordinateTransformations": [
                        {
                            "type": "scale",
                            "scale": [0.25 * 2**level if axis in "yx" else 1.0 for axis in axes],
                        }
                    ],
                }
                for level in range(3)
            ],
        }
    ]
    for number, level in enumerate(levels):
        group.create_array(f"s{number}", data=level, chunks=tuple(min(side, 32) for side in level.shape))
    group.attrs.update({"ome": {"version": version, "multiscales": multiscales}} if version == "0.5" else {"multiscales": multiscales})  # fmt: skip
    return str(folder / "p.zarr"), levels


def sides(axes: str) -> list[int]:
    return [{"y": 100, "x": 120}.get(axis, 1) for axis in axes]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["yx", "cyx", "tczyx"])
def test_levels_of_ome_zarr(version: str, axes: str, tmp_path: Path) -> None:
    path, levels = pyramid(tmp_path, version, axes)
    for number, level in enumerate(levels):
        pixels = level.reshape(-1, *level.shape[-2:])
        expected = pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)
        with opened(path, level=number) as large:
            assert np.array_equal(large.read(0, 100 >> number).pixels, expected)
            assert large.properties.storage.pixel_size == (0.25 * 2**number, 0.25 * 2**number)
            assert large.properties.storage.unit == "µm"
    assert opened(path).properties.size[:2] == (100, 120)
    with pytest.raises(
        ImageError, match=r"^x.zarr: has no level 3: its levels, 0 to 2, are 120x100, 60x50, 30x25 pixels$"
    ):
        opened(path, level=3)
    part = load_picture(path, "x.zarr", level=1, region=Region(5, 6, 7, 8))
    assert part.shape[:2] == (8, 7)


def test_what_is_not_a_picture(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "group.zarr")
    group.create_array("a", shape=(4, 5), dtype="u1")
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "file.zarr").write_text("no")
    for name, why in {
        "nothing.zarr": "no such file or directory",
        "empty.zarr": "is not a Zarr array: it has no zarr.json, .zarray or .zgroup",
        "file.zarr": "is",
        "group.zarr": "is a Zarr group without multiscales, so which array to read is not known; it has the arrays a",
        "line.zarr": r"is not a picture: its shape is \(5,\), with the axes x",
        "complex.zarr": "holds values of the type complex64, which are not those of a picture",
    }.items():
        if name == "line.zarr":
            zarr.create_array(tmp_path / name, shape=(5,), dtype="u1")
        elif name == "complex.zarr":
            zarr.create_array(tmp_path / name, shape=(5, 5), dtype="c8")
        with pytest.raises(ImageError, match=rf"^{name}: {why}") as raised:
            open_large(tmp_path / name, name)
        assert "\n" not in str(raised.value)


def test_frames_and_limits(tmp_path: Path) -> None:
    path = made(tmp_path, random_samples("u1", 50, 60), chunks=(50, 60))
    with pytest.raises(ImageError, match=r"^x.zarr: has no frame 1: it has a single frame$"):
        opened(path, frame=1)
    with pytest.raises(ImageError, match="of memory but may use only 1 kB"):
        opened(path, limits=Limits(memory=1000))


@pytest.mark.parametrize("place", ["c/1/0", "zarr.json"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_chunk_that_is_no_file_is_refused(place: str, kind: str, tmp_path: Path) -> None:
    path = Path(made(tmp_path, random_samples("u1", 50, 60)))
    file = path / place
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)  # reading it would wait forever
    elif kind == "device":
        file.symlink_to("/dev/zero")  # reading it would take all memory
    else:
        file.mkdir()
    why = f"has a folder, a pipe or a device in the place of its file {place}"
    with pytest.raises(ImageError, match=why), opened(path) as large:
        large.read(0, 50)


def test_a_multiscale_without_arrays_is_no_picture(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "x.zarr")
    group.attrs["ome"] = {"multiscales": [{"axes": [{"name": "y"}, {"name": "x"}], "datasets": []}]}
    assert error_of(tmp_path / "x.zarr") == "x.zarr: is not a picture: its multiscales list no arrays"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_damaged_arrays_raise_one_line(zarr_format: Any, tmp_path: Path) -> None:
    path = Path(made(tmp_path, random_samples("u1", 50, 60), zarr_format=zarr_format))
    files = sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        content = file.read_bytes()
        kinds = [content[: len(content) // 2], b"", b"\xff" * len(content)]
        if b"shape" in content:
            kinds += [
                content.replace(b"1", b"-"),
                content.replace(b"50", b"-50"),
                content.replace(b"16", b"0"),
            ]
        for damaged in kinds:
            file.write_bytes(damaged)
            error = error_of(path)
            assert "\n" not in error
            assert error or file.name == ".zattrs"
        file.write_bytes(content)


def error_of(path: Path) -> str:
    try:
        opened(path).read(0, 50)
    except ImageError as error:
        return str(error)
    return ""
