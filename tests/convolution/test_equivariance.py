"""Translation equivariance, and what stride and pooling change about it, as in docs/filters.md."""

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.convolution.engine import apply_filter, convolve
from convcli.convolution.pooling import pool
from convcli.kernels.catalog import CATALOG
from convcli.kernels.lookup import get_filter, kernel
from convcli.pictures.channels import select_channels
from convcli.pictures.reading import read_image
from tests.support.command_line import SAMPLES, Runner
from tests.support.sampling import examples

Array = NDArray[Any]

moves = st.integers(-9, 9)


@pytest.mark.parametrize("name", CATALOG)
@settings(max_examples=examples(25), deadline=None)
@given(moves, moves, st.sampled_from([np.uint8, np.uint16, np.float32]), st.integers(0, 1 << 30))
def test_filters_follow_a_shift(name: str, down: int, right: int, dtype: type, seed: int) -> None:
    one = get_filter(name)
    height, width = np.max([taps.shape for taps in one.kernels], axis=0)
    sides = (2 * height + 25, 2 * width + 25)
    picture: Array = np.random.default_rng(seed).integers(0, 256, sides).astype(dtype)
    moved = apply_filter(np.roll(picture, (down, right), (0, 1)), one)
    following = np.roll(apply_filter(picture, one), (down, right), (0, 1))
    # Away from the border, and from where rolling joins what lay apart.
    inside = np.s_[height + 9 : -height - 9, width + 9 : -width - 9]
    if np.issubdtype(moved.dtype, np.integer):
        np.testing.assert_array_equal(moved[inside], following[inside])
    else:
        scale = max(float(np.abs(taps).sum()) for taps in one.kernels) * 255
        np.testing.assert_allclose(moved[inside], following[inside], rtol=0, atol=1e-6 * scale)


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(1, 5), st.integers(0, 3), st.sampled_from(["max", "avg"]), st.integers(0, 1 << 30))
def test_stride_and_pooling_follow_multiples_of_their_stride(
    stride: int, steps: int, mode: str, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (30, 40)).astype(np.uint8)
    moved = picture[:, stride * steps :]
    edges_of = (
        convolve(each, kernel("sobel-x"), stride=stride, padding="valid") for each in (picture, moved)
    )
    pooled = (pool(each, mode=mode, size=3, stride=stride) for each in (picture, moved))
    for still, following in (edges_of, pooled):
        np.testing.assert_array_equal(following, still[:, steps:])


# The table of docs/filters.md -------------------------------------------------------------------------------------------

MOVES = (1, 2, 4, 8)


def edges(pixels: Array, stride: int = 1) -> Array:
    return np.abs(convolve(pixels, kernel("sobel-x"), padding="valid", stride=stride))


RESULTS: dict[str, tuple[int, Callable[[Array], Array]]] = {
    "": (1, edges),
    "--s 2": (2, lambda pixels: edges(pixels, 2)),
    "--s 4": (4, lambda pixels: edges(pixels, 4)),
    "--pool max --f 2": (2, lambda pixels: pool(edges(pixels), size=2)),
    "--pool max --f 8": (8, lambda pixels: pool(edges(pixels), size=8)),
    "--pool avg --f 8": (8, lambda pixels: pool(edges(pixels), mode="avg", size=8)),
}


def change(options: str, move: int, *, back: bool) -> float:
    """Return the mean change of a result, as a part of its mean, when the cat moves to the right."""
    cat = select_channels(read_image(SAMPLES / "chelsea.png"), "gray")
    stride, result = RESULTS[options]
    width = cat.shape[1] - MOVES[-1]
    still, moved = (result(cat[:, MOVES[-1] - shift :][:, :width]).astype(float) for shift in (0, move))
    places = move // stride if back else 0
    kept = still.shape[1] - places
    return float(np.abs(still[:, :kept] - moved[:, places:]).mean() / np.abs(still).mean())


def test_the_page_of_filters_states_measured_values(convcli: Runner) -> None:
    page = (SAMPLES.parent / "docs" / "filters.md").read_text("utf-8")
    rows = re.findall(r"^\| `(.*?)` ?\| (shifted back|in place) \|(.*)\|$", page, re.MULTILINE)
    assert len(rows) == 8
    for options, how, cells in rows:
        options = options.strip()
        expected = [float(cell.strip(" %")) for cell in cells.split("|")]
        back = how == "shifted back"
        measured = [round(100 * change(options, move, back=back), 1) for move in MOVES]
        assert expected == measured, (options, how)
        command = ("explain", SAMPLES / "chelsea.png", "--filter", "sobel-x", "--channels", "gray")
        ran = convcli(*command, "--shift", "1,2,4,8", *options.split(), "--json")
        key = "equivariance" if back else "invariance"
        shifts = json.loads(ran.out)["shifts"]
        assert expected == [round(100 * one[key]["relative"], 1) for one in shifts]
