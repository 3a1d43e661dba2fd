"""The compiled core decompresses as zlib does, and makes pixels of it on the way."""

import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.pictures.formats.png.numpy_rows import NumpyRows
from convcli.pictures.formats.png.rows import FILTER_TYPES
from tests.support.engines import NEEDS_CORE
from tests.support.sampling import examples

pytestmark = NEEDS_CORE

Array = NDArray[Any]
PADDING = bytes(8)
STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED)


def compressed(data: bytes, level: int = 6, strategy: int = 0, memory: int = 8, window: int = 15) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
    return compressor.compress(data) + compressor.flush()


def decoded(stream: bytes, height: int, width: int, rounds: int = 1) -> Array:
    """Return the pixels of a gray picture."""
    from convcli.compiled import core

    pixels = np.zeros((height, width), np.uint8)
    decoder = core.png_decoder(stream + PADDING, pixels.data, 1)
    while not core.png_decode(decoder, rounds):
        pass
    return pixels


def rows_of(pixels: Array) -> bytes:
    """Return rows that are not filtered."""
    return np.pad(pixels, ((0, 0), (1, 0))).tobytes()


def texture(kind: str, height: int, width: int) -> Array:
    generator = np.random.default_rng(7)
    size = height * width
    values: Any = {
        "noise": lambda: generator.integers(0, 256, size),
        "flat": lambda: np.full(size, 3),
        "skewed": lambda: np.minimum(generator.geometric(0.5, size), 255),  # codes of all lengths
        "steep": lambda: np.minimum(generator.geometric(0.8, size), 255),
        "repeats": lambda: np.resize(generator.integers(0, 256, 32_000), size),  # from far away
        "short repeats": lambda: np.resize(generator.integers(0, 256, 5), size),
        "mixed": lambda: np.where(
            generator.random(size) < 0.5, np.arange(size) // 777, generator.integers(0, 9, size)
        ),
    }
    pixels: Array = values[kind]().astype(np.uint8).reshape(height, width)
    return pixels


KINDS = ["noise", "flat", "skewed", "steep", "repeats", "short repeats", "mixed"]


@pytest.mark.thorough(every=7)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize(("memory", "window"), [(9, 15), (1, 9)])
def test_every_kind_of_block_is_decompressed(
    kind: str, strategy: int, level: int, memory: int, window: int
) -> None:
    pixels = texture(kind, 250, 1999)
    stream = compressed(rows_of(pixels), level, strategy, memory, window)
    assert np.array_equal(decoded(stream, *pixels.shape), pixels)


@settings(max_examples=examples(300), deadline=None)
@given(
    data=st.binary(min_size=1, max_size=3000)
    | st.lists(st.sampled_from([b"a", b"bc", b"def" * 90])).map(b"".join),
    level=st.integers(0, 9),
    strategy=st.sampled_from(STRATEGIES),
    memory=st.integers(1, 9),
    rounds=st.integers(1, 3),
)
def test_all_bytes_come_back(data: bytes, level: int, strategy: int, memory: int, rounds: int) -> None:
    pixels = np.frombuffer(data or b"\0", np.uint8).reshape(1, -1)
    stream = compressed(rows_of(pixels), level, strategy, memory)
    assert np.array_equal(decoded(stream, *pixels.shape, rounds), pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300_001), (300_001, 1), (3, 140_000)])
def test_rows_may_be_wider_than_what_is_decompressed_at_once(shape: tuple[int, int]) -> None:
    pixels = texture("mixed", *shape)
    assert np.array_equal(decoded(compressed(rows_of(pixels)), *shape), pixels)


def zlib_accepts(stream: bytes, expected: int) -> bytes | None:
    """Return what zlib makes of a stream, if that is whole and as long as expected."""
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(stream, expected + 1)
        data += inflater.decompress(inflater.unconsumed_tail, 1)
    except zlib.error:
        return None
    return data if inflater.eof and len(data) == expected else None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY])
@pytest.mark.parametrize("level", [0, 6])
def test_of_damaged_data_it_reads_what_zlib_reads(kind: str, strategy: int, level: int) -> None:
    pixels = texture(kind, 20, 50)
    whole = compressed(rows_of(pixels), level, strategy)
    generator = np.random.default_rng(len(kind) + strategy)
    for number in range(examples(400)):
        damaged = bytearray(whole)
        for _ in range(number % 3 + 1):
            damaged[int(generator.integers(len(whole)))] ^= 1 << int(generator.integers(8))
        if number % 4 == 0:
            del damaged[int(generator.integers(len(whole))) :]
        if number % 2 == 0 and len(damaged) > 4:  # so that the checksum does not tell
            with suppress(zlib.error):
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(bytes(damaged[2:]), 1 << 20)
                damaged[-4:] = zlib.adler32(data).to_bytes(4)
        expected = zlib_accepts(bytes(damaged), 20 * 51)
        try:
            ours = decoded(bytes(damaged), 20, 50)
        except ValueError:
            known = expected is not None and set(expected[::51]) <= set(range(5))
            assert not known, damaged.hex()
        else:
            assert expected is not None
            if not any(expected[::51]):
                assert rows_of(ours) == expected


def test_a_stream_that_is_cut_anywhere_is_refused() -> None:
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED):
        whole = compressed(rows_of(texture("skewed", 6, 40)), 6, strategy)
        for end in range(len(whole)):
            with pytest.raises(ValueError, match="the compressed data is damaged"):
                decoded(whole[:end], 6, 40)


def test_too_many_and_too_few_pixels_are_refused() -> None:
    stream = compressed(rows_of(texture("mixed", 60, 40)))
    for height in (59, 61, 1, 3000):
        with pytest.raises(ValueError, match="the compressed data is damaged"):
            decoded(stream, height, 40)
    bomb = compressed(bytes(1 << 26))
    with pytest.raises(ValueError, match="the compressed data is damaged"):
        decoded(bomb, 60, 40)


def test_the_core_refuses_what_is_no_decoder() -> None:
    from convcli.compiled import core

    pixels: Any = np.zeros((4, 5, 3), np.uint8)
    stream = compressed(bytes(4 * 16)) + PADDING
    for data, image, channels in [
        (b"", pixels, 3), (bytes(7), pixels, 3), (bytes(99), pixels, 3), (stream, pixels, 0), (stream, pixels, 4),
        (stream, pixels, -1), (stream, pixels.astype(float), 3), (stream, pixels[0, 0], 3), (stream, pixels[:0], 3),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=r"."):
            core.png_decoder(data, image, channels)
    decoder = core.png_decoder(stream, pixels, 3)
    assert not core.png_decode(decoder, 0)
    assert not core.png_decode(decoder, -5)
    assert core.png_decode(decoder, 9)
    for wrong, error in ((decoder, ValueError), (None, ValueError), (pixels, ValueError)):
        with pytest.raises(error):
            core.png_decode(wrong, 1)
    pixels.flags.writeable = False
    with pytest.raises((BufferError, ValueError)):
        core.png_decoder(stream, pixels, 3)


def test_filters_are_undone_in_chunks_of_any_size() -> None:
    from convcli.compiled import core

    image = np.random.default_rng(5).integers(0, 256, (400, 301, 3), np.uint8)
    rows = NumpyRows(image, None)
    data = b"".join(bytes(rows.filtered(y, y + 1, (FILTER_TYPES[y % 5],))) for y in range(400))
    pixels = np.zeros((400, 301, 4), np.uint8)
    decoder = core.png_decoder(compressed(data) + PADDING, pixels.data, 3)
    assert core.png_decode(decoder, 100)
    assert np.array_equal(pixels[..., :3], image)
    assert (pixels[..., 3] == 255).all()
