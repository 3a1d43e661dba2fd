"""Pooling against PyTorch's golden arrays, loops over windows, and types at their extremes."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from convcli import parallel
from convcli.convolution import pooling
from convcli.convolution.algorithms import compiled_pooling
from convcli.convolution.pooling import PoolMode, pool
from convcli.errors import ImageError, SizeError, UsageError
from tests.support import oracles as reference
from tests.support.engines import INSTRUCTION_SETS, Engine, use_engine, use_instruction_set
from tests.support.sampling import examples

Array = NDArray[Any]

with np.load(Path(__file__).parents[1] / "data" / "pooling.npz") as archive:
    GOLDEN = {key: archive[key] for key in archive}
CASES = sorted({key.partition("_")[0] for key in GOLDEN})
INTEGERS = [np.dtype(f"{kind}{size}") for kind in "ui" for size in (1, 2, 4, 8)]


@pytest.fixture(scope="module", params=[Engine.NUMPY, *INSTRUCTION_SETS], autouse=True)
def computed_by(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run every test with numpy, and with the core on each instruction set."""
    if request.param == Engine.NUMPY:
        with use_engine(Engine.NUMPY):
            yield
    else:
        with use_engine(Engine.COMPILED), use_instruction_set(request.param):
            yield


def golden_options(case: str) -> dict[str, Any]:
    f_h, f_w, s_h, s_w, p_h, p_w, ceil = GOLDEN[f"{case}_args"].tolist()
    return {"size": (f_h, f_w), "stride": (s_h, s_w), "padding": (p_h, p_w), "ceil": bool(ceil)}


def test_the_golden_cases_are_all_there() -> None:
    assert len(CASES) == 16


@pytest.mark.parametrize("case", CASES)
def test_maxima_are_pytorchs(case: str) -> None:
    pooled = np.stack([pool(image, mode="max", **golden_options(case)) for image in GOLDEN[f"{case}_x"]])
    assert pooled.dtype == np.int32
    assert np.array_equal(pooled, GOLDEN[f"{case}_max"])


@pytest.mark.parametrize("case", CASES)
def test_means_are_pytorchs(case: str) -> None:
    images = GOLDEN[f"{case}_x"].astype(np.float64)
    pooled = np.stack([pool(image, mode="avg", **golden_options(case)) for image in images])
    assert pooled.shape == GOLDEN[f"{case}_avg"].shape
    assert np.allclose(pooled, GOLDEN[f"{case}_avg"], rtol=1e-14, atol=1e-14)


# Strips and threads ---------------------------------------------------------------------------------------


@given(st.data())
@settings(max_examples=examples(150), deadline=None)
def test_strips_and_threads_never_change_a_bit(data: st.DataObject) -> None:
    shape, options, _ = data.draw(requests())
    mode = data.draw(st.sampled_from(PoolMode))
    dtype = data.draw(
        st.sampled_from([np.dtype(t) for t in (np.uint8, np.uint16, np.int32, np.int64, np.float32)])
    )
    image = data.draw(hnp.arrays(dtype, (4 * shape[0], *shape[1:]), elements=elements(dtype)))
    options["rounded"] = data.draw(st.booleans())
    whole = pool(image, mode=mode, jobs=1, **options)
    with pytest.MonkeyPatch.context() as patched:
        size = data.draw(st.integers(1, 300))
        patched.setattr(pooling, "STRIP_BYTES", size)
        patched.setattr(compiled_pooling, "PART_BYTES", size)
        patched.setattr(parallel, "MIN_OUTPUTS_PER_THREAD", 1)
        out = np.empty_like(whole)
        assert pool(image, mode=mode, jobs=data.draw(st.sampled_from([1, 3])), out=out, **options) is out
    assert out.tobytes() == whole.tobytes()


@pytest.mark.parametrize("strip_bytes", [1, 20, 300])
def test_negative_zeros_stay_so_in_every_strip(strip_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "STRIP_BYTES", strip_bytes)
    monkeypatch.setattr(compiled_pooling, "PART_BYTES", strip_bytes)
    image = np.full((4, 1), -0.0, np.float32)
    pooled = pool(image, mode="avg", size=(2, 1), stride=1, padding=((0, 1), (0, 0)))
    assert np.signbit(pooled).tolist() == [[True]] * 4


def test_an_out_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match=r"out int16 \(2, 2\): must be a writable array of uint8 \(2, 2\)"):
        pool(np.zeros((4, 4), np.uint8), out=np.zeros((2, 2), np.int16))


def test_a_wrong_number_of_jobs_is_refused() -> None:
    with pytest.raises(UsageError, match="jobs 0: must be a whole number, at least 1"):
        pool(np.zeros((4, 4), np.uint8), jobs=0)


@pytest.mark.parametrize(("dtype", "highest"), [(np.uint8, 255), (np.uint16, 65535), (np.int16, 32767)])
@pytest.mark.parametrize("size", [(1, 2), (2, 2), (3, 3), (4, 4), (7, 9), (8, 8), (16, 16)])
def test_every_mean_near_a_half_is_rounded_as_it_should(
    dtype: Any, highest: int, size: tuple[int, int]
) -> None:
    count = size[0] * size[1]
    sums = [
        whole * count + part
        for whole in sorted({*range(10), *range(highest - 10, highest), *range(100, highest, highest // 97)})
        for part in {0, 1, count // 2 - 1, count // 2, count // 2 + 1, count - 1}
        if 0 <= whole * count + part <= highest * count
    ]
    blocks = [np.full(size, total // count, dtype).ravel() for total in sums]
    for block, total in zip(blocks, sums, strict=True):
        block[: total % count] += 1
    image = np.hstack([block.reshape(size) for block in blocks])
    expected = [round(Fraction(total, count)) for total in sums]
    assert pool(image, mode="avg", size=size, rounded=True)[0].tolist() == expected
    exact = [float(Fraction(total, count)) for total in sums]
    assert pool(image, mode="avg", size=size)[0].tolist() == exact


def test_views_are_pooled_as_their_copies() -> None:
    image = np.random.default_rng(3).integers(0, 60000, (40, 60, 3)).astype(">u2")
    for view in (image[::-1, ::2], image.transpose(1, 0, 2), image[..., ::-1], image[..., 0].T):
        view.flags.writeable = False
        for mode in PoolMode:
            expected = pool(
                np.ascontiguousarray(view).astype(np.uint16), mode=mode, size=3, stride=2, padding=1
            )
            assert np.array_equal(pool(view, mode=mode, size=3, stride=2, padding=1), expected)


# Loops ----------------------------------------------------------------------------------------------------


@st.composite
def requests(draw: st.DrawFn) -> tuple[tuple[int, ...], dict[str, Any], reference.PaddingAmounts]:
    """Draw an image's shape, the options of `pool`, and the padding as amounts."""
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)), *draw(st.sampled_from([(), (1,), (3,)])))
    size, stride = (draw(st.tuples(st.integers(1, 5), st.integers(1, 5))) for _ in range(2))
    ends = [draw(st.integers(0, side // 2)) for side in size for _ in range(2)]
    amounts = (ends[0], ends[1]), (ends[2], ends[3])
    if draw(st.booleans()):
        amounts = (ends[0], ends[0]), (ends[2], ends[2])
    options: dict[str, Any] = {
        "size": size,
        "stride": stride,
        "padding": amounts,
        "ceil": draw(st.booleans()),
    }
    starts = [
        reference.window_starts(n, f, before=before, after=after, stride=s, ceil=options["ceil"])
        for n, f, s, (before, after) in zip(shape[:2], size, stride, amounts, strict=True)
    ]
    assume(all(starts))
    return shape, options, amounts


def windows(image: Array, options: dict[str, Any], amounts: reference.PaddingAmounts) -> list[list[Array]]:
    return reference.pool_windows(
        image, options["size"], stride=options["stride"], amounts=amounts, ceil=options["ceil"]
    )


def elements(dtype: np.dtype[Any]) -> st.SearchStrategy[int] | None:
    if dtype.itemsize < 8:
        return None
    return st.integers(-(2**57) if dtype.kind == "i" else 0, 2**57)


@given(requests(), st.sampled_from(INTEGERS), st.data())
@settings(max_examples=examples(150), deadline=None)
def test_maxima_of_integers_are_those_of_the_windows(
    request: tuple[Any, Any, Any], dtype: np.dtype[Any], data: st.DataObject
) -> None:
    shape, options, amounts = request
    image = data.draw(hnp.arrays(dtype, shape))
    expected = [[reference.largest(w) for w in row] for row in windows(image, options, amounts)]
    pooled = pool(image, mode="max", **options)
    assert pooled.dtype == dtype
    assert pooled.tolist() == np.array(expected).tolist()


@given(requests(), st.sampled_from(INTEGERS), st.data())
@settings(max_examples=examples(200), deadline=None)
def test_means_of_integers_are_those_of_the_windows_rounded_half_to_even(
    request: tuple[Any, Any, Any], dtype: np.dtype[Any], data: st.DataObject
) -> None:
    shape, options, amounts = request
    image = data.draw(hnp.arrays(dtype, shape, elements=elements(dtype)))
    expected = [[reference.rounded_mean(w) for w in row] for row in windows(image, options, amounts)]
    pooled = pool(image, mode="avg", rounded=True, **options)
    assert pooled.dtype == dtype
    assert pooled.tolist() == expected


@given(requests(), st.sampled_from(INTEGERS), st.data())
@settings(max_examples=200, deadline=None)
def test_means_of_integers_are_exact(
    request: tuple[Any, Any, Any], dtype: np.dtype[Any], data: st.DataObject
) -> None:
    shape, options, amounts = request
    below = 2**47  # sums of 25 stay below 2**53, where float64 holds every integer
    low, high = max(-below, int(np.iinfo(dtype).min)), min(below, int(np.iinfo(dtype).max))
    image = data.draw(hnp.arrays(dtype, shape, elements=st.integers(low, high)))
    expected = [
        [
            [float(Fraction(sum(w.reshape(len(w), -1)[:, c].tolist()), len(w))) for c in range(w[0].size)]
            for w in row
        ]
        for row in windows(image, options, amounts)
    ]
    pooled = pool(image, mode="avg", **options)
    assert pooled.dtype == np.float64
    assert pooled.tolist() == np.reshape(expected, pooled.shape).tolist()


def test_the_mean_of_integers_is_no_integer() -> None:
    image = np.array([[1, 3], [2, 9]])
    for dtype in INTEGERS:
        assert pool(image.astype(dtype), mode="avg").tolist() == [[3.75]]
    assert pool(image, mode="avg", rounded=True).tolist() == [[4]]
    assert pool(image == 1, mode="avg").tolist() == [[0.25]]


def test_out_takes_exact_means_as_float64_and_rounded_ones_as_the_image() -> None:
    image = np.array([[1, 3], [2, 9]], np.uint8)
    exact, whole = np.empty((1, 1)), np.empty((1, 1), np.uint8)
    assert pool(image, mode="avg", out=exact) is exact
    assert pool(image, mode="avg", rounded=True, out=whole) is whole
    assert (exact.tolist(), whole.tolist()) == ([[3.75]], [[4]])
    with pytest.raises(UsageError, match=r"out uint8 \(1, 1\): must be a writable array of float64 \(1, 1\)"):
        pool(image, mode="avg", out=whole)


def test_rounding_leaves_maxima_and_floats_alone() -> None:
    assert pool([[1, 3], [2, 9]], rounded=True).tolist() == [[9]]
    assert pool([[1.0, 3.0], [2.0, 9.0]], mode="avg", rounded=True).tolist() == [[3.75]]


@given(requests(), st.sampled_from([np.float32, np.float64]), st.data())
@settings(max_examples=examples(100), deadline=None)
def test_means_of_floats_are_those_of_the_windows(
    request: tuple[Any, Any, Any], dtype: Any, data: st.DataObject
) -> None:
    shape, options, amounts = request
    image = data.draw(hnp.arrays(dtype, shape, elements=st.floats(-1000, 1000, width=16)))
    expected = [
        [
            [math.fsum(w.reshape(len(w), -1)[:, c].tolist()) / len(w) for c in range(math.prod(shape[2:]))]
            for w in row
        ]
        for row in windows(image, options, amounts)
    ]
    pooled = pool(image, mode="avg", **options)
    assert pooled.dtype == dtype
    rounding = float(np.finfo(dtype).eps)
    assert np.allclose(pooled.reshape(np.shape(expected)), expected, rtol=rounding, atol=25 * 2.0**-52 * 1000)


@given(requests(), st.data())
@settings(max_examples=examples(60), deadline=None)
def test_maxima_are_minima_of_the_negative(request: tuple[Any, Any, Any], data: st.DataObject) -> None:
    shape, options, amounts = request
    image = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(-1e300, 1e300)))
    least = [[w.min(axis=0) for w in row] for row in windows(-image, options, amounts)]
    assert pool(image, **options).tolist() == (-np.array(least)).tolist()


# Rounding -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "mean"),
    [
        ([0, 1], 0),
        ([1, 2], 2),
        ([2, 3], 2),
        ([3, 4], 4),
        ([-1, 0], 0),
        ([-2, -1], -2),
        ([-3, -2], -2),
        ([-4, -3], -4),
    ],
)
def test_half_is_rounded_to_even(row: list[int], mean: int) -> None:
    assert pool([row], mode="avg", size=(1, 2), rounded=True).tolist() == [[mean]]


def test_padding_counts_in_no_mean() -> None:
    image = np.array([[6, 9], [12, 15]])
    assert pool(image, mode="avg", size=3, padding=1, stride=1).tolist() == [[10.5, 10.5]] * 2


def test_padding_is_no_largest_value() -> None:
    assert pool(np.array([[-6, -9], [-12, -15]]), size=2, padding=1).tolist() == [[-6, -9], [-12, -15]]


def test_a_window_over_the_edge_counts_what_it_holds() -> None:
    image = np.array([[1, 2, 30]])
    assert pool(image, mode="avg", size=(1, 2), ceil=True).tolist() == [[1.5, 30]]
    assert pool(image, mode="avg", size=(1, 2), ceil=False).tolist() == [[1.5]]


def test_the_default_stride_is_the_window() -> None:
    image = np.arange(36).reshape(6, 6)
    assert pool(image, size=(2, 3)).tolist() == [[8, 11], [20, 23], [32, 35]]


def test_max_pooling_by_two_is_the_default() -> None:
    assert pool([[1, 2], [3, 4]]).tolist() == [[4]]


# Types ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("end", ["min", "max"])
def test_the_largest_of_a_types_extremes_is_itself(dtype: np.dtype[Any], end: str) -> None:
    value = int(getattr(np.iinfo(dtype), end))
    assert pool(np.full((4, 4), value, dtype), size=3, padding=1).tolist() == [[value, value], [value, value]]


@pytest.mark.parametrize("dtype", [dtype for dtype in INTEGERS if dtype.itemsize < 8])
@pytest.mark.parametrize("end", ["min", "max"])
def test_the_mean_of_a_types_extremes_is_itself(dtype: np.dtype[Any], end: str) -> None:
    value = int(getattr(np.iinfo(dtype), end))
    image = np.full((8, 8), value, dtype)
    assert pool(image, mode="avg", size=8).tolist() == [[value]]
    assert pool(image, mode="avg", size=8, rounded=True).tolist() == [[value]]


def test_booleans_are_pooled_as_bytes() -> None:
    pooled = pool(np.array([[True, False], [False, False]]))
    assert pooled.dtype == np.uint8
    assert pooled.tolist() == [[1]]


@pytest.mark.parametrize(
    ("dtype", "value"), [(np.int64, 2**61), (np.int64, -(2**63)), (np.uint64, 2**64 - 1)]
)
def test_sums_that_could_overflow_int64_are_refused(dtype: Any, value: int) -> None:
    with pytest.raises(ImageError) as caught:
        pool(np.full((2, 2), value, dtype), mode="avg")
    assert str(abs(value)) in caught.value.what
    assert "overflow int64" in caught.value.why


def test_maxima_of_any_int64_are_fine() -> None:
    assert pool(np.array([[-(2**63), 2**63 - 1]]), size=(1, 2)).tolist() == [[2**63 - 1]]


def test_means_of_float32_are_summed_in_float64() -> None:
    image = np.array([[2.0**24, 1, 1, 1]], np.float32)
    assert pool(image, mode="avg", size=(1, 4)).tolist() == [[float(np.float32(Fraction(2**24 + 3, 4)))]]


def test_means_of_huge_float32_do_not_overflow() -> None:
    image = np.full((2, 2), 3e38, np.float32)
    assert pool(image, mode="avg").tolist() == image[:1, :1].tolist()


@pytest.mark.parametrize("mode", ["max", "avg"])
def test_nan_stays_in_its_window(mode: str) -> None:
    image = np.array([[math.nan, 1, 2, 2], [1, 1, 2, 2]])
    pooled = pool(image, mode=mode)
    assert np.isnan(pooled[0, 0])
    assert pooled[0, 1] == 2


def test_infinities_are_pooled_without_a_warning() -> None:
    image = np.array([[math.inf, -math.inf, -math.inf, -math.inf]])
    assert pool(image, size=(1, 2)).tolist() == [[math.inf, -math.inf]]
    means = pool(image, mode="avg", size=(1, 2))
    assert np.isnan(means[0, 0])
    assert means[0, 1] == -math.inf


def test_the_image_is_not_changed() -> None:
    image = np.arange(16).reshape(4, 4)
    pool(image, padding=1, size=3, mode="avg")
    assert image.tolist() == np.arange(16).reshape(4, 4).tolist()


# Errors ---------------------------------------------------------------------------------------------------


def test_an_unknown_mode_is_answered_by_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        pool([[1]], mode="mean")
    assert "'mean'" in caught.value.what
    assert caught.value.why == "unknown value; did you mean avg?"


def test_a_window_larger_than_the_image_is_refused() -> None:
    with pytest.raises(SizeError, match="filter 3 on input 2"):
        pool([[1, 2], [3, 4]], size=3)


def test_padding_above_half_the_window_is_refused() -> None:
    with pytest.raises(SizeError, match="padding 2: is more than half the window of 3"):
        pool(np.ones((9, 9)), size=3, padding=2)


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (1, 2, 3, 4)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="an image is"):
        pool(np.ones(shape))
