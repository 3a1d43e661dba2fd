"""What is written strip by strip is read by others as it was: tifffile, libvips (through Pillow's libtiff), convcli."""

import io
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import OutputError
from convcli.pictures.picture import Picture
from convcli.pictures.reading import load_picture
from convcli.pictures.regions.opening import open_large
from convcli.pictures.regions.properties import Storage
from convcli.pictures.regions.writing.tiff import write_tiff
from convcli.pipeline.recipes.pooling import halve
from tests.pictures.regions.tiff_files import random_samples, smooth_samples, tiff

LOSSLESS = ("none", "deflate", "lzw", "zstd", "lzma", "packbits")
DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")


def strips(picture: Picture, heights: list[int]) -> Iterator[Picture]:
    """Yield a picture in strips of these heights, again and again."""
    top, number = 0, 0
    while top < len(picture.pixels):
        stop = top + heights[number % len(heights)]
        alpha = None if picture.alpha is None else picture.alpha[top:stop]
        yield picture.changed(pixels=picture.pixels[top:stop], alpha=alpha)
        top, number = stop, number + 1


def written(picture: Picture, storage: Storage, heights: list[int] | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    write_tiff(stream, "x.tif", strips(picture, heights or [10]), len(picture.pixels), storage, **options)
    return stream.getvalue()


@given(
    dtype=st.sampled_from(DTYPES),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    channels=st.integers(1, 5),
    heights=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    tile=st.none() | st.tuples(st.sampled_from([16, 64, 80]), st.sampled_from([64, 96])),
    compression=st.sampled_from(LOSSLESS),
    predictor=st.booleans(),
    jobs=st.sampled_from([1, 2]),
)
def test_whatever_is_written_is_read(
    dtype: str,
    height: int,
    width: int,
    channels: int,
    heights: list[int],
    tile: tuple[int, int] | None,
    compression: str,
    predictor: bool,
    jobs: int,
) -> None:
    array = random_samples(dtype, height, width, channels)
    array = array if channels > 1 else array[..., 0]
    content = written(Picture(array), Storage(compression, tile, predictor), heights, jobs=jobs)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert file.is_bigtiff
        assert len(file.pages) == 1
        assert np.array_equal(file.pages[0].asarray(), array)
        assert file.pages.first.is_tiled
    assert np.array_equal(load_picture(io.BytesIO(content), "x.tif").pixels, array)
    large = open_large(io.BytesIO(content), "x.tif")
    assert large is not None
    with large:
        assert np.array_equal(large.read(0, height).pixels, array)


@pytest.mark.parametrize("compression", LOSSLESS)
def test_family_tiles_and_predictor_are_those_of_the_source(compression: str) -> None:
    source = tiff(
        random_samples("u2", 200, 300),
        compression={"none": None, "deflate": "zlib"}.get(compression, compression),
        predictor=compression in ("deflate", "lzw", "zstd", "lzma"),
        tile=(64, 128),
    )
    large = open_large(io.BytesIO(source), "x.tif")
    assert large is not None
    content = written(Picture(random_samples("u1", 200, 300)), large.properties.storage)
    with tifffile.TiffFile(io.BytesIO(source)) as before, tifffile.TiffFile(io.BytesIO(content)) as after:
        for name in ("compression", "predictor", "tilelength", "tilewidth"):
            assert getattr(after.pages[0], name) == getattr(before.pages[0], name), name


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_is_kept(dtype: str, channels: int) -> None:
    array = random_samples(dtype, 90, 80, channels + 1)
    color = array[..., 0] if channels == 1 else array[..., :3]
    content = written(Picture(color, alpha=array[..., -1]), Storage("deflate"), [7, 40])
    picture = load_picture(io.BytesIO(content), "x.tif")
    assert np.array_equal(picture.pixels, color)
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, array[..., -1])


def test_maps_become_pages() -> None:
    array = random_samples("f4", 90, 80, 5)
    content = written(Picture(array, maps=True), Storage("deflate"), [25])
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert np.array_equal(np.stack([page.asarray() for page in file.pages], axis=-1), array)


def test_what_the_source_carries_is_kept() -> None:
    with Image.open(Path(__file__).parents[3] / "sample_images" / "rocket.jpg") as image:
        profile = image.info.get("icc_profile") or b"\0" * 16 + b"RGB " + b"\0" * 108
    picture = Picture(random_samples("u1", 40, 50, 3), profile=profile, resolution=(72.5, 25400.0))
    content = written(picture, Storage("lzw", description="slide 7, µ-metastasis"))
    again = load_picture(io.BytesIO(content), "x.tif")
    assert (again.profile, again.resolution) == (profile, (72.5, 25400.0))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert file.pages[0].description == "slide 7, µ-metastasis"  # type: ignore[union-attr]


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_stays_jpeg_for_pixels(channels: int) -> None:
    array = smooth_samples(90, 100, channels)
    array = array[..., 0] if channels == 1 else array
    stream = io.BytesIO()
    notes = write_tiff(stream, "x.tif", strips(Picture(array), [33]), 90, Storage("jpeg", (64, 64)))
    assert notes == (
        "the output is JPEG-compressed (quality 90), like the input: values change slightly; a .zarr keeps the exact ones",
    )
    with tifffile.TiffFile(io.BytesIO(stream.getvalue())) as file:
        assert file.pages[0].compression == 7
        by_tifffile = file.pages[0].asarray()
    assert np.abs(by_tifffile.astype(int) - array).max() < 12
    assert np.array_equal(load_picture(io.BytesIO(stream.getvalue()), "x.tif").pixels, by_tifffile)


def test_what_jpeg_cannot_hold_is_deflated() -> None:
    array = random_samples("u2", 90, 100)
    content = written(Picture(array), Storage("jpeg"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert file.pages[0].compression == 8
        assert np.array_equal(file.pages[0].asarray(), array)


# Pyramids ---------------------------------------------------------------------------------------------------


def halved(array: NDArray[Any]) -> NDArray[Any]:
    """The mean of every two by two values, rounded half to even, by a loop."""
    result = np.empty((array.shape[0] // 2, array.shape[1] // 2, *array.shape[2:]), array.dtype)
    for row in range(len(result)):
        for column in range(result.shape[1]):
            window = array[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].astype(float)
            mean = window.mean(axis=(0, 1))
            result[row, column] = mean if array.dtype.kind == "f" else np.rint(mean)
    return result


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("heights", [[300], [1], [7, 64, 129]])
@pytest.mark.parametrize(("dtype", "channels"), [("u1", 1), ("u2", 3), ("f4", 1)])
def test_each_level_is_the_mean_of_the_one_before(heights: list[int], dtype: str, channels: int) -> None:
    array = random_samples(dtype, 261, 303, channels)
    array = array[..., 0] if channels == 1 else array
    content = written(Picture(array), Storage("deflate", (64, 64)), heights, halve=halve)
    expected = [array]
    while max(expected[-1].shape[:2]) > 64:
        expected.append(halved(expected[-1]))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert len(file.pages) == 1
        levels = file.series[0].levels
        assert [level.shape for level in levels] == [level.shape for level in expected]
        for level, array in zip(levels, expected, strict=True):
            if dtype == "f4":
                np.testing.assert_allclose(level.asarray(), array, rtol=1e-6)
            else:
                assert np.array_equal(level.asarray(), array)
    for number, array in enumerate(expected):
        large = open_large(io.BytesIO(content), "x.tif", level=number)
        assert large is not None
        assert large.properties.size[:2] == array.shape[:2]


def test_transparent_pixels_do_not_count_in_levels() -> None:
    colors = np.full((200, 200, 3), 50, np.uint8)
    alpha = np.full((200, 200), 255, np.uint8)
    colors[::2, ::2], alpha[::2, ::2] = 250, 0
    content = written(Picture(colors, alpha=alpha), Storage("deflate", (64, 64)), [31], halve=halve)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert np.array_equal(
            np.unique(file.series[0].levels[1].asarray().reshape(-1, 4), axis=0), [[50, 50, 50, 191]]
        )


def test_the_resolution_of_levels_halves() -> None:
    picture = Picture(random_samples("u1", 200, 200), resolution=(300, 300))
    content = written(picture, Storage("deflate", (64, 64)), halve=halve)
    for level, dots in ((0, 300), (1, 150), (2, 75)):
        large = open_large(io.BytesIO(content), "x.tif", level=level)
        assert large is not None
        assert large.properties.resolution == (dots, dots)


def test_pyramids_of_several_maps() -> None:
    array = random_samples("u1", 200, 150, 3)
    content = written(Picture(array, maps=True), Storage("none", (64, 64)), [50], halve=halve)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        for number, page in enumerate(file.pages):
            assert np.array_equal(page.pages[0].asarray(), halved(array[..., number]))  # type: ignore[index]


# OME-XML ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "maps", "axes"),
    [((100, 120), False, "YX"), ((100, 120, 3), False, "YXS"), ((100, 120, 4), True, "CYX")],
)
def test_ome_xml_is_that_of_the_result(shape: tuple[int, ...], maps: bool, axes: str) -> None:
    metadata = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "nm", "Name": "A & B"}  # fmt: skip
    source = tiff(random_samples("u2", 50, 60), ome=True, metadata=metadata)
    large = open_large(io.BytesIO(source), "x.tif")
    assert large is not None
    array = random_samples("u1", *shape)
    content = written(Picture(array, maps=maps), large.properties.storage.strided(2, 2), halve=halve)
    assert content == written(Picture(array, maps=maps), large.properties.storage.strided(2, 2), halve=halve)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert (file.series[0].kind, file.series[0].axes) == ("ome", axes)
        assert np.array_equal(file.series[0].asarray(), np.moveaxis(array, -1, 0) if maps else array)
        xml = str(file.ome_metadata)
    assert (
        'PhysicalSizeX="0.5" PhysicalSizeXUnit="nm" PhysicalSizeY="1.0" PhysicalSizeYUnit="nm"'
        in " ".join(sorted_attributes(xml))
    )
    assert 'Name="A &amp; B"' in xml


def test_the_pixel_size_of_a_zarr_array_is_kept() -> None:
    picture = Picture(random_samples("u1", 20, 30))
    content = written(picture, Storage("zstd", (16, 16), pixel_size=(0.5, 0.25), unit="µm"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        found = " ".join(sorted_attributes(str(file.ome_metadata)))
    assert found.replace("/", "") == (
        'PhysicalSizeX="0.25" PhysicalSizeXUnit="µm" PhysicalSizeY="0.5" PhysicalSizeYUnit="µm"'
    )
    with tifffile.TiffFile(io.BytesIO(written(picture, Storage("zstd", (16, 16))))) as file:
        assert not file.is_ome


def sorted_attributes(xml: str) -> list[str]:
    return sorted(word for word in xml.replace(">", " ").split() if word.startswith("PhysicalSize"))


def test_numbers_that_ome_does_not_know_have_no_ome_xml() -> None:
    content = written(Picture(random_samples("i8", 20, 30)), Storage("none", description="<?xml?><OME/>"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert (file.is_ome, file.pages[0].tags.get(270)) == (False, None)  # type: ignore[union-attr]


# Streams --------------------------------------------------------------------------------------------------------


class OneWay(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_a_pipe_is_refused() -> None:
    with pytest.raises(
        OutputError, match=r"^-: is not a file that can be written at any place, as a tiled TIFF must be$"
    ):
        write_tiff(OneWay(), "-", strips(Picture(random_samples("u1", 4, 5)), [4]), 4, Storage())


@pytest.mark.parametrize("pyramid", [False, True])
def test_strips_are_not_kept(pyramid: bool) -> None:
    """Each strip is let go before the next is made."""
    made: list[weakref.ref[NDArray[Any]]] = []

    def strips_of_eleven() -> Iterator[Picture]:
        for number in range(20):
            assert [reference() for reference in made] == [None] * number
            pixels = np.full((11, 50), number, np.uint8)
            made.append(weakref.ref(pixels))
            yield Picture(pixels)
            del pixels

    stream = io.BytesIO()
    write_tiff(
        stream, "x.tif", strips_of_eleven(), 220, Storage("none", (64, 64)), halve=halve if pyramid else None
    )
    assert len(made) == 20


@pytest.mark.parametrize(("height", "why"), [(39, "more rows"), (41, "fewer rows")])
def test_a_wrong_number_of_rows_is_noticed(height: int, why: str) -> None:
    rows = strips(Picture(random_samples("u1", 40, 50)), [7])
    with pytest.raises(AssertionError, match=why):
        write_tiff(io.BytesIO(), "x.tif", rows, height, Storage(), halve=halve)
