"""Recipes on rasters against the same on arrays: channels, alpha under the windows, ranges, whole results."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.convolution.engine import center_pixels
from convcli.errors import SizeError
from convcli.pictures.channels import Channels, select_channels
from convcli.pictures.picture import Picture
from convcli.pictures.raster import Raster
from convcli.pipeline.recipes.rasters import center_raster, pixel_range, select_raster
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.sizes.text import NamedPadding
from tests.support.engines import NEEDS_CORE, Engine, use_engine

RANDOM = np.random.default_rng(5)


def pixels_of(*shape: int, depth: int = 8) -> tuple[NDArray[Any], Raster]:
    """Return random pixels as an array and as a raster; of four samples only three count."""
    array = RANDOM.integers(0, 2**depth, shape, f"u{depth // 8}")
    raster = Raster(array.data, shape[2] if len(shape) == 3 else None)
    if shape[2:] == (4,):
        return array[..., :3], raster.with_channels(3)
    return array, raster


@NEEDS_CORE
@pytest.mark.parametrize(("depth", "samples", "channels"), list(product([8, 16], [3, 4], "rgb")))
def test_a_selected_channel_is_that_of_the_array(depth: int, samples: int, channels: str) -> None:
    array, raster = pixels_of(5, 7, samples, depth=depth)
    with use_engine(Engine.COMPILED):
        selected = select_raster(Picture(raster), Channels(channels))
    assert selected is not None
    assert selected.depth == depth
    np.testing.assert_array_equal(selected.array(), select_channels(array, Channels(channels)))


@NEEDS_CORE
@pytest.mark.parametrize(
    ("depth", "samples", "channels"),
    [(8, 3, "gray"), (8, 4, "gray"), (16, 3, "gray"), (8, 3, "sum"), (8, 4, "sum")],
)
def test_luma_and_sums_are_those_of_the_array(depth: int, samples: int, channels: str) -> None:
    array, raster = pixels_of(301, 427, samples, depth=depth)
    array[:2, :2] = [[[2**depth - 1] * 3, [0] * 3], [[255, 0, 0], [0, 255, 255]]]
    halves = [(k, 52 + k, 184 + k) for k in range(72)]
    assert all((19595 * r + 38470 * g + 7471 * b) % 65536 == 32768 for r, g, b in halves)
    array[2, : len(halves)] = halves  # which are rounded up
    with use_engine(Engine.COMPILED):
        selected = select_raster(Picture(raster), Channels(channels))
        gray = select_raster(Picture(pixels_of(3, 4)[1]), Channels(channels))
    assert selected is not None
    assert gray is not None
    np.testing.assert_array_equal(selected.array(), select_channels(array, Channels(channels)))


@given(
    sides=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    padding=st.one_of(
        st.sampled_from(NamedPadding),
        st.tuples(
            st.tuples(st.integers(0, 9), st.integers(0, 9)), st.tuples(st.integers(0, 9), st.integers(0, 9))
        ),
    ),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 40)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    depth=st.sampled_from([8, 16]),
)
def test_alpha_is_that_under_the_center_of_each_window(
    sides: tuple[int, int],
    kernel: tuple[int, int],
    padding: Any,
    stride: tuple[int, int],
    dilation: tuple[int, int],
    depth: int,
) -> None:
    array, raster = pixels_of(*sides, depth=depth)
    window = SlidingWindow(padding, "edge", stride, dilation, False, None)
    try:
        expected = center_pixels(array, kernel, stride=stride, padding=padding, dilation=dilation)
    except SizeError:
        with pytest.raises(SizeError):
            center_raster(raster, window, kernel)
        return
    centers = center_raster(raster, window, kernel)
    assert centers.depth == depth
    np.testing.assert_array_equal(centers.array(), expected)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("depth", "shape"),
    list(product([8, 16], [(1, 1), (40, 9), (40, 9, 1), (40, 9, 2), (40, 9, 3), (40, 9, 4)])),
)
def test_the_range_of_pixels(depth: int, shape: tuple[int, ...]) -> None:
    array, raster = pixels_of(*shape, depth=depth)
    assert pixel_range(raster) == pixel_range(array) == (array.min(), array.max())
    some = array[:: max(1, shape[0] // 16)]
    assert pixel_range(raster, 16) == pixel_range(array, 16) == (some.min(), some.max())


@NEEDS_CORE
@pytest.mark.parametrize("channels", [-1, 4, 2**40])
def test_the_core_refuses_channels_that_are_not_there(channels: int) -> None:
    from convcli.compiled import core

    with pytest.raises(ValueError, match="channels must be 1 to 3"):
        core.measure(np.zeros((2, 2, 3), np.uint8).data, channels)
