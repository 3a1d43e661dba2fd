"""Drawings of volumes and of pooling: the numbers in them are those of numpy."""

from itertools import product
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from numpy.typing import NDArray

from convcli.convolution.explaining.pooled import explain_pooling
from convcli.convolution.explaining.values import ExplainedResult
from convcli.convolution.planning import ConvolutionSettings
from convcli.drawing.shapes import Drawing, Rectangle, Text
from convcli.drawing.svg import render_svg
from convcli.figures.window.drawing import window_animation, window_drawing
from convcli.figures.window.reads import reads_drawing
from convcli.figures.window.slices import MAX_SLICES
from convcli.layers.volumes import convolve_volume
from convcli.sizes.axes import window_axes
from convcli.sizes.reads import ReadCounts
from tests.figures.test_window import check_on_paper
from tests.support.command_line import SVG

Array = NDArray[Any]


def volume(image: Array, taps: Array, **options: Any) -> ExplainedResult:
    depth = image.shape[2]
    return ExplainedResult(
        name="mine",
        planes=tuple(np.moveaxis(image, 2, 0)),
        plane_names=tuple("rgb") if depth == 3 else tuple(map(str, range(1, depth + 1))),
        kernels=tuple(np.moveaxis(taps, 2, 0)),
        result=convolve_volume(image, taps, **options),
        settings=ConvolutionSettings(**options),
    )


def parsed(drawing: Drawing) -> Element:
    return ElementTree.fromstring(render_svg(drawing))


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_a_volume_shows_every_patch_slice_and_sum(depth: int) -> None:
    rng = np.random.default_rng(depth)
    image, taps = rng.integers(100, 999, (6, 5, depth)), rng.integers(-9, 10, (3, 2, depth))
    explained = volume(image, taps, padding="valid")
    drawing = window_drawing(*explained.axes, (2, 1), explained)
    check_on_paper(drawing)
    assert drawing.title == f"mine, 3x2x{depth}, slides over an input of 6x5x{depth}"
    texts = [shape.text for shape in drawing.shapes if isinstance(shape, Text)]
    patches = [
        f"{image[2 + row, 1 + column, plane]}" for plane in range(depth) for row, column in np.ndindex(3, 2)
    ]
    front = [f"{image[place]}" for place in product(range(6), range(5), (0,))]
    sums = [int((image[2:5, 1:3, plane] * taps[..., plane]).sum()) for plane in range(depth)]
    for text in {*patches, *front}:
        assert texts.count(text) >= patches.count(text) + front.count(text)
    for total in sums:
        assert f"{total}" in texts
    total = sum(sums)
    assert explained.result_at(2, 1) == total
    assert any(text.startswith("sum: ") and text.endswith(f" = {total}") for text in texts)
    titles = [title.text or "" for title in parsed(drawing).iter(f"{SVG}title")]
    for name in explained.plane_names[1:]:  # planes behind the first
        assert sum(title.startswith(f"{name}, row ") for title in titles) == 30


def test_planes_lie_behind_each_other() -> None:
    explained = volume(np.zeros((4, 4, 3), int), np.ones((2, 2, 3), int), padding="valid")
    drawing = window_drawing(*explained.axes, (0, 0), explained)
    corners = [
        (shape.x, shape.y)
        for shape in drawing.shapes
        if (isinstance(shape, Rectangle) and shape.title.endswith("row 0, column 0: 0") and "output" not in shape.title)
        or (isinstance(shape, Rectangle) and shape.title in ("g, row 0, column 0", "b, row 0, column 0"))
    ]  # fmt: skip
    (far, middle, near) = corners
    for axis, sign in ((0, 1), (1, -1)):
        assert sign * (far[axis] - middle[axis]) > 0
        assert far[axis] - middle[axis] == pytest.approx(middle[axis] - near[axis])


def test_volumes_of_any_depth_stay_on_the_paper() -> None:
    rng = np.random.default_rng(0)
    for depth, side, f in ((40, 5, 3), (3, 30, 9), (3, 40, 17), (2, 300, 3)):
        explained = volume(rng.random((side, side, depth)), rng.standard_normal((f, f, depth)))
        drawing = window_drawing(*explained.axes, (side - 1, side // 2), explained)
        check_on_paper(drawing)
        texts = [shape.text for shape in drawing.shapes if isinstance(shape, Text)]
        assert (f"{MAX_SLICES}, and {depth - MAX_SLICES} more channels, not drawn" in texts) == (depth == 40)


def test_an_animation_shows_the_patches_of_each_position() -> None:
    image = np.arange(48).reshape(4, 4, 3)
    explained = volume(image, np.ones((2, 2, 3), int), padding="valid")
    animation = window_animation(*explained.axes, explained)
    assert len(animation.frames) == 9
    for frame, (row, column) in zip(animation.frames, np.ndindex(3, 3), strict=True):
        texts = [shape.text for shape in frame if isinstance(shape, Text)]
        total = image[row : row + 2, column : column + 2].sum()
        assert any(text.startswith("sum: ") and text.endswith(f"= {total}") for text in texts)
        for value in image[row : row + 2, column : column + 2].ravel():
            assert f"{value}" in texts


@pytest.mark.parametrize("mode", ["max", "avg"])
def test_pooling_shows_its_window(mode: str) -> None:
    image = np.array([[1, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]])
    explained = explain_pooling(image, mode=mode, padding=1)
    drawing = window_drawing(*explained.axes, (1, 1), explained, pooling=mode)
    check_on_paper(drawing)
    texts = [shape.text for shape in drawing.shapes if isinstance(shape, Text)]
    assert f"{'mean' if mode == 'avg' else 'max'} of 2x2" in texts
    assert "padding 1, not counted" in texts
    assert ("max(9, 1, 3, 2) = 9, from row 1, column 1" in texts) == (mode == "max")
    assert ("(9 + 1 + 3 + 2)/4 = 15/4 = 3.75" in texts) == (mode == "avg")
    green = [
        shape for shape in drawing.shapes if isinstance(shape, Rectangle) and shape.stroke == "strong-green"
    ]
    assert len(green) == (3 if mode == "max" else 0)  # in the input, the window, the legend
    animation = window_animation(*explained.axes, explained, pooling=mode)
    assert len(animation.frames) == 9


@pytest.mark.parametrize(
    ("n", "f", "s"), [((1, 1), 1, 1), ((64, 3), (5, 1), 2), ((3, 64), 2, 3), ((8, 8), 3, 1)]
)
def test_heat_maps_stay_on_the_paper(n: tuple[int, int], f: Any, s: int) -> None:
    counts = ReadCounts(*window_axes(n, f, stride=s))
    drawing = reads_drawing(counts)
    check_on_paper(drawing)
    cells = [shape for shape in drawing.shapes if isinstance(shape, Rectangle) and shape.title]
    assert len(cells) == n[0] * n[1]
    assert sum(cell.title.endswith("read never") for cell in cells) == counts.unread
