"""The rows of PNG files that the compiled core turns into pixels, against the specification and libpng."""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.pictures.damage.png import ADAM7
from convcli.pictures.formats.deep.png import read_samples
from convcli.pictures.formats.png.numpy_rows import NumpyRows
from convcli.pictures.formats.png.reader import PixelReader
from convcli.pictures.formats.png.rows import FILTER_TYPES
from tests.support.engines import NEEDS_CORE
from tests.support.sampling import examples

pytestmark = NEEDS_CORE

Array = NDArray[Any]
SIDES = st.integers(1, 30)
IMAGES = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16]),
    st.tuples(SIDES, SIDES) | st.tuples(SIDES, SIDES, st.integers(1, 4)),
)


def filtered(image: Array, types: Sequence[int]) -> bytes:
    """Return the rows as a file holds them, with one of some filter types after another."""
    rows = NumpyRows(image, None)
    return b"".join(bytes(rows.filtered(y, y + 1, (types[y % len(types)],))) for y in range(len(image)))


def interlaced(image: Array, types: Sequence[int]) -> bytes:
    parts = [image[top::down, left::across] for left, top, across, down in ADAM7]
    return b"".join(filtered(part, types) for part in parts if part.size)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@settings(max_examples=examples(300), deadline=None)
@given(
    image=IMAGES,
    types=st.lists(st.sampled_from(FILTER_TYPES), min_size=1),
    adam7=st.booleans(),
    more=st.integers(0, 2),
    size=st.integers(1, 400),
)
def test_every_filter_depth_and_pass_is_undone(
    image: Array, types: list[int], adam7: bool, more: int, size: int
) -> None:
    height, width, channels = (*image.shape, 1)[:3]
    most = np.iinfo(image.dtype).max
    pixels = np.zeros((height, width, channels + more), image.dtype)
    reader = PixelReader(height, width, channels, 8 * image.itemsize, interlaced=adam7)
    data = zlib.compress((interlaced if adam7 else filtered)(image, types))
    assert reader.read(pieces(data, size), pixels.data)
    assert np.array_equal(pixels[..., :channels], image.reshape(height, width, -1))
    assert (pixels[..., channels:] == most).all()
    assert reader.missing == 0


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_large_pictures_are_read_piece_by_piece(channels: int, dtype: type) -> None:
    image = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (301, 1201, channels), dtype)
    pixels = np.zeros_like(image)
    reader = PixelReader(301, 1201, channels, 8 * image.itemsize)
    assert reader.read([zlib.compress(filtered(image, FILTER_TYPES), 1)], pixels.data)
    assert np.array_equal(pixels, image)


def test_pixels_may_lie_apart() -> None:
    image = np.random.default_rng(2).integers(0, 255, (9, 8, 3), np.uint8)
    apart = np.zeros((18, 24, 4), np.uint8)
    reader = PixelReader(9, 8, 3, 8)
    assert reader.read([zlib.compress(filtered(image, FILTER_TYPES))], apart[::-2, ::3].data)
    assert np.array_equal(apart[::-2, ::3, :3], image)
    assert not apart[::2].any()
    assert not apart[1::2, 1::3].any()


def test_what_is_not_as_it_should_be_is_told() -> None:
    image = np.arange(60, dtype=np.uint8).reshape(6, 10)
    data = filtered(image, FILTER_TYPES)
    whole = zlib.compress(data)

    def read(*compressed: bytes) -> tuple[bool, int]:
        reader = PixelReader(6, 10, 1, 8)
        return reader.read(compressed, np.zeros_like(image).data), reader.missing

    assert read(whole) == read(whole[:5], b"", whole[5:]) == (True, 0)
    assert read(whole, b"more") == (True, 0)  # after the end of the stream
    assert read(zlib.compress(data + b"\0")) == (False, 0)
    assert read(whole[:-1]) == (False, 0)  # the checksum is cut
    assert read(zlib.compress(data[:-7])) == (False, 7)
    assert read(b"") == read() == (False, 66)
    with pytest.raises(zlib.error):
        read(whole[:-4] + b"oops")
    with pytest.raises(ValueError, match="a row has an unknown filter"):
        read(zlib.compress(data[:22] + b"\5" + data[23:]))


def header(width: int, height: int, color: int) -> bytes:
    return struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)


def test_a_bomb_is_inflated_only_as_far_as_there_are_pixels() -> None:
    bomb = zlib.compress(bytes(1 << 28), 1)
    assert not read_samples(header(100, 100, 2), b"", [bomb], "bomb").any()


def test_missing_pixels_are_counted() -> None:
    image = np.zeros((4, 5, 3), np.uint16)
    part = zlib.compress(filtered(image, (0,))[:-1])
    with pytest.raises(ImageError, match="x: is damaged: 1 bytes of its pixels are missing"):
        read_samples(header(5, 4, 2), b"", [part], "x")


def test_a_transparent_color_becomes_alpha() -> None:
    image = np.random.default_rng(3).integers(0, 2, (20, 30, 3), np.uint16) * 513
    samples = read_samples(header(30, 20, 2), b"\2\1\0\0\2\1", [zlib.compress(filtered(image, (4,)))], "x")
    assert np.array_equal(samples[..., :3], image)
    expected = np.where((image == [513, 0, 513]).all(axis=2), 0, 65535)
    assert np.array_equal(samples[..., 3], expected)


@pytest.mark.parametrize("color", [2, 4, 6])
@pytest.mark.parametrize("adam7", [False, True])
def test_libpng_reads_the_same(color: int, adam7: bool) -> None:
    samples = pytest.importorskip("convcli.pictures.formats.deep.png_samples")
    channels = {2: 3, 4: 2, 6: 4}[color]
    image = np.random.default_rng(4).integers(0, 65535, (33, 29, channels), np.uint16)
    data = [zlib.compress((interlaced if adam7 else filtered)(image, FILTER_TYPES))]
    ihdr = struct.pack(">IIBBBBB", 29, 33, 16, color, 0, 0, adam7)
    for transparent in (b"", bytes(image[5, 6].astype(">u2"))) if color == 2 else (b"",):
        ours = read_samples(ihdr, transparent, data, "x")
        assert np.array_equal(ours, samples.read_samples_with_libpng(ihdr, transparent, data, "x"))


def test_the_core_refuses_rows_that_do_not_fit() -> None:
    from convcli.compiled import core

    pixels: Any = np.zeros((6, 10, 3), np.uint8)
    rows, above = bytes(3 * 31), bytearray(30)
    core.png_unfilter(rows, above, pixels, 3, 3)
    wrong: list[tuple[Any, ...]] = [
        (rows, above, pixels, 3, 4), (rows, above, pixels, 3, -1), (rows, above, pixels, 0, 0),
        (rows, above, pixels, 4, 0), (rows, above, pixels, 1 << 60, 0), (rows[1:], above, pixels, 3, 0),
        (rows, above[1:], pixels, 3, 0), (b"", above, pixels, 3, 0), (rows, above, pixels, 3, 1 << 62),
        (rows, above, pixels, 3, 0, 3), (rows, above, pixels, 3, 0, 0), (rows, above, pixels, 3, 0, 1, 1),
        (rows, above, pixels, 3, 0, 1, -1), (rows, above, pixels, 3, 0, 1, 10), (rows, above, pixels, 3, 0, 1, 0, 0),
        (rows, above, pixels, 3, 0, 1 << 62, 0, 1 << 62), (rows, above, pixels.astype(float), 3, 0),
        (rows, bytearray(), pixels[:, :0], 3, 0), (bytes(1), bytearray(), pixels, -3, 0),
    ]  # fmt: skip
    for arguments in wrong:
        with pytest.raises(ValueError, match=r"."):
            core.png_unfilter(*arguments)
    with pytest.raises((BufferError, TypeError)):
        core.png_unfilter(rows, bytes(30), pixels, 3, 0)
    pixels.flags.writeable = False
    with pytest.raises((BufferError, ValueError)):
        core.png_unfilter(rows, above, pixels, 3, 0)
