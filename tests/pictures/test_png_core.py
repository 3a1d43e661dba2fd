"""The PNG encoder of the compiled core, on each instruction set, against numpy, zlib and Pillow."""

import io
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from convcli.pictures.formats.png import writer
from convcli.pictures.formats.png.core_rows import CoreRows
from convcli.pictures.formats.png.numpy_rows import NumpyRows
from convcli.pictures.formats.png.rows import FILTER_TYPES
from convcli.pictures.formats.png.writer import encode_png
from convcli.pictures.raster import Raster
from tests.support.engines import (
    INSTRUCTION_SETS,
    NEEDS_CORE,
    Engine,
    use_engine,
    use_instruction_set,
)
from tests.support.sampling import examples

pytestmark = [NEEDS_CORE, pytest.mark.usefixtures("instruction_set")]

Array = NDArray[Any]
SIDES = st.integers(1, 30)
IMAGES = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16]),
    st.tuples(SIDES, SIDES) | st.tuples(SIDES, SIDES, st.integers(1, 4)),
)
TYPES = st.sets(st.sampled_from(FILTER_TYPES), min_size=1).map(lambda types: tuple(sorted(types)))


@pytest.fixture(params=INSTRUCTION_SETS)
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    with use_engine(Engine.COMPILED), use_instruction_set(request.param):
        yield request.param


def fixture_is_fine(count: int) -> settings:
    checks = [HealthCheck.function_scoped_fixture]
    return settings(max_examples=examples(count), deadline=None, suppress_health_check=checks)


def picture(kind: str, height: int, width: int, channels: int, dtype: type) -> Array:
    """Make a picture; its bytes compress each in another way."""
    generator = np.random.default_rng(len(kind))
    most = np.iinfo(dtype).max
    shape = (height, width, channels)
    if kind == "noise":
        return generator.integers(0, most, shape, dtype, endpoint=True)
    if kind == "flat":
        return np.full(shape, 200, dtype)
    if kind == "gradient":
        return (
            np.add.outer(np.arange(height), np.arange(width))[..., None] * [1, 2, 3, 4][:channels]
        ).astype(dtype)
    if kind == "sparse":  # long runs, and short ones between them
        return generator.integers(0, most, shape, dtype) * (generator.random(shape) < 0.03).astype(dtype)
    assert kind == "skewed"  # codes of all lengths: each value comes half as often as the one before
    return np.minimum(generator.geometric(0.5, shape) - 1, most).astype(dtype)


KINDS = ["noise", "flat", "gradient", "sparse", "skewed"]


def file(image: Array | Raster, **options: Any) -> bytes:
    return b"".join(encode_png(image, **options))


def inflated(rows: CoreRows, *cuts: int, types: tuple[int, ...] = (), only_runs: bool = True) -> bytes:
    """Return what zlib makes of strips between rows, one after another, each checked by its checksum."""
    edges = [0, *cuts, rows.height]
    strips = [rows.compressed(start, stop, types, only_runs=only_runs) for start, stop in pairwise(edges)]
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    parts = [inflater.decompress(strip.data) for strip in strips]
    assert inflater.eof
    assert not inflater.unused_data
    assert [len(part) for part in parts] == [strip.length for strip in strips]
    assert [zlib.adler32(part) for part in parts] == [strip.checksum for strip in strips]
    return b"".join(parts)


@fixture_is_fine(200)
@given(image=IMAGES, types=TYPES, data=st.data())
def test_rows_are_filtered_as_numpy_does(image: Array, types: tuple[int, ...], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(image) - 1))
    stop = data.draw(st.integers(start + 1, len(image)))
    filtered = CoreRows(image, None).filtered(start, stop, types)
    assert filtered == bytes(NumpyRows(image, None).filtered(start, stop, types))


@pytest.mark.parametrize("shape", [(3, 70_001), (2, 30_000, 3), (200, 401, 4), (1500, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_wide_and_many_rows_are_filtered_as_numpy_does(shape: tuple[int, ...], dtype: type) -> None:
    image = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype)
    rows = CoreRows(image, None)
    for types in (*((filter_type,) for filter_type in FILTER_TYPES), FILTER_TYPES, (1, 3)):
        assert rows.filtered(1, len(image), types) == bytes(
            NumpyRows(image, None).filtered(1, len(image), types)
        )


@fixture_is_fine(200)
@given(image=IMAGES, data=st.data())
def test_strips_are_one_stream_of_filtered_rows(image: Array, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, max(1, len(image) - 1)))
    rows = CoreRows(image, None)
    stream = inflated(rows, *([cut] if cut < len(image) else []))
    types = stream[:: rows.row_bytes]
    expected = [NumpyRows(image, None).filtered(row, row + 1, (types[row],)) for row in range(len(image))]
    assert stream == b"".join(map(bytes, expected))


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("height", "width"), [(700, 301), (3, 50_000), (70_000, 1)])
def test_every_kind_of_picture_is_read_back(
    kind: str, channels: int, dtype: type, height: int, width: int
) -> None:
    image = picture(kind, height, width, channels, dtype)
    rows = CoreRows(image, None)
    stream = inflated(rows, height // 3)
    types = np.frombuffer(stream, np.uint8)[:: rows.row_bytes]
    numpy_rows = NumpyRows(image, None)
    for filter_type in set(types.tolist()):
        expected = np.frombuffer(numpy_rows.filtered(0, height, (filter_type,)), np.uint8).reshape(height, -1)
        here = types == filter_type
        assert np.array_equal(np.frombuffer(stream, np.uint8).reshape(height, -1)[here], expected[here])


@fixture_is_fine(200)
@given(image=IMAGES, types=st.just(()) | TYPES, data=st.data())
def test_matches_are_read_back(image: Array, types: tuple[int, ...], data: st.DataObject) -> None:
    repeated = np.tile(image, (data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)), 1)[: image.ndim])
    rows = CoreRows(repeated, None)
    cut = data.draw(st.integers(1, len(repeated)))
    cuts = [cut] if cut < len(repeated) else []
    stream = inflated(rows, *cuts, types=types, only_runs=False)
    chosen = stream[:: rows.row_bytes]
    assert stream == b"".join(rows.filtered(row, row + 1, (chosen[row],)) for row in range(len(repeated)))


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("kind", [*KINDS, "tiled"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(700, 301, 3), (3, 400_000, 1), (70_000, 1, 4)])
def test_matches_reach_over_blocks(kind: str, dtype: type, shape: tuple[int, int, int]) -> None:
    if kind == "tiled":  # comes again at each distance near the size of the window
        noise = picture("noise", 1, 1 << 15, 1, dtype).ravel()
        image = np.resize(np.concatenate([np.roll(noise, step)[step % 7 :] for step in range(20)]), shape)
    else:
        image = picture(kind, *shape, dtype)
    rows = CoreRows(image, None)
    expected = rows.filtered(0, len(image), (0,))
    assert inflated(rows, types=(0,), only_runs=False) == expected
    assert inflated(rows, len(image) // 3, types=(0,), only_runs=False) == expected


def test_what_comes_again_in_the_window_takes_little() -> None:
    noise = picture("noise", 1, 30_000, 1, np.uint8)
    rows = CoreRows(np.repeat(noise, 20, 0), None)
    assert len(rows.compressed(0, 20, (0,)).data) < 1.3 * noise.size


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_files_do_not_depend_on_the_instruction_set(kind: str, channels: int) -> None:
    image = picture(kind, 600, 700, channels, np.uint8)
    here = file(image)
    with use_instruction_set("baseline"):
        assert here == file(image, jobs=1)


@pytest.mark.parametrize("kind", KINDS)
def test_matches_do_not_depend_on_the_instruction_set(kind: str) -> None:
    rows = CoreRows(picture(kind, 600, 700, 3, np.uint8), None)
    here = rows.compressed(0, 600)
    with use_instruction_set("baseline"):
        assert here == rows.compressed(0, 600)


@pytest.mark.parametrize("kind", ["noise", "gradient", "sparse", "skewed"])
@pytest.mark.parametrize("channels", [1, 3])
def test_runs_are_coded_as_small_as_by_zlib(kind: str, channels: int) -> None:
    image = picture(kind, 600, 700, channels, np.uint8)
    stream = inflated(CoreRows(image, None))
    compressor = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zlib.Z_RLE)
    size = len(compressor.compress(stream) + compressor.flush())
    assert len(CoreRows(image, None).run_compressor([])(0, 600).data) <= 1.001 * size + 16


def test_noise_takes_hardly_more_than_its_bytes() -> None:
    image = picture("noise", 600, 700, 3, np.uint8)
    assert len(file(image)) < 1.001 * image.size


def test_small_pictures_have_no_codes_of_their_own() -> None:
    assert len(file(np.zeros((1, 1), np.uint8))) == 8 + 25 + 14 + 12 + 4 + 16 + 12


@pytest.mark.parametrize("channels", [1, 3])
def test_rasters_need_not_be_packed(channels: int) -> None:
    samples = np.random.default_rng(2).integers(0, 99, (300, 211, 4), np.uint8)
    raster = Raster.packed(samples.tobytes(), 300, 211, 4).with_channels(channels)
    alpha = Raster.packed(samples[..., 3].tobytes(), 300, 211)
    assert file(raster) == file(samples[..., :channels].copy())
    both = np.dstack((samples[..., :channels], samples[..., 3]))
    assert file(raster, alpha=alpha) == file(both) == file(raster, alpha=samples[..., 3])
    with Image.open(io.BytesIO(file(raster, alpha=alpha))) as read:
        assert np.array_equal(np.asarray(read), both)


def test_deep_rasters_are_written() -> None:
    samples = np.random.default_rng(2).integers(0, 65535, (30, 21), np.uint16)
    raster = Raster.packed(samples.tobytes(), 30, 21, depth=16)
    with Image.open(io.BytesIO(file(raster))) as read:
        assert np.array_equal(np.asarray(read), samples)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2"])
def test_arrays_may_lie_in_any_way(dtype: Any) -> None:
    image = np.random.default_rng(3).integers(0, 255, (40, 50, 3)).astype(dtype)
    planes = np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 2, 0)), 0, 2)
    expected = file(image)
    assert file(planes) == file(np.asfortranarray(image)) == expected
    assert file(image[::-1, ::-1][::-1, ::-1]) == expected
    assert file(np.repeat(np.repeat(image, 2, 0), 3, 1)[::2, ::3]) == expected
    assert file(planes, jobs=2, level=3) == file(image, level=3)


def test_the_core_refuses_what_is_no_picture() -> None:
    from convcli.compiled import core

    image: Any = np.zeros((4, 5, 3), np.uint8)
    alpha: Any = np.zeros((4, 5), np.uint8)
    wrong: list[tuple[Any, int, Any, int, int]] = [
        (image, 0, None, 0, 4), (image, 4, None, 0, 4), (image, -1, None, 0, 4), (image, 3, None, -1, 4),
        (image, 3, None, 0, 5), (image, 3, None, 2, 2), (image, 3, None, 3, 2), (image, 3, alpha[:3], 0, 4),
        (image, 3, alpha[:, :4], 0, 4), (image, 3, image, 0, 4), (image, 3, alpha.astype(np.uint16), 0, 4),
        (np.zeros((4, 5, 4), np.uint8), 4, alpha, 0, 4), (np.zeros((4, 5, 9), np.uint8), 9, None, 0, 4),
        (image.astype(np.int16), 3, None, 0, 4), (image.astype(float), 3, None, 0, 4),
        (image.astype(">u2"), 3, None, 0, 4), (image[:0], 3, None, 0, 0), (image[0, 0], 3, None, 0, 1),
        (np.broadcast_to(np.zeros(1, np.uint8), (1 << 40, 1)), 1, None, 0, 1),
        (np.broadcast_to(np.zeros(1, np.uint8), (1, 1 << 40)), 1, None, 0, 1),
        (np.moveaxis(image, 2, 0), 4, None, 0, 3),
    ]  # fmt: skip
    for pixels, channels, more, start, stop in wrong:
        with pytest.raises(ValueError, match=r"."):
            core.png_strip(pixels, channels, more, start, stop, 0, True, True)
        with pytest.raises(ValueError, match=r"."):
            core.png_filtered(pixels, channels, more, start, stop, 31)
    for types in (-1, 32):
        with pytest.raises(ValueError, match="no set of filter types"):
            core.png_strip(image, 3, None, 0, 4, types, False, True)
    for types in (0, -1, 32):
        with pytest.raises(ValueError, match="no set of filter types"):
            core.png_filtered(image, 3, None, 0, 4, types)
    with pytest.raises(TypeError):
        core.png_strip("no", 3, None, 0, 4, 0, True, True)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        core.entropy("no")  # type: ignore[arg-type]


def test_entropy_is_the_formula_s() -> None:
    from convcli.compiled import core

    assert core.entropy(b"") == core.entropy(bytes(99)) == 0
    assert core.entropy(bytes(range(256))) == 256 * 8
    data = picture("skewed", 100, 100, 1, np.uint8)
    counts = np.bincount(data.ravel())
    counts = counts[counts > 0]
    assert core.entropy(data.tobytes()) == pytest.approx(
        (counts * np.log2(counts.sum() / counts)).sum(), rel=0.01
    )


def test_strips_may_be_single_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture("gradient", 40, 30, 3, np.uint8)
    monkeypatch.setattr(writer, "STRIP_BYTES", 1)
    with Image.open(io.BytesIO(file(image, jobs=2))) as read:
        assert np.array_equal(np.asarray(read), image)


@pytest.mark.parametrize("top", range(30, 60, 6))
def test_runs_of_a_byte_that_is_otherwise_only_in_matches(top: int) -> None:
    """In the last block no zero is a literal by itself, so that it has no code to be written by."""
    from convcli.compiled import core  # late: these tests run only where it is installed

    cat = np.asarray(Image.open("sample_images/chelsea.png").convert("RGBA"))[100 : 267 - top, 100:285]
    canvas = np.zeros((172, 297, 4), np.uint8)
    canvas[top : top + len(cat), 7 : 7 + cat.shape[1]] = cat
    part, checksum = core.png_strip(canvas.data, 4, None, 0, 172, 0, False, True)
    filtered = zlib.decompress(part, -zlib.MAX_WBITS)
    assert (len(filtered), zlib.adler32(filtered)) == (172 * (1 + 4 * 297), checksum)
