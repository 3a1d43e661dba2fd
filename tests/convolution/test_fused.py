"""Filtering and rendering at once gives what filtering and rendering one after the other give."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from convcli import parallel
from convcli.convolution.algorithms import strategy as strategy_module
from convcli.convolution.engine import apply_filter
from convcli.convolution.fused import filter_pixels
from convcli.convolution.rendering import SignedMapping, adjust, render_counted
from convcli.convolution.statistics import measure
from convcli.errors import UsageError
from convcli.kernels.filter import Combination, Filter, custom_filter
from convcli.kernels.lookup import get_filter
from tests.support.sampling import examples

Array = NDArray[Any]
FILTERS = ["sobel-x", "sobel", "kirsch", "gaussian", "laplacian", "log:sigma=2", "gabor"]


def one_after_the_other(
    image: Array, chosen: Filter, how: str, **options: Any
) -> tuple[Array, int, Any, Any]:
    scale, bias, relu, depth = (options.pop(key) for key in ("scale", "bias", "relu", "depth"))
    values = adjust(apply_filter(image, chosen, **options), scale=scale, bias=bias)
    values = np.maximum(values, 0) if relu else values
    rendered = render_counted(values, how, depth=depth)
    return rendered.pixels, rendered.losses.saturated, measure(values), values.dtype


@settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_all_at_once_is_one_after_the_other(monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    monkeypatch.setattr(strategy_module, "STRIP_BYTES", 900)
    monkeypatch.setattr(parallel, "MIN_OUTPUTS_PER_THREAD", 1)
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]))
    shape = data.draw(st.sampled_from([(30, 20), (17, 9, 3), (1, 50), (40, 1)]))
    elements = st.floats(-300, 300, width=32) if dtype == np.float32 else None
    image = data.draw(hnp.arrays(dtype, shape, elements=elements))
    chosen = get_filter(data.draw(st.sampled_from(FILTERS)))
    how = data.draw(st.sampled_from(SignedMapping))
    options: dict[str, Any] = {
        "scale": data.draw(st.sampled_from([1, 0.25, 2, -1, -0.5, 0])),
        "bias": data.draw(st.sampled_from([0, 7, -3.5])),
        "relu": data.draw(st.booleans()),
        "depth": data.draw(st.sampled_from([8, 16])),
        "stride": data.draw(st.sampled_from([1, 2, (3, 1)])),
        "border": data.draw(st.sampled_from(["edge", "zero", "wrap"])),
    }
    pixels, saturated, numbers, numbers_dtype = one_after_the_other(image, chosen, how, **options)
    found = filter_pixels(
        image, chosen, how, with_statistics=True, jobs=data.draw(st.sampled_from([1, 3])), **options
    )
    assert found.pixels.dtype == pixels.dtype
    assert np.array_equal(found.pixels, pixels)
    assert (found.losses.saturated, found.dtype) == (saturated, numbers_dtype)
    assert found.statistics is not None
    assert (found.statistics.lowest, found.statistics.highest) == (numbers.lowest, numbers.highest)
    assert found.statistics.mean == pytest.approx(numbers.mean, rel=1e-9, abs=1e-9)
    unmeasured = filter_pixels(image, chosen, how, **options)
    assert np.array_equal(unmeasured.pixels, pixels)
    assert (unmeasured.losses.saturated, unmeasured.statistics) == (saturated, None)


@pytest.mark.parametrize("how", ["abs", "clip", "center", "stretch"])
@pytest.mark.parametrize("name", ["sobel-x", "sobel", "gaussian:sigma=2"])
def test_no_wide_result_is_held_whole(monkeypatch: pytest.MonkeyPatch, how: str, name: str) -> None:
    monkeypatch.setattr(strategy_module, "STRIP_BYTES", 1 << 17)
    image = np.random.default_rng(5).integers(0, 256, (3000, 2000), np.uint8)
    chosen = get_filter(name)
    filter_pixels(image[:300], chosen, how, jobs=2)
    tracemalloc.start()
    try:
        filter_pixels(image, chosen, how, jobs=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    strips = 2 * 20 * (1 << 17)  # of two threads
    wide = 2 * image.size  # bytes of int16, the narrowest
    assert peak < image.nbytes + strips < image.nbytes + wide


def test_an_unknown_depth_is_refused() -> None:
    with pytest.raises(UsageError, match="depth 12: must be 8 or 16"):
        filter_pixels(np.zeros((3, 3)), "sobel", depth=12)


def test_nan_in_a_picture_of_floats_becomes_black_and_is_counted() -> None:
    image = np.zeros((9, 9), np.float32)
    image[4, 4] = np.nan
    found = filter_pixels(image, "sobel", with_statistics=True)
    assert found.losses.saturated == 8  # both kernels have a zero in the middle
    assert not found.pixels.any()
    assert found.statistics is not None
    assert (found.statistics.lowest, found.statistics.highest) == (0, 0)


def test_extreme_taps_saturate_and_never_turn_over() -> None:
    image = np.full((4, 4), 255, np.uint8)
    for taps, white in (([[2**54]], 255), ([[-(2**54)]], 255)):
        found = filter_pixels(image, custom_filter("kernel", taps), with_statistics=True)
        assert (found.pixels == white).all()
        assert found.losses.saturated == 16
    clipped = filter_pixels(image, custom_filter("kernel", [[-(2**54)]]), "clip")
    assert not clipped.pixels.any()


def test_a_magnitude_with_a_negative_scale_is_still_a_distance() -> None:
    image = np.random.default_rng(6).integers(0, 256, (20, 30), np.uint8)
    magnitude = get_filter("sobel")
    assert magnitude.combination == Combination.MAGNITUDE
    there = filter_pixels(image, magnitude, scale=0.25).pixels
    assert np.array_equal(filter_pixels(image, magnitude, scale=-0.25).pixels, there)
