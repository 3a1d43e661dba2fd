"""The PNG writer against Pillow, OpenCV, zlib, pngcheck, and a naive decoder."""

import io
import shutil
import struct
import subprocess
import tracemalloc
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from convcli import convolve as convolved
from convcli import kernel as kernel_named
from convcli import read_image, render
from convcli.errors import UsageError
from convcli.pictures.formats.png import compression, numpy_rows, writer
from convcli.pictures.formats.png.compression import ZlibCompressor
from convcli.pictures.formats.png.writer import encode_png
from tests.support.command_line import SAMPLES
from tests.support.sampling import examples

pytestmark = pytest.mark.usefixtures("engine")

Array = NDArray[Any]
SIDES = st.integers(1, 20)
SHAPES = st.tuples(SIDES, SIDES) | st.tuples(SIDES, SIDES, st.integers(1, 4))
IMAGES = hnp.arrays(np.uint8, SHAPES) | hnp.arrays(np.uint16, SHAPES)
STRATEGIES = (zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED)
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by color type
READ_BY_PILLOW = [((37, 53), np.uint8), ((37, 53), np.uint16)] + [
    ((37, 53, channels), np.uint8) for channels in (2, 3, 4)
]


def file(image: Array, **options: Any) -> bytes:
    return b"".join(encode_png(image, **options))


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and content of every chunk; checksums are checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found = []
    place = 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        content = data[place + 8 : place + 8 + length]
        assert data[place + 8 + length : place + 12 + length] == zlib.crc32(kind + content).to_bytes(4)
        found.append((kind, content))
        place += 12 + length
    return found


def inflated(data: bytes) -> bytes:
    """Return the filtered rows of a file; the stream must end where its chunks do."""
    stream = zlib.decompressobj()
    raw = stream.decompress(b"".join(content for kind, content in chunks(data) if kind == b"IDAT"))
    assert stream.eof
    assert not stream.unused_data
    return raw


def predicted(filter_type: int, left: int, above: int, corner: int) -> int:
    """Return what the PNG specification adds to a byte, word for word."""
    if filter_type == 4:
        estimate = left + above - corner
        distances = abs(estimate - left), abs(estimate - above), abs(estimate - corner)
        return (left, above, corner)[distances.index(min(distances))]
    return (0, left, above, (left + above) // 2)[filter_type]


def decoded(data: bytes) -> tuple[Array, set[int]]:
    """Return the pixels (H, W, C) of a file and the filter types in it: slow and plain."""
    width, height, depth, color, *rest = struct.unpack(">IIBBBBB", chunks(data)[0][1])
    assert rest == [0, 0, 0]
    channels = CHANNELS[color]
    step = channels * depth // 8
    raw = inflated(data)
    length = width * step + 1
    assert len(raw) == height * length
    above = bytes(width * step)
    rows = []
    for start in range(0, len(raw), length):
        row = bytearray()
        for x, byte in enumerate(raw[start + 1 : start + length]):
            left, corner = (row[x - step], above[x - step]) if x >= step else (0, 0)
            row.append((byte + predicted(raw[start], left, above[x], corner)) % 256)
        above = bytes(row)
        rows.append(above)
    pixels = np.frombuffer(b"".join(rows), f">u{depth // 8}").reshape(height, width, channels)
    return pixels, set(raw[::length])


def drawing() -> Array:
    """Return a flat drawing: a pattern of a few colors again and again, where runs are short."""
    return np.tile(np.random.default_rng(5).integers(0, 4, (8, 64, 3), np.uint8) * 80, (60, 10, 1))


def photograph() -> Array:
    return render(convolved(read_image(SAMPLES / "camera.png"), kernel_named("sobel-x")))


@settings(
    max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    image=IMAGES,
    types=st.sampled_from([(0,), (1,), (2,), (3,), (4,), (0, 1, 2, 3, 4)]),
    strategy=st.sampled_from(STRATEGIES),
    level=st.integers(0, 9),
    strip=st.integers(1, 600),
    block=st.integers(1, 300),
    window=st.integers(1, 300),
)
def test_every_way_strip_and_block_is_read_back(
    monkeypatch: pytest.MonkeyPatch,
    image: Array,
    types: tuple[int, ...],
    strategy: int,
    level: int,
    strip: int,
    block: int,
    window: int,
) -> None:
    monkeypatch.setattr(writer, "fast_compressor", lambda rows: ZlibCompressor(rows, types, strategy, level))
    monkeypatch.setattr(writer, "STRIP_BYTES", strip)
    monkeypatch.setattr(compression, "BLOCK_BYTES", block)
    monkeypatch.setattr(compression, "WINDOW", window)
    pixels, types_found = decoded(file(image, jobs=2))
    assert np.array_equal(pixels, image.reshape(*image.shape[:2], -1))
    assert types_found <= set(types)


@settings(
    max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(image=IMAGES, level=st.none() | st.integers(0, 9))
def test_every_level_is_read_back(image: Array, level: int | None) -> None:
    pixels, _ = decoded(file(image, level=level))
    assert np.array_equal(pixels, image.reshape(*image.shape[:2], -1))


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (1, 70_000, 3), (70_000, 1, 3)])
@pytest.mark.parametrize("level", [None, 5])
def test_thin_pictures_are_read_back(shape: tuple[int, ...], level: int | None) -> None:
    image = np.random.default_rng(1).integers(0, 9, shape, np.uint8)
    with Image.open(io.BytesIO(file(image, level=level))) as read:
        assert np.array_equal(np.asarray(read), image)


@pytest.mark.parametrize(("shape", "dtype"), READ_BY_PILLOW)
@pytest.mark.parametrize("level", [None, 0, 6])
def test_pillow_reads_the_same(shape: tuple[int, ...], dtype: type, level: int | None) -> None:
    image = np.random.default_rng(2).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    with Image.open(io.BytesIO(file(image, level=level))) as read:
        assert np.array_equal(np.asarray(read), image)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_opencv_reads_the_same(channels: int, dtype: type) -> None:
    cv2 = pytest.importorskip("cv2")
    shape = (61, 47, channels)
    image = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    read = cv2.imdecode(np.frombuffer(file(image), np.uint8), cv2.IMREAD_UNCHANGED).reshape(shape)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]  # OpenCV's colors are blue, green, red
    assert np.array_equal(read[..., order], image)


def test_paeth_is_the_specification_s_for_all_neighbors() -> None:
    values = np.r_[0:256:5, 1, 2, 127, 128, 129, 254].astype(np.uint8)
    left, above, corner = (grid.ravel() for grid in np.meshgrid(values, values, values))
    a, b, c = (channel.astype(int) for channel in (left, above, corner))
    distances = abs(np.stack([b - c, a - c, a + b - 2 * c]))
    expected = np.choose(distances.argmin(axis=0), [a, b, c])
    assert np.array_equal(numpy_rows._paeth(left, above, corner), expected)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("level", [None, 7])
def test_alpha_is_a_further_channel(channels: int, dtype: type, level: int | None) -> None:
    image: Array = np.random.default_rng(4).integers(0, 9, (300, 200, channels + 1)).astype(dtype)
    apart = file(image[..., :-1], alpha=image[..., -1], level=level)
    assert apart == file(image, level=level)
    if channels == 1:
        assert apart == file(image[..., 0], alpha=image[..., 1], level=level)


def test_pixels_need_not_be_contiguous_nor_of_this_machine_s_byte_order() -> None:
    image = photograph()
    assert file(image[::-2, ::3]) == file(np.ascontiguousarray(image[::-2, ::3]))
    deep = image.astype(np.uint16) * 257
    assert file(deep.astype(">u2")) == file(deep) == file(deep.astype("<u2"))


def test_profile_and_resolution_are_written() -> None:
    data = file(np.zeros((2, 3), np.uint8), profile=b"a profile", resolution=(72, 300))
    with Image.open(io.BytesIO(data)) as read:
        assert read.info["icc_profile"] == b"a profile"
        assert read.info["dpi"] == pytest.approx((72, 300), abs=0.02)
    kinds = [kind for kind, _ in chunks(data)]
    assert kinds == [b"IHDR", b"iCCP", b"pHYs", b"IDAT", b"IDAT", b"IDAT", b"IEND"]


@pytest.mark.parametrize("level", [-1, 10])
def test_a_level_that_zlib_does_not_have_is_refused(level: int) -> None:
    with pytest.raises(UsageError, match=rf"PNG level {level}: must be a whole number from 0 to 9"):
        encode_png(np.zeros((2, 2), np.uint8), level=level)


def usual_size(image: Array) -> int:
    """Return the size of the file that most programs write: level 6, rows not filtered."""
    rows = np.pad(image.reshape(len(image), -1), ((0, 0), (1, 0)))
    return len(zlib.compress(rows.tobytes(), 6))


def searches(image: Array) -> bool:
    """Return whether the encoder searches for matches in an image, whichever engine runs."""
    compressor = compression.fast_compressor(writer._rows(image, None))
    if isinstance(compressor, ZlibCompressor):
        return compressor.strategy != zlib.Z_RLE
    return not (isinstance(compressor, partial) and compressor.keywords.get("only_runs", False))


def test_a_drawing_is_not_left_to_runs() -> None:
    assert searches(drawing())
    assert len(file(drawing())) < 1.02 * usual_size(drawing())


def test_a_photograph_is_left_to_runs() -> None:
    edges = photograph()
    assert not searches(edges)
    assert len(file(edges)) < usual_size(edges)


def test_the_whole_picture_is_looked_at() -> None:
    edges = photograph()
    mixed = np.tile(drawing()[:, :512, 0], (8, 1))
    mixed[: len(edges)] = edges
    assert searches(mixed)


def test_a_drawing_on_a_plain_background_is_not_left_to_runs() -> None:
    plain = np.zeros((460, 720, 3), np.uint8)
    plain[90:150, 40:680] = drawing()[:60]
    assert searches(plain)
    assert len(file(plain)) < 1.3 * usual_size(plain)


def by_pillow(image: Array, **options: Any) -> int:
    memory = io.BytesIO()
    Image.fromarray(image).save(memory, "PNG", **options)
    return len(memory.getvalue())


PICTURES: list[Array] = [photograph(), drawing()]
PICTURES += [np.tile(photograph(), (5, 2)), np.tile(drawing(), (6, 1, 1))]


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("image", PICTURES)
def test_level_9_is_as_small_as_pillow_s_smallest(image: Array) -> None:
    smallest = min(by_pillow(image, optimize=True), by_pillow(image, compress_level=9))
    assert len(file(image, level=9)) <= 1.02 * smallest


def test_levels_grow_smaller() -> None:
    sizes = [len(file(photograph(), level=level)) for level in (0, 1, 6, 9)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > photograph().size


def test_checksums_of_parts_are_joined() -> None:
    first, second = bytes(range(256)) * 300, b"\xff" * 70_001
    joined = writer._combined_checksum(zlib.adler32(first), zlib.adler32(second), len(second))
    assert joined == zlib.adler32(first + second)


@pytest.mark.parametrize("level", [None, 2])
def test_the_file_does_not_depend_on_the_number_of_threads(level: int | None) -> None:
    image = np.tile(photograph(), (5, 4))
    files = [file(image, jobs=jobs, level=level) for jobs in (1, 2, 7, None)]
    assert files[0] == files[1] == files[2] == files[3]
    assert len([kind for kind, _ in chunks(files[0]) if kind == b"IDAT"]) > 4


def test_memory_holds_the_compressed_parts_and_a_block_for_each_thread() -> None:
    wide = np.broadcast_to(np.arange(4000, dtype=np.uint8), (8000, 4000))
    tracemalloc.start()
    try:
        parts = encode_png(wide, alpha=wide, jobs=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < sum(map(len, parts)) + 2 * 12 * compression.BLOCK_BYTES


@pytest.mark.skipif(shutil.which("pngcheck") is None, reason="pngcheck is not installed")
@pytest.mark.parametrize("shape", [(700, 900), (700, 900, 2), (500, 400, 3), (3, 1, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("level", [None, 3])
def test_pngcheck_finds_nothing_wrong(
    tmp_path: Path, shape: tuple[int, ...], dtype: type, level: int | None
) -> None:
    image = np.random.default_rng(6).integers(0, 256, shape, dtype)
    (tmp_path / "x.png").write_bytes(file(image, resolution=(72, 72), level=level))
    ran = subprocess.run(["pngcheck", "-v", tmp_path / "x.png"], capture_output=True, text=True, check=False)
    assert (ran.returncode, "No errors detected" in ran.stdout) == (0, True)
