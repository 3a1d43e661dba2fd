"""core.pool against loops over windows and numpy's maximum, on each instruction set; arguments that do not fit."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convcli.convolution.pooling import pool
from convcli.sizes.axes import pooling_axes
from convcli.sizes.windowed import Axis
from tests.support.engines import INSTRUCTION_SETS, NEEDS_CORE, Engine, use_engine, use_instruction_set

pytestmark = NEEDS_CORE
Array = NDArray[Any]
FORMATS = "BbHhIiQqfd"


@pytest.fixture
def core() -> Any:
    from convcli.compiled import core  # late: it may not be built

    return core


@pytest.fixture(params=INSTRUCTION_SETS, autouse=True)
def instruction_set(request: pytest.FixtureRequest) -> Any:
    with use_instruction_set(request.param):
        yield request.param


def random_image(random: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Return values of the whole range of a dtype, small ones with many ties, or floats with NaN, inf and -0.0."""
    if dtype.kind == "f":
        image = random.normal(size=shape).astype(dtype)
        for value in random.choice([np.nan, np.inf, -np.inf, -0.0, 0.0], 2):
            image[random.random(shape) < random.choice([0, 0.01, 0.5])] = value
        return image
    limits = np.iinfo(dtype)
    low, high = (
        (max(int(limits.min), -(2**40)), min(int(limits.max), 2**40))
        if dtype.itemsize == 8
        else limits_of(dtype)
    )
    if random.random() < 0.3:
        low, high = max(low, -2), 3
    return random.integers(low, high, shape, dtype, endpoint=True)


def limits_of(dtype: np.dtype[Any]) -> tuple[int, int]:
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def compute(core: Any, source: Array, mode: str, rows: Axis, columns: Axis, dtype: Any) -> Array:
    """Pool in two calls, the lower rows first."""
    out = np.zeros((rows.output, columns.output, *source.shape[2:]), dtype)
    middle = rows.output // 2
    for start, stop in ((middle, rows.output), (0, middle)):
        core.pool(
            source,
            out,
            mode=mode,
            rows=(rows.window, rows.stride, rows.before),
            columns=(columns.window, columns.stride, columns.before),
            start=start,
            stop=stop,
        )
    return out


def draw_size(random: np.random.Generator, most: tuple[int, int]) -> tuple[int, int]:
    if random.random() < 0.3:
        return 2, 2
    return int(random.integers(1, most[0])), int(random.integers(1, most[1]))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("format_", FORMATS)
def test_results_have_the_bits_of_numpy(core: Any, format_: str, seed: int) -> None:
    """Wide images and windows reach every block and every way to sum."""
    random = np.random.default_rng([seed, ord(format_)])
    dtype = np.dtype(format_)
    for _ in range(6):
        channels = [(), (1,), (2,), (3,), (4,), (5,)][random.integers(6)]
        shape = (int(random.integers(1, 24)), int(random.integers(1, 900)), *channels)
        size = draw_size(random, (20, random.choice([4, 12, 90])))
        if size[0] > shape[0] or size[1] > shape[1]:
            continue
        options: dict[str, Any] = {
            "stride": None if random.random() < 0.5 else tuple(random.integers(1, 5, 2).tolist()),
            "padding": tuple(
                (int(random.integers(side // 2 + 1)), int(random.integers(side // 2 + 1))) for side in size
            ),
            "ceil": bool(random.integers(2)),
        }
        if random.random() < 0.4:
            options["padding"] = 0
        image = random_image(random, dtype, shape)
        rows, columns = pooling_axes(shape[:2], size, **options)
        for mode, rounded in (("max", True), ("avg", True), ("avg", False)):
            with use_engine(Engine.NUMPY):
                expected = pool(image, mode=mode, size=size, rounded=rounded, **options)
            found = compute(core, image, mode, rows, columns, expected.dtype)
            np.testing.assert_array_equal(found, expected, err_msg=f"{mode} {shape} {size} {options}")
            if mode == "avg" and dtype.kind == "f":
                is_zero = found == 0
                assert (np.signbit(found) == np.signbit(expected))[is_zero].all()


@pytest.mark.parametrize("format_", "fd")
def test_maxima_follow_numpy_in_loops(core: Any, format_: str) -> None:
    """NaN wins; of 0.0 and -0.0, the first of a column, then of the columns."""
    random = np.random.default_rng(3)
    for size in ((2, 2), (3, 2), (1, 5), (4, 1), (3, 7)):
        values = [0.0, -0.0, -1.0] if random.random() < 0.5 else [0.0, -0.0, np.nan, -np.inf, np.inf]
        image = random.choice(values, (9, 70, 3)).astype(format_)
        rows, columns = pooling_axes(image.shape[:2], size, stride=1, padding=(size[0] // 2, size[1] // 2))
        found = compute(core, image, "max", rows, columns, image.dtype)
        for y, x, channel in np.ndindex(*found.shape):
            firsts = []
            for column in range(max(x - columns.before, 0), min(x - columns.before + size[1], 70)):
                window = image[max(y - rows.before, 0) : y - rows.before + size[0], column, channel].tolist()
                firsts.append(largest(window))
            expected = largest(firsts)
            assert np.array_equal(found[y, x, channel], expected, equal_nan=True)
            assert np.isnan(expected) or np.signbit(found[y, x, channel]) == np.signbit(expected)


def largest(values: list[float]) -> float:
    best = values[0]
    for value in values[1:]:
        best = best if best >= value or np.isnan(best) else value
    return best


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(("samples", "channels"), [(4, 3), (4, 4), (3, 3), (3, 1), (5, 2), (40, 3)])
@pytest.mark.parametrize("mode", ["max", "avg"])
def test_samples_that_do_not_count_are_left_out(
    core: Any, dtype: Any, samples: int, channels: int, mode: str
) -> None:
    """The last pixel of an image may end where its memory ends."""
    memory = np.random.default_rng(1).integers(0, 256, 6 * 131 * samples - (samples - channels)).astype(dtype)
    item = memory.itemsize
    view = np.lib.stride_tricks.as_strided(
        memory, (6, 131, channels), (131 * samples * item, samples * item, item)
    )
    for size in (2, 3):
        rows, columns = pooling_axes(view.shape[:2], size)
        expected = compute(core, view.copy(), mode, rows, columns, dtype)
        for image in (view, view[::-1][::-1], view[::-1]):
            wanted = (
                expected if image.strides[0] > 0 else compute(core, image.copy(), mode, rows, columns, dtype)
            )
            assert np.array_equal(compute(core, image, mode, rows, columns, dtype), wanted)


def test_only_the_rows_between_start_and_stop_are_written(core: Any) -> None:
    image = np.ones((12, 6), np.uint8)
    out = np.zeros((6, 3), np.uint8)
    core.pool(image, out, mode="max", rows=(2, 2, 0), columns=(2, 2, 0), start=2, stop=4)
    assert out.any(axis=1).tolist() == [False, False, True, True, False, False]
    core.pool(image, out, mode="max", rows=(2, 2, 0), columns=(2, 2, 0), start=5)
    core.pool(image, out, mode="max", rows=(2, 2, 0), columns=(2, 2, 0), start=6)
    assert out.any(axis=1).tolist() == [False, False, True, True, False, True]


def test_the_reason_is_reported(core: Any) -> None:
    image, out = np.zeros((8, 8, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    window, deep = (2, 2, 0), np.zeros((8, 8), np.uint16)
    good: dict[str, Any] = {"mode": "max", "rows": window, "columns": window}
    for source, target, changes, reason in (
        (image, out, {"mode": "mean"}, "no mode mean: max or avg"),
        (
            image,
            out,
            {"rows": (0, 2, 0)},
            "rows: window and stride must be at least 1, and padding at least 0",
        ),
        (
            image,
            out,
            {"columns": (2, 0, 0)},
            "columns: window and stride must be at least 1, and padding at least 0",
        ),
        (
            image,
            out,
            {"rows": (2, 2, -1)},
            "rows: window and stride must be at least 1, and padding at least 0",
        ),
        (image, out, {"rows": (2, 2, 2)}, "rows: the first window holds only padding"),
        (image, out, {"rows": (2**62, 2, 2**61)}, "rows: the image or its padding is too large"),
        (image, out, {"columns": (2, 3, 0)}, "columns: the last window begins beyond the image"),
        (image, out, {"start": -1}, "start and stop must be rows of out"),
        (image, out, {"stop": 5}, "start and stop must be rows of out"),
        (image, out, {"start": 3, "stop": 2}, "start and stop must be rows of out"),
        (image, out[..., :2].copy(), {}, "out must have as many channels as source"),
        (image, out.astype(np.int8), {}, "out has a dtype that does not fit source"),
        (image, out.astype(float), {}, "out has a dtype that does not fit source"),
        (image, np.zeros((4, 8, 3), np.uint8)[:, ::2], {}, "the pixels of out must be contiguous"),
        (image[:, ::-1], out, {}, "the pixels of source must lie behind each other"),
        (image, image[:4, :4], {}, "out overlaps source"),
        (image, out, {"weights": image}, "weights must have the rows and columns of source, and one channel"),
        (image, out, {"weights": image[1:, :, 0]}, "weights must have the rows and columns of source, .*"),
        (image, out, {"weights": deep}, "weights, source and out must have the same dtype"),
        (image, out, {"weights": image[..., 0]}, "the pixels of weights must be contiguous"),
        (image.astype(np.int8), out.astype(np.int8), {"weights": deep}, "weights, source and out .*"),
    ):
        with pytest.raises(ValueError, match=f"^{reason}$"):
            core.pool(source, target, **{**good, **changes})
    with pytest.raises(MemoryError):
        core.pool(image, out, mode="max", rows=window, columns=(2**58, 2**56, 2**58 - 1))
    with pytest.raises(ValueError, match="no mode none"):
        core.pool(image, out)


@pytest.mark.parametrize(("dtype", "channels"), [("B", 2), ("B", 4), ("B", 8), ("H", 2), ("H", 4), ("f", 2)])
def test_pixels_need_no_other_alignment_than_their_samples(core: Any, dtype: str, channels: int) -> None:
    """Pixels of 2, 4 or 8 bytes are copied as numbers of this size, wherever they are."""
    source = np.random.default_rng(channels).integers(0, 200, (5, 40, channels)).astype(dtype)
    for stride in (2, 3):
        expected = source[::stride, ::stride]
        for offset in range(source.itemsize, 9, source.itemsize):
            memory = np.zeros(expected.nbytes + 16, np.uint8)
            out = memory[offset : offset + expected.nbytes].view(dtype).reshape(expected.shape)
            core.pool(source, out, mode="max", rows=(1, stride, 0), columns=(1, stride, 0))
            assert np.array_equal(out, expected)
