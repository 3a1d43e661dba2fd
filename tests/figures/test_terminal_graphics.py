"""Pictures for terminals, decoded as terminals do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from convcli.figures.terminal_graphics import iterm2_picture, kitty_picture, sixel_picture
from tests.support.command_line import SAMPLES
from tests.support.terminal_emulation import iterm2_pixels, kitty_pixels, sixel_pixels

SIZES = [(1, 1), (5, 3), (6, 1), (7, 9), (120, 200)]


def canvas_of(size: tuple[int, int], colors: int = 256, seed: int = 0) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    levels = np.array([0, 51, 102, 153, 204, 255], np.uint8)  # whole percents
    palette = random.choice(levels, (min(colors, 216), 3))
    canvas = np.full((*size, 4), 255, np.uint8)
    canvas[..., :3] = palette[random.integers(0, len(palette), size)]
    canvas[random.random(size) < 0.2, 3] = 0
    return canvas


@pytest.mark.parametrize("size", SIZES)
def test_kitty_gets_the_pixels_and_the_cells(size: tuple[int, int]) -> None:
    canvas = np.random.default_rng(1).integers(0, 256, (*size, 4), np.uint8)
    pixels, keys = kitty_pixels(kitty_picture(canvas, (4, 9)))
    np.testing.assert_array_equal(pixels, canvas)
    assert keys | {"m": ""} == {"a": "T", "f": "100", "c": "9", "r": "4", "q": "2", "m": ""}


@pytest.mark.parametrize("size", SIZES)
def test_iterm2_gets_the_pixels_and_the_cells(size: tuple[int, int]) -> None:
    canvas = np.random.default_rng(1).integers(0, 256, (*size, 4), np.uint8)
    pixels, keys = iterm2_pixels(iterm2_picture(canvas, (4, 9)))
    np.testing.assert_array_equal(pixels, canvas)
    assert (keys["inline"], keys["width"], keys["height"], keys["preserveAspectRatio"]) == (
        "1",
        "9",
        "4",
        "0",
    )


@given(st.tuples(st.integers(1, 20), st.integers(1, 30)), st.integers(1, 256), st.integers(0, 999))
def test_sixels_of_few_colours_are_exact(size: tuple[int, int], colors: int, seed: int) -> None:
    canvas = canvas_of(size, colors, seed)
    canvas[canvas[..., 3] == 0] = 0
    np.testing.assert_array_equal(sixel_pixels(sixel_picture(canvas)), canvas)


def test_sixels_of_many_colours_are_near() -> None:
    with Image.open(SAMPLES / "chelsea.png") as image:
        pixels = np.array(image.convert("RGBA").resize((150, 100)))
    drawn = sixel_pixels(sixel_picture(pixels))
    assert (drawn[..., 3] == 255).all()
    assert len(np.unique(drawn.reshape(-1, 4), axis=0)) <= 256
    assert np.abs(drawn.astype(int) - pixels).mean() < 4


def test_nothing_in_sixels_is_a_picture_of_nothing() -> None:
    assert not sixel_pixels(sixel_picture(np.zeros((7, 3, 4), np.uint8))).any()


def test_long_runs_are_short() -> None:
    assert len(sixel_picture(np.full((6, 1000, 4), 255, np.uint8))) < 60
