"""TIFFs that Pillow cannot keep whole: each sample type, layout and compression gives the array written."""

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import ImageError, NotKeptWhole
from convcli.pictures.limits import DEFAULT_LIMITS, Limits
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.reading import load_picture

Array = NDArray[Any]
FOLDER = Path(__file__).parents[1] / "data" / "pictures"
INSTALL = "pip install 'convcli[deep]' reads it"
DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
LITTLE, BIG = "<", ">"


def random(dtype: str, *shape: int) -> Array:
    generator = np.random.default_rng(5)
    if dtype[0] == "f":
        return generator.random(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def tiff(array: Array, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def read(content: bytes, limits: Limits = DEFAULT_LIMITS, *, frame: int | None = None) -> Picture:
    return load_picture(io.BytesIO(content), "x.tif", limits, frame=frame)


def planes(array: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(array, -1, 0))


JPEG_2000_INSIDE = tiff(random("u1", 16, 16), compression="jpeg2000")


# Samples --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gray_of_every_type_is_read(dtype: str, order: Any) -> None:
    array = random(dtype, 5, 7)
    picture = read(tiff(array, byteorder=order, photometric="minisblack"))
    assert np.array_equal(picture.pixels, array.astype(np.float32) if dtype == "f2" else array)
    numbers = dtype not in ("u1", "u2")
    assert picture.kind == (PictureKind.NUMBERS if numbers else PictureKind.PIXELS)
    assert (picture.alpha, picture.notes) == (None, ())


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rgb_of_every_type_is_read(dtype: str, planar: Any) -> None:
    array = random(dtype, 5, 7, 3)
    stored = array if planar == "contig" else planes(array)
    picture = read(tiff(stored, photometric="rgb", planarconfig=planar))
    assert np.array_equal(picture.pixels, array.astype(np.float32) if dtype == "f2" else array)
    assert (picture.alpha, picture.maps, picture.notes) == (None, False, ())


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f2", "f4", "f8"])
@pytest.mark.parametrize("colors", [1, 3])
def test_straight_alpha_is_kept(dtype: str, planar: Any, colors: int) -> None:
    array = random(dtype, 5, 7, colors + 1)
    stored = array if planar == "contig" else planes(array)
    photometric: Any = "rgb" if colors == 3 else "minisblack"
    picture = read(tiff(stored, photometric=photometric, planarconfig=planar, extrasamples=["unassalpha"]))
    expected = array.astype(np.float32) if dtype == "f2" else array
    assert np.array_equal(picture.pixels_with_alpha, expected)
    assert picture.alpha is not None
    assert picture.alpha.dtype == expected.dtype


def test_alpha_of_64_bits_becomes_a_share() -> None:
    array = np.array([[[5, 0], [6, 2**64 - 1]]], np.uint64)
    picture = read(tiff(array, photometric="minisblack", extrasamples=["unassalpha"]))
    assert picture.pixels.tolist() == [[5, 6]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_associated_alpha_is_divided_out(planar: Any) -> None:
    """A color c under alpha a is stored as c a / 65535."""
    array = np.array(
        [[[100, 200, 300, 65535], [1000, 2000, 3000, 13107], [7, 8, 9, 0], [9, 1, 0, 3]]], np.uint16
    )
    stored = array if planar == "contig" else planes(array)
    picture = read(tiff(stored, photometric="rgb", planarconfig=planar, extrasamples=["assocalpha"]))
    assert picture.pixels.tolist() == [[[100, 200, 300], [5000, 10000, 15000], [0, 0, 0], [65535, 21845, 0]]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[65535, 13107, 0, 3]]


def test_associated_float_alpha_is_divided_out() -> None:
    array = np.array([[[0.25, 0.5], [3.0, 0.0], [0.75, 1.0]]], np.float32)
    picture = read(tiff(array, photometric="minisblack", extrasamples=["assocalpha"]))
    assert picture.pixels.tolist() == [[0.5, 0.0, 0.75]]


@pytest.mark.parametrize(
    ("samples", "photometric", "extra"),
    [
        (2, "minisblack", ["unspecified"]),
        (4, "rgb", ["unspecified"]),
        (5, "rgb", ["unassalpha", "unspecified"]),
        (5, "minisblack", ["unspecified"] * 4),
        (6, "separated", ["unspecified"] * 2),
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_bands_beyond_the_colors_are_all_kept(
    samples: int, photometric: Any, extra: list[Any], dtype: str
) -> None:
    array = random(dtype, 5, 7, samples)
    picture = read(tiff(array, photometric=photometric, planarconfig="contig", extrasamples=extra))
    assert np.array_equal(picture.pixels, array)
    assert (picture.kind, picture.maps, picture.alpha) == (PictureKind.NUMBERS, False, None)
    assert picture.notes == (f"its {samples} samples per pixel are kept as channels",)


def test_white_is_zero_leaves_alpha_alone() -> None:
    array = random("u2", 5, 7, 2)
    picture = read(tiff(array, photometric="miniswhite", extrasamples=["unassalpha"]))
    assert np.array_equal(picture.pixels, 65535 - array[..., 0])
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, array[..., 1])


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_samples_are_scaled_as_those_of_a_pgm(bits: int) -> None:
    most = (1 << bits) - 1
    values = [0, 1, most // 3, most - 1, most, 5]
    picture = read(packed_rgb(bits, values))
    expected = [round(value * 65535 / most) for value in values]
    assert picture.pixels.reshape(-1).tolist() == expected
    assert picture.notes == (f"its values from 0 to {most} are scaled to 65535",)


def packed_rgb(bits: int, values: list[int]) -> bytes:
    """Write two pixels of RGB, packed into bytes without gaps."""
    number = 0
    for value in values:
        number = number << bits | value
    data = (number << -len(values) * bits % 8).to_bytes(-(-len(values) * bits // 8))
    entries = [(256, 3, 2), (257, 3, 1), (259, 3, 1), (262, 3, 2), (273, 4, 200), (277, 3, 3), (278, 3, 1)]
    entries.append((279, 4, len(data)))
    fields = [
        struct.pack("<HHII" if kind == 4 else "<HHIHxx", tag, kind, 1, value) for tag, kind, value in entries
    ]
    fields.insert(2, struct.pack("<HHII", 258, 3, 3, 190))
    directory = struct.pack("<H", len(fields)) + b"".join(fields) + bytes(4)
    content = (b"II*\0" + struct.pack("<I", 8) + directory).ljust(190, b"\0") + struct.pack(
        "<3H", *[bits] * 3
    )
    return content.ljust(200, b"\0") + data


def test_ink_of_16_bits_lets_light_through() -> None:
    """Red is what neither cyan nor black takes: (1 - c) (1 - k)."""
    array = np.array([[[0, 65535, 13107, 0], [0, 0, 0, 32768], [0, 0, 0, 0]]], np.uint16)
    picture = read(tiff(array, photometric="separated"))
    assert picture.pixels.tolist() == [[[65535, 0, 52428], [32767] * 3, [65535] * 3]]
    assert picture.notes == ("CMYK was converted to RGB",)


# Layout ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "lzma", "packbits"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize(("dtype", "predictor"), [("u2", False), ("u2", True), ("f4", True), ("f8", False)])
def test_every_compression_is_read(
    order: Any, compression: Any, tile: Any, dtype: str, predictor: bool
) -> None:
    array = random(dtype, 20, 18, 3)
    options = {"byteorder": order, "compression": compression, "tile": tile, "photometric": "rgb"}
    content = tiff(
        array, **options, predictor=predictor and compression is not None, rowsperstrip=None if tile else 6
    )
    assert np.array_equal(read(content).pixels, array)


@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_planes_in_parts_and_bigtiff(tile: Any) -> None:
    array = random("u2", 20, 18, 4)
    options = {"planarconfig": "separate", "photometric": "rgb", "extrasamples": ["unassalpha"]}
    content = tiff(
        planes(array), **options, tile=tile, bigtiff=True, compression="lzw", rowsperstrip=None if tile else 6
    )
    assert np.array_equal(read(content).pixels_with_alpha, array)


def twelve_bit_jpeg() -> tuple[Array, bytes]:
    ramp = np.add.outer(np.arange(32) * 60, np.arange(32) * 60).astype(np.uint16)
    colors = np.dstack([ramp, ramp // 2, ramp])
    options: Any = {"compressionargs": {"bitspersample": 12, "level": 99}, "bitspersample": 12}
    return colors, tiff(colors, compression="jpeg", photometric="rgb", rowsperstrip=16, **options)


def test_jpeg_of_12_bits_in_a_tiff() -> None:
    colors, content = twelve_bit_jpeg()
    picture = read(content)
    assert picture.notes == ("its values from 0 to 4095 are scaled to 65535",)
    assert np.abs(picture.pixels.astype(float) - colors * (65535 / 4095)).max() < 500


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_a_jpeg_part_whose_scan_ends_early_is_refused(share: float) -> None:
    _, content = twelve_bit_jpeg()
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        start, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    scan = content.index(b"\xff\xda", start)
    end = scan + int((start + count - scan) * share)
    gap = start + count - end - 2
    with pytest.raises(ImageError, match=r"some of its pixels are missing|its end is missing"):
        read(content[:end] + b"\xff\xd9" + bytes(gap) + content[start + count :])


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("compression", ["jpeg2000", 33005, "jpegxl"])
@pytest.mark.parametrize(("dtype", "channels"), [("u1", 3), ("u2", 1), ("u2", 3), ("u2", 4)])
def test_lossless_codestreams_in_a_tiff(tile: Any, compression: Any, dtype: str, channels: int) -> None:
    array = random(dtype, 20, 18, channels) if channels > 1 else random(dtype, 20, 18)
    arguments = {"lossless": True} if compression == "jpegxl" else {"reversible": True, "level": 0}
    photometric: Any = "minisblack" if channels == 1 else "rgb"
    options: Any = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    content = tiff(
        array, compression=compression, compressionargs=arguments, photometric=photometric, tile=tile,
        rowsperstrip=None if tile else 10, **options,
    )  # fmt: skip
    assert np.array_equal(read(content).pixels_with_alpha, array)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        start, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    with pytest.raises(ImageError):
        read(content[: start + count // 2] + bytes(count - count // 2) + content[start + count :])


def test_a_part_that_is_larger_than_its_tile_is_refused() -> None:
    """The decoder would make room for what the part says."""
    large = imagecodecs.jpeg2k_encode(random("u2", 64, 64), 0, reversible=True, codecformat="j2k")
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        options: Any = {"shape": (16, 16), "dtype": np.uint16, "compression": "jpeg2000", "tile": (16, 16)}
        writer.write(iter([bytes(large)]), photometric="minisblack", **options)
    with pytest.raises(ImageError, match="a part of it has another size or depth than it says"):
        read(stream.getvalue())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_and_metadata_kept(orientation: int) -> None:
    array = random("u2", 4, 6, 3)
    profile = b"profile" * 30
    tags = [(274, 3, 1, orientation, True), (34675, 7, len(profile), profile, True)]
    picture = read(tiff(array, photometric="rgb", resolution=(72, 100), extratags=tags))
    turned = {
        1: array, 2: array[:, ::-1], 3: array[::-1, ::-1], 4: array[::-1],
        5: array.swapaxes(0, 1), 6: np.rot90(array, -1), 7: np.rot90(array, 2).swapaxes(0, 1), 8: np.rot90(array),
    }  # fmt: skip
    assert np.array_equal(picture.pixels, turned[orientation])
    assert picture.profile == profile
    assert picture.resolution == ((72, 100) if orientation < 5 else (100, 72))


@pytest.mark.parametrize(("unit", "resolution"), [("CENTIMETER", (254, 127)), ("NONE", None)])
def test_the_unit_of_the_resolution_counts(unit: str, resolution: tuple[float, float] | None) -> None:
    content = tiff(random("f8", 4, 6), resolution=(100, 50), resolutionunit=unit)
    assert read(content).resolution == resolution


def test_pages_are_selected() -> None:
    stream = io.BytesIO()
    pages = [random(dtype, 3, 4) for dtype in ("f8", "u1", "i8")]
    with tifffile.TiffWriter(stream) as writer:
        for page in pages:
            writer.write(page, contiguous=False)
    content = stream.getvalue()
    several = "has several frames; the first is used (--frame selects another, --frame all filters all)"
    assert read(content).notes == (several,)
    for number, page in enumerate(pages):
        picture = read(content, frame=number)
        assert np.array_equal(picture.pixels, page)
        assert picture.notes == ()
    with pytest.raises(ImageError, match="has no frame 3: it has 3 frames, counted from 0"):
        read(content, frame=3)


def test_a_page_that_pillow_does_not_read_after_one_that_it_does() -> None:
    stream = io.BytesIO()
    pages = [random("u1", 3, 4), random("f8", 3, 4)]
    with tifffile.TiffWriter(stream) as writer:
        for page in pages:
            writer.write(page, contiguous=False)
    assert np.array_equal(read(stream.getvalue(), frame=0).pixels, pages[0])
    assert np.array_equal(read(stream.getvalue(), frame=1).pixels, pages[1])


def test_a_palette_of_16_bit_indexes() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(random("f8", 2, 3), contiguous=False)
        writer.write(
            np.array([[0, 1, 255]], np.uint8),
            photometric="palette",
            colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) * 85,
        )
    expected = [[[(first + index) * 85 >> 8 for first in (0, 256, 512)] for index in (0, 1, 255)]]
    assert read(stream.getvalue(), frame=1).pixels.tolist() == expected


# The reference files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dtype", "first"),
    [
        ("f64.tif", "float64", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("f16.tif", "float32", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("u64.tif", "uint64", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("dem.tif", "int32", [-200, -160, -120, -80]),
        ("demu32.tif", "uint32", [0, 40000, 80000, 120000]),
    ],
)
def test_reference_files_have_their_values(name: str, dtype: str, first: list[int]) -> None:
    pixels = load_picture(FOLDER / name, name).pixels
    assert pixels.dtype == dtype
    assert pixels.reshape(-1)[: len(first)].tolist() == first
    assert np.array_equal(pixels, tifffile.imread(FOLDER / name))


@pytest.mark.parametrize("name", ["rgbf32.tif", "five.tif"])
def test_reference_files_equal_what_tifffile_reads(name: str) -> None:
    assert np.array_equal(load_picture(FOLDER / name, name).pixels, tifffile.imread(FOLDER / name))


# Refusals -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("f64.tif", "64-bit float samples"),
        ("f16.tif", "16-bit float samples"),
        ("u64.tif", "64-bit samples"),
        ("rgbf32.tif", "32-bit float samples, 3 per pixel"),
        ("five.tif", "8-bit samples, 5 per pixel"),
    ],
)
def test_without_the_extra_the_message_says_what_the_file_holds(name: str, holds: str) -> None:
    with pytest.raises(NotKeptWhole) as caught:
        load_picture(FOLDER / name, name)
    assert str(caught.value) == f"{name}: holds {holds}, which Pillow does not read; {INSTALL}"


@pytest.mark.parametrize("extra", [True, False])
def test_what_no_decoder_reads_does_not_name_the_extra(request: pytest.FixtureRequest, extra: bool) -> None:
    content = tiff(random("f4", 4, 5), compression="lerc")
    if not extra:
        request.getfixturevalue("without_extra")
    with pytest.raises(ImageError) as caught:
        read(content)
    assert str(caught.value) == "x.tif: is compressed by method 34887, which is not read"


def test_a_damaged_fax_is_not_said_to_be_of_an_unknown_compression() -> None:
    stream = io.BytesIO()
    Image.new("1", (16, 16)).save(stream, "TIFF", compression="group4")
    content = bytearray(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        place = file.pages[0].tags[256].valueoffset  # type: ignore[union-attr]
    content[place : place + 2] = b"\0\0"  # the width
    with pytest.raises(ImageError, match="damaged"):
        read(bytes(content))


@pytest.mark.usefixtures("without_extra")
def test_a_compression_that_pillow_does_not_read_names_the_extra() -> None:
    with pytest.raises(NotKeptWhole) as caught:
        read(JPEG_2000_INSIDE)
    assert caught.value.why == f"is compressed by method 34712, which Pillow does not read; {INSTALL}"


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"photometric": "rgb", "extrasamples": ["unspecified"]}, "holds 4 samples per pixel, of which Pillow would drop some"),
        (
            {"photometric": "rgb", "extrasamples": ["assocalpha"], "planarconfig": "separate"},
            "holds its 4 samples in separate planes, which Pillow does not read",
        ),
        (
            {"photometric": "rgb", "extrasamples": ["unspecified"], "planarconfig": "separate"},
            "holds 8-bit samples, 4 per pixel in separate planes, which Pillow does not read",
        ),
    ],
)  # fmt: skip
def test_without_the_extra_no_band_is_dropped(options: dict[str, Any], why: str) -> None:
    array = random("u1", 5, 7, 4)
    content = tiff(planes(array) if "planarconfig" in options else array, **options)
    with pytest.raises(NotKeptWhole) as caught:
        read(content)
    assert caught.value.why == f"{why}; {INSTALL}"


@pytest.mark.parametrize(
    ("array", "options", "why"),
    [
        (random("f4", 4, 5), {"photometric": "miniswhite", "compression": "zlib", "tile": (16, 16)}, None),
        (random("f8", 4, 5), {"photometric": "miniswhite"}, None),
        (random("i8", 4, 5), {"photometric": "miniswhite"}, "says that 0 is white in signed 64-bit samples"),
        (random("u4", 4, 5), {"photometric": "miniswhite"}, "says that 0 is white in 32-bit samples"),
        (random("u2", 4, 5, 3), {"photometric": "cielab"}, "has Lab colors; convert it to RGB first"),
        (random("u2", 4, 5), {"photometric": "cfa"}, "has color filter array colors"),
        (random("f4", 4, 5).astype("c8"), {}, "holds complex samples, which are not read"),
        (random("u2", 2, 16, 16), {"volumetric": True, "tile": (16, 16, 16)}, "holds a volume"),
        (random("f8", 4, 5), {"compression": "lerc"}, "is compressed by method 34887, which is not read"),
    ],
)
def test_what_is_not_read_is_said_as_it_is(array: Array, options: dict[str, Any], why: str | None) -> None:
    content = tiff(array, **options)
    if why is None:
        assert np.array_equal(read(content).pixels, array)
        return
    with pytest.raises(ImageError) as caught:
        read(content)
    assert caught.value.why.startswith(why)


# Limits and damage ------------------------------------------------------------------------------------------


def test_the_size_is_checked_before_pixels_are_decoded() -> None:
    content = tiff(random("f8", 20, 30))
    with pytest.raises(ImageError, match=r"has 30x20 = 600 pixels, more than 599"):
        read(content, Limits(pixels=599))


def test_a_long_list_of_parts_counts() -> None:
    """A page of 100,000 strips of one row each: each has an offset and a length."""
    rows = 100_000
    content = tiff(np.zeros((rows, 1), np.float64), rowsperstrip=1)
    with pytest.raises(ImageError, match=r"needs about 10 MB of memory but may use only 9 MB"):
        read(content, Limits(memory=9_000_000))


def test_a_tile_that_is_much_larger_than_the_picture_counts() -> None:
    content = bytearray(tiff(random("f8", 1, 1), tile=(16, 16), compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        for tag in (322, 323):
            place = file.pages[0].tags[tag].valueoffset  # type: ignore[union-attr]
            content[place : place + 2] = (1 << 13).to_bytes(2, "little")
    with pytest.raises(ImageError, match=r"needs about 1\.\d+ GB of memory but may use only 500 MB"):
        read(bytes(content), Limits(memory=500_000_000))


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "lzma", "packbits"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_a_file_that_ends_early_is_refused(compression: Any, tile: Any) -> None:
    content = tiff(random("u2", 20, 18, 3), compression=compression, tile=tile, photometric="rgb")
    for end in range(0, len(content), 37):
        with pytest.raises(ImageError):
            read(content[:end])


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "lzma", "packbits"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_a_part_that_ends_early_is_refused(compression: Any, tile: Any) -> None:
    """The length of the first part is less than it is: what it lacks must not become zero."""
    array = random("f8", 20, 18)
    content = bytearray(tiff(array, compression=compression, tile=tile, rowsperstrip=None if tile else 10))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        tag = file.pages[0].tags[325 if tile else 279]  # type: ignore[union-attr] # a page of its own has tags
        count, place, size = tag.value[0], tag.valueoffset, tag.valuebytecount // tag.count
    for less in (1, 20, 100):
        content[place : place + size] = (count - less).to_bytes(size, "little")
        try:
            assert np.array_equal(
                read(bytes(content)).pixels, array
            )  # what was left out is a mark of its end
            assert (compression, less) in {("lzw", 1), ("lzma", 1), ("lzma", 20)}
        except ImageError:
            continue
    content[place : place + size] = bytes(size)
    with pytest.raises(ImageError, match="is damaged: it lists"):
        read(bytes(content))


def test_nothing_reaches_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(tiff(random("f8", 20, 18), compression="zlib", description="a text"))
    for place in range(8, len(content), 37):
        changed = bytes([*content[:place], content[place] ^ 0x55, *content[place + 1 :]])
        try:
            read(changed)
        except ImageError:
            continue
    assert capfd.readouterr() == ("", "")


def test_deflate_by_its_old_number_is_read() -> None:
    array = random("f8", 4, 5)
    content = bytearray(tiff(array, compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        place = file.pages[0].tags[259].valueoffset  # type: ignore[union-attr]
    content[place : place + 2] = (32946).to_bytes(2, "little")
    assert np.array_equal(read(bytes(content)).pixels, array)
