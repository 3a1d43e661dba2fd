"""Reading and writing image files, judged by files that are built here byte by byte or by Pillow."""

import base64
import io
import os
import re
import socket
import stat
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from convcli.errors import ImageError, OutputError, SizeError, UsageError
from convcli.files import opening
from convcli.pictures.formats import encoding
from convcli.pictures.formats.format_checks import check_holds
from convcli.pictures.formats.output_formats import OutputFormat, format_for_path, parse_format
from convcli.pictures.limits import DEFAULT_LIMITS, Limits
from convcli.pictures.picture import Picture, PictureKind, convert_alpha
from convcli.pictures.reading import load_picture, read_image, read_picture
from convcli.pictures.writing import write_image, write_picture
from tests.support.engines import Engine
from tests.support.sampling import examples

Array = NDArray[Any]

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG color types
PALETTE_COLORS = [(10, 20, 30), (40, 50, 60), (70, 80, 90)]
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# 16x16 pixels, 10 bits, 4:2:0, encoded by libaom through FFmpeg
TEN_BIT_AVIF = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAAD5bWV0YQAAAAAAAAAvaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA"
    "AFBpY3R1cmVIYW5kbGVyAAAAAA5waXRtAAAAAAABAAAAHmlsb2MAAAAARAAAAQABAAAAAQAAASEAAAAaAAAAKGlpbmYAAAAAAAEA"
    "AAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAAGppcHJwAAAAS2lwY28AAAAUaXNwZQAAAAAAAAAQAAAAEAAAABBwaXhpAAAAAAMK"
    "CgoAAAAMYXYxQ4EATAAAAAATY29scm5jbHgAAgACAAIAAAAAF2lwbWEAAAAAAAAAAQABBAECgwQAAAAibWRhdAoGGAz/24CAMhAX"
    "gAAASAAAAAB4hKH24BFY"
)

not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


# Files by hand -------------------------------------------------------------------------------------------


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bytes(
    width: int, height: int, depth: int, color_type: int, rows: Sequence[bytes], extra: bytes = b""
) -> bytes:
    """Build a PNG from packed rows; `extra` are the chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = (png_chunk(b"IHDR", header), extra, png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def palette_chunk() -> bytes:
    return png_chunk(b"PLTE", bytes(part for color in PALETTE_COLORS for part in color))


def tiff_bytes(
    order: str,
    size: tuple[int, int],
    bits: Sequence[int],
    strips: Sequence[bytes],
    *,
    photometric: int = 1,
    sample_format: int | None = None,
    planes: int = 1,
    compression: int = 1,
) -> bytes:
    """Build a TIFF of one image without a resolution; `order` is ``<`` or ``>``, `size` width and height."""
    short, long = 3, 4
    entries: list[tuple[int, int, Sequence[int]]] = [
        (256, long, [size[0]]),
        (257, long, [size[1]]),
        (258, short, bits),
        (259, short, [compression]),
        (262, short, [photometric]),
        (273, long, []),
        (277, short, [len(bits)]),
        (278, long, [size[1]]),
        (279, long, [len(strip) for strip in strips]),
        (284, short, [planes]),
    ]
    if sample_format is not None:
        entries.append((339, short, [sample_format] * len(bits)))
    after = 8 + 2 + 12 * len(entries) + 4
    lengths = [len(strips) if tag == 273 else len(values) for tag, _, values in entries]
    outside = sum(
        n * (2 if kind == short else 4)
        for n, (_, kind, _) in zip(lengths, entries, strict=True)
        if n * (2 if kind == short else 4) > 4
    )
    starts = [after + outside + sum(map(len, strips[:i])) for i in range(len(strips))]
    directory, values_outside = b"", b""
    for tag, kind, values in entries:
        values = starts if tag == 273 else values
        packed = struct.pack(order + ("H" if kind == short else "L") * len(values), *values)
        if len(packed) > 4:
            packed, values_outside = (
                struct.pack(order + "L", after + len(values_outside)),
                values_outside + packed,
            )
        directory += struct.pack(order + "HHL", tag, kind, len(values)) + packed.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HLH", 42, 8, len(entries))
    return head + directory + struct.pack(order + "L", 0) + values_outside + b"".join(strips)


def npy_bytes(
    descr: str = "'<i4'", shape: str = "(1, 2)", data: bytes = b"\1\0\0\0\2\0\0\0", *, version: int = 1
) -> bytes:
    """Build a .npy file whose header says what it likes."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def bmp_bytes(width: int, height: int, bits: int, pixels: bytes, masks: Sequence[int] = ()) -> bytes:
    table = struct.pack(f"<{len(masks)}L", *masks)
    compression = 3 if masks else 0
    header = struct.pack("<LllHHLLllLL", 40, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    start = 14 + len(header) + len(table)
    return b"BM" + struct.pack("<LHHL", start + len(pixels), 0, 0, start) + header + table + pixels


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def noise(shape: tuple[int, ...], dtype: type[np.integer[Any]] = np.uint8) -> Array:
    top = np.iinfo(dtype).max
    return np.random.default_rng(2024).integers(0, top, shape, np.int64, endpoint=True).astype(dtype)


def smooth(height: int = 16, width: int = 24) -> Array:
    y, x = np.mgrid[:height, :width]
    return np.stack([y * 5, x * 5, 200 - 2 * x - 2 * y], axis=-1).astype(np.uint8)


def bitmap(rows: Sequence[Sequence[int]]) -> Image.Image:
    return Image.fromarray(np.array(rows, bool))


def palette_image() -> Image.Image:
    image = Image.new("P", (3, 1))
    image.putdata([0, 1, 2])
    image.putpalette([part for color in PALETTE_COLORS for part in color])
    return image


def with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def picture_of(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Picture:
    return load_picture(io.BytesIO(data), "stream", limits)


def encoded(picture: Picture, file_format: OutputFormat) -> bytes:
    check_holds(picture, file_format, "target")
    return b"".join(encoding.encode(picture, file_format, "target"))


def same_bits(left: Array, right: Array) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[[bytes, str], Path]:
    def write(data: bytes, name: str) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


FileOf = Callable[[bytes, str], Path]


# Reading: what the pixels become --------------------------------------------------------------------------


def test_one_bit_png_holds_0_and_255() -> None:
    picture = picture_of(png_bytes(10, 2, 1, GRAY, [b"\xa5\x40", b"\x00\x80"]))
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.tolist() == [
        [255, 0, 255, 0, 0, 255, 0, 255, 0, 255],
        [0, 0, 0, 0, 0, 0, 0, 0, 255, 0],
    ]


def test_two_bit_gray_png_spans_black_to_white() -> None:
    assert picture_of(png_bytes(4, 1, 2, GRAY, [b"\x1b"])).pixels.tolist() == [[0, 85, 170, 255]]


def test_four_bit_gray_png_spans_black_to_white() -> None:
    assert picture_of(png_bytes(4, 1, 4, GRAY, [b"\x01\xaf"])).pixels.tolist() == [[0, 17, 170, 255]]


def test_gray_png_keeps_its_values() -> None:
    picture = picture_of(png_bytes(3, 2, 8, GRAY, [b"\x00\x01\xff", b"\x7f\x80\x02"]))
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.tolist() == [[0, 1, 255], [127, 128, 2]]
    assert picture.alpha is None
    assert picture.kind == PictureKind.PIXELS
    assert picture.notes == ()


def test_gray_and_alpha_png_is_split() -> None:
    picture = picture_of(png_bytes(2, 1, 8, GRAY_ALPHA, [bytes([10, 0, 20, 200])]))
    assert picture.pixels.tolist() == [[10, 20]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 200]]


def test_rgb_png_keeps_its_values() -> None:
    picture = picture_of(png_bytes(2, 1, 8, RGB, [bytes([1, 2, 3, 250, 251, 252])]))
    assert picture.pixels.tolist() == [[[1, 2, 3], [250, 251, 252]]]
    assert picture.alpha is None


def test_rgba_png_is_split_and_keeps_color_under_transparency() -> None:
    picture = picture_of(png_bytes(2, 1, 8, RGBA, [bytes([1, 2, 3, 0, 4, 5, 6, 7])]))
    assert picture.pixels.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 7]]


@pytest.mark.parametrize(("depth", "row"), [(2, b"\x18"), (4, b"\x01\x20"), (8, b"\x00\x01\x02")])
def test_palette_png_becomes_rgb(depth: int, row: bytes) -> None:
    picture = picture_of(png_bytes(3, 1, depth, PALETTE, [row], palette_chunk()))
    assert picture.pixels.tolist() == [[list(color) for color in PALETTE_COLORS]]
    assert picture.alpha is None


def test_palette_with_transparency_bytes_gives_each_color_its_alpha() -> None:
    extra = palette_chunk() + png_chunk(b"tRNS", b"\x05\x80")
    picture = picture_of(png_bytes(3, 1, 8, PALETTE, [b"\x00\x01\x02"], extra))
    assert picture.pixels.tolist() == [[list(color) for color in PALETTE_COLORS]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[5, 128, 255]]


def test_palette_with_one_transparent_index() -> None:
    picture = picture_of(saved(palette_image(), "GIF", transparency=1))
    assert picture.pixels.tolist() == [[list(color) for color in PALETTE_COLORS]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0, 255]]


@pytest.mark.parametrize(
    ("depth", "row", "key", "alpha"),
    [
        (1, b"\x40", 1, [255, 0, 255, 255]),
        (2, b"\x1b", 3, [255, 255, 255, 0]),
        (4, b"\x01\xaf", 10, [255, 255, 0, 255]),
        (8, b"\x00\x0a\x0b\xff", 10, [255, 0, 255, 255]),
    ],
)
def test_gray_png_with_a_transparent_value(depth: int, row: bytes, key: int, alpha: list[int]) -> None:
    extra = png_chunk(b"tRNS", struct.pack(">H", key))
    picture = picture_of(png_bytes(4, 1, depth, GRAY, [row], extra))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [alpha]


def test_rgb_png_with_a_transparent_color() -> None:
    extra = png_chunk(b"tRNS", struct.pack(">HHH", 4, 5, 6))
    picture = picture_of(png_bytes(3, 1, 8, RGB, [bytes([4, 5, 6, 4, 5, 7, 4, 5, 6])], extra))
    assert picture.pixels.tolist() == [[[4, 5, 6], [4, 5, 7], [4, 5, 6]]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 255, 0]]


def test_transparent_value_of_a_16_bit_png_is_kept_or_noted_as_lost() -> None:
    extra = png_chunk(b"tRNS", struct.pack(">H", 300))
    picture = picture_of(png_bytes(2, 1, 16, GRAY, [struct.pack(">HH", 300, 301)], extra))
    assert picture.pixels.tolist() == [[300, 301]]
    assert picture.alpha is not None or any("transparen" in note for note in picture.notes)


def gray_16(file_format: str) -> bytes:
    values = [[0, 1, 255], [256, 40001, 65535]]
    flat = [value for row in values for value in row]
    if file_format == "png":
        return png_bytes(3, 2, 16, GRAY, [struct.pack(">3H", *row) for row in values])
    if file_format == "pgm":
        return b"P5 3 2 65535\n" + struct.pack(">6H", *flat)
    if file_format == "plain pgm":
        return b"P2\n# a comment\n3 2 65535\n" + " ".join(map(str, flat)).encode()
    order = "<" if "little" in file_format else ">"
    data = struct.pack(order + "6H", *flat)
    deflate = 8 if "deflate" in file_format else 1
    return tiff_bytes(
        order, (3, 2), [16], [zlib.compress(data) if deflate == 8 else data], compression=deflate
    )


@pytest.mark.parametrize(
    "file_format",
    [
        "png",
        "pgm",
        "plain pgm",
        "tiff little-endian",
        "tiff big-endian",
        "tiff little-endian deflate",
        "tiff big-endian deflate",
    ],
)
def test_16_bit_gray_keeps_every_value(file_format: str) -> None:
    picture = picture_of(gray_16(file_format))
    assert same_bits(picture.pixels, np.array([[0, 1, 255], [256, 40001, 65535]], np.uint16))
    assert picture.kind == PictureKind.PIXELS
    assert picture.depth == 16


def test_white_is_zero_16_bit_tiff_is_turned_round() -> None:
    data = tiff_bytes("<", (3, 1), [16], [struct.pack("<3H", 0, 1, 65535)], photometric=0)
    assert same_bits(picture_of(data).pixels, np.array([[65535, 65534, 0]], np.uint16))


def test_white_is_zero_8_bit_tiff_is_turned_round() -> None:
    data = tiff_bytes("<", (3, 1), [8], [b"\x00\x01\xff"], photometric=0)
    assert picture_of(data).pixels.tolist() == [[255, 254, 0]]


def test_white_is_zero_1_bit_tiff_is_turned_round() -> None:
    data = tiff_bytes("<", (3, 1), [1], [b"\x40"], photometric=0)
    assert picture_of(data).pixels.tolist() == [[255, 0, 255]]


def rgb_16_tiff(order: str, *, planes: int = 1, compression: int = 1) -> bytes:
    values = [0x1234, 0x5678, 0x9ABC, 0xDEF0, 0x1111, 0x2222]
    data = struct.pack(order + "6H", *values)
    strips = [data] if planes == 1 else [data[:4], data[4:8], data[8:]]
    strips = [zlib.compress(strip) for strip in strips] if compression == 8 else strips
    return tiff_bytes(
        order, (2, 1), [16, 16, 16], strips, photometric=2, planes=planes, compression=compression
    )


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize(
    ("data", "bits"),
    [
        pytest.param(rgb_16_tiff("<"), 16, id="little-endian tiff"),
        pytest.param(rgb_16_tiff(">"), 16, id="big-endian tiff"),
        pytest.param(rgb_16_tiff("<", compression=8), 16, id="deflate tiff"),
        pytest.param(rgb_16_tiff("<", planes=2), 16, id="planar tiff"),
        pytest.param(rgb_16_tiff("<", planes=2, compression=8), 16, id="planar deflate tiff"),
        pytest.param(TEN_BIT_AVIF, 10, id="10-bit avif"),
    ],
)
def test_more_than_8_bits_a_color_is_refused_not_cut(data: bytes, bits: int) -> None:
    refused_by_name_of_the_extra(data, bits)


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize(("color", "row"), [(RGB, b"\1\2\3\4\5\6"), (RGBA, b"\1\2\3\4\5\6\7\x08")])
def test_only_the_compiled_core_reads_deep_color_png_without_the_extra(
    engine: Engine, color: int, row: bytes
) -> None:
    data = png_bytes(1, 1, 16, color, [row])
    if engine == Engine.COMPILED:
        picture = picture_of(data)
        assert picture.pixels.tolist() == [[[0x0102, 0x0304, 0x0506]]]
        assert picture.pixels_with_alpha.shape[2] == len(row) // 2
        assert picture.alpha is None or picture.alpha.tolist() == [[0x0708]]
    else:
        refused_by_name_of_the_extra(data, 16)


def refused_by_name_of_the_extra(data: bytes, bits: int) -> None:
    with pytest.raises(ImageError) as caught:
        picture_of(data)
    assert caught.value.why == (
        f"holds {bits} bits per color channel, which Pillow would cut to 8; pip install 'convcli[deep]' reads it"
    )


def test_5_6_5_bit_bmp_is_read() -> None:
    pixels = struct.pack("<HH", 0xF800, 0x07FF)
    data = bmp_bytes(2, 1, 16, pixels, masks=[0xF800, 0x07E0, 0x001F])
    assert picture_of(data).pixels.tolist() == [[[255, 0, 0], [0, 255, 255]]]


def test_5_5_5_bit_bmp_is_read() -> None:
    pixels = struct.pack("<HH", 0x7C00, 0x03FF)
    assert picture_of(bmp_bytes(2, 1, 16, pixels)).pixels.tolist() == [[[255, 0, 0], [0, 255, 255]]]


def test_24_bit_bmp_is_read_bottom_row_first() -> None:
    pixels = bytes([3, 2, 1, 0]) + bytes([6, 5, 4, 0])
    assert picture_of(bmp_bytes(1, 2, 24, pixels)).pixels.tolist() == [[[4, 5, 6]], [[1, 2, 3]]]


def test_bitmap_pbm_is_black_where_it_is_one() -> None:
    assert picture_of(b"P4 3 1\n\x40").pixels.tolist() == [[255, 0, 255]]


def test_bitonal_fax_tiff_is_read() -> None:
    data = saved(bitmap([[1, 0, 1], [0, 0, 1]]), "TIFF", compression="group4")
    assert picture_of(data).pixels.tolist() == [[255, 0, 255], [0, 0, 255]]


def cmyk_image(cyan: int, magenta: int, yellow: int, black: int) -> Image.Image:
    return Image.new("CMYK", (16, 16), (cyan, magenta, yellow, black))


def test_cmyk_jpeg_as_adobe_writes_it_inverted() -> None:
    data = saved(cmyk_image(255, 0, 0, 0), "JPEG", quality=100)
    assert b"Adobe" in data[:40]
    picture = picture_of(data)
    assert np.abs(picture.pixels.astype(int) - [0, 255, 255]).max() <= 2
    assert picture.notes == ("CMYK was converted to RGB",)


def test_ycck_jpeg_is_the_same_color_by_another_transform() -> None:
    data = bytearray(saved(cmyk_image(55, 127, 127, 0), "JPEG", quality=100))
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    data[transform] = 2  # the stored 200, 128, 128 are now luma and no color: ink 200, light 55
    assert np.abs(picture_of(bytes(data)).pixels.astype(int) - 55).max() <= 2


def test_cmyk_tiff_becomes_rgb() -> None:
    picture = picture_of(saved(cmyk_image(0, 255, 0, 0), "TIFF"))
    assert np.unique(picture.pixels.reshape(-1, 3), axis=0).tolist() == [[255, 0, 255]]
    assert picture.notes == ("CMYK was converted to RGB",)


def test_cmyk_profile_is_dropped_with_a_note() -> None:
    picture = picture_of(saved(cmyk_image(0, 0, 0, 9), "TIFF", icc_profile=b"profile of an ink"))
    assert picture.profile is None
    assert picture.notes == ("CMYK was converted to RGB, and its color profile was dropped",)


def test_ycbcr_tiff_becomes_rgb() -> None:
    data = saved(Image.new("YCbCr", (2, 1), (76, 85, 255)), "TIFF")
    assert np.abs(picture_of(data).pixels.astype(int) - [255, 0, 0]).max() <= 2


def test_lab_is_refused() -> None:
    with pytest.raises(ImageError, match="LAB"):
        picture_of(saved(Image.new("LAB", (2, 2), (50, 128, 128)), "TIFF"))


NUMBER_TIFFS = [
    pytest.param("<", "i", 2, np.int32, [-5, 2**31 - 1], id="int32"),
    pytest.param(">", "i", 2, np.int32, [-(2**31), 7], id="int32 big-endian"),
    pytest.param("<", "I", 1, np.uint32, [2**32 - 1, 7], id="uint32"),
    pytest.param("<", "f", 3, np.float32, [-5.5, 0.1], id="float32"),
    pytest.param(">", "f", 3, np.float32, [-5.5, 0.1], id="float32 big-endian"),
    pytest.param("<", "h", 2, np.int32, [-32768, 30000], id="int16"),
    pytest.param(">", "h", 2, np.int32, [-32768, 30000], id="int16 big-endian"),
]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("order", "letter", "sample_format", "dtype", "values"), NUMBER_TIFFS)
def test_number_tiff_keeps_its_numbers(
    order: str,
    letter: str,
    sample_format: int,
    dtype: type[np.generic],
    values: list[float],
    *,
    compressed: bool,
) -> None:
    data = struct.pack(order + letter * 2, *values)
    strip, how = (zlib.compress(data), 8) if compressed else (data, 1)
    bits = struct.calcsize(order + letter) * 8
    picture = picture_of(
        tiff_bytes(order, (2, 1), [bits], [strip], sample_format=sample_format, compression=how)
    )
    assert same_bits(picture.pixels, np.array([values], dtype))
    assert picture.kind == PictureKind.NUMBERS


def test_signed_8_bit_tiff_is_not_taken_for_bright_pixels() -> None:
    data = tiff_bytes("<", (2, 1), [8], [struct.pack("<2b", -5, 7)], sample_format=2)
    try:
        pixels = picture_of(data).pixels
    except ImageError:
        return
    assert pixels.tolist() == [[-5, 7]]


def test_float64_tiff_keeps_all_its_bits() -> None:
    data = tiff_bytes("<", (1, 1), [64], [struct.pack("<d", 0.1)], sample_format=3)
    assert picture_of(data).pixels.tolist() == [[0.1]]


def test_jpeg_is_close_to_what_was_saved() -> None:
    picture = picture_of(saved(Image.new("RGB", (20, 10), (200, 100, 50)), "JPEG", quality=95))
    assert picture.pixels.shape == (10, 20, 3)
    assert np.abs(picture.pixels.astype(int) - [200, 100, 50]).max() <= 3


def test_gray_jpeg_has_one_channel() -> None:
    picture = picture_of(saved(Image.new("L", (20, 10), 77), "JPEG"))
    assert same_bits(picture.pixels, np.full((10, 20), 77, np.uint8))


def test_progressive_jpeg_is_read() -> None:
    picture = picture_of(saved(Image.new("L", (20, 10), 77), "JPEG", progressive=True))
    assert same_bits(picture.pixels, np.full((10, 20), 77, np.uint8))


def test_8_bit_avif_is_read() -> None:
    picture = picture_of(saved(Image.new("RGB", (16, 16), (64, 128, 192)), "AVIF", quality=100))
    assert picture.pixels.dtype == np.uint8
    assert np.abs(picture.pixels.astype(int) - [64, 128, 192]).max() <= 4


def test_lossless_webp_is_read() -> None:
    pixels = noise((5, 7, 3))
    assert same_bits(picture_of(saved(Image.fromarray(pixels), "WEBP", lossless=True)).pixels, pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_thinnest_pictures(shape: tuple[int, int]) -> None:
    pixels = noise(shape)
    assert same_bits(picture_of(saved(Image.fromarray(pixels), "PNG")).pixels, pixels)


# Reading: what comes with the pixels ----------------------------------------------------------------------

STORED = [[0, 40, 80], [120, 160, 200]]
UPRIGHT = {  # row 0 and column 0 of the stored picture lie where the EXIF standard says
    1: [[0, 40, 80], [120, 160, 200]],  # top, left
    2: [[80, 40, 0], [200, 160, 120]],  # top, right
    3: [[200, 160, 120], [80, 40, 0]],  # bottom, right
    4: [[120, 160, 200], [0, 40, 80]],  # bottom, left
    5: [[0, 120], [40, 160], [80, 200]],  # left, top
    6: [[120, 0], [160, 40], [200, 80]],  # right, top
    7: [[200, 80], [160, 40], [120, 0]],  # right, bottom
    8: [[80, 200], [40, 160], [0, 120]],  # left, bottom
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_once(file_format: str, orientation: int) -> None:
    image = Image.fromarray(np.array(STORED, np.uint8)).convert("RGB")
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = saved(image, file_format, exif=with_orientation(orientation), **options)
    assert picture_of(data).pixels[:, :, 0].tolist() == UPRIGHT[orientation]


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_of_a_jpeg_is_applied_once(orientation: int) -> None:
    blocks = np.kron(np.array(STORED, np.uint8), np.ones((16, 16), np.uint8))
    data = saved(Image.fromarray(blocks), "JPEG", quality=95, exif=with_orientation(orientation))
    middles = picture_of(data).pixels[8::16, 8::16].astype(int)
    assert middles.shape == np.shape(UPRIGHT[orientation])
    assert np.abs(middles - UPRIGHT[orientation]).max() <= 2


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_orientation_of_16_bit_gray(file_format: str) -> None:
    image = Image.fromarray(np.array([[1, 300], [2, 40000]], np.uint16))
    data = saved(image, file_format, exif=with_orientation(6))
    assert same_bits(picture_of(data).pixels, np.array([[2, 1], [40000, 300]], np.uint16))


def test_alpha_turns_with_the_pixels() -> None:
    pixels = np.array([[[1, 101], [2, 102]]], np.uint8)
    picture = picture_of(saved(Image.fromarray(pixels), "PNG", exif=with_orientation(8)))
    assert picture.pixels.tolist() == [[2], [1]]
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[102], [101]]


@pytest.mark.parametrize(
    "file_format", [OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.TIFF, OutputFormat.WEBP]
)
def test_orientation_is_cleared_in_what_is_written(file_format: OutputFormat) -> None:
    source = Image.fromarray(smooth(8, 16))
    picture = picture_of(saved(source, "PNG", exif=with_orientation(6)))
    assert picture.pixels.shape == (16, 8, 3)
    data = encoded(picture, file_format)
    assert picture_of(data).pixels.shape == (16, 8, 3)
    with Image.open(io.BytesIO(data)) as written:
        assert written.getexif().get(0x0112, 1) == 1


def test_damaged_exif_does_not_hinder_reading() -> None:
    data = saved(Image.new("L", (4, 4), 9), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\1\1")
    assert picture_of(data).pixels.tolist() == [[9] * 4] * 4


def frames(mode: str) -> list[Image.Image]:
    return [Image.new(mode, (4, 4), color) for color in ((10, 20, 30), (200, 0, 0), (0, 200, 0))]


@pytest.mark.parametrize(
    ("file_format", "options"),
    [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {}), ("AVIF", {"quality": 100})],
)
def test_first_frame_of_several_is_used_with_a_note(file_format: str, options: dict[str, Any]) -> None:
    first, *others = frames("RGB")
    picture = picture_of(saved(first, file_format, save_all=True, append_images=others, **options))
    assert np.abs(picture.pixels.astype(int) - [10, 20, 30]).max() <= (4 if file_format == "AVIF" else 0)
    assert picture.notes == (
        "has several frames; the first is used (--frame selects another, --frame all filters all)",
    )


def test_multi_picture_jpeg_is_read_as_its_first() -> None:
    first, *others = frames("RGB")
    picture = picture_of(saved(first, "MPO", save_all=True, append_images=others))
    assert np.abs(picture.pixels.astype(int) - [10, 20, 30]).max() <= 3
    assert picture.notes == (
        "has several frames; the first is used (--frame selects another, --frame all filters all)",
    )


def test_later_pictures_of_a_multi_picture_jpeg_are_checked_as_the_first() -> None:
    one, other = (Image.fromarray(noise((60, 90, 3))) for _ in range(2))
    whole = saved(one, "MPO", save_all=True, append_images=[other])
    with Image.open(io.BytesIO(whole)) as image:
        image.seek(1)
        expected = np.array(image)
    second = load_picture(io.BytesIO(whole), "x", frame=1)
    assert same_bits(second.pixels, expected)
    start = whole.index(b"\xff\xd8\xff", whole.index(b"\xff\xd9"))
    middle = (start + len(whole)) // 2
    short = whole[:middle] + b"\xff\xd9" + whole[middle + 2 :]
    assert picture_of(short).pixels.shape == (60, 90, 3)
    with pytest.raises(ImageError, match="some of its pixels are missing"):
        load_picture(io.BytesIO(short), "x", frame=1)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF", "JPEG", "AVIF", "BMP", "PPM"])
def test_one_frame_needs_no_note(file_format: str) -> None:
    assert picture_of(saved(Image.new("RGB", (4, 4)), file_format)).notes == ()


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_profile_is_kept_as_it_is(file_format: str) -> None:
    data = saved(Image.new("RGB", (4, 4)), file_format, icc_profile=SRGB_PROFILE)
    assert picture_of(data).profile == SRGB_PROFILE


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_no_profile_is_none(file_format: str) -> None:
    assert picture_of(saved(Image.new("RGB", (4, 4)), file_format)).profile is None


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "BMP"])
def test_resolution_is_kept_across_and_down(file_format: str) -> None:
    data = saved(Image.new("RGB", (4, 4)), file_format, dpi=(100, 300))
    assert picture_of(data).resolution == pytest.approx((100, 300), abs=0.01)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "BMP"])
def test_resolution_is_a_pair_of_plain_numbers(file_format: str) -> None:
    resolution = picture_of(saved(Image.new("RGB", (4, 4)), file_format, dpi=(100, 300))).resolution
    assert resolution is not None
    assert all(isinstance(part, int | float) for part in resolution)


def test_resolution_in_centimetres_becomes_inches() -> None:
    data = saved(Image.new("L", (4, 4)), "TIFF", resolution_unit="cm", x_resolution=100, y_resolution=50)
    assert picture_of(data).resolution == pytest.approx((254, 127))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png_bytes(1, 1, 8, GRAY, [b"\1"]), id="png"),
        pytest.param(tiff_bytes("<", (1, 1), [8], [b"\1"]), id="tiff"),
        pytest.param(b"P5 1 1 255\n\1", id="pgm"),
        pytest.param(bmp_bytes(1, 1, 24, b"\1\1\1\0"), id="bmp"),
    ],
)
def test_no_resolution_is_made_up(data: bytes) -> None:
    assert picture_of(data).resolution is None


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_resolution_turns_with_the_pixels(orientation: int) -> None:
    data = saved(Image.new("L", (4, 2)), "PNG", dpi=(100, 300), exif=with_orientation(orientation))
    assert picture_of(data).resolution == pytest.approx((300, 100), abs=0.01)


# Reading: arrays and matrices -----------------------------------------------------------------------------


def array_file(array: Array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize(
    "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">i2", ">u2", ">i8", ">f4", ">f8"]
)
def test_npy_keeps_type_and_values(dtype: str, file_of: FileOf) -> None:
    array = np.array([[0, 1, 2], [100, 101, 102]], dtype)
    picture = load_picture(file_of(array_file(array), "x.npy"), "x.npy")
    assert picture.pixels.dtype == array.dtype.newbyteorder("=")
    assert picture.pixels.tolist() == array.tolist()
    assert picture.kind == PictureKind.ARRAY


def test_npy_of_booleans_holds_0_and_1() -> None:
    assert same_bits(picture_of(array_file(np.array([[True, False]]))).pixels, np.array([[1, 0]], np.uint8))


def test_npy_of_half_floats_becomes_float32() -> None:
    picture = picture_of(array_file(np.array([[0.5, 65504]], np.float16)))
    assert same_bits(picture.pixels, np.array([[0.5, 65504]], np.float32))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 7)])
def test_npy_in_fortran_order(shape: tuple[int, ...], file_of: FileOf) -> None:
    array = noise(shape, np.int32)
    data = array_file(np.asfortranarray(array))
    assert b"'fortran_order': True" in data
    assert np.array_equal(load_picture(file_of(data, "x.npy"), "x.npy").pixels, array)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_npy_header_versions(version: int) -> None:
    assert same_bits(picture_of(npy_bytes(version=version)).pixels, np.array([[1, 2]], np.int32))


def test_npy_from_python_2_is_read_without_a_warning() -> None:
    assert picture_of(npy_bytes(shape="(1L, 2L)")).pixels.tolist() == [[1, 2]]


@pytest.mark.parametrize("source", ["file", "stream"])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(npy_bytes(shape="(2,)"), id="one axis"),
        pytest.param(npy_bytes(shape="()"), id="no axis"),
        pytest.param(npy_bytes(shape="(1, 1, 1, 2)"), id="four axes"),
        pytest.param(npy_bytes(shape="(0, 2)", data=b""), id="no rows"),
        pytest.param(npy_bytes(shape="(2, 0)", data=b""), id="no columns"),
        pytest.param(npy_bytes(shape="(2, 2, 0)", data=b""), id="no channels"),
        pytest.param(npy_bytes("'<c8'", "(1, 1)"), id="complex"),
        pytest.param(npy_bytes("'<f16'", "(1, 1)", bytes(16)), id="long double"),
        pytest.param(npy_bytes("'<M8[s]'", "(1, 1)"), id="dates"),
        pytest.param(npy_bytes("'|S4'"), id="strings"),
        pytest.param(npy_bytes("'a4'"), id="strings by an old name"),
        pytest.param(npy_bytes("[('r', '<i4')]"), id="records"),
        pytest.param(npy_bytes("'|O'"), id="objects by header"),
        pytest.param(array_file(np.array([[{}, 1]], object)), id="objects"),
        pytest.param(npy_bytes(data=b"\1\0\0\0\2\0\0"), id="one byte short"),
        pytest.param(npy_bytes(data=b""), id="no data"),
        pytest.param(npy_bytes()[:60], id="cut in the header"),
        pytest.param(npy_bytes()[:9], id="cut in the length"),
        pytest.param(npy_bytes()[:6], id="the magic alone"),
        pytest.param(npy_bytes(version=4), id="a version of the future"),
        pytest.param(npy_bytes(shape="(-1, 2)"), id="a negative side"),
        pytest.param(npy_bytes(shape=f"(1, 1, {2**40})"), id="2^40 channels"),
        pytest.param(npy_bytes(shape=f"(1, 1, {2**70})"), id="2^70 channels"),
        pytest.param(npy_bytes(shape=f"({2**70}, 1)"), id="2^70 rows"),
        pytest.param(npy_bytes(shape="(1.5, 2)"), id="a fraction of a row"),
        pytest.param(npy_bytes(shape="(" * 5000), id="nested brackets"),
        pytest.param(npy_bytes(descr="print(1)"), id="code in the header"),
        pytest.param(npy_bytes(descr="'<i4'" + " " * 20000), id="a long header"),
        pytest.param(b"\x93NUMPY\3\0\4\0\0\0\xff\xff\xff\xff", id="a header that is no text"),
    ],
)
def test_npy_that_is_no_image_is_refused(data: bytes, source: str, file_of: FileOf) -> None:
    with pytest.raises(ImageError):
        load_picture(file_of(data, "x.npy") if source == "file" else io.BytesIO(data), "x.npy")


def test_pickle_in_an_npy_is_never_run(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    stream = io.BytesIO()
    np.save(stream, np.array([[Touch(target)]], object), allow_pickle=True)
    with pytest.raises(ImageError):
        picture_of(stream.getvalue())
    assert not target.exists()


class Touch:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_npy_named_png_is_read_by_its_content(file_of: FileOf) -> None:
    assert load_picture(file_of(npy_bytes(), "x.png"), "x.png").pixels.tolist() == [[1, 2]]


@pytest.mark.parametrize("name", ["x.csv", "x.txt", "x.TXT"])
def test_matrix_of_whole_numbers_is_int64(name: str, file_of: FileOf) -> None:
    picture = load_picture(file_of(b"# a comment\n1, 2\n-3, 9223372036854775807\n", name), name)
    assert same_bits(picture.pixels, np.array([[1, 2], [-3, 2**63 - 1]], np.int64))
    assert picture.kind == PictureKind.TEXT


def test_matrix_with_a_fraction_is_float64(file_of: FileOf) -> None:
    picture = load_picture(file_of(b"1 0.5\n1e300 -inf\n", "x.txt"), "x.txt")
    assert same_bits(picture.pixels, np.array([[1, 0.5], [1e300, -np.inf]], np.float64))


def test_matrix_with_a_byte_order_mark(file_of: FileOf) -> None:
    assert load_picture(file_of(b"\xef\xbb\xbf1,2\r\n3,4\r\n", "x.csv"), "x").pixels.tolist() == [
        [1, 2],
        [3, 4],
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"1 2\n3\n", "row 2 has 1", id="ragged"),
        pytest.param(b" \n\n", "empty", id="blank"),
        pytest.param(b"# nothing\n", "empty", id="only a comment"),
        pytest.param(b"1 two\n", "'two', not a number", id="a word"),
        pytest.param(b"1 2 \xff\n", "UTF-8", id="not UTF-8"),
        pytest.param("1 2\n".encode("utf-16"), "UTF-8", id="UTF-16"),
        pytest.param(b"1,,2\n", "column 2 is empty", id="an empty cell"),
    ],
)
def test_text_that_is_no_matrix_is_refused(data: bytes, why: str, file_of: FileOf) -> None:
    with pytest.raises(ImageError, match=why):
        load_picture(file_of(data, "x.csv"), "x.csv")


# Reading: streams ------------------------------------------------------------------------------------------


def test_image_bytes_in_a_stream() -> None:
    pixels = noise((3, 4, 3))
    assert same_bits(read_image(io.BytesIO(saved(Image.fromarray(pixels), "PNG"))), pixels)


def test_array_bytes_in_a_stream() -> None:
    array = noise((3, 4), np.int16)
    assert same_bits(read_image(io.BytesIO(array_file(array))), array)


def test_matrix_text_in_a_stream() -> None:
    assert read_image(io.BytesIO(b"1 2; 3 4")).tolist() == [[1, 2], [3, 4]]


def test_rubbish_in_a_stream_is_named() -> None:
    with pytest.raises(ImageError, match=r"^stream: is not an image") as caught:
        read_image(io.BytesIO(b"\x80\x81\x82 rubbish"))
    assert caught.value.what == "stream"


def test_words_in_a_stream_are_no_image() -> None:
    with pytest.raises(ImageError, match=r"is not an image, and not a matrix either: .*'hello'"):
        read_image(io.BytesIO(b"hello there"))


def test_empty_stream() -> None:
    with pytest.raises(ImageError, match="is empty"):
        read_image(io.BytesIO(b""))


def test_stream_that_cannot_seek() -> None:
    reader, writer = os.pipe()
    with open(writer, "wb") as stream:  # noqa: PTH123 -- a descriptor
        stream.write(png_bytes(1, 1, 8, GRAY, [b"\x2a"]))
    with open(reader, "rb") as stream:  # noqa: PTH123 -- a descriptor
        assert read_image(stream).tolist() == [[42]]


# Reading: files that are no images -------------------------------------------------------------------------


def test_jpeg_named_png_is_read_by_its_content(file_of: FileOf) -> None:
    path = file_of(saved(Image.new("L", (8, 8), 50), "JPEG"), "x.png")
    assert read_image(path).tolist() == [[50] * 8] * 8


def test_image_without_an_extension(file_of: FileOf) -> None:
    assert read_image(file_of(png_bytes(1, 1, 8, GRAY, [b"\x2a"]), "picture")).tolist() == [[42]]


def test_path_as_a_string(file_of: FileOf) -> None:
    assert read_image(str(file_of(png_bytes(1, 1, 8, GRAY, [b"\x2a"]), "x.png"))).tolist() == [[42]]


def test_bytes_after_the_image_do_no_harm() -> None:
    assert picture_of(png_bytes(1, 1, 8, GRAY, [b"\x2a"]) + b"junk").pixels.tolist() == [[42]]


def test_text_named_png_is_refused(file_of: FileOf) -> None:
    with pytest.raises(ImageError, match="is not an image") as caught:
        load_picture(file_of(b"1 2\n3 4\n", "x.png"), "x.png")
    assert caught.value.what == "x.png"


@pytest.mark.parametrize("name", ["x.png", "x.npy", "x.csv", "x"])
def test_empty_file_is_refused(name: str, file_of: FileOf) -> None:
    with pytest.raises(ImageError, match=f"^{name}: is empty"):
        load_picture(file_of(b"", name), name)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^x\.png: no such file"):
        load_picture(tmp_path / "x.png", "x.png")


def test_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="name too long"):
        read_image(tmp_path / ("x" * 300 + ".png"))


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_device_is_refused(device: str) -> None:
    with pytest.raises(ImageError, match="device"):
        read_image(device)


def test_link_to_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").symlink_to("/dev/zero")
    with pytest.raises(ImageError, match="device"):
        read_image(tmp_path / "x.png")


def test_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("x.png")
        with pytest.raises(ImageError, match="socket"):
            read_image("x.png")


def test_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").symlink_to("x.png")
    with pytest.raises(ImageError):
        read_image(tmp_path / "x.png")


def test_fifo_with_an_image_in_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    pixels = noise((100, 100, 3))  # more than a pipe holds
    feeder = threading.Thread(target=path.write_bytes, args=(saved(Image.fromarray(pixels), "PNG"),))
    feeder.start()
    try:
        assert same_bits(read_image(path), pixels)
    finally:
        feeder.join()


def test_fifo_without_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(opening, "PIPE_TIMEOUT", 0.2)
    with pytest.raises(ImageError, match="is a pipe that no process writes to"):
        read_image(tmp_path / "pipe")


def test_fifo_whose_writer_takes_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr(opening, "PIPE_TIMEOUT", 0.0)
    read: list[Array] = []
    reader = threading.Thread(target=lambda: read.append(read_image(path)))
    keeper = os.open(path, os.O_RDWR)  # somebody is there from the beginning
    reader.start()
    reader.join(0.2)
    assert reader.is_alive()
    os.write(keeper, png_bytes(1, 1, 8, GRAY, [b"\1"]))
    os.close(keeper)
    reader.join(60)
    assert read[0].tolist() == [[1]]


def test_fifo_that_is_closed_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"",))
    writer.start()
    with pytest.raises(ImageError, match="is empty"):
        read_image(path)
    writer.join()


@not_as_root
def test_file_that_may_not_be_read(file_of: FileOf) -> None:
    path = file_of(png_bytes(1, 1, 8, GRAY, [b"\1"]), "x.png")
    path.chmod(0)
    with pytest.raises(ImageError, match="permission denied"):
        read_image(path)


@not_as_root
def test_file_in_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "x.png").write_bytes(png_bytes(1, 1, 8, GRAY, [b"\1"]))
    folder.chmod(0o600)
    try:
        with pytest.raises(ImageError, match="permission denied"):
            read_image(folder / "x.png")
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("file_format", ["EPS", "PDF", "ICO", "TGA", "PCX", "SGI"])
def test_format_that_is_not_allowed_is_refused(file_format: str, file_of: FileOf) -> None:
    path = file_of(saved(Image.new("RGB", (8, 8)), file_format), f"x.{file_format.lower()}")
    with pytest.raises(ImageError, match="is not an image"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.psd", b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 1, 1, 8, 3) + bytes(40)),
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"),
        ("x.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"),
    ],
)
def test_drawing_or_layered_file_is_refused(name: str, data: bytes, file_of: FileOf) -> None:
    with pytest.raises(ImageError, match="is not an image"):
        read_image(file_of(data, name))


# Reading: damaged files ------------------------------------------------------------------------------------


def whole_png() -> tuple[bytes, int]:
    """Return a PNG and the number of its bytes that carry all pixels."""
    data = saved(Image.fromarray(smooth()), "PNG")
    start = data.index(b"IDAT") + 4
    length = struct.unpack(">I", data[start - 8 : start - 4])[0]
    pixels = data[start : start + length]
    full = len(zlib.decompress(pixels))
    needed = next(n for n in range(length + 1) if len(zlib.decompressobj().decompress(pixels[:n])) == full)
    return data, start + needed


def test_png_cut_before_its_last_pixel_is_refused_at_every_byte() -> None:
    data, needed = whole_png()
    for length in range(needed):
        with pytest.raises(ImageError):
            picture_of(data[:length])


def test_png_cut_after_its_last_pixel_is_refused_at_every_byte() -> None:
    data, needed = whole_png()
    accepted = []
    for length in range(needed, len(data)):
        try:
            picture_of(data[:length])
        except ImageError:
            continue
        accepted.append(length)
    assert accepted == []


def test_png_whose_pixels_end_early_inside_a_valid_stream_is_refused() -> None:
    with pytest.raises(ImageError):
        picture_of(png_bytes(2, 4, 8, GRAY, [b"\1\2", b"\3\4"]))


def test_png_whose_last_row_is_half_there_is_refused() -> None:
    with pytest.raises(ImageError):
        picture_of(png_bytes(2, 2, 8, GRAY, [b"\1\2", b"\3"]))


@pytest.mark.parametrize("chunk", [b"IHDR", b"IDAT"])
def test_png_with_a_bad_checksum_is_refused(chunk: bytes) -> None:
    data = bytearray(png_bytes(3, 3, 8, GRAY, [b"\1\2\3"] * 3))
    start = data.index(chunk)
    length = struct.unpack(">I", data[start - 4 : start])[0]
    data[start + 4 + length] ^= 1
    with pytest.raises(ImageError):
        picture_of(bytes(data))


def test_png_with_a_flipped_bit_in_a_stored_pixel_is_refused() -> None:
    data = bytearray(saved(Image.fromarray(noise((4, 4))), "PNG", compress_level=0))
    data[data.index(b"IDAT") + 20] ^= 0x10
    with pytest.raises(ImageError):
        picture_of(bytes(data))


@pytest.mark.parametrize("progressive", [False, True])
def test_cut_jpeg_is_refused(progressive: bool) -> None:
    data = saved(Image.fromarray(smooth()), "JPEG", progressive=progressive)
    for length in [3, 11, 25, *range(30, len(data), 13), len(data) - 2, len(data) - 1]:
        with pytest.raises(ImageError):
            picture_of(data[:length])


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("TIFF", {}),
        ("BMP", {}),
        ("PPM", {}),
        ("AVIF", {}),
    ],
)
def test_cut_file_is_refused(file_format: str, options: dict[str, Any]) -> None:
    data = saved(Image.fromarray(noise((16, 24, 3))), file_format, **options)
    for tenths in range(1, 10):
        with pytest.raises(ImageError):
            picture_of(data[: len(data) * tenths // 10])


def test_tiff_directory_that_names_itself_as_the_next() -> None:
    data = bytearray(tiff_bytes("<", (1, 1), [8], [b"\x2a"]))
    count = struct.unpack("<H", data[8:10])[0]
    data[10 + 12 * count : 14 + 12 * count] = struct.pack("<L", 8)
    assert picture_of(bytes(data)).pixels.tolist() == [[42]]


@pytest.mark.parametrize("offset", [1, 2**31, 2**32 - 1])
def test_tiff_directory_in_the_wild_is_refused(offset: int) -> None:
    data = bytearray(tiff_bytes("<", (1, 1), [8], [b"\x2a"]))
    data[4:8] = struct.pack("<L", offset)
    with pytest.raises(ImageError):
        picture_of(bytes(data))


@pytest.mark.parametrize("width", [0, 2**31 - 1, 2**32 - 1])
def test_png_with_an_impossible_side_is_refused(width: int) -> None:
    with pytest.raises(ImageError):
        picture_of(png_bytes(width, 1, 8, GRAY, [b""]))


@given(st.binary(max_size=200))
@settings(max_examples=examples(60))
def test_any_bytes_are_a_picture_or_an_image_error(data: bytes) -> None:
    with suppress(ImageError):
        assert picture_of(data).pixels.size


SEEDS = [
    saved(Image.fromarray(smooth()), "PNG"),
    saved(Image.fromarray(smooth()), "JPEG"),
    saved(Image.fromarray(smooth()), "WEBP"),
    saved(Image.fromarray(smooth()), "GIF"),
    saved(Image.fromarray(smooth()), "BMP"),
    saved(Image.fromarray(smooth()), "PPM"),
    npy_bytes(),
]


@given(st.sampled_from(SEEDS), st.integers(0, 10**6), st.binary(min_size=1, max_size=4))
@settings(max_examples=examples(150))
def test_any_damage_leaves_a_picture_or_an_image_error(seed: bytes, place: int, patch: bytes) -> None:
    start = place % len(seed)
    with suppress(ImageError):
        assert picture_of(seed[:start] + patch + seed[start + len(patch) :]).pixels.size


# Reading: limits and manners -------------------------------------------------------------------------------


def test_an_array_of_too_many_numbers_is_refused_before_it_is_read() -> None:
    with pytest.raises(
        ImageError,
        match="has 60000x60000 = 3600000000 pixels, more than 268435456; raise the limit with --max-pixels",
    ):
        picture_of(npy_bytes("'|u1'", "(60000, 60000)"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png_bytes(60000, 60000, 8, RGB, []), id="png"),
        pytest.param(bmp_bytes(60000, 60000, 24, b""), id="bmp"),
        pytest.param(b"P5 60000 60000 255\n", id="pgm"),
        pytest.param(tiff_bytes("<", (60000, 60000), [8], [b"\0"]), id="tiff"),
        pytest.param(
            b"GIF89a" + struct.pack("<HH", 60000, 60000) + b"\0\0\0,\0\0\0\0`\xea`\xea\0\2\0;", id="gif"
        ),
    ],
)
def test_60000_pixels_square_are_refused_at_once(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ImageError, match="60000x60000 = 3600000000 pixels, more than 268435456"):
        picture_of(data)
    assert time.process_time() - started < 1


LIMITED = [
    pytest.param(png_bytes(4, 3, 8, GRAY, [b"\1\2\3\4"] * 3), id="png"),
    pytest.param(array_file(np.zeros((3, 4))), id="npy"),
    pytest.param(b"1 2 3 4\n" * 3, id="text"),
]


@pytest.mark.parametrize("data", LIMITED)
def test_as_many_pixels_as_allowed_are_read(data: bytes) -> None:
    assert picture_of(data, Limits(pixels=12)).pixels.shape == (3, 4)


@pytest.mark.parametrize("data", LIMITED)
def test_one_pixel_more_than_allowed_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match="more than 11"):
        picture_of(data, Limits(pixels=11))


def test_no_descriptor_is_left_open(file_of: FileOf) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("no /proc here")
    paths = [
        file_of(data, f"{number}.png") for number, data in enumerate([*SEEDS, b"rubbish", SEEDS[0][:90]])
    ]
    before = len(list(descriptors.iterdir()))
    for path in paths:
        try:
            read_image(path)
        except ImageError:
            continue
    assert len(list(descriptors.iterdir())) == before


# Picture ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "depth"), [(np.uint8, 8), (np.uint16, 16), (np.int16, 8), (np.float32, 8), (np.uint32, 8)]
)
def test_depth_is_16_for_uint16_only(dtype: type[np.generic], depth: int) -> None:
    assert Picture(np.zeros((1, 1), dtype)).depth == depth


@pytest.mark.parametrize("shape", [(), (5,), (0, 5), (5, 0), (5, 5, 0), (2, 5, 5, 3)])
def test_a_picture_has_the_shape_of_an_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ImageError, match=re.escape(f"array of shape {shape}: an image is (H, W) or (H, W, C)")
    ):
        Picture(np.zeros(shape, np.uint8))


def test_a_picture_holds_real_numbers() -> None:
    with pytest.raises(ImageError, match="array of complex64: an image holds integers, float32 or float64"):
        Picture(np.zeros((2, 2), np.complex64))


def test_lists_and_booleans_become_arrays_of_a_picture() -> None:
    assert Picture([[1, 2], [3, 4]]).pixels.dtype == np.int64  # type: ignore[arg-type]
    assert Picture(np.array([[True, False]])).pixels.tolist() == [[1, 0]]
    assert Picture(np.array([[True, False]])).pixels.dtype == np.uint8


@pytest.mark.parametrize(
    ("alpha", "described"),
    [
        (np.zeros((3, 6), np.uint8), "uint8 (3, 6)"),
        (np.zeros((5, 6, 3), np.uint8), "uint8 (5, 6, 3)"),
        (np.full((5, 6), 0.5), "float64 (5, 6)"),
        (np.full((5, 6), 256, np.uint16), "uint16 (5, 6)"),
        (np.full((5, 6), 1, np.int8), "int8 (5, 6)"),
        (np.ones((5, 6), np.bool_), "bool (5, 6)"),
    ],
)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_alpha_that_does_not_fit_is_refused(alpha: Any, described: str, channels: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=re.escape(f"alpha of {described}: must be uint8 (5, 6)")):
        Picture(np.zeros((5, 6, *channels), np.uint8), alpha)


@pytest.mark.parametrize(
    ("alpha", "dtype", "expected"),
    [
        ([[0, 1, 128, 255]], np.uint16, [[0, 257, 32896, 65535]]),
        ([[0, 128, 255]], np.float64, [[0, 128 / 255, 1]]),
    ],
)
def test_alpha_of_another_depth_keeps_its_share(alpha: Any, dtype: Any, expected: Any) -> None:
    assert convert_alpha(np.array(alpha, np.uint8), np.dtype(dtype)).tolist() == expected


def test_alpha_beyond_its_range_is_clipped() -> None:
    alpha = np.array([[-0.5, 0.5, 1.5, np.nan, np.inf]], np.float32)
    assert convert_alpha(alpha, np.dtype(np.uint8)).tolist() == [[0, 128, 255, 0, 255]]


def test_alpha_has_the_depth_of_the_pixels() -> None:
    deep = Picture(np.zeros((1, 2), np.uint16), np.array([[0, 65535]], np.uint16))
    assert deep.alpha is not None
    assert deep.alpha.dtype == np.uint16
    numbers = Picture(np.zeros((1, 2), np.float32), np.array([[0, 0.5]], np.float32))
    rendered = numbers.with_pixels(np.zeros((1, 2), np.uint8), numbers.alpha)
    assert rendered.alpha is not None
    assert rendered.alpha.tolist() == [[0, 128]]


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (np.uint8, PictureKind.PIXELS),
        (np.uint16, PictureKind.PIXELS),
        (np.bool_, PictureKind.PIXELS),
        (np.int8, PictureKind.ARRAY),
        (np.uint32, PictureKind.ARRAY),
        (np.int64, PictureKind.ARRAY),
        (np.float32, PictureKind.ARRAY),
    ],
)
def test_only_unsigned_8_and_16_bits_are_pixels_by_default(
    dtype: type[np.generic], kind: PictureKind
) -> None:
    assert Picture(np.zeros((2, 2), dtype)).kind == kind


@pytest.mark.parametrize("read", [read_image, lambda path: read_picture(path).pixels])
def test_a_path_may_be_bytes_or_any_path_like(read: Callable[[Any], Any], tmp_path: Path) -> None:
    class Where:
        def __fspath__(self) -> str:
            return str(target)

    target = tmp_path / "a.csv"
    write_image(os.fsencode(target), [[1, 2]])  # type: ignore[arg-type]
    write_picture(Where(), Picture(np.array([[3, 4]])), force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert read(Where()).tolist() == read(os.fsencode(target)).tolist() == [[3, 4]]


@pytest.mark.parametrize("name", ["a\0.png", "\0/a.png"])
def test_a_name_with_a_zero_byte_is_no_output(name: str) -> None:
    with pytest.raises(OutputError, match="null byte"):
        write_image(name, np.zeros((1, 2), np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_pixels": "x"}, "max_pixels x: must be a whole number, at least 1"),
        ({"max_pixels": None}, "max_pixels None: must be a whole number, at least 1"),
        ({"max_pixels": 0}, "max_pixels 0: must be a whole number, at least 1"),
        ({"frame": 1.5}, "frame 1.5: must be a whole number, at least 0"),
        ({"frame": -1}, "frame -1: must be a whole number, at least 0"),
    ],
)
def test_wrong_limits_are_not_blamed_on_the_file(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SizeError, match=f"^{re.escape(message)}$"):
        read_picture("there is no such file.png", **options)


def test_only_a_picture_is_written_as_a_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="picture of type ndarray: must be a Picture"):
        write_picture(tmp_path / "a.png", np.zeros((2, 2), np.uint8))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_result_keeps_what_came_with_the_input() -> None:
    source = Picture(smooth(), profile=SRGB_PROFILE, resolution=(100, 300))
    pixels, alpha = noise((3, 4, 3)), noise((3, 4))
    result = source.with_pixels(pixels, alpha)
    assert result.pixels is pixels
    assert result.alpha is alpha
    assert (result.profile, result.resolution, result.notes) == (SRGB_PROFILE, (100, 300), ())


def test_color_profile_does_not_stay_with_a_gray_result() -> None:
    result = Picture(smooth(), profile=SRGB_PROFILE).with_pixels(noise((3, 4)), None)
    assert result.profile is None
    assert result.notes == ("the color profile does not fit the result and is dropped",)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [(np.uint8, PictureKind.PIXELS), (np.uint16, PictureKind.PIXELS), (np.float32, PictureKind.NUMBERS)],
)
def test_rendered_result_of_numbers_is_pixels(dtype: type[np.generic], kind: PictureKind) -> None:
    source = Picture(np.zeros((2, 2), np.float32), kind=PictureKind.NUMBERS)
    assert source.with_pixels(np.zeros((2, 2), dtype), None).kind == kind


# Formats ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("png", OutputFormat.PNG),
        (".png", OutputFormat.PNG),
        ("PNG", OutputFormat.PNG),
        ("jpg", OutputFormat.JPEG),
        ("jpeg", OutputFormat.JPEG),
        ("tif", OutputFormat.TIFF),
        ("tiff", OutputFormat.TIFF),
        ("pgm", OutputFormat.PNM),
        ("ppm", OutputFormat.PNM),
        ("pnm", OutputFormat.PNM),
        ("webp", OutputFormat.WEBP),
        ("bmp", OutputFormat.BMP),
        ("avif", OutputFormat.AVIF),
        ("npy", OutputFormat.NPY),
        ("csv", OutputFormat.CSV),
        ("txt", OutputFormat.TXT),
    ],
)
def test_format_by_name(name: str, file_format: OutputFormat) -> None:
    assert parse_format(name) is file_format


@pytest.mark.parametrize("name", ["", ".", "ico", "pdf", "png ", "..png", "p\nng"])
def test_unknown_format_is_wrong_usage(name: str) -> None:
    with pytest.raises(UsageError, match="is not one of png, jpeg"):
        parse_format(name)


@pytest.mark.parametrize(
    ("target", "file_format"),
    [("a/b.JPG", OutputFormat.JPEG), ("b.tar.png", OutputFormat.PNG), (Path("x.npy"), OutputFormat.NPY)],
)
def test_format_by_extension(target: str | Path, file_format: OutputFormat) -> None:
    assert format_for_path(target) is file_format


@pytest.mark.parametrize("target", ["x", "png", ".png", "folder.png/x"])
def test_missing_extension_is_wrong_usage(target: str) -> None:
    with pytest.raises(UsageError, match="has no extension; the extension selects the format"):
        format_for_path(target)


@pytest.mark.parametrize("target", ["x.ico", "x.png.bak", "x.doc"])
def test_unknown_extension_is_wrong_usage(target: str) -> None:
    with pytest.raises(UsageError, match=r"unknown extension '\.\w+'"):
        format_for_path(target)


def test_formats_of_numbers_and_of_text() -> None:
    assert {item for item in OutputFormat if item.numeric} == {
        OutputFormat.NPY,
        OutputFormat.CSV,
        OutputFormat.TXT,
    }
    assert {item for item in OutputFormat if item.text} == {OutputFormat.CSV, OutputFormat.TXT}


@pytest.mark.parametrize("target", ["x", "x.ico"])
def test_writing_without_a_known_extension_leaves_nothing(target: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_image(tmp_path / target, noise((2, 2)))
    assert list(tmp_path.iterdir()) == []


# Writing: what comes back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", ["png", "tif", "tiff", "bmp", "pgm", "pnm", "npy"])
@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (1, 9), (9, 1)])
def test_gray_comes_back_bit_identical(extension: str, shape: tuple[int, int], tmp_path: Path) -> None:
    pixels = noise(shape)
    write_image(tmp_path / f"x.{extension}", pixels)
    assert same_bits(read_image(tmp_path / f"x.{extension}"), pixels)


def test_gray_in_webp_comes_back_as_equal_colors(tmp_path: Path) -> None:
    pixels = noise((5, 7))
    write_image(tmp_path / "x.webp", pixels)
    assert same_bits(read_image(tmp_path / "x.webp"), np.dstack([pixels] * 3))


@pytest.mark.parametrize("extension", ["png", "tiff", "webp", "bmp", "ppm", "pnm", "npy"])
def test_rgb_comes_back_bit_identical(extension: str, tmp_path: Path) -> None:
    pixels = noise((5, 7, 3))
    write_image(tmp_path / f"x.{extension}", pixels)
    assert same_bits(read_image(tmp_path / f"x.{extension}"), pixels)


@pytest.mark.parametrize("extension", ["png", "tiff", "pgm", "pnm", "npy"])
def test_16_bit_gray_comes_back_bit_identical(extension: str, tmp_path: Path) -> None:
    pixels = noise((5, 7), np.uint16)
    write_image(tmp_path / f"x.{extension}", pixels)
    assert same_bits(read_image(tmp_path / f"x.{extension}"), pixels)


def test_16_bit_pgm_is_written_as_netpbm_has_it(tmp_path: Path) -> None:
    write_image(tmp_path / "x.pgm", np.array([[1, 40001]], np.uint16))
    assert (tmp_path / "x.pgm").read_bytes() == b"P5\n2 1\n65535\n\x00\x01\x9c\x41"


def with_clear_and_opaque_pixels(shape: tuple[int, ...]) -> Array:
    pixels = noise(shape)
    pixels[0, :, -1] = 0
    pixels[1, :, -1] = 255
    return pixels


@pytest.mark.parametrize("extension", ["png", "tiff", "webp", "npy"])
def test_rgba_comes_back_bit_identical(extension: str, tmp_path: Path) -> None:
    pixels = with_clear_and_opaque_pixels((5, 7, 4))
    write_image(tmp_path / f"x.{extension}", pixels)
    assert same_bits(read_image(tmp_path / f"x.{extension}"), pixels)


@pytest.mark.parametrize("extension", ["png", "tiff", "npy"])
def test_gray_and_alpha_come_back_bit_identical(extension: str, tmp_path: Path) -> None:
    pixels = with_clear_and_opaque_pixels((5, 7, 2))
    write_image(tmp_path / f"x.{extension}", pixels)
    assert same_bits(read_image(tmp_path / f"x.{extension}"), pixels)


def test_gray_and_alpha_in_webp_come_back_as_equal_colors_and_alpha(tmp_path: Path) -> None:
    pixels = with_clear_and_opaque_pixels((5, 7, 2))
    write_image(tmp_path / "x.webp", pixels)
    assert same_bits(read_image(tmp_path / "x.webp"), pixels[:, :, [0, 0, 0, 1]])


@pytest.mark.parametrize("extension", ["png", "tiff", "webp"])
def test_alpha_comes_back_byte_identical(extension: str) -> None:
    alpha = noise((16, 16))
    picture = Picture(smooth(16, 16), alpha=alpha)
    back = picture_of(encoded(picture, parse_format(extension)))
    assert back.alpha is not None
    assert same_bits(back.alpha, alpha)


def test_jpeg_comes_back_close(tmp_path: Path) -> None:
    pixels = smooth(32, 32)
    write_image(tmp_path / "x.jpg", pixels)
    back = read_image(tmp_path / "x.jpg")
    assert back.shape == pixels.shape
    assert np.abs(back.astype(int) - pixels).max() <= 6


def test_avif_comes_back_close(tmp_path: Path) -> None:
    pixels = np.full((16, 16, 3), (64, 128, 192), np.uint8)
    write_image(tmp_path / "x.avif", pixels)
    back = read_image(tmp_path / "x.avif")
    assert back.shape == pixels.shape
    assert np.abs(back.astype(int) - pixels).max() <= 4


def sampling_factors(jpeg: bytes) -> list[tuple[int, int]]:
    place = 2
    while jpeg[place + 1] not in (0xC0, 0xC1, 0xC2):
        place += 2 + int(struct.unpack(">H", jpeg[place + 2 : place + 4])[0])
    components = jpeg[place + 9]
    factors = (jpeg[place + 11 + 3 * number] for number in range(components))
    return [(factor >> 4, factor & 15) for factor in factors]


def test_jpeg_keeps_color_at_full_resolution() -> None:
    data = encoded(Picture(smooth()), OutputFormat.JPEG)
    assert sampling_factors(data) == [(1, 1), (1, 1), (1, 1)]


NUMBERS: dict[str, Array] = {
    "int8": np.array([[-128, 127]], np.int8),
    "int16": np.array([[-32768, 32767]], np.int16),
    "int32": np.array([[-(2**31), 2**31 - 1]], np.int32),
    "int64": np.array([[-(2**63), 2**63 - 1]], np.int64),
    "uint8": np.array([[0, 255]], np.uint8),
    "uint16": np.array([[0, 65535]], np.uint16),
    "uint32": np.array([[0, 2**32 - 1]], np.uint32),
    "uint64": np.array([[0, 2**64 - 1]], np.uint64),
    "float32": np.array([[0.1, np.nan], [np.inf, -1e-45]], np.float32),
    "float64": np.array([[0.1, np.nan], [5e-324, -1.7976931348623157e308]], np.float64),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_in_npy_come_back_bit_identical(name: str, tmp_path: Path) -> None:
    write_image(tmp_path / "x.npy", NUMBERS[name])
    assert same_bits(read_image(tmp_path / "x.npy"), NUMBERS[name])


@pytest.mark.parametrize("extension", ["csv", "txt"])
@pytest.mark.parametrize("name", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"])
def test_whole_numbers_in_text_come_back_the_same(name: str, extension: str, tmp_path: Path) -> None:
    write_image(tmp_path / f"x.{extension}", NUMBERS[name])
    assert same_bits(read_image(tmp_path / f"x.{extension}"), NUMBERS[name].astype(np.int64))


@pytest.mark.parametrize("extension", ["csv", "txt"])
def test_float64_in_text_comes_back_bit_identical(extension: str, tmp_path: Path) -> None:
    numbers = np.array(
        [[0.1, 1 / 3, np.nan], [5e-324, -1.7976931348623157e308, np.inf], [1e16, 2.5, -np.inf]]
    )
    write_image(tmp_path / f"x.{extension}", numbers)
    assert same_bits(read_image(tmp_path / f"x.{extension}"), numbers)


def test_float32_in_text_comes_back_the_same_once_it_is_float32_again(tmp_path: Path) -> None:
    numbers = np.array([[0.1, 1 / 3], [16777217, 3.4028235e38]], np.float32)
    write_image(tmp_path / "x.txt", numbers)
    assert same_bits(read_image(tmp_path / "x.txt").astype(np.float32), numbers)


def test_csv_is_separated_by_commas(tmp_path: Path) -> None:
    write_image(tmp_path / "x.csv", [[1, -2], [3, 4]])
    assert (tmp_path / "x.csv").read_bytes() == b"1,-2\n3,4\n"


def test_txt_is_separated_by_spaces(tmp_path: Path) -> None:
    write_image(tmp_path / "x.txt", [[1, -2], [3, 4]])
    assert (tmp_path / "x.txt").read_bytes() == b"1 -2\n3 4\n"


@given(
    st.integers(1, 8), st.integers(1, 8), st.sampled_from(["u1", "u2", "i4", "i8", "f4", "f8"]), st.randoms()
)
@settings(max_examples=examples(40))
def test_any_array_survives_npy(height: int, width: int, dtype: str, random: Any) -> None:
    size = np.dtype(dtype).itemsize * height * width
    array = np.frombuffer(random.randbytes(size), dtype).reshape(height, width)
    assert same_bits(picture_of(encoded(Picture(array), OutputFormat.NPY)).pixels, array)


FLOAT_TIFF: dict[str, Array] = {
    "float32": np.array([[0.1, np.nan], [np.inf, -3.4028235e38]], np.float32),
    "float64 that is float32": np.array([[0.5, -1e10], [np.nan, np.inf]], np.float64),
    "int8": np.array([[-128, 127]], np.int8),
    "int16": np.array([[-32768, 32767]], np.int16),
    "int32": np.array([[-(2**24), 2**24]], np.int32),
    "int64": np.array([[-(2**62), 3]], np.int64),
    "uint32": np.array([[4_000_000_000, 7]], np.uint32),
    "uint64": np.array([[2**63, 7]], np.uint64),
}


@pytest.mark.parametrize("name", FLOAT_TIFF)
def test_numbers_that_float32_holds_are_exact_in_a_tiff(name: str, tmp_path: Path) -> None:
    write_image(tmp_path / "x.tiff", FLOAT_TIFF[name])
    assert same_bits(read_image(tmp_path / "x.tiff"), FLOAT_TIFF[name].astype(np.float32))


@pytest.mark.parametrize("kind", PictureKind)
@pytest.mark.parametrize("name", FLOAT_TIFF)
def test_numbers_are_exact_in_a_tiff_whatever_they_came_from(name: str, kind: PictureKind) -> None:
    picture = Picture(FLOAT_TIFF[name], kind=kind)
    back = picture_of(encoded(picture, OutputFormat.TIFF)).pixels
    assert np.array_equal(back.astype(np.float64), FLOAT_TIFF[name].astype(np.float64), equal_nan=True)


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(np.array([[0.1]]), id="a tenth"),
        pytest.param(np.array([[1e300]]), id="1e300"),
        pytest.param(np.array([[1e-300]]), id="1e-300"),
        pytest.param(np.array([[2**31 + 1]], np.int64), id="2^31 + 1 in int64"),
        pytest.param(np.array([[2**32 - 1]], np.uint32), id="2^32 - 1 in uint32"),
        pytest.param(np.array([[2**53 + 1]], np.int64), id="2^53 + 1 in int64"),
        pytest.param(np.array([[2**60 + 1]], np.int64), id="2^60 + 1 in int64"),
        pytest.param(np.array([[2**63 - 1]], np.int64), id="2^63 - 1 in int64"),
        pytest.param(np.array([[2**64 - 1]], np.uint64), id="2^64 - 1 in uint64"),
    ],
)
def test_numbers_that_pillow_would_round_in_a_tiff_need_the_extra(
    numbers: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "x.tiff", numbers)
    assert same_bits(np.asarray(tifffile.imread(tmp_path / "x.tiff")), numbers)
    (tmp_path / "x.tiff").unlink()
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(OutputError, match=r"would round .*; pip install 'convcli\[deep\]' writes it"):
        write_image(tmp_path / "x.tiff", numbers)
    assert list(tmp_path.iterdir()) == []


def test_integers_beyond_24_bits_are_exact_in_a_tiff(tmp_path: Path) -> None:
    numbers = np.array([[2**24 + 1, -(2**31), 2**31 - 1]])
    write_image(tmp_path / "x.tiff", numbers)
    assert read_image(tmp_path / "x.tiff").tolist() == numbers.tolist()


def test_a_single_channel_needs_no_squeezing(tmp_path: Path) -> None:
    for name in ("x.png", "x.tiff", "x.csv"):
        write_image(tmp_path / name, np.array([[[1], [2]]], np.uint8))
        assert read_image(tmp_path / name).tolist() == [[1, 2]]


@pytest.mark.parametrize("file_format", ["png", "jpeg", "tiff", "webp", "avif"])
def test_profile_is_written_as_it_is(file_format: str) -> None:
    data = encoded(Picture(smooth(), profile=SRGB_PROFILE), OutputFormat(file_format))
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == SRGB_PROFILE


@pytest.mark.parametrize("file_format", ["png", "jpeg", "tiff", "webp", "bmp", "pnm", "avif"])
def test_no_profile_is_made_up(file_format: str) -> None:
    assert picture_of(encoded(Picture(smooth()), OutputFormat(file_format))).profile is None


@pytest.mark.parametrize("file_format", ["bmp", "pnm"])
def test_dropped_profile_is_noted(file_format: str) -> None:
    picture = Picture(smooth(), profile=SRGB_PROFILE)
    assert check_holds(picture, OutputFormat(file_format), "x") == (
        f"{file_format} cannot hold the color profile",
    )


@pytest.mark.parametrize("file_format", ["png", "jpeg", "tiff", "bmp"])
def test_resolution_is_written(file_format: str) -> None:
    data = encoded(Picture(smooth(), resolution=(100, 300)), OutputFormat(file_format))
    assert picture_of(data).resolution == pytest.approx((100, 300), abs=0.01)


def test_resolution_that_a_jpeg_cannot_hold_is_not_falsified() -> None:
    back = picture_of(encoded(Picture(smooth(), resolution=(1e5, 1e5)), OutputFormat.JPEG)).resolution
    assert back is None or back == pytest.approx((1e5, 1e5))


@pytest.mark.parametrize("file_format", ["npy", "csv", "txt"])
def test_alpha_dropped_from_numbers_is_noted(file_format: str) -> None:
    picture = Picture(noise((2, 2)), alpha=noise((2, 2)))
    assert check_holds(picture, OutputFormat(file_format), "x") == (f"{file_format} cannot hold alpha",)


# Writing: what a format cannot hold ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extension", "shape", "dtype"),
    [
        ("jpg", (4, 4, 4), np.uint8),
        ("jpg", (4, 4, 2), np.uint8),
        ("bmp", (4, 4, 4), np.uint8),
        ("bmp", (4, 4, 2), np.uint8),
        ("ppm", (4, 4, 4), np.uint8),
        ("pgm", (4, 4, 2), np.uint8),
        ("jpg", (4, 4), np.uint16),
        ("webp", (4, 4), np.uint16),
        ("bmp", (4, 4), np.uint16),
        ("avif", (4, 4), np.uint16),
        ("pgm", (4, 4, 3), np.uint16),
        ("ppm", (4, 4, 4), np.uint16),
        ("png", (4, 4, 5), np.uint16),
        ("jp2", (4, 4, 5), np.uint8),
        ("jxl", (4, 4), np.float32),
        ("png", (4, 4), np.int16),
        ("png", (4, 4), np.int64),
        ("png", (4, 4), np.float32),
        ("jpg", (4, 4), np.float64),
        ("webp", (4, 4, 3), np.float32),
        ("bmp", (4, 4), np.int8),
        ("pgm", (4, 4), np.uint32),
        ("avif", (4, 4), np.float32),
        ("csv", (4, 4, 3), np.uint8),
        ("txt", (4, 4, 2), np.float64),
        ("png", (4, 4, 5), np.uint8),
        ("jpg", (1, 65536), np.uint8),
        ("webp", (1, 16384), np.uint8),
        ("avif", (1, 65537), np.uint8),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_the_file_exists(
    extension: str, shape: tuple[int, ...], dtype: type[np.generic], tmp_path: Path
) -> None:
    with pytest.raises(OutputError):
        write_image(tmp_path / f"x.{extension}", np.ones(shape, dtype))
    assert list(tmp_path.iterdir()) == []


def test_refusal_names_the_file_and_a_format_that_holds_it(tmp_path: Path) -> None:
    target = tmp_path / "x.jpg"
    with pytest.raises(OutputError, match="cannot hold alpha; use png, tiff, webp") as caught:
        write_image(target, noise((2, 2, 4)))
    assert caught.value.what == str(target)


def test_encoder_that_refuses_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OutputError):
        write_image(tmp_path / "x.jpg", np.ones((1, 65536), np.uint8))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.float32, np.float64])
def test_a_tiff_keeps_alpha_of_the_kind_of_its_pixels(dtype: type[np.generic]) -> None:
    alpha = convert_alpha(noise((2, 2)), np.dtype(dtype))
    picture = Picture(np.ones((2, 2), dtype), alpha)
    assert check_holds(picture, OutputFormat.TIFF, "x") == ()
    with tifffile.TiffFile(io.BytesIO(encoded(picture, OutputFormat.TIFF))) as file:
        assert file.pages.first.extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)
        assert same_bits(file.asarray(), np.dstack((picture.pixels, alpha)))


def test_a_tiff_of_integers_keeps_no_alpha_of_another_kind() -> None:
    picture = Picture(np.ones((2, 2), np.int16), noise((2, 2)))
    assert check_holds(picture, OutputFormat.TIFF, "x") == ("tiff cannot hold uint8 alpha with int16 pixels",)
    assert picture_of(encoded(picture, OutputFormat.TIFF)).pixels.tolist() == [[1, 1], [1, 1]]


# write_image -----------------------------------------------------------------------------------------------


def test_one_channel_on_a_third_axis_is_gray(tmp_path: Path) -> None:
    pixels = noise((3, 4, 1))
    write_image(tmp_path / "x.png", pixels)
    assert same_bits(read_image(tmp_path / "x.png"), pixels[:, :, 0])


def test_one_channel_of_16_bits_on_a_third_axis_is_gray(tmp_path: Path) -> None:
    pixels = noise((3, 4, 1), np.uint16)
    write_image(tmp_path / "x.png", pixels)
    assert same_bits(read_image(tmp_path / "x.png"), pixels[:, :, 0])


@pytest.mark.parametrize("extension", ["png", "csv", "npy"])
def test_booleans_are_0_and_1(extension: str, tmp_path: Path) -> None:
    write_image(tmp_path / f"x.{extension}", np.array([[True, False]]))
    assert read_image(tmp_path / f"x.{extension}").tolist() == [[1, 0]]


def test_nested_lists_are_an_image(tmp_path: Path) -> None:
    write_image(tmp_path / "x.npy", [[1, 2], [3, 4]])
    assert read_image(tmp_path / "x.npy").tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("extension", ["png", "tiff", "webp", "bmp", "ppm", "npy"])
def test_array_that_is_not_contiguous(extension: str, tmp_path: Path) -> None:
    pixels = noise((8, 10, 3))[::-2, 1::3]
    write_image(tmp_path / f"x.{extension}", pixels)
    assert same_bits(read_image(tmp_path / f"x.{extension}"), np.ascontiguousarray(pixels))


@pytest.mark.parametrize("extension", ["png", "tiff", "pgm"])
def test_big_endian_16_bits_are_pixels(extension: str, tmp_path: Path) -> None:
    write_image(tmp_path / f"x.{extension}", np.array([[1, 40001]], ">u2"))
    assert same_bits(read_image(tmp_path / f"x.{extension}"), np.array([[1, 40001]], np.uint16))


def test_big_endian_floats_are_numbers(tmp_path: Path) -> None:
    write_image(tmp_path / "x.tiff", np.array([[0.5, -2]], ">f4"))
    assert same_bits(read_image(tmp_path / "x.tiff"), np.array([[0.5, -2]], np.float32))


def test_array_of_the_caller_is_not_changed(tmp_path: Path) -> None:
    pixels = noise((4, 4, 4))
    before = pixels.copy()
    write_image(tmp_path / "x.png", pixels)
    assert same_bits(pixels, before)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(np.zeros(4, np.uint8), id="one axis"),
        pytest.param(np.zeros((1, 2, 2, 3), np.uint8), id="four axes"),
        pytest.param(np.uint8(3), id="a number"),
        pytest.param(np.zeros((0, 3), np.uint8), id="empty"),
        pytest.param(np.zeros((3, 3, 0), np.uint8), id="no channels"),
        pytest.param(np.zeros((2, 2), complex), id="complex"),
        pytest.param(np.array([["a", "b"]]), id="strings"),
        pytest.param(np.array([[None, {}]], object), id="objects"),
        pytest.param(np.zeros((2, 2), "M8[s]"), id="dates"),
    ],
)
@pytest.mark.parametrize("extension", ["png", "npy", "csv"])
def test_array_that_is_no_image_is_refused(value: Any, extension: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        write_image(tmp_path / f"x.{extension}", value)
    assert list(tmp_path.iterdir()) == []


def test_existing_file_is_kept_without_force(tmp_path: Path) -> None:
    target = tmp_path / "x.png"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists; use --force"):
        write_image(target, noise((2, 2)))
    assert target.read_bytes() == b"old"


def test_existing_file_is_replaced_with_force(tmp_path: Path) -> None:
    target, pixels = tmp_path / "x.png", noise((2, 2))
    target.write_bytes(b"old")
    target.chmod(0o640)
    write_image(target, pixels, force=True)
    assert same_bits(read_image(target), pixels)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


ENCODABLE = ["png", "jpg", "tiff", "webp", "bmp", "pgm", "avif", "npy", "csv"]


@pytest.mark.parametrize("extension", ENCODABLE)
def test_full_device_is_an_output_error(
    extension: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / f"x.{extension}"
    target.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="no space left"):
        write_image(target, noise((60, 60)), force=True)
    assert capfd.readouterr() == ("", "")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("missing", [1, 2000])
@pytest.mark.parametrize("extension", ENCODABLE)
def test_disk_that_fills_while_writing_leaves_the_old_file(
    extension: str, missing: int, tmp_path: Path
) -> None:
    target = tmp_path / f"x.{extension}"
    write_image(target, noise((60, 60)))
    size = target.stat().st_size
    target.write_bytes(b"old")
    with largest_file(max(size - missing, 1)), pytest.raises(OutputError):
        write_image(target, noise((60, 60)), force=True)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("extension", ENCODABLE)
def test_fifo_is_written_to(extension: str, tmp_path: Path) -> None:
    target, plain = tmp_path / f"x.{extension}", tmp_path / f"plain.{extension}"
    os.mkfifo(target)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(target.read_bytes()))
    reader.start()
    try:
        write_image(target, noise((60, 60)))
    finally:
        reader.join()
    write_image(plain, noise((60, 60)))
    assert same_bits(read_image(io.BytesIO(received[0])), read_image(plain))
    assert target.is_fifo()
