"""The memory that work on large pictures is estimated to take; tests/hostile measures what it takes."""

from typing import Any

import numpy as np
import pytest

from convcli import Picture, filter_picture
from convcli.kernels.lookup import get_filter
from convcli.pictures.formats.output_formats import OutputFormat
from convcli.pipeline.memory import result_bytes
from convcli.pipeline.recipes.filtering import convolution_recipe
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.sizes.text import NamedPadding

LARGE = 4000, 4000, 4


def estimate(name: str, output: OutputFormat, jobs: int = 1, **options: Any) -> int:
    window = SlidingWindow(NamedPadding.SAME, "edge", (1, 1), (1, 1), False, jobs)
    plain: dict[str, Any] = {"channels": "each", "signed": None, "scale": 1, "biases": (0,), "relu": False}
    recipe = convolution_recipe(get_filter(name), window, Rendering(**(plain | options)), measured=False)
    return result_bytes([recipe], output, LARGE, 1, False)


def test_what_takes_more_is_estimated_higher() -> None:
    png = estimate("sobel-x", OutputFormat.PNG)
    assert 64_000_000 < png < 200_000_000  # the result, and its file
    assert estimate("sobel-x", OutputFormat.NPY) > 2 * 64_000_000  # int16
    straight = estimate("gaussian", OutputFormat.NPY, alpha="straight")
    assert estimate("gaussian", OutputFormat.NPY, alpha="weighted") > straight
    derivative = estimate("sobel-x", OutputFormat.NPY)
    assert estimate("sobel-x", OutputFormat.NPY, alpha="filter") > derivative  # whose colors it weights, too
    assert estimate("gaussian:sigma=30", OutputFormat.NPY, 2) > estimate("gaussian", OutputFormat.NPY, 2)
    assert estimate("sobel-x", OutputFormat.WEBP) > png
    assert estimate("sobel-x", OutputFormat.NPY, biases=(3,)) > estimate("sobel-x", OutputFormat.NPY)


@pytest.mark.parametrize(("norm", "combine"), [("l1", np.add), ("max", np.maximum), ("l2", np.hypot)])
def test_norms_leave_out_nan_as_their_kernels_do(norm: str, combine: Any) -> None:
    pixels = np.random.default_rng(3).normal(size=(9, 8))
    pixels[4, 3] = np.nan
    picture = Picture(pixels)
    across, down = (
        np.abs(filter_picture(picture, name, nan="ignore").pixels) for name in ("sobel-x", "sobel-y")
    )
    found = filter_picture(picture, f"sobel:norm={norm}", nan="ignore").pixels
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, combine(across, down), rtol=1e-12)
