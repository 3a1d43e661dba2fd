"""Directions: hues of ramps at known angles and of a disc, against Python's own colours."""

import colorsys
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import FilterError
from convcli.figures.gradient_direction import (
    GRADIENT_FILTERS,
    Gradient,
    direction_colors,
    draw_direction,
    gradient,
)
from tests.support.command_line import SAMPLES, Runner, assert_failed, assert_refused, nothing_changes

Array = NDArray[Any]

GREY = [127, 127, 127]


def hue(degrees: float, brightness: float = 1) -> list[float]:
    return [255 * part for part in colorsys.hsv_to_rgb(degrees % 360 / 360, 1, brightness)]


def ramp(degrees: float, side: int = 9) -> Array:
    """Grow by one a pixel in a direction, counter-clockwise from the right as seen on the screen."""
    x, y = np.arange(side)[None, :], np.arange(side)[:, None]
    return math.cos(math.radians(degrees)) * x - math.sin(math.radians(degrees)) * y


def disc(side: int = 101, radius: float = 35) -> Array:
    """A bright disc with a soft rim."""
    x, y = np.arange(side)[None, :] - side // 2, np.arange(side)[:, None] - side // 2
    return np.asarray(1 / (1 + np.exp(np.hypot(x, y) - radius)))


def opened(path: str | Path) -> Array:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.array(image)


def drawn(convcli: Runner, *arguments: object) -> tuple[Array, dict[str, Any], Array]:
    """Draw directions, and return the map, its record, and the whole picture."""
    ran = convcli("apply", *arguments, "--direction", "out.png", "--json", "--force")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    whole, place = opened("out.png"), record["place"]
    rows = slice(place["top"], place["top"] + place["height"])
    return whole[rows, place["left"] : place["left"] + place["width"]], record, whole


@pytest.mark.parametrize("name", [*GRADIENT_FILTERS, "sobel:size=5", "prewitt:size=7"])
@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_hue_of_a_ramp_is_its_angle(name: str, degrees: int) -> None:
    slope = gradient(ramp(degrees), name, padding="valid")
    colors = direction_colors(slope, float(slope.magnitudes.max()))
    assert np.abs(colors - hue(degrees)).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(
    ("degrees", "color"),
    [(0, [255, 0, 0]), (90, [128, 255, 0]), (180, [0, 255, 255]), (270, [128, 0, 255])],
)
def test_hues_by_name(degrees: int, color: list[int]) -> None:
    right, up = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    assert direction_colors(Gradient(np.array([right]), np.array([up])), 1).tolist() == [color]


@given(st.floats(0, 360), st.floats(0, 1))
def test_colours_are_hue_and_brightness(degrees: float, brightness: float) -> None:
    angle = math.radians(degrees)
    slope = Gradient(np.array([brightness * math.cos(angle)]), np.array([brightness * math.sin(angle)]))
    assert np.abs(direction_colors(slope, 1)[0] - hue(degrees, brightness)).max() <= 0.5 + 1e-6


def test_rim_of_a_bright_disc_points_to_its_middle() -> None:
    slope = gradient(disc(), "scharr")
    strongest = slope.magnitudes.max()
    colors = direction_colors(slope, strongest)
    for degrees in range(0, 360, 10):
        x = 50 + round(35 * math.cos(math.radians(degrees)))
        y = 50 - round(35 * math.sin(math.radians(degrees)))
        inwards = math.degrees(math.atan2(y - 50, 50 - x))
        expected = hue(inwards, slope.magnitudes[y, x] / strongest)
        assert np.abs(colors[y, x] - expected).max() < 8  # the filter's own error, of a degree or two
    assert (colors[50, 50] == 0).all()
    assert (colors[0, 0] == 0).all()


def test_flat_areas_are_black() -> None:
    slope = gradient(np.full((5, 5), 77, np.uint8))
    assert not direction_colors(slope, 0).any()
    assert not direction_colors(slope, 1).any()


def test_what_is_no_number_is_grey_and_infinite_magnitudes_are_bright() -> None:
    slope = Gradient(np.array([math.nan, 1.0, math.inf, 0.0]), np.array([0.0, math.nan, 0.0, -math.inf]))
    assert direction_colors(slope, 5).tolist() == [GREY, GREY, [255, 0, 0], [128, 0, 255]]


def test_magnitudes_beyond_the_full_one_have_its_brightness() -> None:
    assert direction_colors(Gradient(np.array([9, 2]), np.array([0, 0])), 2).tolist() == [[255, 0, 0]] * 2


@pytest.mark.parametrize("name", ["sobel-x", "laplacian", "kirsch", "sobel:angle=30"])
def test_other_filters_give_no_direction(name: str) -> None:
    with pytest.raises(FilterError, match="gives no direction; use one of prewitt, sobel, scharr, roberts"):
        gradient(np.ones((3, 3)), name)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (40, 30), (30, 40), (900, 1300)])
def test_wheel_has_the_colours_of_its_angles(size: tuple[int, int]) -> None:
    colors = np.full((*size, 3), 9, np.uint8)
    figure = draw_direction(colors, ["a line", "another"])
    wheel, (left, top, width, height) = figure.wheel, figure.box
    assert wheel.radius >= 56
    assert (figure.pixels[top : top + height, left : left + width] == 9).all()
    assert width % size[1] == height % size[0] == 0
    for degrees in range(0, 360, 5):
        for share in (0.3, 0.9):
            right = round(share * wheel.radius * math.cos(math.radians(degrees)))
            up = round(share * wheel.radius * math.sin(math.radians(degrees)))
            angle = math.degrees(math.atan2(up, right))
            found = figure.pixels[wheel.y - up, wheel.x + right]
            assert np.abs(found - hue(angle, math.hypot(right, up) / wheel.radius)).max() <= 0.5 + 1e-6
    assert (figure.pixels[wheel.y, wheel.x] == 0).all()


def test_wheel_and_map_do_not_overlap() -> None:
    for size in ((300, 200), (200, 300)):
        figure = draw_direction(np.zeros((*size, 3), np.uint8), ["words"])
        left, top, width, height = figure.box
        beside = figure.wheel.x - figure.wheel.radius > left + width
        beneath = figure.wheel.y - figure.wheel.radius > top + height
        assert (beside, beneath) == (size == (300, 200), size == (200, 300))


# The command ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("degrees", [0, 30, 90, 200, 315])
def test_ramp_and_wheel_have_one_colour(convcli: Runner, degrees: int) -> None:
    np.save("ramp.npy", ramp(degrees, 301))
    shown, record, whole = drawn(convcli, "ramp.npy", "--padding", "valid")
    assert record["filter"] == "sobel"
    assert math.isclose(record["full"], 8)
    assert np.abs(shown - hue(degrees)).max() <= 0.5 + 1e-6
    wheel = record["wheel"]
    x = wheel["x"] + round(wheel["radius"] * math.cos(math.radians(degrees)))
    y = wheel["y"] - round(wheel["radius"] * math.sin(math.radians(degrees)))
    rim = whole[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3)
    assert np.abs(rim.astype(int) - shown[0, 0]).max(1).min() <= 6  # a pixel's width of angle


@pytest.mark.usefixtures("in_folder")
def test_flip_turns_directions_half_round(convcli: Runner) -> None:
    np.save("ramp.npy", ramp(30, 301))
    shown, _, _ = drawn(convcli, "ramp.npy", "--padding", "valid", "--flip")
    assert np.abs(shown - hue(210)).max() <= 0.5 + 1e-6


def test_colour_pictures_are_of_luma_unless_a_channel_is_named(convcli: Runner, in_folder: Path) -> None:
    pixels = np.zeros((270, 300, 3), np.uint8)
    pixels[..., 0] = np.arange(300) // 2  # grows to the right
    pixels[..., 1] = np.arange(270)[::-1, None] // 2  # grows upwards
    Image.fromarray(pixels).save(in_folder / "two.png")
    red, record, _ = drawn(convcli, "two.png", "--channels", "r", "--border", "reflect")
    assert record["channels"] == "red"
    assert red[100, 101].tolist() == [255, 0, 0]
    green, _, _ = drawn(convcli, "two.png", "--channels", "g")
    assert green[100, 100].tolist() == [128, 255, 0]
    luma = np.array(Image.fromarray(pixels).convert("L"))
    Image.fromarray(luma).save("grey.png")
    mixed, record, _ = drawn(convcli, "two.png")
    assert record["channels"] == "luma"
    assert np.array_equal(mixed, drawn(convcli, "grey.png")[0])


def test_directions_of_transparent_pixels_are_white(convcli: Runner, in_folder: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (270, 300, 4), np.uint8)
    pixels[..., 3] = np.where(np.arange(300) < 100, 0, 255)
    Image.fromarray(pixels).save(in_folder / "clear.png")
    Image.fromarray(pixels[..., :3]).save("opaque.png")
    opaque, clear = (drawn(convcli, name, "--stride", "2")[0] for name in ("opaque.png", "clear.png"))
    times = len(opaque) // 135
    assert (clear[:, : 50 * times] == 255).all()
    assert np.array_equal(clear[:, 50 * times :], opaque[:, 50 * times :])


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1), (6, 6)])
def test_every_size_is_drawn(convcli: Runner, shape: tuple[int, int]) -> None:
    np.save("odd.npy", np.random.default_rng(1).normal(size=shape))
    shown, record, whole = drawn(convcli, "odd.npy")
    assert min(shown.shape[:2]) >= 24
    assert record["shape_out"] == "x".join(map(str, whole.shape))


@pytest.mark.usefixtures("in_folder")
def test_stride_and_dilation_are_honoured(convcli: Runner) -> None:
    np.save("ramp.npy", ramp(60, 601))
    shown, _, _ = drawn(convcli, "ramp.npy", "--padding", "valid", "--stride", "2", "--dilation", "3")
    assert shown.shape == (298, 298, 3)  # floor((601 - 7) / 2) + 1
    assert np.abs(shown - hue(60)).max() <= 0.5 + 1e-6


@pytest.mark.usefixtures("in_folder")
def test_direction_alone_writes_nothing_else_and_beside_a_sheet_both(convcli: Runner) -> None:
    cat = SAMPLES / "chelsea.png"
    assert convcli("apply", cat, "--direction", "d.png").all == (0, "d.png\n", "")
    both = convcli("apply", cat, "--filter", "box", "--filter", "scharr", "--sheet", "s.png",
                   "--direction", "{stem}-{filter}.png", "-j", "1")  # fmt: skip
    assert both.all == (0, "s.png\nchelsea-scharr.png\n", "")
    assert sorted(path.name for path in Path().iterdir()) == ["chelsea-scharr.png", "d.png", "s.png"]


@pytest.mark.usefixtures("in_folder")
def test_several_filters_have_a_picture_each_by_their_name(convcli: Runner) -> None:
    arguments = "apply", SAMPLES / "vertical-edge.csv", "--filter", "sobel", "--filter", "roberts"
    assert_refused(
        convcli(*arguments, "--direction", "d.png"), "--direction: is a single file for 2 filters; add both"
    )
    ran = convcli(*arguments, "--direction", "{stem}-{filter}.png")
    assert ran.all == (0, "vertical-edge-sobel.png\nvertical-edge-roberts.png\n", "")


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--filter", "sobel-x"), "sobel-x: gives no direction; use one of prewitt, sobel, scharr, roberts"),
        (("--angle", "30"), "sobel:angle=30: gives no direction"),
        (("--kernel", "1 -1"), "kernel: gives no direction"),
        (("--bank", "sobel:4"), "sobel-4: gives no direction"),
        (("--filter", "box", "--sheet", "s.png"), "box: gives no direction"),
        (
            ("--relu",),
            "--relu: applies only to results, but --direction shows the gradient itself; leave it out",
        ),
        (("--signed", "abs"), "--signed: applies only to results"),
        (("--scale", "gain"), "--scale: applies only to results"),
        (("--bias", "1"), "--bias: applies only to results"),
    ],
)
def test_what_has_no_direction(convcli: Runner, options: tuple[str, ...], why: str) -> None:
    with nothing_changes(Path()):
        ran = convcli("apply", SAMPLES / "vertical-edge.csv", "--direction", "d.png", *options)
    assert_refused(ran, why)


@pytest.mark.usefixtures("in_folder")
def test_channels_that_are_no_colours(convcli: Runner) -> None:
    np.save("five.npy", np.ones((4, 4, 5)))
    ran = convcli("apply", "five.npy", "--direction", "out.png")
    assert_failed(ran, 1, "five.npy: 5 channels: are not colors")


@pytest.mark.usefixtures("in_folder")
def test_the_terminal_shows_the_size_and_the_largest_magnitude(terminal: Runner) -> None:
    ran = terminal("apply", SAMPLES / "vertical-edge.csv", "--direction", "d.png")
    height, width, _ = opened("d.png").shape
    assert ran.all == (0, f"d.png  ({height}x{width}x3, magnitudes up to 40)\n", "")
