"""What is written as Zarr is read by Zarr; it appears whole or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.errors import ImageError, OutputError, OutputExists
from convcli.files.atomic import check_target, has_temporaries, remove_temporaries
from convcli.files.identity import FileIds
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.regions.opening import open_large
from convcli.pictures.regions.properties import UNKNOWN_STORAGE, Storage
from convcli.pictures.regions.writing.zarr import write_zarr
from convcli.pipeline.recipes.pooling import halve
from tests.pictures.regions.test_writing_tiff import halved, strips
from tests.pictures.regions.tiff_files import random_samples


def read(path: Path, name: str = "") -> NDArray[Any]:
    found: Any = zarr.open(path, mode="r")
    return np.asarray((found[name] if name else found)[...])


def test_every_type_of_64_bits_is_written(tmp_path: Path) -> None:
    for dtype in (np.ulonglong, np.ulong, np.longlong):  # two of C's types are as long
        array = np.arange(12, dtype=dtype).reshape(3, 4)
        write_zarr(
            tmp_path / "x.zarr",
            strips(Picture(array, kind=PictureKind.ARRAY), [2]),
            3,
            UNKNOWN_STORAGE,
            replace=True,
        )
        np.testing.assert_array_equal(read(tmp_path / "x.zarr"), array)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@given(
    dtype=st.sampled_from(["u1", "u2", "i8", "f4"]),
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    channels=st.integers(1, 4),
    heights=st.lists(st.integers(1, 100), min_size=1, max_size=4),
    tile=st.none() | st.just((64, 96)),
    compression=st.sampled_from(["none", "deflate", "zstd", "blosc", "gzip", "jpeg"]),
)
def test_whatever_is_written_is_read(
    dtype: str,
    height: int,
    width: int,
    channels: int,
    heights: list[int],
    tile: tuple[int, int] | None,
    compression: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    array = random_samples(dtype, height, width, channels)
    array = array if channels > 1 else array[..., 0]
    target = tmp_path_factory.getbasetemp() / "x.zarr"
    assert (
        write_zarr(target, strips(Picture(array), heights), height, Storage(compression, tile), replace=True)
        == ()
    )
    assert np.array_equal(read(target), array)
    assert not has_temporaries()


def test_chunks_and_compression_are_those_of_the_source(tmp_path: Path) -> None:
    array = random_samples("u1", 300, 400)
    zarr.create_array(
        tmp_path / "in.zarr", data=array, chunks=(64, 128), compressors=zarr.codecs.BloscCodec()
    )
    large = open_large(tmp_path / "in.zarr", "in.zarr")
    assert large is not None
    write_zarr(tmp_path / "out.zarr", strips(Picture(array), [50]), 300, large.properties.storage)
    found: Any = zarr.open(tmp_path / "out.zarr", mode="r")
    assert found.chunks == (64, 128)
    assert [type(codec).__name__ for codec in found.compressors] == ["BloscCodec"]
    assert found.metadata.dimension_names == ("y", "x")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_pyramid_is_ome_zarr(channels: int, tmp_path: Path) -> None:
    array = random_samples("u1", 261, 303, channels)
    array = array[..., 0] if channels == 1 else array
    storage = Storage("zstd", (64, 64), pixel_size=(0.5, 0.25), unit="µm")
    write_zarr(tmp_path / "x.zarr", strips(Picture(array), [33]), 261, storage, halve=halve)
    expected, level = array, 0
    while True:
        stored = read(tmp_path / "x.zarr", str(level))
        assert np.array_equal(stored, expected if channels == 1 else np.moveaxis(expected, -1, 0))
        large = open_large(tmp_path / "x.zarr", "x.zarr", level=level)
        assert large is not None
        assert np.array_equal(large.read(0, len(expected)).pixels, expected)
        assert large.properties.storage.pixel_size == (0.5 * 2**level, 0.25 * 2**level)
        assert large.properties.storage.unit == "µm"
        if max(expected.shape[:2]) <= 64:
            break
        expected, level = halved(expected), level + 1
    assert level == 3
    ome: Any = zarr.open_group(tmp_path / "x.zarr", mode="r").attrs["ome"]
    assert ome["version"] == "0.5"
    assert [axis["name"] for axis in ome["multiscales"][0]["axes"]] == ["c", "y", "x"][channels == 1 :]
    assert ome["multiscales"][0]["axes"][-1] == {"name": "x", "type": "space", "unit": "micrometer"}


def test_the_size_of_pixels_is_kept_without_a_pyramid(tmp_path: Path) -> None:
    array = random_samples("f4", 30, 40)
    storage = Storage("none", pixel_size=(2.0, 3.0), unit="nm")
    write_zarr(tmp_path / "x.zarr", strips(Picture(array), [7]), 30, storage)
    large = open_large(tmp_path / "x.zarr", "x.zarr")
    assert large is not None
    assert np.array_equal(large.read(0, 30).pixels, array)
    assert (large.properties.storage.pixel_size, large.properties.storage.unit) == ((2.0, 3.0), "nm")


def test_a_profile_is_not_kept(tmp_path: Path) -> None:
    picture = Picture(random_samples("u1", 4, 5), profile=b"profile")
    notes = write_zarr(tmp_path / "x.zarr", strips(picture, [4]), 4, UNKNOWN_STORAGE)
    assert notes == ("zarr cannot hold the color profile",)


# Whole or not at all --------------------------------------------------------------------------------------------


def failing(array: NDArray[Any]) -> Iterator[Picture]:
    yield Picture(array[:10])
    raise ImageError("in.tif", "is damaged")


@pytest.mark.parametrize("replace", [False, True])
def test_a_failure_leaves_everything_as_it_was(replace: bool, tmp_path: Path) -> None:
    array = random_samples("u1", 40, 50)
    target = tmp_path / "x.zarr"
    if replace:
        write_zarr(target, strips(Picture(array), [40]), 40, UNKNOWN_STORAGE)
    with pytest.raises(ImageError, match=r"^in.tif: is damaged$"):
        write_zarr(target, failing(array), 40, UNKNOWN_STORAGE, replace=replace)
    assert names(tmp_path) == ["x.zarr"] * replace
    if replace:
        assert np.array_equal(read(target), array)
    assert not has_temporaries()


def test_nothing_is_visible_before_the_end(tmp_path: Path) -> None:
    array = random_samples("u1", 40, 50)
    seen: list[list[str]] = []

    def watched() -> Iterator[Picture]:
        for strip in strips(Picture(array), [10]):
            seen.append(names(tmp_path))
            yield strip

    write_zarr(tmp_path / "x.zarr", watched(), 40, UNKNOWN_STORAGE)
    assert all("x.zarr" not in listed for listed in seen)
    assert names(tmp_path) == ["x.zarr"]


def test_what_exists_is_replaced_only_on_request(tmp_path: Path) -> None:
    target = tmp_path / "x.zarr"
    first, second = random_samples("u1", 40, 50), random_samples("u2", 20, 30)
    write_zarr(target, strips(Picture(first), [40]), 40, UNKNOWN_STORAGE)
    for check in (True, False):
        with pytest.raises(OutputExists, match="exists; use --force to overwrite it"):
            check_target(target) if check else write_zarr(
                target, strips(Picture(second), [20]), 20, UNKNOWN_STORAGE
            )
    check_target(target, replace=True)
    write_zarr(target, strips(Picture(second), [20]), 20, UNKNOWN_STORAGE, replace=True)
    assert np.array_equal(read(target), second)
    assert names(tmp_path) == ["x.zarr"]


def test_a_folder_that_is_no_zarr_array_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "x.zarr"
    target.mkdir()
    (target / "thesis.txt").write_text("five years of work")
    with pytest.raises(OutputError, match="exists and is something else, which is never replaced"):
        write_zarr(target, strips(Picture(random_samples("u1", 4, 5)), [4]), 4, UNKNOWN_STORAGE, replace=True)
    assert (target / "thesis.txt").read_text() == "five years of work"


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "x.zarr"
    array = random_samples("u1", 4, 5)
    write_zarr(target, strips(Picture(array), [4]), 4, UNKNOWN_STORAGE)
    inputs = FileIds([str(target)])
    why = "is an input, and inputs are never overwritten"
    with pytest.raises(OutputError, match=why):
        check_target(target, inputs, replace=True)
    with pytest.raises(OutputError, match=why):
        write_zarr(target, strips(Picture(array), [4]), 4, UNKNOWN_STORAGE, replace=True, inputs=inputs)


def test_what_a_signal_interrupts_is_removed(tmp_path: Path) -> None:
    array = random_samples("u1", 1100, 50)

    def interrupted() -> Iterator[Picture]:
        yield Picture(array[:600])
        assert names(tmp_path) != []
        remove_temporaries()  # as the handler of a signal does
        assert names(tmp_path) == []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_zarr(tmp_path / "x.zarr", interrupted(), 1100, UNKNOWN_STORAGE)
    assert names(tmp_path) == []


def test_targets_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file.zarr").write_text("no")
    with pytest.raises(OutputError, match="is a file, but a Zarr array is a folder"):
        check_target(tmp_path / "file.zarr", replace=True)
    with pytest.raises(OutputError, match="there is no folder"):
        check_target(tmp_path / "none" / "x.zarr")
    check_target(f"{tmp_path}/x.zarr/")
    with pytest.raises(OutputError, match="no such file or directory"):
        write_zarr(
            tmp_path / "none" / "x.zarr", strips(Picture(random_samples("u1", 4, 5)), [4]), 4, UNKNOWN_STORAGE
        )


# Object stores ----------------------------------------------------------------------------------------------------


def stored(prefix: str) -> list[str]:
    """Return the keys of objects in the store of this process."""
    fsspec = pytest.importorskip("fsspec", reason="needs the extra convcli[cloud]")
    return sorted(key for key in fsspec.filesystem("memory").store if key.startswith(f"/{prefix}/"))


@pytest.mark.parametrize("pyramid", [False, True])
def test_arrays_in_object_stores(pyramid: bool) -> None:
    array = random_samples("u1", 150, 140, 3)
    url = f"memory://zarr-{pyramid}/x.zarr"
    seen = [stored(f"zarr-{pyramid}")]

    def watched() -> Iterator[Picture]:
        for strip in strips(Picture(array), [64]):
            seen.append(stored(f"zarr-{pyramid}"))
            yield strip

    check_target(url)
    write_zarr(url, watched(), 150, Storage("zstd", (64, 64)), halve=halve if pyramid else None)
    assert seen[0] == []
    assert all(not key.endswith(".json") for listed in seen for key in listed)  # the metadata is last
    large = open_large(url, url)
    assert large is not None
    assert np.array_equal(large.read(0, 150).pixels, array)
    for check in (True, False):
        with pytest.raises(
            OutputExists, match=r"^memory://zarr-\w+/x.zarr: exists; use --force to overwrite it$"
        ):
            check_target(url) if check else write_zarr(url, watched(), 150, UNKNOWN_STORAGE)
    smaller = random_samples("u1", 20, 30)
    write_zarr(url, strips(Picture(smaller), [20]), 20, UNKNOWN_STORAGE, replace=True)
    assert np.array_equal(read_url(url), smaller)
    assert len(stored(f"zarr-{pyramid}")) == 2  # nothing is left of what was there


def read_url(url: str) -> NDArray[Any]:
    found: Any = zarr.open(url, mode="r")
    return np.asarray(found[...])


def test_a_failure_leaves_nothing_in_the_store() -> None:
    array = random_samples("u1", 700, 50)
    assert stored("zarr-failing") == []
    with pytest.raises(ImageError, match=r"^in.tif: is damaged$"):
        write_zarr("memory://zarr-failing/x.zarr", failing(array), 700, UNKNOWN_STORAGE)
    assert stored("zarr-failing") == []
    with pytest.raises(ImageError, match=r"is not a Zarr array: it has no zarr\.json"):
        open_large("memory://zarr-failing/x.zarr", "x.zarr")
