"""The sliding window drawn: every cell held against loops that move a window over a padded matrix."""

import re
from itertools import product
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.convolution.engine import apply_filter
from convcli.convolution.explaining.values import ExplainedResult
from convcli.drawing.shapes import Anchor, Drawing, Line, Rectangle, Text, text_width
from convcli.drawing.svg import render_animated_svg, render_svg
from convcli.errors import SizeError
from convcli.figures.window.axis_views import window_lines
from convcli.figures.window.captions import positions_text
from convcli.figures.window.drawing import MAX_CELLS, MAX_POSITIONS, window_animation, window_drawing
from convcli.kernels.filter import Filter, custom_filter
from convcli.kernels.lookup import get_filter
from convcli.sizes.axes import window_axes
from tests.support.command_line import SVG
from tests.support.sampling import examples

EDGE = np.array([[10, 10, 10, 0, 0, 0]] * 6)
CELL = re.compile(
    r"(?P<kind>padding, |window, |output |window, output )?row (?P<row>-?\d+), column (?P<column>-?\d+)"
)
MODES = ("edge", "reflect", "symmetric", "wrap")

Place = tuple[int, int]
Boxes = dict[Place, Element]

sides = st.integers(1, 9)
geometry = st.fixed_dictionaries(
    {
        "n": st.tuples(sides, sides),
        "f": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "p": st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
        "s": st.tuples(st.integers(1, 5), st.integers(1, 5)),
        "d": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "at": st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
    }
)


def naive_axis(n: int, f: int, p: tuple[int, int], s: int, d: int) -> list[list[int]]:
    """Return for each output the places that it reads, by moving a window until it does not fit."""
    windows = []
    start = -p[0]
    while start + d * (f - 1) < n + p[1]:
        windows.append([start + d * tap for tap in range(f)])
        start += s
    return windows


def boxes(root: Element, kind: str) -> Boxes:
    """Return the titled boxes of a kind by the row and the column in their titles."""
    found = {}
    for rectangle in root.iter(f"{SVG}rect"):
        match = CELL.match(rectangle.findtext(f"{SVG}title") or "")
        if match and (match["kind"] or "") == kind:
            place = int(match["row"]), int(match["column"])
            assert place not in found
            found[place] = rectangle
    return found


def title(box: Element) -> str:
    return box.findtext(f"{SVG}title") or ""


def middle(box: Element) -> tuple[float, float]:
    x, y, width, height = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
    return x + width / 2, y + height / 2


def text_in(root: Element, box: Element) -> list[str]:
    """Return the texts whose middle is that of a box."""
    x, y = middle(box)
    return [
        text.text or ""
        for text in root.iter(f"{SVG}text")
        if abs(float(text.attrib["x"]) - x) < 0.1
        and abs(float(text.attrib["y"]) - 0.35 * float(text.attrib["font-size"]) - y) < 0.1
    ]


def parsed(drawing: Drawing) -> Element:
    return ElementTree.fromstring(render_svg(drawing))


@settings(max_examples=examples(150))
@given(geometry)
def test_cells_are_those_that_a_moving_window_meets(how: dict[str, Any]) -> None:
    windows = [naive_axis(*(how[name][axis] for name in "nfpsd")) for axis in (0, 1)]
    axes = (how["n"], how["f"])
    options = {"padding": how["p"], "stride": how["s"], "dilation": how["d"]}
    if not windows[0] or not windows[1]:
        with pytest.raises(SizeError, match="the filter is larger than the padded input"):
            window_axes(*axes, **options)
        return
    rows, columns = window_axes(*axes, **options)
    at = int(how["at"][0] * len(windows[0])), int(how["at"][1] * len(windows[1]))
    root = parsed(window_drawing(rows, columns, at))
    (top, bottom), (left, right) = how["p"]
    padded = set(product(range(-top, how["n"][0] + bottom), range(-left, how["n"][1] + right)))
    inside = set(product(range(how["n"][0]), range(how["n"][1])))
    pixels, padding = boxes(root, ""), boxes(root, "padding, ")
    assert set(pixels) == inside
    assert set(padding) == padded - inside
    read = set(product(*({place for window in axis for place in window} for axis in windows)))
    unread = {place for place, box in (pixels | padding).items() if title(box).endswith(", never read")}
    assert unread == padded - read
    window = boxes(root, "window, ")
    assert set(window) == set(product(windows[0][at[0]], windows[1][at[1]]))
    for place, box in window.items():
        assert middle(box) == middle((pixels | padding)[place])
    assert set(boxes(root, "output ")) == set(product(range(len(windows[0])), range(len(windows[1]))))
    (here,) = boxes(root, "window, output ").items()
    assert (here[0], middle(here[1])) == (at, middle(boxes(root, "output ")[at]))
    hatched = {
        tuple(round(float(number), 2) for number in re.split("[ ,]", line.attrib["points"]))
        for line in root.iter(f"{SVG}polyline")
    }
    legend = 3 * bool(unread)
    assert len(hatched) == 3 * len(unread) + legend


def explained(image: Any, one: Filter, **options: Any) -> ExplainedResult:
    return ExplainedResult.of_filter(image, one, apply_filter(image, one, **options), **options)


def drawn(image: Any, one: Filter, at: Place, **options: Any) -> Element:
    numbers = explained(image, one, **options)
    return parsed(window_drawing(*numbers.axes, at, numbers))


@settings(max_examples=examples(60))
@given(
    geometry,
    st.sampled_from(["zero", "constant:7", *MODES]),
    st.booleans(),
    st.integers(0, 1 << 30),
)
def test_numbers_are_those_of_the_padded_picture(
    how: dict[str, Any], border: str, flip: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image, taps = rng.integers(-99, 100, how["n"]), rng.integers(-9, 10, how["f"])
    mode: Any = border if border in MODES else "constant"
    filled: dict[str, Any] = {} if border in MODES else {"constant_values": 7 * (border == "constant:7")}
    padded = np.pad(image, how["p"], mode, **filled)
    windows = [naive_axis(*(how[name][axis] for name in "nfpsd")) for axis in (0, 1)]
    if (
        not windows[0]
        or not windows[1]
        or max(len(windows[0]), len(windows[1])) > 12
        or max(padded.shape) > 12
    ):
        return
    options = {"padding": how["p"], "stride": how["s"], "dilation": how["d"], "border": border, "flip": flip}
    at = int(how["at"][0] * len(windows[0])), int(how["at"][1] * len(windows[1]))
    root = drawn(image, custom_filter("mine", taps), at, **options)
    (top, _), (left, _) = how["p"]
    for place, box in (boxes(root, "") | boxes(root, "padding, ")).items():
        value = padded[place[0] + top, place[1] + left]
        assert f": {value}" in title(box)
        assert text_in(root, box) == [f"{value}"]
    applied = taps[::-1, ::-1] if flip else taps
    for row, column in product(*map(range, how["f"])):
        (box,) = (
            box
            for box in root.iter(f"{SVG}rect")
            if title(box) == f"filter row {row}, column {column}: {applied[row, column]}"
        )
        tap = applied[row, column]
        assert box.attrib["class"].split()[0] == f"f-{'red' if tap > 0 else 'blue' if tap < 0 else 'paper'}"
        assert text_in(root, box) == [f"{tap}"]
    results = {}
    for out in product(range(len(windows[0])), range(len(windows[1]))):
        window = padded[np.ix_([r + top for r in windows[0][out[0]]], [c + left for c in windows[1][out[1]]])]
        results[out] = int((window * applied).sum())
        assert set(text_in(root, boxes(root, "output ")[out])) == {f"{results[out]}"}
    terms, _, total = (root.findtext(f"{SVG}desc") or "").rpartition(" of the input. ")[2].rpartition(" = ")
    assert int(total.removesuffix(".")) == results[at]
    assert eval(terms.replace("·", "*")) == results[at]  # a sum that was just written
    assert terms.count("·") == np.count_nonzero(taps)


def test_the_worked_example() -> None:
    numbers = explained(EDGE, get_filter("vertical"), padding="valid")
    drawing = window_drawing(*numbers.axes, (0, 1), numbers)
    assert drawing.title == "vertical, 3x3, slides over an input of 6x6"
    assert drawing.description == (
        "Padding 0, stride 1x1, dilation 1x1: the output is 4x4. row 0, column 1 of the output reads rows 0 to 2 "
        "and columns 1 to 3 of the input. 10·1 + 0·(-1) + 10·1 + 0·(-1) + 10·1 + 0·(-1) = 30."
    )
    texts = [shape.text for shape in drawing.shapes if isinstance(shape, Text)]
    for text in ("input 6x6", "vertical 3x3", "output 4x4", "stride 1", "*", "="):
        assert text in texts
    assert "side   floor((n + 2p - f)/s) + 1 = floor((6 + 2·0 - 3)/1) + 1 = 4" in texts
    assert [texts.count(mark) for mark in ("×1", "×0", "×-1")] == [3, 3, 3]


def test_both_kernels_of_a_magnitude_and_what_combines_them() -> None:
    root = drawn(EDGE, get_filter("sobel"), (2, 2))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "magnitude: √((-40)² + 0²) = 40" in texts
    assert "1: 10·(-1) + 0·1 + 10·(-2) + 0·2 + 10·(-1) + 0·1 = -40" in texts
    assert "2 kernels" in texts
    taps = [title(box) for box in root.iter(f"{SVG}rect") if title(box).startswith("filter ")]
    assert len(taps) == 18
    assert "filter row 0, column 1: -2" in taps


def test_the_strongest_of_eight_kernels() -> None:
    root = drawn(EDGE, get_filter("kirsch"), (2, 2))
    total = apply_filter(EDGE, "kirsch")[2, 2]
    line = next(text.text for text in root.iter(f"{SVG}text") if (text.text or "").startswith("strongest: "))
    assert line is not None
    listed, _, result = line.removeprefix("strongest: the largest of ").partition(" = ")
    assert int(result) == total == max(map(int, listed.split(", ")))
    assert len(listed.split(", ")) == 8


def test_a_large_picture_is_drawn_around_the_window() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 451)).astype(np.uint8)
    root = drawn(image, get_filter("sobel-x"), (20, 100))
    pixels = boxes(root, "")
    assert len(pixels) == 144
    assert {row for row, _ in pixels} == set(range(15, 27))
    assert {column for _, column in pixels} == set(range(95, 107))
    for place, box in pixels.items():
        assert text_in(root, box) == [f"{image[place]}"]
    torn = [line for line in root.iter(f"{SVG}polyline") if "s-faint" in line.attrib["class"]]
    assert len(torn) == 8  # of two grids, on all sides
    indices = [text.text for text in root.iter(f"{SVG}text") if text.attrib["font-size"] == "9"]
    assert set(map(str, range(95, 107))) <= set(indices)
    corner = drawn(image, get_filter("sobel-x"), (0, 450))
    assert {column for _, column in boxes(corner, "padding, ")} == set(range(440, 452))
    torn = [line for line in corner.iter(f"{SVG}polyline") if "s-faint" in line.attrib["class"]]
    assert len(torn) == 4


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1)])
@pytest.mark.parametrize("place", [0, -1])
def test_pictures_of_any_shape(shape: Place, place: int) -> None:
    image = np.arange(shape[0] * shape[1]).reshape(shape)
    at = (0, shape[1] - 1) if place else (0, 0)
    at = (shape[0] - 1, 0) if place and shape[1] == 1 else at
    numbers = explained(image, get_filter("box"))
    drawing = window_drawing(*numbers.axes, at, numbers)
    root = parsed(drawing)
    assert set(boxes(root, "window, ")) == set(
        product(range(at[0] - 1, at[0] + 2), range(at[1] - 1, at[1] + 2))
    )
    assert drawing.width < 2500
    assert at in boxes(root, "")


DRAWINGS = {
    "long numbers": ((-3.123456e-7 * np.arange(64)).reshape(8, 8), "gaussian:sigma=0.5", (3, 3)),
    "large numbers": (np.full((9, 9), 2**40), "sobel", (4, 4)),
    "many taps": (np.zeros((40, 40), np.uint8), "gaussian:sigma=1.5", (20, 20)),
    "very many taps": (np.zeros((80, 80), np.uint8), "gaussian:sigma=4", (40, 40)),
    "not a number": (np.full((5, 5), np.nan), "box", (2, 2)),
    "infinite": (np.full((5, 5), -np.inf), "sobel", (2, 2)),
}


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("name", DRAWINGS)
def test_texts_stay_in_their_cells_and_shapes_on_the_paper(name: str) -> None:
    image, filter_name, at = DRAWINGS[name]
    numbers = explained(image, get_filter(filter_name))
    drawing = window_drawing(*numbers.axes, at, numbers)
    root = parsed(drawing)
    assert len(render_svg(drawing)) < 1_000_000
    for kind in ("", "padding, ", "output "):
        for box in boxes(root, kind).values():
            for text in text_in(root, box):
                assert text_width(text, 13 if kind != "output " else 9) <= 140
                assert text_width(text, 9) <= float(box.attrib["width"]) + 3
    check_on_paper(drawing)


def check_on_paper(drawing: Drawing) -> None:
    for shape in drawing.shapes:
        if isinstance(shape, Rectangle):
            assert 0 <= shape.x <= shape.x + shape.width <= drawing.width
            assert 0 <= shape.y <= shape.y + shape.height <= drawing.height
        elif isinstance(shape, Text):
            part = {Anchor.START: 0, Anchor.MIDDLE: 0.5, Anchor.END: 1}[shape.anchor]
            width = text_width(shape.text, shape.size)
            assert shape.x - part * width >= 0
            assert shape.x + (1 - part) * width <= drawing.width
            assert shape.size / 2 <= shape.y <= drawing.height - shape.size / 2


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    ("n", "f", "options"),
    [
        ((6, 6), 3, {}),
        ((1, 1), 1, {}),
        ((1, 1), 5, {"padding": 2}),
        ((10**9, 10**9), 3, {"padding": 10**9, "stride": 10**9}),
        ((300, 5), (40, 1), {"dilation": (1, 7)}),
        ((7, 31), (2, 5), {"padding": "same", "stride": (9, 2), "dilation": (3, 2)}),
        ((64, 64), 64, {}),
    ],
)
def test_windows_of_any_size_stay_on_the_paper(n: Place, f: Any, options: dict[str, Any]) -> None:
    rows, columns = window_axes(n, f, **options)
    for at in ((0, 0), (rows.output - 1, columns.output - 1)):
        drawing = window_drawing(rows, columns, at)
        check_on_paper(drawing)
        assert len(boxes(parsed(drawing), "window, ")) == rows.window * columns.window


@pytest.mark.parametrize(
    ("n", "f", "options", "expected"),
    [
        ((6, 6), 3, {}, r"row 4, column 0: is outside the 4x4 result; rows and columns are counted from 0"),
        ((70, 70), 65, {}, r"a window of 65x65: is too large to draw; the limit is 64 per side"),
        ((71, 71), 8, {"dilation": 10}, r"a window of 71x71: is too large"),
        ((10**10, 6), 3, {}, r"input 10000000000: is too large to draw; the limit is 1000000000"),
        ((6, 6), 3, {"stride": 10**30}, r"^stride 10000000000000000000…: is too large to draw"),
    ],
)
def test_errors_name_what_cannot_be_drawn(n: Place, f: int, options: dict[str, Any], expected: str) -> None:
    rows, columns = window_axes(n, f, **options)
    with pytest.raises(SizeError, match=expected):
        window_drawing(rows, columns, (4 if "row 4" in expected else 0, 0))


@pytest.mark.parametrize("largest", [9, 999, 9999, 123456])
def test_torn_edges_cut_no_number(largest: int) -> None:
    numbers = explained(np.full((9, 99), largest), get_filter("identity"))
    drawing = window_drawing(*numbers.axes, (4, 50), numbers)
    tears = [shape for shape in drawing.shapes if isinstance(shape, Line) and shape.thickness > 1]
    bands = [
        (
            min(x for x, _ in tear.points) - tear.thickness / 2,
            max(x for x, _ in tear.points) + tear.thickness / 2,
        )
        for tear in tears
        if len({x for x, _ in tear.points}) == 2
    ]
    assert len(bands) == 4
    for shape in drawing.shapes:
        if isinstance(shape, Text) and shape.text == f"{largest}":
            half = text_width(shape.text, shape.size) / 2
            assert not any(left < shape.x + half and shape.x - half < right for left, right in bands)


@pytest.mark.parametrize("count", [2, 8, 9, 10])
def test_nine_places_are_no_longer_named_one_by_one(count: int) -> None:
    listed = ", ".join(str(3 * place - 4) for place in range(count))
    expected = f"rows {listed}" if count <= 8 else f"rows -4, -1, ..., {3 * count - 7}"
    assert positions_text(range(-4, 3 * count - 5, 3), "row") == expected


# Animations -----------------------------------------------------------------------------------------------


@settings(max_examples=examples(40))
@given(geometry)
def test_each_frame_is_the_window_at_its_place(how: dict[str, Any]) -> None:
    windows = [naive_axis(*(how[name][axis] for name in "nfpsd")) for axis in (0, 1)]
    if not windows[0] or not windows[1]:
        return
    rows, columns = window_axes(how["n"], how["f"], padding=how["p"], stride=how["s"], dilation=how["d"])
    animation = window_animation(rows, columns)
    root = ElementTree.fromstring(render_animated_svg(animation))
    cells = {place: middle(box) for kind in ("", "padding, ") for place, box in boxes(root, kind).items()}
    outputs = {place: middle(box) for place, box in boxes(root, "output ").items()}
    order = list(product(range(len(windows[0])), range(len(windows[1]))))
    frames = [group for group in root.iter(f"{SVG}g") if "frame" in group.attrib["class"]]
    assert len(frames) == len(animation.frames) == len(order)
    for (row, column), frame in zip(order, frames, strict=True):
        filled = [middle(box) for box in frame.iter(f"{SVG}rect") if "f-orange" in box.attrib["class"]]
        read = [cells[place] for place in product(windows[0][row], windows[1][column])]
        assert filled == [*read, outputs[row, column]]


def test_an_animation_of_numbers_fills_the_output_up() -> None:
    numbers = explained(EDGE, get_filter("vertical"), padding="valid")
    animation = window_animation(*numbers.axes, numbers, seconds=0.25)
    root = ElementTree.fromstring(render_animated_svg(animation))
    results = apply_filter(EDGE, "vertical", padding="valid").ravel().tolist()
    kept = [group for group in root.iter(f"{SVG}g") if "kept" in group.attrib["class"]]
    assert [group.findtext(f"{SVG}text") for group in kept] == list(map(str, results))
    frames = [group for group in root.iter(f"{SVG}g") if "frame" in group.attrib["class"]]
    for result, frame in zip(results, frames, strict=True):
        texts = [text.text or "" for text in frame.iter(f"{SVG}text")]
        assert texts[-1].endswith(f" = {result}")
        assert texts[-3] == f"{result}"
    rules = "".join(style.text or "" for style in root.findall(f"{SVG}style"))
    assert "@media (prefers-reduced-motion:no-preference)" in rules
    assert "animation:frame 6s step-end infinite" in rules  # 16 times 0.25 seconds, and the pause


@pytest.mark.parametrize(
    ("n", "f", "expected"),
    [
        (19, 3, f"output 17x17: has 289 positions, but an animation shows at most {MAX_POSITIONS}"),
        (33, 30, f"input 33x33, padding included: is too large for an animation of at most {MAX_CELLS}x"),
    ],
)
def test_limits_of_animations(n: int, f: int, expected: str) -> None:
    rows, columns = window_axes((n, n), f)
    with pytest.raises(SizeError, match=re.escape(expected)):
        window_animation(rows, columns)


def test_the_largest_animation_is_of_a_sane_size() -> None:
    image = np.random.default_rng(0).integers(0, 256, (18, 18)).astype(np.uint8)
    numbers = explained(image, get_filter("sobel-x"), padding="valid")
    animation = window_animation(*numbers.axes, numbers)
    assert len(animation.frames) == MAX_POSITIONS
    assert len(render_animated_svg(animation)) < 1_500_000


# In letters -----------------------------------------------------------------------------------------------


@settings(max_examples=examples(100))
@given(geometry)
def test_letters_are_those_that_a_moving_window_meets(how: dict[str, Any]) -> None:
    windows = [naive_axis(*(how[name][axis] for name in "nfpsd")) for axis in (0, 1)]
    if not windows[0] or not windows[1]:
        return
    rows, columns = window_axes(how["n"], how["f"], padding=how["p"], stride=how["s"], dilation=how["d"])
    at = int(how["at"][0] * len(windows[0])), int(how["at"][1] * len(windows[1]))
    (top, bottom), (left, right) = how["p"]
    if how["n"][0] + top + bottom > 14 or how["n"][1] + left + right > 14:
        return
    read = [{place for window in axis for place in window} for axis in windows]
    expected = []
    for row in range(-top, how["n"][0] + bottom):
        letters = ""
        for column in range(-left, how["n"][1] + right):
            padding = not (0 <= row < how["n"][0] and 0 <= column < how["n"][1])
            if row in windows[0][at[0]] and column in windows[1][at[1]]:
                letters += "*" if padding else "#"
            elif row not in read[0] or column not in read[1]:
                letters += "x"
            else:
                letters += "+" if padding else "."
        expected.append(letters)
    lines = window_lines(rows, columns, at, 200)
    width = len(expected[0])
    assert [line[: 2 * width].replace(" ", "")[:width] for line in lines[1 : len(expected) + 1]] == expected
    assert sum(line[2 * width :].count("#") for line in lines[1:]) == 1


def test_what_is_too_wide_for_a_terminal_is_not_shown_in_letters() -> None:
    rows, columns = window_axes((100, 100), 30)
    assert window_lines(rows, columns, (0, 0), 80) == []
    rows, columns = window_axes((9, 9), 3)
    assert window_lines(rows, columns, (0, 0), 1) == []
