"""Masked convolution and pooling against references in float64 and in fractions."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from convcli import parallel
from convcli.convolution import pooling
from convcli.convolution import weighted as weighted_module
from convcli.convolution.algorithms import strategy as strategy_module
from convcli.convolution.engine import apply_filter
from convcli.convolution.fused import filter_pixels
from convcli.convolution.pooling import pool, pool_weighted
from convcli.convolution.weighted import SampleWeights, averages, sample_weights
from convcli.kernels.filter import Combination, custom_filter, kernel_matrix
from convcli.kernels.lookup import get_filter
from tests.support.sampling import examples

Array = NDArray[Any]
RANDOM = np.random.default_rng(18)
PADDED = {"zero": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}
KERNELS = {
    "box": np.ones((3, 3), np.int64),
    "binomial": np.outer([1, 2, 1], [1, 2, 1]),
    "even": np.array([[1, 2], [3, 0]]),
    "negative": -np.ones((2, 3), np.int64),
    "gaussian": get_filter("gaussian:sigma=1").kernels[0][2:5, 2:5],
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "sobel": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
}


def padded(array: Array, kernel: Array, border: str, outside: float) -> Array:
    high, wide = (side - 1 for side in kernel.shape)
    amounts = ((high // 2, high - high // 2), (wide // 2, wide - wide // 2))
    more = {"constant_values": outside} if border == "zero" else {}
    return np.pad(array, amounts, PADDED[border], **more)  # type: ignore[call-overload, no-any-return]


def reference(
    image: Array, shares: Array, kernel: Array, border: str, stride: int = 1
) -> tuple[Array, Array]:
    """Return sum(k a c) / sum(k a) * sum(k), and where there is an a, window by window in fractions.

    With coefficients of both signs, what is missing of a pixel counts as the mean of the window.
    """
    values = padded(image.astype(np.float64), kernel, border, 0)
    weights = padded(shares.astype(np.float64), kernel, border, 1)
    result, seen = np.zeros(image.shape), np.zeros(image.shape, bool)
    one_sign = (kernel >= 0).all() or (kernel <= 0).all()
    exact = [[Fraction(float(tap)) for tap in row] for row in kernel]
    for y, x in np.ndindex(image.shape):
        window = [
            (exact[i][j], Fraction(weights[y + i, x + j]), weights[y + i, x + j] and values[y + i, x + j])
            for i, j in np.ndindex(kernel.shape)
        ]
        found = sum(abs(k) * a if one_sign else a for k, a, _ in window)
        seen[y, x] = found > 0
        if found:
            mean = sum((abs(k) if one_sign else 1) * a * Fraction(v) for k, a, v in window) / found
            result[y, x] = float(sum(k * (a * Fraction(v) + (1 - a) * mean) for k, a, v in window))
    return result[::stride, ::stride], seen[::stride, ::stride]


def weighted(image: Array, alpha: Array, kernel: Array, **options: Any) -> Array:
    weights = sample_weights(image, alpha)
    filtered = filter_pixels(image, custom_filter("k", kernel), "raw", weights=weights, **options)
    values: Array = filtered.pixels
    return values


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("border", PADDED)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_the_result_is_the_weighted_mean_times_the_sum(name: str, border: str, dtype: Any) -> None:
    kernel = KERNELS[name]
    full = 1 if dtype == np.float64 else int(np.iinfo(dtype).max)
    image = RANDOM.random((8, 9)) if full == 1 else RANDOM.integers(0, full, (8, 9), dtype, endpoint=True)
    alpha = (RANDOM.integers(0, 4, (8, 9)) / 3 * full).round().astype(dtype)
    alpha[:5, :5] = 0
    expected, seen = reference(image, alpha / full, kernel, border)
    straight = apply_filter(image, custom_filter("k", kernel), border=border)
    found = weighted(image, alpha, kernel, border=border)
    assert border == "wrap" or not seen.all()
    assert found[~seen] == pytest.approx(straight[~seen])
    assert found[seen] == pytest.approx(
        expected[seen], rel=3e-7 if found.dtype == np.float32 else 1e-12, abs=1e-9
    )


@pytest.mark.parametrize("name", ["box", "binomial", "gaussian", "sharpen"])
@pytest.mark.parametrize("stride", [1, 2])
def test_pixels_are_rounded_once(monkeypatch: pytest.MonkeyPatch, name: str, stride: int) -> None:
    monkeypatch.setattr(weighted_module, "BLOCK_VALUES", 8)
    image = RANDOM.integers(0, 256, (9, 8), np.uint8)
    alpha = RANDOM.integers(0, 256, (9, 8), np.uint8)
    kernel = KERNELS[name]
    scale = 1 / float(kernel.sum())
    expected, _ = reference(image, alpha / 255, kernel, "edge", stride)
    weights = sample_weights(image, alpha)
    chosen = custom_filter("k", kernel)
    found = filter_pixels(
        image, chosen, "clip", scale=scale, weights=weights, stride=stride, padding=len(kernel) // 2
    )
    assert found.pixels.dtype == np.uint8
    assert found.pixels.tolist() == np.rint(expected * scale).clip(0, 255).tolist()


def test_colors_that_nobody_sees_do_not_count() -> None:
    image = RANDOM.integers(0, 256, (12, 9, 3), np.uint8)
    alpha = np.where(RANDOM.random((12, 9)) < 0.5, 0, 255).astype(np.uint8)
    other = np.where(alpha[..., None] == 0, RANDOM.integers(0, 256, image.shape), image).astype(np.uint8)
    for kernel in KERNELS.values():
        visible = (apply_filter(alpha, custom_filter("k", np.abs(kernel))) > 0) & (alpha > 0)
        first, second = weighted(image, alpha, kernel), weighted(other, alpha, kernel)
        assert (first[visible] == second[visible]).all()


@pytest.mark.parametrize("hidden", [0, 255])
def test_a_uniform_color_stays_exactly_what_it_is(hidden: int) -> None:
    alpha = np.tile(np.array([0, 0, 0, 7, 255, 255, 255, 3, 0], np.uint8), (4, 1))
    image = np.where(alpha == 0, hidden, 201).astype(np.uint8)
    seen = alpha > 0
    assert (weighted(image, alpha, KERNELS["box"])[seen] == 201 * 9).all()
    assert (weighted(image, alpha, KERNELS["sharpen"])[seen] == 201).all()
    assert (weighted(image, alpha, KERNELS["sobel"])[seen] == 0).all()


@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_where_all_is_opaque_the_bits_are_those_of_plain_convolution(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.int16, np.float32, np.float64]))
    shape = data.draw(st.sampled_from([(14, 11), (9, 13, 3)]))
    elements = st.floats(-300, 300, width=32) if np.dtype(dtype).kind == "f" else None
    image = data.draw(hnp.arrays(dtype, shape, elements=elements))
    alpha = np.full(shape[:2], 255, np.uint8)
    alpha[0, 0] = data.draw(st.integers(0, 254))
    name = data.draw(st.sampled_from(["sobel", "gaussian", "kirsch", "box", "laplacian", "gabor"]))
    options: dict[str, Any] = {
        "stride": data.draw(st.sampled_from([1, 2, (3, 1)])),
        "border": data.draw(st.sampled_from(["edge", "zero", "reflect", "constant:7"])),
    }
    chosen = get_filter(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strategy_module, "STRIP_BYTES", 900)
        patch.setattr(parallel, "MIN_OUTPUTS_PER_THREAD", 1)
        patch.setattr(weighted_module, "BLOCK_VALUES", 30)
        plain = apply_filter(image, chosen, **options)
        weights = sample_weights(image, alpha)
        masked = filter_pixels(image, chosen, "raw", weights=weights, **options).pixels
    height, width = chosen.kernels[0].shape
    opaque = (slice(height, None), slice(width, None))
    assert masked.dtype == (plain.dtype if plain.dtype.kind == "f" else np.float64)
    assert (masked[opaque] == plain[opaque]).all()


@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_means_are_premultiplied_and_divided_out_whatever_the_window(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 1 << 32))
    random = np.random.default_rng(seed)
    image, alpha = random.random((9, 12, 3)), random.integers(0, 3, (9, 12)) / 2
    kernel = random.integers(0, 3, data.draw(st.sampled_from([(3, 3), (2, 4), (1, 5)]))) + 1.0
    options: dict[str, Any] = {
        "stride": data.draw(st.sampled_from([1, 2, (3, 2)])),
        "dilation": data.draw(st.sampled_from([1, 2])),
        "flip": data.draw(st.booleans()),
        "padding": data.draw(st.sampled_from(["same", "valid", 2, ((0, 3), (1, 0))])),
        "border": data.draw(st.sampled_from(["edge", "reflect", "symmetric", "wrap"])),
    }
    found = weighted(image, alpha, kernel, **options)
    chosen = custom_filter("k", kernel)
    sums = apply_filter(image * alpha[..., None], chosen, **options)
    total = apply_filter(alpha, chosen, **options)[..., None]
    straight = apply_filter(image, chosen, **options)
    expected = np.where(total > 0, sums / np.where(total > 0, total, 1) * kernel.sum(), straight)
    assert found == pytest.approx(expected, rel=1e-12)


def test_what_is_opaque_has_no_weights() -> None:
    pixels = np.zeros((2, 3), np.float32)
    for opaque in (np.full((2, 3), 65535, np.uint16), np.ones((2, 3), np.float32)):
        assert sample_weights(pixels, opaque) is None
    assert sample_weights(pixels, None, ignore_nan=True) is None
    assert sample_weights(np.zeros((2, 3), np.uint8), None, ignore_nan=True) is None
    weights = sample_weights(pixels, np.array([[np.nan, 2, 0.5], [-1, 1, 0]]))
    assert weights is not None
    assert weights.array.tolist() == [[0, 1, 0.5], [0, 1, 0]]


def test_nan_is_left_out_and_the_other_weights_grow() -> None:
    image = np.array([[1.0, np.nan, 4.0, 7.0, np.nan, np.nan, np.nan]])
    weights = sample_weights(image, None, ignore_nan=True)
    found = filter_pixels(
        image, custom_filter("k", [[1, 2, 1]]), "raw", weights=weights, border="zero"
    ).pixels
    assert found[0, :5] == pytest.approx([4 * 2 / 3, 4 * 2.5, 4 * 5, 4 * 6, 4 * 7])
    assert np.isnan(found[0, 5])
    assert found[0, 6] == 0  # the border of zeros is the only value in its window


def test_nan_in_one_channel_leaves_the_others_alone() -> None:
    image = RANDOM.random((5, 5, 3))
    image[2, 2, 1] = np.nan
    weights = sample_weights(image, None, ignore_nan=True)
    found = filter_pixels(image, "box", "raw", weights=weights).pixels
    plain = apply_filter(image, "box")
    assert (found[..., [0, 2]] == plain[..., [0, 2]]).all()
    assert found[2, 2, 1] == pytest.approx(np.nanmean(image[1:4, 1:4, 1]))
    assert np.isfinite(found).all()


def test_derivatives_take_the_mean_for_nan() -> None:
    ramp = np.tile(np.arange(9.0), (7, 1))
    ramp[3, 4] = np.nan
    weights = sample_weights(ramp, None, ignore_nan=True)
    found = filter_pixels(ramp, "sobel-x", "raw", weights=weights).pixels
    assert found[3, 4] == 8  # its own coefficient is 0
    mean = np.nanmean(ramp[2:5, 2:5])
    assert found[3, 3] == pytest.approx((4 + 4 - 2 - 2) + 2 * (mean - 2))


@pytest.mark.parametrize(
    ("combination", "join"),
    [
        (Combination.MAGNITUDE, lambda x, y: np.hypot(x, y)),
        (Combination.STRONGEST, np.maximum),
        (Combination.ABSOLUTE_SUM, lambda x, y: np.abs(x) + np.abs(y)),
        (Combination.ABSOLUTE_MAXIMUM, lambda x, y: np.maximum(np.abs(x), np.abs(y))),
    ],
)
def test_responses_are_combined_after_they_are_weighted(combination: Combination, join: Any) -> None:
    image = RANDOM.integers(0, 256, (6, 6), np.uint8)
    alpha = RANDOM.integers(1, 256, (6, 6), np.uint8)
    kernels = KERNELS["sharpen"], KERNELS["box"]
    chosen = replace(
        custom_filter("k", kernels[0]), matrices=tuple(map(kernel_matrix, kernels)), combination=combination
    )
    found = filter_pixels(image, chosen, "raw", weights=sample_weights(image, alpha)).pixels
    expected = join(*(weighted(image, alpha, kernel) for kernel in kernels))
    assert found == pytest.approx(expected, rel=3e-7)


def test_hidden_infinity_and_nan_do_not_count() -> None:
    image = np.array([[5.0, np.inf, 5.0, np.nan, 5.0]])
    alpha = np.array([[1.0, 0.0, 1.0, 0.0, 1.0]])
    assert weighted(image, alpha, np.ones((1, 3))) == pytest.approx(np.full((1, 5), 15.0))


def test_a_transform_does_not_find_weights_where_there_are_none() -> None:
    image = np.full((90, 90), 100.0)
    alpha = np.zeros((90, 90))
    alpha[:, 0] = 1
    kernel = RANDOM.random((31, 31))
    found = weighted(image, alpha, kernel)
    assert found == pytest.approx(100 * kernel.sum(), rel=1e-3)


def test_what_averages() -> None:
    assert averages([KERNELS["box"], KERNELS["sharpen"]])
    assert averages([KERNELS["negative"]])
    assert not averages([KERNELS["box"], KERNELS["sobel"]])
    assert not averages(get_filter("log:sigma=2").kernels)
    assert not averages(get_filter("gabor").kernels)


# Pooling --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("padding", [0, 1])
def test_a_mean_is_weighted_and_rounded_once(
    monkeypatch: pytest.MonkeyPatch, dtype: Any, ceil: bool, padding: int
) -> None:
    monkeypatch.setattr(pooling, "STRIP_BYTES", 800)
    full = int(np.iinfo(dtype).max)
    image = RANDOM.integers(0, full, (17, 8, 3), dtype, endpoint=True)
    alpha = (RANDOM.integers(0, 3, (17, 8)) * (full // 2)).astype(dtype)
    alpha[:3, :3] = 0
    alpha[9:] = full
    weights = SampleWeights(alpha, full, nan_if_empty=False)
    options: dict[str, Any] = {"size": 3, "stride": 2, "ceil": ceil, "padding": padding, "rounded": True}
    found = pool_weighted(image, weights, mode="avg", **options)
    straight = pool(image, mode="avg", **options)
    assert found.dtype == dtype
    assert found.shape == straight.shape
    for y, x, c in np.ndindex(found.shape):
        top, left = 2 * y - padding, 2 * x - padding
        window = (slice(max(0, top), top + 3), slice(max(0, left), left + 3))
        a, v = alpha[window].astype(int), image[window][..., c].astype(int)
        expected = round(Fraction(int((a * v).sum()), int(a.sum()))) if a.any() else straight[y, x, c]
        assert found[y, x, c] == expected


def test_a_maximum_is_that_of_what_is_seen() -> None:
    image = np.array([[9, 1, 7, 8], [2, 3, 6, 5]], np.uint8)
    alpha = np.array([[0, 1, 0, 0], [255, 9, 0, 0]], np.uint8)
    weights = sample_weights(image, alpha)
    assert weights is not None
    assert pool_weighted(image, weights, mode="max", size=2).tolist() == [[3, 8]]


@pytest.mark.parametrize("mode", ["max", "avg"])
def test_pooling_without_nan(mode: str) -> None:
    image = np.array([[np.nan, 1.0, np.nan, np.nan], [2.0, 6.0, np.nan, np.nan]])
    weights = sample_weights(image, None, ignore_nan=True)
    assert weights is not None
    found = pool_weighted(image, weights, mode=mode, size=2)
    assert found[0, 0] == (6 if mode == "max" else 3)
    assert np.isnan(found[0, 1])
