"""Drawings rendered by Pillow: pixels compared with the shapes, frames counted and compared."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli.convolution.engine import apply_filter
from convcli.convolution.explaining.values import ExplainedResult
from convcli.drawing.raster import paint_drawing, paint_frames, render_apng, render_gif, render_png
from convcli.drawing.shapes import PALETTE, Anchor, Animation, Drawing, Ink, Line, Rectangle, Shape, Text
from convcli.figures.window.drawing import END_PAUSE, window_animation
from convcli.kernels.lookup import get_filter
from convcli.sizes.axes import window_axes

EDGE = np.array([[10, 10, 10, 0, 0, 0]] * 6)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def rgb(ink: Ink) -> tuple[int, ...]:
    return tuple(bytes.fromhex(PALETTE[ink][0][1:]))


def pixels(*shapes: Shape, width: float = 40, height: float = 30) -> Any:
    return np.asarray(paint_drawing(Drawing(width=width, height=height, shapes=shapes, title="t")))


def worked_example(name: str = "vertical", **options: Any) -> Animation:
    one = get_filter(name)
    numbers = ExplainedResult.of_filter(EDGE, one, apply_filter(EDGE, one, **options), **options)
    return window_animation(*numbers.axes, numbers, seconds=0.3)


def test_paper_is_as_large_as_the_drawing() -> None:
    assert pixels(width=9.2, height=7).shape == (7, 10, 3)
    assert (pixels() == 255).all()


def test_a_box_is_filled_and_has_its_line() -> None:
    image = pixels(Rectangle(x=5, y=6, width=10, height=8, fill=Ink.BLUE, stroke=Ink.STRONG_RED))
    assert (image[7:13, 6:14] == rgb(Ink.BLUE)).all()
    for edge in (image[6, 5:16], image[14, 5:16], image[6:15, 5], image[6:15, 15]):
        assert np.abs(edge.astype(int) - rgb(Ink.STRONG_RED)).max() <= 60
    bare = pixels(Rectangle(x=5, y=6, width=10, height=8, fill="#123456"))
    assert np.argwhere((bare != 255).any(2)).min(0).tolist() == [6, 5]
    assert np.argwhere((bare != 255).any(2)).max(0).tolist() == [13, 14]
    assert (bare[6:14, 5:15] == (0x12, 0x34, 0x56)).all()


def test_a_dashed_line_has_gaps() -> None:
    points = ((2.0, 10.0), (38.0, 10.0))
    full, dashed = (
        (pixels(Line(points=points, stroke=Ink.TEXT, dashed=dashed))[10] != 255).any(1).sum()
        for dashed in (False, True)
    )
    assert full >= 36
    assert 0.4 * full < dashed < 0.75 * full
    box = pixels(Rectangle(x=5, y=5, width=20, height=20, stroke=Ink.TEXT, dashed=True))
    assert 30 < (box != 255).any(2).sum() < 65


def test_the_head_of_an_arrow() -> None:
    image = pixels(Line(points=((2, 10), (30, 10)), stroke=Ink.TEXT, thickness=2, arrow=True))
    assert (image[8:13, 24] == rgb(Ink.TEXT)).all()
    assert (image[5:8, 15] == 255).all()


@pytest.mark.parametrize("anchor", Anchor)
def test_texts_stand_where_they_are_anchored(anchor: Anchor) -> None:
    places = np.argwhere(
        (pixels(Text(x=60, y=15, text="HH", size=14, anchor=anchor), width=120) < 128).all(2)
    )
    top, left = places.min(0)
    bottom, right = places.max(0)
    assert abs((top + bottom) / 2 - 15) <= 1
    assert {Anchor.START: left - 60, Anchor.MIDDLE: (left + right) / 2 - 60, Anchor.END: right - 60}[
        anchor
    ] == pytest.approx(0, abs=2)


def test_bold_texts_are_darker() -> None:
    plain, bold = (pixels(Text(x=20, y=15, text="30", bold=bold)).sum() for bold in (False, True))
    assert bold < plain


@pytest.mark.parametrize(
    ("sign", "written"),
    [("√", "sqrt"), ("²", "^2"), ("×", "x"), ("猫", "??"), ("\u202e", "?"), ("\n", "?"), ("e\u0301", "e")],
)
def test_letters_that_the_font_lacks_are_written_out(sign: str, written: str) -> None:
    assert np.array_equal(pixels(Text(x=20, y=15, text=sign)), pixels(Text(x=20, y=15, text=written)))


@pytest.mark.parametrize("sign", ["·", "…", "-", "*", "="])
def test_letters_that_the_font_has(sign: str) -> None:
    image = pixels(Text(x=20, y=15, text=sign, size=20))
    assert not np.array_equal(image, pixels(Text(x=20, y=15, text="?", size=20)))
    assert (image < 128).any()


def test_a_png_is_the_painted_picture() -> None:
    box = Rectangle(x=0, y=0, width=4, height=4, fill=Ink.GREEN)
    drawing = Drawing(width=9, height=9, shapes=(box,), title="t")
    with Image.open(BytesIO(render_png(drawing))) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(image), np.asarray(paint_drawing(drawing)))


@pytest.mark.parametrize("name", ["vertical", "sobel", "box"])
def test_frames_are_painted_as_a_drawing_of_all_their_shapes_is(name: str) -> None:
    animation = worked_example(name, stride=2, border="reflect")
    for number, frame in enumerate(paint_frames(animation)):
        kept = [shape for shapes in animation.persistent[: number + 1] for shape in shapes]
        shapes = (*animation.background, *kept, *animation.frames[number], *animation.overlay)
        whole = paint_drawing(
            Drawing(width=animation.width, height=animation.height, shapes=shapes, title="t")
        )
        difference = np.abs(np.asarray(frame).astype(int) - np.asarray(whole))
        assert difference.max() <= 2  # what stands over it is rounded twice


@pytest.mark.parametrize(("encode", "file_format"), [(render_gif, "GIF"), (render_apng, "PNG")])
def test_files_hold_every_frame(encode: Any, file_format: str) -> None:
    animation = worked_example(padding="valid")
    wanted = [np.asarray(frame).astype(int) for frame in paint_frames(animation)]
    content = encode(animation)
    assert len(content) < 100_000
    with Image.open(BytesIO(content)) as image:
        assert (image.format, getattr(image, "n_frames", 1), image.info["loop"]) == (file_format, 16, 0)
        durations = []
        for number, frame in enumerate(wanted):
            image.seek(number)
            durations.append(image.info["duration"])
            seen = np.asarray(image.convert("RGBA")).astype(int)
            assert (seen[..., 3] == 255).all()
            seen = seen[..., :3]
            assert np.abs(seen - frame).max() <= 40  # few colors
            flat = (frame == 255).all(2) | (frame == rgb(Ink.ORANGE)).all(2) | (frame == rgb(Ink.RED)).all(2)
            assert np.array_equal(seen[flat], frame[flat])
        assert durations == [300] * 15 + [300 + 1000 * END_PAUSE]


@pytest.mark.parametrize(("encode", "duration"), [(render_gif, 30), (render_apng, 29)], ids=["gif", "apng"])
def test_times_are_rounded_to_what_files_hold(encode: Any, duration: int) -> None:
    rows, columns = window_axes((4, 4), 3)
    animation = window_animation(rows, columns, seconds=0.029)
    with Image.open(BytesIO(encode(animation))) as image:
        image.seek(1)
        assert image.info["duration"] == duration


@pytest.mark.parametrize("encode", [render_gif, render_apng])
@pytest.mark.parametrize(("n", "count"), [(3, 1), (4, 4), (1, 1)])
def test_windows_without_numbers_and_of_one_position(encode: Any, n: int, count: int) -> None:
    rows, columns = window_axes((n, n), min(n, 3))
    animation = window_animation(rows, columns)
    with Image.open(BytesIO(encode(animation))) as image:
        assert getattr(image, "n_frames", 1) == count
