"""Filters as pictures: the numbers and grays of their cells, the direction of change and that of the line."""

import math
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convcli.drawing.raster import render_png
from convcli.drawing.shapes import Drawing, Ink, Line, Rectangle, Text
from convcli.drawing.svg import render_svg
from convcli.errors import KernelError
from convcli.figures.filters.drawing import filter_drawing
from convcli.figures.filters.stimuli import stimulus_pixels
from convcli.figures.filters.swatches import swatch
from convcli.figures.matrices import draw_numbers, number_texts
from convcli.kernels.filter import Filter, custom_filter
from convcli.kernels.lookup import get_filter
from tests.support.command_line import Runner, assert_refused, nothing_changes


def texts(drawing: Drawing) -> list[str]:
    return [shape.text for shape in drawing.shapes if isinstance(shape, Text)]


def painted(drawing: Drawing) -> NDArray[Any]:
    return np.asarray(Image.open(BytesIO(render_png(drawing))).convert("L")).astype(int)


@pytest.mark.parametrize("angle", [0, 45, 70, 90, 135, 200, 315])
def test_the_direction_of_a_derivative_is_its_angle(angle: float) -> None:
    for name in ("sobel-x", "scharr-x", "prewitt-x:size=5", "roberts-x"):
        direction = get_filter(name, angle=angle).direction
        assert direction == pytest.approx(angle, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("sobel-y", 270),  # brighter downward
        ("vertical", 180),  # from bright to dark
        ("horizontal", 90),
        ("laplacian", None),
        ("gaussian", None),
        ("gabor", None),
        ("emboss", None),
        ("sobel", None),  # both directions
    ],
)
def test_which_filters_have_a_direction(name: str, direction: float | None) -> None:
    assert get_filter(name).direction == direction


def test_an_odd_kernel_without_a_gradient_has_no_direction() -> None:
    assert custom_filter("spiral", [[0, 0, 0], [0, 0, 0], [0, 0, 0]]).direction is None


def test_cells_have_the_numbers_and_the_grays_of_the_kernel() -> None:
    drawing = filter_drawing(get_filter("sobel-x"))
    assert texts(drawing)[:10] == ["sobel-x, 3x3", "-1", "0", "1", "-2", "0", "2", "-1", "0", "1"]
    pixels = painted(drawing)
    cell, top = 56, 24 + 24
    corners = pixels[top + 4 : top + 3 * cell : cell, 24 + 4 : 24 + 3 * cell : cell]
    assert corners.tolist() == [[64, 128, 192], [1, 128, 255], [64, 128, 192]]  # 128 + 127·value/2
    assert "mid-gray is 0, white 2, black -2" in texts(drawing)


def test_every_kernel_of_a_filter_is_drawn() -> None:
    numbers = texts(filter_drawing(get_filter("sobel")))
    assert numbers[1:19] == [
        "-1",
        "0",
        "1",
        "-2",
        "0",
        "2",
        "-1",
        "0",
        "1",
        "-1",
        "-2",
        "-1",
        "0",
        "0",
        "0",
        "1",
        "2",
        "1",
    ]
    assert "combined: sqrt(x² + y²) of the two" in numbers
    assert len(texts(filter_drawing(get_filter("kirsch")))) == 1 + 8 * 9 + 2
    many = Filter("many", ((((1,),)),) * 17, "", "", "")
    with pytest.raises(KernelError, match="has 17 kernels; up to 16 can be drawn"):
        filter_drawing(many)


def test_the_common_divisor_stands_below() -> None:
    drawing = filter_drawing(get_filter("gaussian"))
    assert texts(drawing)[1:10] == ["1", "2", "1", "2", "4", "2", "1", "2", "1"]
    assert texts(drawing)[10] == "mid-gray is 0, white 4, black -4; all numbers times 1/16"


@pytest.mark.parametrize("name", ["gabor", "gaussian:sigma=20", "box:size=1024"])
def test_large_kernels_are_drawn_without_numbers_and_within_bounds(name: str) -> None:
    drawing = filter_drawing(get_filter(name))
    assert len(texts(drawing)) == 2
    assert drawing.height < 400
    assert len(drawing.shapes) < 70 * 70
    svg = render_svg(drawing)
    assert len(svg) < 700_000


def test_change_and_line_are_perpendicular() -> None:
    drawing = filter_drawing(get_filter("sobel-x", angle=70))
    line, arrow = (shape for shape in drawing.shapes if isinstance(shape, Line))
    assert (line.arrow, arrow.arrow) == (False, True)

    def angle(shape: Line) -> float:
        (x0, y0), (x1, y1) = shape.points
        return math.degrees(math.atan2(y0 - y1, x1 - x0))

    assert angle(arrow) == pytest.approx(70)
    assert angle(line) % 180 == pytest.approx(160)
    assert texts(drawing)[-2:] == [
        "arrow: brightness grows toward 70°",
        "the edge itself, a line, runs along 160°",
    ]
    assert (arrow.stroke, line.stroke) == (Ink.STRONG_ORANGE, Ink.STRONG_BLUE)
    # The stimulus gets brighter where the arrow points.
    (x0, y0), (x1, y1) = arrow.points
    boxes = [shape for shape in drawing.shapes if isinstance(shape, Rectangle) and shape.fill]

    def gray(x: float, y: float) -> int:
        (fill,) = {
            str(box.fill)
            for box in boxes
            if box.x <= x < box.x + box.width and box.y <= y < box.y + box.height
        }
        return int(fill[1:3], 16)

    assert gray(x1, y1) > 200 > 60 > gray(2 * x0 - x1, 2 * y0 - y1)


def test_stimuli_are_area_means_of_edges_and_bars() -> None:
    assert stimulus_pixels(180, 4)[0].tolist() == [1, 1, 0, 0]
    assert stimulus_pixels(90, 4)[:, 0].tolist() == [1, 1, 0, 0]  # brighter upward
    assert stimulus_pixels(0, 5, width=2)[0].tolist() == [0, 0.5, 1, 0.5, 0]
    diagonal = stimulus_pixels(45, 6)
    assert np.array_equal(diagonal, 1 - diagonal[::-1, ::-1])
    assert (np.diag(diagonal) == 0.5).all()


def test_swatches_stand_side_by_side_or_in_two_rows() -> None:
    kernels = [np.full((3, 3), value) for value in (1, -1)]
    two = swatch(kernels, 30)
    assert two is not None
    assert two.shape == (32, 32 + 4 + 32, 3)
    assert two[15, [15, 15 + 36], 0].tolist() == [255, 1]
    eight = swatch(kernels * 4, 30)
    assert eight is not None
    assert eight.shape == (2 * 14 + 4, 4 * 14 + 3 * 4, 3)
    assert swatch(kernels * 5, 30) is None


def test_numbers_are_drawn_only_where_all_of_them_fit() -> None:
    gray = np.full((40, 80, 3), 128, np.uint8)
    assert (draw_numbers(gray, [["1", "2"]]) < 50).any()
    unchanged = draw_numbers(gray, [["1", "1234567890123"]])
    assert np.array_equal(unchanged, gray)
    black = np.zeros((40, 80, 3), np.uint8)
    assert (draw_numbers(black, [["1", "2"]]) > 200).any()
    assert number_texts(np.array([[-0.0, 1e-7, 12345.678]])) == [["0", "1e-07", "1.235e+04"]]


@pytest.mark.usefixtures("in_folder")
def test_files(convcli: Runner) -> None:
    assert convcli("filters", "sobel", "-o", "sobel.png").all == (0, "sobel.png\n", "")
    with Image.open("sobel.png") as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image.convert("L")), painted(filter_drawing(get_filter("sobel"))))
    assert convcli("filters", "sobel-x", "--angle", "45", "-o", "a.svg").all == (0, "a.svg\n", "")
    svg = Path("a.svg").read_text(encoding="utf-8")
    assert svg.startswith("<svg ")
    assert "brightness grows toward 45°" in svg
    assert re.search(r'<polyline [^>]*class="s-strong-orange"', svg)
    with nothing_changes(Path()):
        again = convcli("filters", "sobel", "-o", "sobel.png")
        assert (again.code, again.err) == (1, "convcli: sobel.png: exists; use --force to overwrite it\n")
        assert_refused(convcli("filters", "sobel", "--tuning", "--preview"), "--preview: shows a kernel")
