"""Rows of TIFF files that are read region by region are those of the whole picture, to the last bit."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from convcli.errors import ImageError
from convcli.pictures.formats.deep.tiff_parts import decode_part
from convcli.pictures.limits import Limits
from convcli.pictures.picture import Picture
from convcli.pictures.reading import load_picture
from convcli.pictures.regions.ome import attributes
from convcli.pictures.regions.opening import open_large
from convcli.pictures.regions.properties import LargePicture, Storage
from convcli.pictures.regions.reading import tiff_rows
from convcli.pictures.regions.region import Region
from tests.pictures.regions.tiff_files import HEIGHT, KINDS, WIDTH, random_samples, smooth_samples, tiff


def opened(content: bytes, **options: Any) -> LargePicture:
    large = open_large(io.BytesIO(content), "x.tif", **options)
    assert large is not None
    return large


def loaded(content: bytes) -> tuple[Picture | None, str]:
    """Read a picture whole; return it, or the error."""
    try:
        return load_picture(io.BytesIO(content), "x.tif"), ""
    except ImageError as error:
        return None, str(error)


def first_rows(content: bytes) -> Picture | str | None:
    """Read some rows of a damaged file; return them, or the error, or None if it is not read by rows."""
    try:
        large = open_large(io.BytesIO(content), "x.tif", limits=Limits(memory=1 << 28))
        return None if large is None else large.read(0, min(50, large.properties.size[0]))
    except ImageError as error:
        return str(error)


def assert_same(found: Picture, expected: Picture, rows: slice = slice(None)) -> None:
    pixels = expected.pixels[rows]
    assert (found.pixels.dtype, found.pixels.shape, found.kind) == (pixels.dtype, pixels.shape, expected.kind)
    assert found.pixels.tobytes() == pixels.tobytes()  # so that NaN is equal, and -0.0 is not 0.0
    assert (found.alpha is None) == (expected.alpha is None)
    if found.alpha is not None and expected.alpha is not None:
        assert found.alpha.dtype == expected.alpha.dtype
        assert np.array_equal(found.alpha, expected.alpha[rows])
    assert (found.notes, found.profile, found.resolution) == (
        expected.notes,
        expected.profile,
        expected.resolution,
    )


@pytest.mark.thorough(every=5)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_whole_picture(kind: str) -> None:
    content = KINDS[kind]()
    whole, why = loaded(content)
    if whole is None:
        with pytest.raises(ImageError) as raised:
            open_large(io.BytesIO(content), "x.tif") or load_picture(io.BytesIO(content), "x.tif")
        assert str(raised.value) == why
        return
    with opened(content) as large:
        properties = large.properties
        assert properties.size == (*whole.pixels.shape[:2], whole.channels)
        assert (properties.dtype, properties.kind, properties.has_alpha) == (
            whole.pixels.dtype.name,
            whole.kind,
            whole.has_alpha,
        )
        assert (properties.notes, properties.resolution) == (whole.notes, whole.resolution)
        for start in range(0, HEIGHT, 10):
            rows = slice(max(0, start - 1), min(HEIGHT, start + 11))
            assert_same(large.read(rows.start, rows.stop), whole, rows)


# Ranges, regions, levels ------------------------------------------------------------------------------------

RANDOM = random_samples("u2", HEIGHT, WIDTH, 3)


@given(
    tile=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    rows_per_strip=st.none() | st.integers(1, HEIGHT),
    planar=st.sampled_from(["contig", "separate"]),
    compression=st.sampled_from([None, "zlib", "lzw"]),
    region=st.tuples(
        st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, WIDTH), st.integers(1, HEIGHT)
    ),
    ranges=st.lists(st.tuples(st.integers(0, HEIGHT - 1), st.integers(1, HEIGHT)), min_size=1, max_size=8),
    jobs=st.sampled_from([1, 2]),
)
def test_any_ranges_of_any_region(
    tile: tuple[int, int],
    rows_per_strip: int | None,
    planar: str,
    compression: str | None,
    region: tuple[int, int, int, int],
    ranges: list[tuple[int, int]],
    jobs: int,
) -> None:
    stored = RANDOM if planar == "contig" else np.ascontiguousarray(np.moveaxis(RANDOM, -1, 0))
    layout: dict[str, Any] = (
        {"rowsperstrip": rows_per_strip} if rows_per_strip else {"tile": (16 * tile[0], 16 * tile[1])}
    )
    content = tiff(stored, photometric="rgb", planarconfig=planar, compression=compression, **layout)
    left, top, width, height = region
    part = Region(left, top, min(width, WIDTH - left), min(height, HEIGHT - top))
    expected = RANDOM[part.top : part.top + part.height, part.left : part.left + part.width]
    with opened(content, region=part) as large:
        assert large.properties.size == expected.shape
        for start, count in ranges:
            start %= part.height
            stop = min(start + count, part.height)
            assert np.array_equal(large.read(start, stop, jobs).pixels, expected[start:stop])


def test_each_tile_is_decoded_once_if_rows_are_read_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def recording(page: Any, data: bytes, index: int, name: str) -> Any:
        decoded.append(index)
        return decode_part(page, data, index, name)

    monkeypatch.setattr(tiff_rows, "decode_part", recording)
    content = tiff(random_samples("u1", 100, 60), tile=(16, 16), compression="zlib")
    with opened(content) as large:
        for start in range(0, 100, 20):
            large.read(max(0, start - 3), min(100, start + 23))
    assert sorted(decoded) == list(range(7 * 4))


def test_only_the_tiles_of_a_region_are_read() -> None:
    """All others are damaged, which nobody notices."""
    array = random_samples("u1", 100, 60)
    content = bytearray(tiff(array, tile=(16, 16), compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        for index, (offset, count) in enumerate(
            zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True)
        ):
            if index not in (5, 6):
                content[offset : offset + count] = b"\xff" * count
    part = Region(20, 17, 25, 14)
    assert np.array_equal(load_picture(io.BytesIO(content), "x", region=part).pixels, array[17:31, 20:45])
    with pytest.raises(ImageError):
        load_picture(io.BytesIO(content), "x", region=part._replace(height=17))


def pyramid(kind: str) -> tuple[bytes, list[Any]]:
    """A pyramid of three levels: as SubIFDs (as Bio-Formats writes them), with OME-XML, or as pages (Aperio's)."""
    levels = [random_samples("u1", 256 >> level, 320 >> level, 3) for level in range(3)]
    stream = io.BytesIO()
    options: Any = {"photometric": "rgb", "tile": (64, 64), "compression": "zlib"}
    with tifffile.TiffWriter(stream, ome=kind == "OME", bigtiff=True) as writer:
        description = "Aperio Image Library\r\nx |AppMag = 20|MPP = 0.5" if kind == "Aperio" else None
        more: Any = {} if kind == "Aperio" else {"subifds": 2}
        if kind != "OME":
            options["metadata"] = None
        writer.write(levels[0], description=description, **more, **options)
        if kind == "Aperio":
            writer.write(levels[2], description="Aperio Image Library", photometric="rgb", metadata=None)
        for level in levels[1:]:
            writer.write(
                level,
                subfiletype=0 if kind == "Aperio" else 1,
                description="Aperio Image" if kind == "Aperio" else None,
                **options,
            )
    return stream.getvalue(), levels


@pytest.mark.parametrize("kind", ["SubIFDs", "OME", "Aperio"])
def test_levels_of_pyramids(kind: str) -> None:
    content, levels = pyramid(kind)
    for number, level in enumerate(levels):
        with opened(content, level=number) as large:
            assert np.array_equal(large.read(0, len(level)).pixels, level)
            assert (large.properties.size, large.properties.notes) == (level.shape, ())
    with opened(content, level=1, region=Region(3, 70, 150, 9)) as large:
        assert np.array_equal(large.read(2, 9).pixels, levels[1][72:79, 3:153])
    with opened(content) as large:
        assert (large.properties.size, large.properties.notes) == (levels[0].shape, ())
    with pytest.raises(
        ImageError, match=r"^x.tif: has no level 3: its levels, 0 to 2, are 320x256, 160x128, 80x64 pixels$"
    ):
        opened(content, level=3)
    with pytest.raises(
        ImageError, match=r"^x.tif: has no region 0,0,161x128: it is 160 pixels wide and 128 high$"
    ):
        opened(content, level=1, region=Region(0, 0, 161, 128))


def test_a_picture_without_levels() -> None:
    array = random_samples("u1", 5, 7)
    content = tiff(array)
    assert np.array_equal(opened(content, level=0).read(0, 5).pixels, array)
    with pytest.raises(ImageError, match=r"^x.tif: has no level 1: it has a single level, 0$"):
        opened(content, level=1)
    with pytest.raises(
        ImageError, match=r"^x.npy: has no level 1: only pyramids in TIFF and OME-Zarr have levels$"
    ):
        open_large(io.BytesIO(b"P5 1 1 255 x"), "x.npy", level=1)


def test_pages_are_selected() -> None:
    content = KINDS["two pages of one size"]()
    expected = load_picture(io.BytesIO(content), "x.tif", frame=1)
    assert_same(opened(content, frame=1).read(0, HEIGHT), expected)
    with pytest.raises(ImageError, match="has no frame 2: it has 2 frames, counted from 0"):
        opened(content, frame=2)


# Files that are not read by rows, limits, damage ----------------------------------------------------------------


def turned() -> bytes:
    return tiff(random_samples("u1", 30, 40), extratags=[(274, 3, 1, 6, True)])


def test_a_turned_picture_is_read_whole_if_it_fits() -> None:
    assert open_large(io.BytesIO(turned()), "x.tif") is None
    part = load_picture(io.BytesIO(turned()), "x.tif", region=Region(5, 10, 20, 8))
    whole = load_picture(io.BytesIO(turned()), "x.tif").pixels
    assert np.array_equal(part.pixels, whole[10:18, 5:25])
    with pytest.raises(
        ImageError, match=r"raise the limit .*; it is stored turned \(orientation 6\): saved upright"
    ):
        open_large(io.BytesIO(turned()), "x.tif", limits=Limits(pixels=1000))
    with pytest.raises(
        ImageError, match=r"has levels that are not read: it is stored turned \(orientation 6\)"
    ):
        open_large(io.BytesIO(turned()), "x.tif", level=0)


def test_the_limit_on_pixels_holds_only_for_what_is_read_whole() -> None:
    array = random_samples("u1", 30, 40)
    limits = Limits(pixels=100)
    with opened(tiff(array), limits=limits) as large:
        assert np.array_equal(large.read(0, 30).pixels, array)
    with pytest.raises(ImageError, match="has 40x30 = 1200 pixels, more than 100"):
        load_picture(io.BytesIO(tiff(array)), "x.tif", limits, region=Region(0, 0, 40, 30))
    part = load_picture(io.BytesIO(tiff(array)), "x.tif", limits, region=Region(1, 2, 10, 9))
    assert part.shape == (9, 10)


def test_a_tile_that_takes_too_much_memory_is_refused() -> None:
    content = tiff(random_samples("u1", 30, 40), tile=(4096, 4096), compression="zlib")
    with pytest.raises(
        ImageError, match=r"compressed in parts of 4096x4096 pixels, each decoded whole: save it in tiles"
    ):
        opened(content, limits=Limits(memory=10_000_000))


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "jpeg"])
@pytest.mark.parametrize("layout", [{"tile": (16, 16)}, {"rowsperstrip": 8}])
def test_a_file_that_ends_early_is_refused(compression: str | None, layout: Any) -> None:
    content = tiff(smooth_samples(40, 50), compression=compression, photometric="rgb", **layout)
    for end in range(0, len(content), 97):
        with pytest.raises(ImageError):
            (
                open_large(io.BytesIO(content[:end]), "x.tif")
                or load_picture(io.BytesIO(content[:end]), "x.tif")
            ).read(0, 40)  # type: ignore[union-attr] # raises before


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 277, 322, 323, 324, 325, 339])
@pytest.mark.parametrize("compression", [None, "zlib", "jpeg"])
def test_damaged_tags_raise_one_line(tag: int, compression: str | None) -> None:
    content = tiff(smooth_samples(40, 50), compression=compression, photometric="rgb", tile=(16, 16))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        found = file.pages[0].tags.get(tag)  # type: ignore[union-attr] # a page of its own has tags
        if found is None:
            return
        place, length = found.valueoffset, found.valuebytecount
    for value in (b"\0", b"\xff", b"\x7f", b"\x03"):
        found = first_rows(content[:place] + value * length + content[place + length :])
        assert not isinstance(found, str) or "\n" not in found


def test_parts_that_end_early_are_refused() -> None:
    array = smooth_samples(40, 50)
    for compression in (None, "zlib", "zstd", "lzw", "jpeg"):
        content = bytearray(tiff(array, compression=compression, photometric="rgb", tile=(16, 16)))
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            tag = file.pages[0].tags[325]  # type: ignore[union-attr] # a page of its own has tags
            place, size = tag.valueoffset, tag.valuebytecount // tag.count
            count = file.pages[0].databytecounts[0]
        content[place : place + size] = (count // 2).to_bytes(size, "little")
        with pytest.raises(ImageError, match=r"^x.tif: (is damaged|cannot be decoded|is truncated)"):
            opened(bytes(content)).read(0, 40)


def test_a_stream_without_a_descriptor_is_read_by_threads(tmp_path: Path) -> None:
    array = random_samples("u1", 600, 700)
    content = tiff(array, tile=(64, 64), compression="zlib")
    (tmp_path / "x.tif").write_bytes(content)
    for source in (io.BytesIO(content), tmp_path / "x.tif"):
        large = open_large(source, "x.tif")
        assert large is not None
        with large:
            assert np.array_equal(large.read(0, 600, 4).pixels, array)
    assert not io.BytesIO(content).closed


def test_storage_is_reported() -> None:
    content = tiff(
        random_samples("u1", 40, 50),
        compression="zlib",
        predictor=True,
        tile=(16, 32),
        metadata=None,
        description="a slide",
    )
    storage = opened(content).properties.storage
    assert storage == Storage("deflate", (16, 32), True, "a slide")
    ome = tiff(
        random_samples("u1", 40, 50),
        ome=True,
        metadata={"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5},
    )
    storage = opened(ome).properties.storage
    assert (storage.pixel_size, storage.unit) == ((0.5, 0.25), "µm")
    assert storage.description.startswith("<?xml")
    assert opened(tiff(random_samples("u1", 40, 50))).properties.storage == Storage("none")


def test_pixels_of_a_level_are_as_large_as_they_appear() -> None:
    stream = io.BytesIO()
    metadata = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    with tifffile.TiffWriter(stream, ome=True) as writer:
        writer.write(random_samples("u1", 150, 99), subifds=3, metadata=metadata)
        for height, width in ((75, 50), (37, 24), (50, 20)):  # rounded up, rounded down, of another shape
            writer.write(random_samples("u1", height, width), subfiletype=1)
    for level, size in ((0, (0.5, 0.25)), (1, (1, 0.5)), (2, (2, 1)), (3, (1.5, 1.25))):
        storage = opened(stream.getvalue(), level=level).properties.storage
        assert storage.pixel_size == pytest.approx(size, rel=1e-9 if level < 3 else 0.02)


@given(
    kind=st.sampled_from(
        [kind for kind in KINDS if "zlib" in kind or "JPEG" in kind or " of u2, contig" in kind]
    ),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_damaged_files_are_read_as_whole_ones_are_or_refused(
    kind: str, changes: list[tuple[float, int]]
) -> None:
    content = bytearray(KINDS[kind]())
    for share, value in changes:
        content[int(share * (len(content) - 1))] = value
    rows = first_rows(bytes(content))
    whole, _ = loaded(bytes(content))
    if isinstance(rows, str):
        assert "\n" not in rows
    elif rows is not None and whole is not None:
        assert rows.pixels.tobytes() == whole.pixels[: len(rows.pixels)].tobytes()


def test_a_tiff_in_an_object_store() -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs the extra convcli[cloud]")
    array = random_samples("u2", 100, 120)
    url = "memory://regions/x.tif"
    fsspec.filesystem("memory").pipe_file("/regions/x.tif", tiff(array, tile=(32, 32), compression="zlib"))
    large = open_large(url, url, region=Region(10, 20, 50, 60))
    assert large is not None
    with large:
        assert np.array_equal(large.read(5, 60, 2).pixels, array[25:80, 10:60])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_alpha_is_divided_out_of_the_largest_integers(dtype: Any) -> None:
    most = np.iinfo(dtype).max
    array = np.array([[[most, most // 2, 0, most], [9, 9, 9, 9]]], dtype)
    array[0, 1, 3] = 0
    found = load_picture(io.BytesIO(tiff(array, photometric="rgb", extrasamples=["assocalpha"])), "x.tif")
    assert found.pixels.dtype == dtype
    assert found.pixels[0, 0, 0] == most
    assert abs(int(found.pixels[0, 0, 1]) - int(most // 2)) <= most >> 52
    assert found.pixels[0, :, 2].tolist() == [0, 0]
    assert found.pixels[0, 1].tolist() == [0, 0, 0]


def test_infinite_colors_below_alpha_raise_no_warning() -> None:
    array = np.array([[[np.inf, 1, np.nan, np.inf], [1, 2, 3, 0.5]]], np.float32)
    found = load_picture(io.BytesIO(tiff(array, photometric="rgb", extrasamples=["assocalpha"])), "x.tif")
    np.testing.assert_array_equal(found.pixels[0], [[np.nan, 0, np.nan], [2, 4, 6]])


@pytest.mark.parametrize("text", ["<Image ", "<Pixels ", "<Image Name=", "x='", 'a="', "a = "])
def test_long_descriptions_are_read_at_once(text: str) -> None:
    description = f"<OME><Image {text * 100_000}><Pixels {text * 100_000}"
    content = tiff(random_samples("u1", 20, 20), description=description, metadata=None)
    with opened(content) as large:  # would take hours if the time grew as the square of the length
        assert large.properties.storage.pixel_size is None
        assert attributes(description, "Pixels") == {}
