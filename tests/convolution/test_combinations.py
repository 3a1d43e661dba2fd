"""Filters that combine several responses, compared with the responses themselves, combined by Python."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convcli.convolution.engine import apply_filter, convolve
from convcli.convolution.fused import filter_pixels
from convcli.kernels.filter import Combination, Filter
from convcli.kernels.lookup import get_filter
from tests.support.command_line import Runner

Array = NDArray[Any]
FAMILIES = ["prewitt", "prewitt:size=5", "sobel", "sobel:size=7", "scharr", "roberts"]
NORMS: dict[str, Callable[[float, float], float]] = {
    "l1": lambda x, y: abs(x) + abs(y),
    "l2": math.hypot,
    "max": lambda x, y: max(abs(x), abs(y)),
}


def with_norm(family: str, norm: str) -> Filter:
    return get_filter(f"{family}{',' if ':' in family else ':'}norm={norm}")


def noise(dtype: type) -> Array:
    random = np.random.default_rng(3)
    if np.dtype(dtype).kind == "f":
        return random.standard_normal((8, 9)).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, (8, 9), dtype=dtype, endpoint=True)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_magnitudes_are_combined_pixel_by_pixel(dtype: type, family: str, norm: str) -> None:
    image = noise(dtype)
    found = apply_filter(image, with_norm(family, norm))
    x, y = (convolve(image, taps) for taps in get_filter(family).kernels)
    expected = [
        [NORMS[norm](*pair) for pair in zip(*rows, strict=True)]
        for rows in zip(x.tolist(), y.tolist(), strict=True)
    ]
    if norm == "l2" or np.dtype(dtype).kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)
        assert found.dtype == (np.float64 if dtype == np.float64 else np.float32)
    else:
        assert found.tolist() == expected
        assert found.dtype == x.dtype  # 8 bits more than the pixel hold both sums


def test_a_sum_takes_a_wider_integer_than_each_response() -> None:
    kernels = tuple(((0, weight, 0),) for weight in (100, -100, 28))
    weighted = Filter("three", kernels, "", "", "", combination=Combination.ABSOLUTE_SUM)
    image = np.full((2, 300), 255, np.uint8)
    found = apply_filter(image, weighted)
    assert (found == 255 * 228).all()
    assert convolve(image, kernels[0]).dtype == np.int16
    assert found.dtype == np.int32
    largest = Filter("three", kernels, "", "", "", combination=Combination.ABSOLUTE_MAXIMUM)
    assert apply_filter(image, largest).dtype == np.int16
    assert (apply_filter(image, largest) == 25500).all()
    pixels = filter_pixels(image, weighted, scale=0.001, with_statistics=True)
    assert (pixels.pixels == 58).all()
    assert pixels.statistics is not None
    assert pixels.statistics.highest == pytest.approx(58.14)


def test_not_a_number_and_infinity_stay_visible() -> None:
    image = np.zeros((3, 5))
    image[1, 0], image[1, 4] = np.nan, np.inf
    for norm in ("l1", "max"):
        found = apply_filter(image, with_norm("sobel", norm))
        assert np.isnan(found[:, 0]).any()
        assert np.isinf(found[:, 3]).any()
        assert (found[:, 2] == 0).all()


@pytest.mark.parametrize(("norm", "expected"), [("l1", 255), ("max", 200), ("l2", 224)])
def test_strips_and_threads_do_not_matter(norm: str, expected: int) -> None:
    ramp = (np.arange(90)[:, None] * 100 + np.arange(7) * 200) % 1000  # steps of 100 down and 200 across
    image = ramp.astype(np.uint16)
    flat = apply_filter(image[:4, :4], with_norm("sobel", norm), padding="valid")
    assert flat[0, 0] == {"l1": 2400, "max": 1600, "l2": pytest.approx(math.hypot(800, 1600))}[norm]
    whole = filter_pixels(image, with_norm("sobel", norm), scale=1 / 8, jobs=1, depth=8)
    parts = filter_pixels(image, with_norm("sobel", norm), scale=1 / 8, jobs=2, depth=8)
    np.testing.assert_array_equal(whole.pixels, parts.pixels)
    assert whole.pixels[1, 1] == expected


def test_a_filter_is_named_by_its_norm() -> None:
    assert get_filter("sobel", norm="l1").name == "sobel:norm=l1"
    assert get_filter("sobel:size=5", norm="MAX").name == "sobel:size=5,norm=max"
    assert get_filter("sobel:norm=l2").name == "sobel"  # the default
    assert get_filter("sobel:norm=l1").summary == (
        "Sobel gradient magnitude, as the absolute sum of both derivatives"
    )


@pytest.mark.parametrize(
    ("norm", "combined", "label", "value"),
    [
        ("l1", "|x| + |y| of the two", "absolute sum", "40"),
        ("max", "the larger of |x| and |y|", "absolute maximum", "30"),
    ],
)
def test_commands_tell_how_values_are_combined(
    convcli: Runner, in_folder: Path, norm: str, combined: str, label: str, value: str
) -> None:
    shown = convcli("filters", f"prewitt:norm={norm}", "--text").out
    assert re.search(rf"^combined as +{re.escape(combined)}$", shown, re.MULTILINE)
    assert re.search(r"norm: magnitude of the gradient: .* \(default: l2\)", re.sub(r"\s+", " ", shown))
    (in_folder / "m.csv").write_text("0,0,10\n0,0,0\n20,0,20\n")  # x: 30 - 20; y: 40 - 10
    line = ("explain", "m.csv", "--filter", f"prewitt:norm={norm}", "--padding", "valid")
    assert convcli(*line).all == (0, f"{value}\n", "")
    assert re.search(rf"^{label} +{value}$", convcli(*line, "--text").out, re.MULTILINE)
