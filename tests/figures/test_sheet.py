"""Sheets: every panel is cut out of the sheet and compared with colours that are worked out here."""

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from convcli.figures.color_maps import ColorBar, ScaleKind, level_map, pixel_map, signed_map
from convcli.figures.scaling import Scaling
from convcli.figures.sheet import Panel, draw_sheet
from convcli.kernels.catalog import CATALOG
from tests.support import oracles as reference
from tests.support.command_line import (
    SAMPLES,
    Runner,
    assert_failed,
    assert_refused,
    contents,
    nothing_changes,
)
from tests.support.oracles import BLUE, GRAY, RED

Array = NDArray[Any]

ORANGE = (230, 159, 0)
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
AROUND = ((1, 1), (1, 1))


def colored(values: Array, limit: float) -> Array:
    return np.array(
        [[reference.diverging_color(value, limit) for value in row] for row in values.tolist()], np.uint8
    )


def grey_levels(values: Array, high: float) -> Array:
    shares = [[Fraction(min(value, high)) / Fraction(high) for value in row] for row in values.tolist()]
    return np.array([[[round(255 * share)] * 3 for share in row] for row in shares], np.uint8)


def noise(shape: tuple[int, ...], *, seed: int = 3) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path: Path, pixels: Array) -> None:
    Image.fromarray(pixels).save(path)


def opened(path: str | Path) -> Array:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.array(image)


def cut(sheet: Array, panel: dict[str, Any]) -> Array:
    rows = slice(panel["top"], panel["top"] + panel["height"])
    return sheet[rows, panel["left"] : panel["left"] + panel["width"]]


def panels_of(convcli: Runner, *arguments: object) -> list[tuple[dict[str, Any], Array]]:
    """Draw a sheet, and return the record of each of its panels with the pixels of the panel."""
    ran = convcli("apply", *arguments, "--sheet", "sheet.png", "--json", "--force")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    sheet = opened(record["output"])
    assert record["shape_out"] == "x".join(map(str, sheet.shape))
    return [(panel, cut(sheet, panel)) for panel in record["panels"]]


def enlarged(colors: Array, times: int) -> Array:
    return np.kron(colors, np.ones((times, times, 1), np.uint8))


@pytest.fixture
def photo(in_folder: Path) -> Array:
    """A colour picture too large to be enlarged, ``photo.png``."""
    pixels = noise((30, 200, 3))
    save(in_folder / "photo.png", pixels)
    return pixels


@pytest.fixture
def grey(in_folder: Path) -> Array:
    """A grey picture too large to be enlarged, ``grey.png``."""
    pixels = noise((31, 201))
    save(in_folder / "grey.png", pixels)
    return pixels


# Colours --------------------------------------------------------------------------------------------------


def test_signed_map_has_symmetric_ends() -> None:
    values = np.array([[-7, 0, 3], [1, -2, 5]])
    drawn = signed_map(values)
    assert drawn.bar == ColorBar(ScaleKind.SIGNED, -7, 7, -7, 5)
    assert drawn.colors.tolist() == colored(values, 7).tolist()


def test_levels_go_from_zero_to_the_largest() -> None:
    values = np.array([[3, 4], [8, 16]])
    drawn = level_map(values, 16)
    assert drawn.bar == ColorBar(ScaleKind.LEVELS, 0, 16, 3, 16)
    assert drawn.colors.tolist() == grey_levels(values, 16).tolist()


def test_levels_of_what_is_no_number_are_orange_and_infinities_the_ends() -> None:
    drawn = level_map([[math.nan, math.inf, -math.inf, 4.0, 0.0]], 4)
    assert drawn.colors[0].tolist() == [list(ORANGE), [255] * 3, [0] * 3, [255] * 3, [0] * 3]


def test_levels_of_colours_have_one_span() -> None:
    drawn = level_map(np.array([[[-1.0, 0.0, 1.0]]]), math.inf)
    assert drawn.colors.tolist() == [[[0, 128, 255]]]
    assert drawn.bar == ColorBar(ScaleKind.LEVELS, -1, 1, -1, 1)


def test_levels_of_the_largest_floats() -> None:
    largest = np.finfo(np.float64).max
    assert level_map([[[-largest, 0.0, largest]]], math.inf).colors.tolist() == [[[0, 128, 255]]]


def test_pixels_of_16_bits_become_the_nearest_of_8() -> None:
    deep = np.arange(0, 65536, 13, dtype=np.uint16).reshape(1, -1)
    expected = [round(Fraction(value, 257)) for value in deep[0].tolist()]
    assert pixel_map(deep).colors[0].tolist() == [[value] * 3 for value in expected]


# Fitting --------------------------------------------------------------------------------------------------

sides = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


@given(sides, st.sampled_from([320, 512]))
def test_no_panel_is_larger_than_it_may_be_nor_a_line(size: tuple[int, int], largest: int) -> None:
    drawn = Scaling.to_fit(size, largest).size(size)
    assert max(drawn) <= largest
    assert min(drawn) > 12


@given(sides, sides)
def test_no_result_is_larger_than_it_may_be(size: tuple[int, int], result: tuple[int, int]) -> None:
    assert max(Scaling.to_fit(size, 512).for_result(result, size, 512).size(result)) <= 512


@pytest.mark.parametrize(
    ("result", "fit"),
    [
        ((6, 6), Scaling(1, 42, 42)),
        ((4, 4), Scaling(1, 42, 42)),  # without padding: the squares stay as large
        ((3, 3), Scaling(1, 84, 84)),  # at every second pixel
        ((1, 1), Scaling(1, 252, 252)),
        ((14, 14), Scaling(1, 18, 18)),  # with much padding
        ((2000, 2000), Scaling(4, 1, 1)),
    ],
)
def test_result_of_a_small_picture_has_its_scale_unless_it_is_far_smaller(
    result: tuple[int, int], fit: Scaling
) -> None:
    assert Scaling.to_fit((6, 6), 512).for_result(result, (6, 6), 512) == fit


def test_enlarging_repeats_pixels() -> None:
    colors = noise((2, 3, 3))
    assert np.array_equal(Scaling(1, 4, 4).apply(colors), enlarged(colors, 4))


def test_reducing_takes_means_of_areas() -> None:
    colors = noise((7, 9, 3))
    drawn = Scaling(4).apply(colors)
    assert drawn.shape == (2, 3, 3)
    for row in range(2):
        for column in range(3):
            area = colors[4 * row : 4 * row + 4, 4 * column : 4 * column + 4].reshape(-1, 3)
            for channel in range(3):
                mean = Fraction(sum(area[:, channel].tolist()), len(area))
                assert (
                    abs(int(drawn[row, column, channel]) - mean) < 1
                )  # Pillow rounds the areas at the edges down


@pytest.mark.parametrize(
    ("fit", "text"),
    [
        (Scaling(), "1x"),
        (Scaling(1, 3, 3), "3x"),
        (Scaling(8), "1/8"),
        (Scaling(63, 24, 1), "1/63, then 24x1"),
    ],
)
def test_scale_in_words(fit: Scaling, text: str) -> None:
    assert str(fit) == text


# The grid -------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=40),
    st.booleans(),
)
def test_panels_lie_side_by_side_and_hold_their_pixels(sizes: list[tuple[int, int]], barred: bool) -> None:
    bar = ColorBar(ScaleKind.SIGNED, -1, 1, -1, 1) if barred else None
    panels = [Panel("a name", ["and more"], noise((*size, 3)), bar) for size in sizes]
    sheet = draw_sheet(panels)
    taken = np.zeros(sheet.pixels.shape[:2], int)
    for panel, (left, top, width, height) in zip(panels, sheet.boxes, strict=True):
        assert (height, width) == panel.pixels.shape[:2]
        assert np.array_equal(sheet.pixels[top : top + height, left : left + width], panel.pixels)
        taken[top : top + height, left : left + width] += 1
    assert taken.max() == 1


@pytest.mark.parametrize("count", [2, 6, 12, 30, 200])
def test_sheet_has_a_pleasant_aspect(count: int) -> None:
    panels = [Panel("name", [], noise((100, 150, 3)), None)] * count
    height, width, _ = draw_sheet(panels).pixels.shape
    assert 0.8 < width / height < 3


def test_bar_shows_the_colours_of_its_ends_and_zero_in_the_middle() -> None:
    panel = Panel("name", [], np.full((50, 300, 3), 255, np.uint8), ColorBar(ScaleKind.SIGNED, -8, 8, -8, 3))
    sheet = draw_sheet([panel])
    left, top, width, height = sheet.boxes[0]
    bar = sheet.pixels[top + height + 12, left : left + width]
    assert bar[[0, -1]].tolist() == [list(BLUE), list(RED)]
    assert np.abs(bar[149:151].astype(int) - 255).max() <= 1
    assert (np.diff(bar[:149, 0].astype(int)) >= 0).all()


@pytest.mark.parametrize("end", [5e-324, 1e-310, 1.7e308])
def test_bar_of_numbers_at_the_edge_of_what_there_is(end: float) -> None:
    colored = signed_map(np.array([[-end, end]]))
    sheet = draw_sheet([Panel("", [], colored.colors, colored.bar)])
    left, top, _, height = sheet.boxes[0]
    bar = sheet.pixels[top + height + 12, left : left + 220]
    assert (tuple(bar[0]), tuple(bar[-1])) == (BLUE, RED)


def test_long_names_stay_in_their_column() -> None:
    pixels = np.zeros((20, 20, 3), np.uint8)
    sheet = draw_sheet([Panel("w" * 3000, ["w " * 3000], pixels, None)] * 2).pixels
    ink = (sheet.min((0, 2)) < 255).tolist()
    assert True not in ink[236:255]  # between the two columns
    assert len(sheet) < 250


# The command ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_folder")
def test_worked_example_as_colours(convcli: Runner) -> None:
    edge = np.array([[10, 10, 10, 0, 0, 0]] * 6)
    arguments = "--filter", "vertical", "--padding", "valid"
    (whole, input_panel), (about, result) = panels_of(convcli, SAMPLES / "vertical-edge.csv", *arguments)
    # The input has no negative numbers, so zero is black. The corners of the cells are free of numbers and lines.
    assert (whole["title"], whole["scale"], whole["shown"]) == ("input", "53x", "levels")
    assert (whole["low"], whole["high"], whole["min"], whole["max"]) == (0, 10, 0, 10)
    assert np.array_equal(input_panel[3::53, 3::53, 0], np.where(edge, 255, 0))
    # The filter can give negative numbers, so zero is mid-gray, even if all are positive.
    assert np.array_equal(result[3::53, 3::53, 0], [[128, 255, 255, 128]] * 4)
    assert (about["low"], about["high"], about["min"], about["max"]) == (-30, 30, 0, 30)
    numbers = result.reshape(4, 53, 4, 53, 3)[:, 5:-5, :, 5:-5]
    assert (numbers < 100).any(axis=(1, 3, 4)).all()  # black on white and on gray


@pytest.mark.parametrize(
    ("signed", "levels"),
    [
        ("abs", {0: 0, -30: 255, 30: 255, -20: 170, 20: 170}),
        ("clip", {0: 0, -30: 0, 30: 255, -20: 0, 20: 170}),
    ],
)
@pytest.mark.usefixtures("in_folder")
def test_absolute_values_of_a_matrix_are_scaled(convcli: Runner, signed: str, levels: dict[int, int]) -> None:
    arguments = SAMPLES / "two-edges.csv", "--filter", "vertical", "--p", "0"
    values = convcli("apply", *arguments).out
    rows = [[int(number) for number in line.split()] for line in values.splitlines()]
    (whole, _), (about, result) = panels_of(convcli, *arguments, "--signed", signed)
    assert [panel["shown"] for panel in (whole, about)] == ["levels", "levels"]
    assert (about["low"], about["high"], about["min"], about["max"]) == (0, 30, 0, 30)
    side = int(about["scale"][:-1])
    assert result[3::side, 3::side, 0].tolist() == [[levels[number] for number in row] for row in rows]


@pytest.mark.usefixtures("in_folder")
def test_results_of_a_matrix_that_cannot_be_negative_are_black_to_white(convcli: Runner) -> None:
    Path("signed.csv").write_text("0 -10 10\n" * 3)
    for name, shown in ((SAMPLES / "vertical-edge.csv", "levels"), ("signed.csv", "gray")):
        found = panels_of(convcli, name, "--filter", "box")
        assert [about["shown"] for about, _ in found] == [shown, shown]
    found = panels_of(convcli, SAMPLES / "vertical-edge.csv", "--filter", "sobel")
    assert [about["shown"] for about, _ in found] == ["levels", "levels"]


@pytest.mark.usefixtures("in_folder")
def test_numbers_are_left_out_where_there_is_no_room(convcli: Runner) -> None:
    wide = np.arange(13 * 4).reshape(4, 13) * 10
    np.savetxt("wide.csv", wide, "%d", ",")
    np.save("long.npy", np.full((12, 12), 123456789))
    for name in ("wide.csv", "long.npy"):
        (about, shown), _ = panels_of(convcli, name, "--filter", "identity")
        assert about["shown"] == "levels"
        cells = shown.reshape(shown.shape[0] // int(about["scale"][:-1]), int(about["scale"][:-1]), -1)
        assert (cells == cells[:, :1]).all()


def test_a_swatch_of_each_kernel_stands_beside_its_panel(convcli: Runner) -> None:
    panels = panels_of(convcli, SAMPLES / "camera.png", "--filter", "sobel", "--filter", "kirsch")
    (_, _), (about, _), (compass, _) = panels
    sheet = opened("sheet.png")
    right = about["left"] + about["width"]
    # Two kernels of 3x3 cells, 14 pixels a side, in frames of a pixel, 4 pixels apart, above the panel.
    tiles = [sheet[16 + 1 : 16 + 43, right - end + 1 : right - end + 43] for end in (44 + 4 + 44, 44)]
    levels = {-2: 1, -1: 64, 0: 128, 1: 192, 2: 255}  # 128 - 127·value/2
    for tile, kernel in zip(tiles, (SOBEL_X, SOBEL_X.T), strict=True):
        expected = np.vectorize(levels.__getitem__)(kernel).repeat(14, 0).repeat(14, 1)
        assert np.array_equal(tile[..., 0], expected)
    right = compass["left"] + compass["width"]
    eight = sheet[compass["top"] - 50 : compass["top"], right - 95 : right]  # two rows of four
    assert [
        (eight[:, left : left + 20] > 250).any() and (eight[:, left : left + 20] < 100).any()
        for left in (0, 24, 48, 72)
    ] == [True] * 4


def test_signed_maps_of_a_colour_picture_are_of_luma(convcli: Runner, photo: Array) -> None:
    luma = np.array(Image.fromarray(photo).convert("L"))
    values = reference.convolve(luma, SOBEL_X, amounts=AROUND, border="edge").astype(int)
    (_, shown), (about, result) = panels_of(convcli, "photo.png", "--filter", "sobel-x")
    assert np.array_equal(shown, photo)
    assert (about["channels"], about["shown"], about["scale"]) == ("luma", "signed", "1x")
    assert about["high"] == reference.color_limit(values)
    assert np.array_equal(result, colored(values, reference.color_limit(values)))


def test_magnitudes_are_levels(convcli: Runner, grey: Array) -> None:
    squares = sum(
        reference.convolve(grey, taps, amounts=AROUND, border="edge").astype(float) ** 2
        for taps in (SOBEL_X, SOBEL_X.T)
    )
    values = np.sqrt(squares).astype(np.float32)
    _, (about, result) = panels_of(convcli, "grey.png", "--filter", "sobel")
    assert (about["shown"], about["low"], about["high"]) == ("levels", 0, reference.color_limit(values))
    assert about["channels"] is None
    assert np.array_equal(result, grey_levels(values, reference.color_limit(values)))


def test_smoothing_filters_give_pictures_in_colour(convcli: Runner, photo: Array) -> None:
    total = reference.convolve(photo, np.ones((3, 3), int), amounts=AROUND, border="edge")
    expected = np.array(
        [[[round(Fraction(value, 9)) for value in pixel] for pixel in row] for row in total.tolist()]
    )
    _, (about, result) = panels_of(convcli, "photo.png", "--filter", "box")
    assert (about["shown"], about["channels"]) == ("pixels", None)
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("kernel", ["0 -1 0; -1 5 -1; 0 -1 0", "-2 -1 0; -1 1 1; 0 1 2"])
def test_filters_that_keep_brightness_are_clipped_pictures(
    convcli: Runner, photo: Array, kernel: str
) -> None:
    taps = np.array([[int(tap) for tap in row.split()] for row in kernel.split(";")])
    values = reference.convolve(photo, taps, amounts=AROUND, border="edge").astype(int)
    _, (_, result) = panels_of(convcli, "photo.png", "--kernel", kernel)
    assert np.array_equal(result, values.clip(0, 255))


def test_kernel_that_is_scaled_to_one_gives_a_picture(convcli: Runner, grey: Array) -> None:
    _, (about, result) = panels_of(convcli, "grey.png", "--kernel", "2", "--scale", "gain")
    assert about["shown"] == "pixels"
    assert np.array_equal(result[..., 0], grey)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    "options",
    [
        ("--padding", "valid", "--flip"),
        ("--padding", "2", "--border", "zero"),
        ("--padding", "1:0x3:2", "--border", "constant:9"),
        ("--stride", "2x1", "--dilation", "3"),
        ("--scale", "1/4", "--bias", "-7"),
        ("--channels", "g"),
        ("--channels", "sum", "--border", "constant:9", "--padding", "2"),
        ("--scale", "gain"),
    ],
)
@pytest.mark.usefixtures("photo")
def test_panels_honour_what_results_honour(convcli: Runner, options: tuple[str, ...]) -> None:
    channels = () if "--channels" in options else ("--channels", "gray")
    arguments = "photo.png", "--kernel", "1 2 0; -3 0 5; 0 -7 1", *options
    raw = convcli("apply", *arguments, *channels, "--signed", "raw", "-o", "raw.npy", "--force")
    assert raw.code == 0
    values = np.load("raw.npy")
    _, (about, result) = panels_of(convcli, *arguments)
    assert about["size"] == f"{values.shape[0]}x{values.shape[1]}"
    assert about["scale"] == "1x"
    assert np.array_equal(result, colored(values, reference.color_limit(values)))


def test_relu_leaves_levels(convcli: Runner, grey: Array) -> None:
    values = reference.convolve(grey, SOBEL_X, amounts=AROUND, border="edge").astype(int).clip(0)
    _, (about, result) = panels_of(convcli, "grey.png", "--filter", "sobel-x", "--relu")
    assert about["shown"] == "levels"
    assert np.array_equal(result, grey_levels(values, reference.color_limit(values)))


@pytest.mark.parametrize("how", ["abs", "clip", "center", "stretch"])
@pytest.mark.usefixtures("photo")
def test_with_signed_the_pixels_are_shown_that_apply_writes(convcli: Runner, how: str) -> None:
    arguments = "photo.png", "--filter", "sobel-x", "--signed", how
    assert convcli("apply", *arguments, "-o", "written.png", "--force").code == 0
    _, (about, result) = panels_of(convcli, *arguments)
    assert about["shown"] == "pixels"
    assert np.array_equal(result, opened("written.png"))


@pytest.mark.usefixtures("grey")
def test_bank_gives_a_panel_a_map(convcli: Runner) -> None:
    assert convcli("apply", "grey.png", "--bank", "sobel:4", "-o", "maps.npy").code == 0
    maps = np.load("maps.npy")
    found = panels_of(convcli, "grey.png", "--bank", "sobel:4")
    assert [about["title"] for about, _ in found[1:]] == [
        "sobel-4, 0°", "sobel-4, 45°", "sobel-4, 90°", "sobel-4, 135°",
    ]  # fmt: skip
    for number, (_, result) in enumerate(found[1:]):
        values = maps[..., number]
        difference = np.abs(result.astype(int) - colored(values, reference.color_limit(values)))
        assert difference.max() <= 1  # float32 limits are no fractions that can be halved exactly


def test_volume_takes_all_channels(convcli: Runner, photo: Array) -> None:
    np.save("volume.npy", np.array([[[1, -1, 0]]]))
    values = photo[..., 0].astype(int) - photo[..., 1]
    _, (about, result) = panels_of(convcli, "photo.png", "--kernel", "@volume.npy")
    assert (about["title"], about["channels"]) == ("volume", None)
    assert np.array_equal(result, colored(values, reference.color_limit(values)))


@pytest.mark.usefixtures("photo")
def test_no_filter_means_every_filter(convcli: Runner) -> None:
    found = panels_of(convcli, "photo.png")
    assert [about["filter"] for about, _ in found] == [None, *CATALOG]
    assert {about["shown"] for about, _ in found} == {"pixels", "signed", "levels"}


def test_transparent_pictures_lie_over_white(convcli: Runner, in_folder: Path) -> None:
    pixels = noise((30, 200, 4))
    save(in_folder / "clear.png", pixels)
    share = pixels[..., 3:].astype(int)
    expected = (pixels[..., :3] * share + 255 * (255 - share) + 127) // 255
    (_, shown), (_, result) = panels_of(convcli, "clear.png", "--filter", "identity")
    assert np.array_equal(shown, expected)
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("arguments", [("--kernel", "1 0 -1"), ("--bank", "sobel:1")])
def test_results_of_transparent_pixels_are_white(
    convcli: Runner, in_folder: Path, arguments: tuple[str, str]
) -> None:
    pixels = noise((30, 200, 4))
    pixels[:, :90, 3], pixels[:, 150:, 3] = 0, 255
    save(in_folder / "clear.png", pixels)
    save(in_folder / "opaque.png", pixels[..., :3])
    (_, opaque), (_, result) = (
        panels_of(convcli, name, *arguments)[1] for name in ("opaque.png", "clear.png")
    )
    share = pixels[..., 3:].astype(int)
    assert np.array_equal(result, (opaque * share + 255 * (255 - share) + 127) // 255)
    assert (result[:, :90] == 255).all()


def test_results_of_transparent_pixels_of_16_bits_are_white(convcli: Runner, in_folder: Path) -> None:
    pixels = np.full((30, 200, 4), 65535, np.uint16)
    pixels[:, ::3, :3] = 100
    pixels[:, 90:, 3] = 0
    (in_folder / "deep.png").write_bytes(imagecodecs.png_encode(pixels))
    _, (_, result) = panels_of(convcli, "deep.png", "--kernel", "1 0 -1")
    assert (result[:, 90:] == 255).all()
    assert (result[:, 1:90:3] != 255).any(axis=2).all()


def test_picture_of_16_bits(convcli: Runner, in_folder: Path) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (30, 200), np.uint16)
    save(in_folder / "deep.png", deep)
    expected = np.vectorize(lambda value: round(Fraction(int(value), 257)))(deep)
    found = panels_of(convcli, "deep.png", "--filter", "identity", "--filter", "sobel-x")
    assert np.array_equal(found[0][1][..., 0], expected)
    assert np.array_equal(found[1][1][..., 0], expected)
    values = reference.convolve(deep, SOBEL_X, amounts=AROUND, border="edge").astype(int)
    assert np.array_equal(found[2][1], colored(values, reference.color_limit(values)))


@pytest.mark.usefixtures("in_folder")
def test_numbers_of_which_none_is_finite(convcli: Runner) -> None:
    np.save("none.npy", np.full((30, 300), math.nan))
    for about, shown in panels_of(convcli, "none.npy", "--filter", "sobel-x", "--filter", "box"):
        assert (about["low"], about["high"]) == (0, 0)
        assert (shown == (GRAY if about["shown"] == "signed" else ORANGE)).all()


@pytest.mark.usefixtures("in_folder")
def test_numbers_that_are_negative_are_a_signed_map_themselves(convcli: Runner) -> None:
    values = np.random.default_rng(1).normal(size=(30, 200))
    values[2, 3], values[4, 5], values[6, 7] = math.nan, math.inf, -math.inf
    np.save("numbers.npy", values)
    found = panels_of(convcli, "numbers.npy", "--filter", "identity")
    limit = reference.color_limit(values)
    finite = np.where(np.isinf(values), np.copysign(1e9, values), values)
    for _, shown in found:
        assert np.abs(shown.astype(int) - colored(finite, limit)).max() <= 1
    assert found[0][0]["min"] == values[np.isfinite(values)].min()


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
@pytest.mark.parametrize("scale", ["1", "1000"])
@pytest.mark.usefixtures("in_folder")
def test_rounding_on_a_flat_picture_is_not_drawn(convcli: Runner, dtype: type, scale: str) -> None:
    np.save("flat.npy", np.full((60, 80), 137.1).astype(dtype))
    arguments = ("--filter", "log", "--filter", "dog", "--bank", "gabor:2", "--scale", scale)
    for about, shown in panels_of(convcli, "flat.npy", *arguments)[1:]:
        assert about["shown"] == "signed"
        assert shown.min() >= 240  # how large rounding is depends on the order in which a processor adds
    step = np.full((60, 80), 137, np.uint8)
    step[:, 40:] += 1
    np.save("step.npy", step)
    for _, shown in panels_of(convcli, "step.npy", *arguments)[1:3]:
        assert {tuple(color) for color in shown.reshape(-1, 3)} >= {BLUE, RED}


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 20000), (20000, 1), (2, 700), (513, 3), (1, 1, 3), (600, 800, 3)]
)
def test_every_size_gives_a_sheet_of_sane_size(
    convcli: Runner, in_folder: Path, shape: tuple[int, ...]
) -> None:
    save(in_folder / "odd.png", noise(shape))
    arguments = "odd.png", "--filter", "sobel", "--filter", "sobel-x", "--filter", "box"
    found = panels_of(convcli, *arguments)
    assert all(min(shown.shape[:2]) >= 12 and max(shown.shape[:2]) <= 512 for _, shown in found)
    assert max(opened("sheet.png").shape) < 2500


def test_stride_that_leaves_one_pixel_shows_it_large(convcli: Runner, grey: Array) -> None:
    _, (about, result) = panels_of(convcli, "grey.png", "--filter", "identity", "--stride", "500")
    assert about["size"] == "1x1"
    assert min(result.shape[:2]) >= 200
    assert (result == grey[0, 0]).all()


def test_reduced_panels_are_means_of_the_colours(convcli: Runner, in_folder: Path) -> None:
    pixels = noise((600, 800))
    save(in_folder / "large.png", pixels)
    padded = np.pad(pixels.astype(int), 1, mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    values = rows[:, 2:] - rows[:, :-2]
    limit = reference.color_limit(values)
    ends = np.where(values[..., None] < 0, BLUE, RED)
    share = np.minimum(np.abs(values) / limit, 1)[..., None]
    colors = np.round(255 + (ends - 255) * share)
    means = colors.reshape(300, 2, 400, 2, 3).mean((1, 3))
    _, (about, result) = panels_of(convcli, "large.png", "--filter", "sobel-x")
    assert (about["scale"], result.shape) == ("1/2", (300, 400, 3))
    assert np.abs(result - means).max() <= 0.5 + 1e-9


# Where it goes --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("photo")
def test_sheet_alone_writes_nothing_else(convcli: Runner) -> None:
    ran = convcli("apply", "photo.png", "--filter", "sobel", "--sheet", "out.png")
    assert ran.all == (0, "out.png\n", "")
    assert sorted(contents(Path())) == ["out.png", "photo.png"]


@pytest.mark.parametrize(
    ("options", "written"),
    [
        (("-o", "edges.png"), "edges.png"),
        (("--out-dir", "made"), "made/photo-sobel.png"),
        (("--format", "bmp"), "photo-sobel.bmp"),
        (("--name", "{stem}.{filter}.png"), "photo.sobel.png"),
    ],
)
@pytest.mark.usefixtures("photo")
def test_results_are_written_beside_where_that_is_asked_for(
    convcli: Runner, options: tuple[str, ...], written: str
) -> None:
    edges = ("apply", "photo.png", "--filter", "sobel", "--scale", "1/8")
    ran = convcli(*edges, "--sheet", "out.png", *options)
    assert ran.all == (0, f"{written}\nout.png\n", "")
    alone = convcli(*edges, "-o", f"alone{Path(written).suffix}")
    assert alone.code == 0
    assert Path(written).read_bytes() == Path(f"alone{Path(written).suffix}").read_bytes()


@pytest.mark.usefixtures("in_folder")
def test_text_matrix_is_not_printed_when_a_sheet_is_drawn(convcli: Runner) -> None:
    ran = convcli("apply", SAMPLES / "vertical-edge.csv", "--filter", "vertical", "--sheet", "six.png")
    assert ran.all == (0, "six.png\n", "")


@pytest.mark.parametrize("extension", ["png", "jpg", "tiff", "webp", "bmp", "ppm", "avif"])
@pytest.mark.usefixtures("grey")
def test_any_format_of_colours(convcli: Runner, extension: str) -> None:
    ran = convcli("apply", "grey.png", "--filter", "box", "--sheet", f"out.{extension}")
    assert ran.all == (0, f"out.{extension}\n", "")
    convcli("apply", "grey.png", "--filter", "box", "--sheet", "whole.png")
    difference = np.abs(opened(f"out.{extension}").astype(int) - opened("whole.png"))
    assert difference.max() <= (40 if extension in ("jpg", "avif") else 0)


@pytest.mark.parametrize(
    ("sheet", "code", "why"),
    [
        (
            "out.npy",
            2,
            "--sheet out.npy: must hold a color picture, but npy holds values; choose a name that ends in .png",
        ),
        (
            "out.pgm",
            2,
            "--sheet out.pgm: must hold a color picture, but pgm is gray; choose a name that ends in .png",
        ),
        ("out", 2, "out: has no extension"),
        ("", 2, "--sheet: has an empty file name"),
        (".", 2, ".: is a folder; give the name of a file in it"),
        ("{stm}.png", 2, "--sheet '{stm}.png': unknown field {stm}; did you mean stem?"),
        ("{filter}.png", 2, "--sheet '{filter}.png': gives all outputs the same name"),
        ("photo.png", 1, "photo.png: is an input"),
        ("{stem}.png", 1, "photo.png: is an input"),
        ("missing/out.png", 1, "missing/out.png: there is no folder"),
    ],
)
@pytest.mark.usefixtures("photo")
def test_names_that_cannot_be(convcli: Runner, sheet: str, code: int, why: str) -> None:
    with nothing_changes(Path()):
        ran = convcli("apply", "photo.png", "--filter", "box", "--sheet", sheet, "--force")
    assert_failed(ran, code, why)


@pytest.mark.usefixtures("photo")
def test_existing_sheet_is_replaced_only_by_force(convcli: Runner) -> None:
    arguments = "apply", "photo.png", "--filter", "box", "--sheet", "out.png"
    assert convcli(*arguments).code == 0
    with nothing_changes(Path()):
        assert convcli(*arguments).all == (
            1, "", "convcli: out.png: exists; use --force to overwrite it\n",
        )  # fmt: skip
        assert convcli(*arguments, "--skip-existing").all == (0, "", "")
    assert convcli(*arguments, "--force").all == (0, "out.png\n", "")


@pytest.mark.usefixtures("photo")
def test_sheet_and_result_of_one_name_are_refused(convcli: Runner) -> None:
    with nothing_changes(Path()):
        ran = convcli("apply", "photo.png", "--filter", "box", "--sheet", "a.png", "-o", "a.png")
    assert_refused(ran, "a.png: 2 results have this output")


@pytest.mark.usefixtures("photo")
def test_one_name_written_in_two_ways_is_refused_before_anything_is_drawn(convcli: Runner) -> None:
    for one, other in (("--sheet", "--direction"), ("-o", "--sheet")):
        with nothing_changes(Path()):
            ran = convcli("apply", "photo.png", "--filter", "sobel", one, "./a.png", other, "a.png")
        assert_refused(ran, "a.png: 2 results have this output")


@pytest.mark.usefixtures("photo", "grey")
def test_one_name_for_several_inputs_is_refused(convcli: Runner) -> None:
    ran = convcli("apply", "photo.png", "grey.png", "--filter", "box", "--sheet", "out.png")
    assert ran.all == (
        2,
        "",
        'convcli: --sheet out.png: is a single file for 2 inputs; add {stem}: --sheet "{stem}-out.png"\n',
    )


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.usefixtures("photo", "grey")
def test_several_inputs_have_a_sheet_each(convcli: Runner, jobs: int) -> None:
    names = "photo.png", "missing.png", "grey.png"
    arguments = "apply", *names, "--filter", "box", "--sheet", "made/{stem}-s.png", "-j", jobs
    ran = convcli(*arguments)
    assert (ran.code, ran.out) == (1, "made/photo-s.png\nmade/grey-s.png\n")
    assert ran.err.splitlines()[0].startswith("convcli: missing.png: ")
    again = convcli(*arguments, "--skip-existing")
    assert (again.code, again.out) == (1, "")
    for name in ("photo", "grey"):
        alone = convcli("apply", f"{name}.png", "--filter", "box", "--sheet", "alone.png", "--force")
        assert alone.code == 0
        assert np.array_equal(opened(f"made/{name}-s.png"), opened("alone.png"))


@pytest.mark.usefixtures("in_folder")
def test_named_sheets_lie_below_the_folder_of_results(convcli: Runner) -> None:
    for folder in ("in/a", "in/b"):
        Path(folder).mkdir(parents=True)
        save(Path(folder) / "same.png", noise((5, 6)))
    ran = convcli(
        "apply",
        "in",
        "--recursive",
        "--filter",
        "box",
        "--out-dir",
        "out",
        "--sheet",
        "{stem}-{filter}.{ext}",
    )
    assert (ran.code, ran.err) == (0, "")
    assert sorted(ran.out.split()) == [
        "out/a/same-box.png", "out/a/same-sheet.png", "out/b/same-box.png", "out/b/same-sheet.png",
    ]  # fmt: skip


@pytest.mark.usefixtures("photo")
def test_a_sheet_is_written_alone_to_standard_output(convcli: Runner) -> None:
    ran = convcli("apply", "photo.png", "--sheet", "-", "--direction", "d.png")
    assert_refused(ran, "--sheet -: writes to standard output, but so do the names of the other outputs")
    assert_refused(
        convcli("apply", "photo.png", "--sheet", "-", "--json"), "--json: writes to standard output"
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--angle", "30"), "--angle: is not an option of every filter; choose filters by --filter"),
        (("--size", "5"), "--size: is not an option of every filter"),
        (("--bank", "sobel:300"), "--sheet: would have 301 pictures, more than 256; choose fewer filters"),
        (("--kernel", "0", "--scale", "gain"), "kernel: has a gain of 0"),
        (("--filter", "sobal"), "sobal: unknown filter: did you mean sobel?"),
        (
            ("--png-level", "3", "--sheet", "out.jpg"),
            "--png-level: applies only to PNG files, but --sheet is jpeg",
        ),
    ],
)
@pytest.mark.usefixtures("photo")
def test_what_cannot_be_drawn(convcli: Runner, options: tuple[str, ...], why: str) -> None:
    with nothing_changes(Path()):
        assert_refused(convcli("apply", "photo.png", "--sheet", "out.png", *options), why)


@pytest.mark.usefixtures("in_folder")
def test_channels_that_are_no_colours(convcli: Runner) -> None:
    np.save("five.npy", np.ones((4, 4, 5)))
    ran = convcli("apply", "five.npy", "--filter", "box", "--sheet", "out.png")
    assert ran.all == (
        1,
        "",
        "convcli: five.npy: 5 channels: are not colors, so they cannot be shown; "
        "use --channels sum to add them up\n",
    )
    (_, shown), _ = panels_of(convcli, "five.npy", "--filter", "box", "--channels", "sum")
    assert (shown[3::80, 3::80] == 255).all()


@pytest.mark.usefixtures("photo")
def test_sheet_that_needs_too_much_memory(convcli: Runner) -> None:
    ran = convcli("apply", "photo.png", "--sheet", "out.png", "--max-memory", "100k")
    assert_failed(ran, 1, "photo.png: needs about ")


@pytest.mark.usefixtures("photo")
def test_sheet_of_many_panels_is_counted_as_memory(convcli: Runner) -> None:
    arguments = "apply", "photo.png", "--bank", "sobel:255", "--sheet", "out.png", "--max-memory"
    assert_failed(convcli(*arguments, "50M"), 1, "photo.png: needs about ")
    few = convcli("apply", "photo.png", "--filter", "sobel", "--sheet", "out.png", "--max-memory", "50M")
    assert few.all == (0, "out.png\n", "")


def test_filter_that_does_not_fit_names_the_input(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "tiny.png", noise((2, 2)))
    ran = convcli("apply", "tiny.png", "--sheet", "out.png", "--padding", "valid")
    assert_failed(ran, 1, "tiny.png: ")


@pytest.mark.usefixtures("photo")
def test_kernel_with_a_hostile_name(convcli: Runner) -> None:
    name = "a\x1b[31m\u202e日.csv"
    Path(name).write_text("1 -1\n")
    _, (about, _) = panels_of(convcli, "photo.png", "--kernel", f"@{name}")
    assert about["title"] == name.removesuffix(".csv")


@pytest.mark.usefixtures("photo")
def test_the_terminal_shows_the_size_and_how_many_results(terminal: Runner) -> None:
    ran = terminal("apply", "photo.png", "--filter", "box", "--filter", "log", "--sheet", "out.png")
    height, width, _ = opened("out.png").shape
    assert ran.all == (0, f"out.png  ({height}x{width}x3, the input and 2 results)\n", "")
