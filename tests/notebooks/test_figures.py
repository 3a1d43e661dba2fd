"""Figures in one call from Python: they are what the command line draws, and save themselves safely."""

from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import convcli as library
from convcli.errors import ConvcliError
from tests.support.command_line import SAMPLES, SVG, Runner, nothing_changes

CAT, CAMERA = SAMPLES / "chelsea.png", SAMPLES / "camera.png"
TRIPLE: Any = (1, 2, 3)
MASKED = np.ma.masked_equal([[1, 2], [3, 4]], 2)
SIX = np.array([[10, 10, 10, 0, 0, 0]] * 6)


def texts(figure: library.Figure) -> list[str]:
    svg = figure._repr_svg_()
    assert svg is not None
    return [str(element.text) for element in fromstring(svg).iter(f"{SVG}text")]


def pixels(figure: library.Figure) -> NDArray[Any]:
    png = figure._repr_png_()
    assert png is not None
    return np.asarray(Image.open(BytesIO(png)))


# Explaining -------------------------------------------------------------------------------------------------


def test_the_textbook_edge_is_explained() -> None:
    explained = library.explain(SIX, "vertical", at=(1, 2), padding="valid")
    assert repr(explained) == "<Explained 30 at (1, 2) of vertical>"
    assert (explained.value, explained.pixel, explained.at) == (30, 30, (1, 2))
    assert explained.result.tolist() == [[0, 30, 30, 0]] * 4
    (weighted,) = explained.sums
    assert weighted.products.tolist() == [[10, 0, 0]] * 3
    assert "10·1 + 0·(-1) + 10·1 + 0·(-1) + 10·1 + 0·(-1) = 30" in texts(explained)


@pytest.mark.parametrize("stride", [1, 2])
def test_at_is_column_and_row(stride: int) -> None:
    image = np.random.default_rng(3).integers(0, 99, (9, 12))
    kernel = np.arange(6).reshape(2, 3)
    explained = library.explain(image, kernel, at=(4, 1), padding="valid", stride=stride)
    row, column = stride, 4 * stride
    assert explained.value == (image[row : row + 2, column : column + 3] * kernel).sum()


def test_a_volume_has_a_sum_per_channel_and_bias_and_relu_follow() -> None:
    generator = np.random.default_rng(4)
    image, kernel = generator.integers(-9, 9, (6, 7, 3)), generator.integers(-9, 9, (3, 3, 3))
    parts = [int((image[1:4, 2:5, channel] * kernel[..., channel]).sum()) for channel in range(3)]
    for weights in (kernel, kernel[..., np.newaxis]):  # one filter, and a bank of one
        explained = library.explain(image, weights, at=(2, 1), padding="valid", bias=-5)
        assert [weighted.total for weighted in explained.sums] == parts
        assert explained.value == sum(parts) - 5
    sunk = library.explain(image, kernel, at=(2, 1), padding="valid", bias=-1000, relu=True)
    assert sunk.value == 0


def test_a_kernel_of_depth_one_is_a_matrix() -> None:
    deep = library.explain(SIX, np.ones((3, 3, 1), int), at=(1, 1), padding="valid")
    assert deep.value == library.explain(SIX, np.ones((3, 3), int), at=(1, 1), padding="valid").value == 60


def test_pooling_is_explained() -> None:
    largest = library.explain_pool([[1, 3, 2, 1], [2, 9, 1, 1]], at=(0, 0))
    assert (largest.value, largest.sums, largest.result.tolist()) == (9, (), [[9, 2]])
    assert "max(1, 3, 2, 9) = 9, from row 1, column 1" in texts(largest)
    mean = library.explain_pool([[1, 3, 2, 1], [2, 9, 1, 1]], at=(1, 0), mode="avg")
    assert repr(mean) == "<Explained 1.25 at (1, 0) of avg pooling>"


def test_an_image_is_a_path_a_picture_or_an_array() -> None:
    picture = library.read_picture(CAMERA)
    images: list[Any] = [CAMERA, str(CAMERA), picture, picture.pixels]
    values = {library.explain(image, "sobel-x", at=(100, 20)).value for image in images}
    assert len(values) == 1


# The same as the command line -------------------------------------------------------------------------------


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    ("figure", "typed"),
    [
        (
            lambda: library.explain(CAMERA, "sobel-x:angle=30", at=(100, 20), stride=2, border="wrap"),
            f"explain {CAMERA} --filter sobel-x --angle 30 --at 100,20 --s 2 --border wrap",
        ),
        (
            lambda: library.explain(CAT, "scharr-x", at=(9, 8), channels="gray", flip=True, padding=1),
            f"explain {CAT} --filter scharr-x --at 9,8 --channels gray --flip --p 1",
        ),
        (
            lambda: library.explain_pool(CAMERA, at=(3, 4), mode="avg", size=3, stride=2, padding=1),
            f"explain {CAMERA} --pool avg --f 3 --s 2 --p 1 --at 3,4",
        ),
        (lambda: library.show_filter("sobel-x", angle=70), "filters sobel-x --angle 70"),
        (lambda: library.show_filter(library.get_filter("kirsch")), "filters kirsch"),
        (lambda: library.show_reads(7, 3, 1, 2), "explain --n 7 --f 3 --p 1 --s 2 --reads"),
        (
            lambda: library.show_reads((6, 9), (3, 2), "same", d=(1, 2)),
            "explain --n 6x9 --f 3x2 --p same --d 1x2 --reads",
        ),
    ],
)
@pytest.mark.parametrize("extension", ["svg", "png"])
def test_a_drawing_is_that_of_the_command_line(
    figure: Any, typed: str, extension: str, convcli: Runner, in_folder: Path
) -> None:
    assert convcli(*typed.split(), "-o", f"typed.{extension}").code == 0
    figure().save(f"called.{extension}")
    assert Path(f"called.{extension}").read_bytes() == Path(f"typed.{extension}").read_bytes()
    assert len(list(in_folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("figure", "typed"),
    [
        (
            lambda: library.sheet(CAT, ["sobel-x", "gaussian:sigma=2"]),
            "--filter sobel-x --filter gaussian:sigma=2 --sheet",
        ),
        (lambda: library.sheet(CAT, "sobel", padding="valid"), "--filter sobel --p 0 --sheet"),
        (lambda: library.direction(CAT), "--direction"),
        (lambda: library.direction(str(CAT), "scharr", stride=2), "--filter scharr --s 2 --direction"),
    ],
)
@pytest.mark.usefixtures("in_folder")
def test_pixels_are_those_of_the_command_line(figure: Any, typed: str, convcli: Runner) -> None:
    assert convcli("apply", CAT, *typed.split(), "typed.png").code == 0
    drawn = figure()
    expected = np.asarray(Image.open("typed.png"))
    assert np.array_equal(pixels(drawn), expected)
    drawn.save("called.png")
    assert np.array_equal(np.asarray(Image.open("called.png")), expected)


def test_a_figure_has_either_pixels_or_a_drawing() -> None:
    drawing, sheet = library.show_filter([[1, 0, -1]]), library.sheet(SIX, "vertical")
    assert (drawing._repr_png_(), sheet._repr_svg_()) == (None, None)
    assert repr(drawing) == "<Figure 'kernel, 1x3', a drawing>"
    assert repr(sheet).startswith("<Figure 'the input and the results of 1 filter', ")


# Saving -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["figure.svg", "figure.png"])
@pytest.mark.usefixtures("in_folder")
def test_an_existing_file_is_replaced_only_by_force(name: str) -> None:
    figure = library.show_filter("sobel-x")
    Path(name).write_text("mine")
    with pytest.raises(library.OutputError, match="exists"):
        figure.save(name)
    assert Path(name).read_text() == "mine"
    figure.save(Path(name), force=True)
    assert Path(name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("figure", "name", "why"),
    [
        (
            lambda: library.show_filter("sobel-x"),
            "a.jpg",
            r"a\.jpg: a drawing must be saved as \.svg or \.png",
        ),
        (lambda: library.show_filter("sobel-x"), "svg", "svg: a drawing must be saved"),
        (lambda: library.sheet(SIX, "vertical"), "a.svg", "this figure consists of pixels; save it as .png"),
        (lambda: library.sheet(SIX, "vertical"), "a.xyz", "xyz"),
        (lambda: library.show_filter("sobel-x"), "none/a.svg", "none/a.svg: there is no folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(figure: Any, name: str, why: str, in_folder: Path) -> None:
    with nothing_changes(in_folder), pytest.raises(ConvcliError, match=why):
        figure().save(name)


# Errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: library.explain(CAT, "sobel-x"), "3 channels: give 3 results, .* channels='r', 'g', 'b', "),
        (lambda: library.explain(SIX, "sobel-x", at=(6, 0)), "6"),
        (lambda: library.explain(SIX, "sobel-x", at=(-1, 0)), "at -1: must be a whole number, at least 0"),
        (lambda: library.explain(SIX, "sobel-x", at=TRIPLE), r"at \(1, 2, 3\): must be a column and a row"),
        (lambda: library.explain(SIX, "sobel-z"), "did you mean sobel"),
        (lambda: library.explain(SIX, np.ones((3, 3, 1, 2))), "has 2 filters; choose one"),
        (lambda: library.explain(SIX, "sobel-x", signed="stretch"), "depends on all pixels"),
        (lambda: library.explain("none.png", "sobel-x"), "none.png"),
        (lambda: library.explain_pool(SIX, size=7), "7"),
        (lambda: library.sheet(SIX, ["sobel-x"] * 300), "filters: would have 301 pictures"),
        (lambda: library.direction(SIX, "sobel-x"), "gives no direction; use one of prewitt, sobel"),
        (lambda: library.show_filter(np.ones((3, 3, 2))), "is a volume"),
        (lambda: library.explain(MASKED, "box"), "has 1 masked value, but masks are not read"),
        (lambda: library.sheet(MASKED, ["box"]), "has 1 masked value, but masks are not read"),
        (lambda: library.show_reads(3, 5), "filter 5 "),
        (lambda: library.show_reads(65, 3), "is too large to draw"),
        (lambda: library.show_filter([[1, 0]], angle=3), "angle: applies to a filter by name"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call: Any, why: str) -> None:
    with pytest.raises(ConvcliError, match=why):
        call()
