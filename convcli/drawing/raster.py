"""Drawings rendered with Pillow: PNG pictures, and GIF and APNG animations, in the colors of light pages."""

import math
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain, pairwise

from PIL import Image, ImageChops, ImageDraw, PngImagePlugin

from convcli.drawing.fonts import drawable_text, font
from convcli.drawing.shapes import (
    BASELINE,
    DASHES,
    LETTER_WIDTH,
    PALETTE,
    Anchor,
    Animation,
    Color,
    Drawing,
    Ink,
    Line,
    Rectangle,
    Shape,
    Text,
    text_width,
)

__all__ = ["paint_drawing", "paint_frames", "render_apng", "render_gif", "render_png"]

ANCHORS = {Anchor.START: "ls", Anchor.MIDDLE: "ms", Anchor.END: "rs"}
BOLD_STROKE = 0.4  # extra stroke width of bold letters
REPLACEMENTS = {"√": "sqrt", "²": "^2", "×": "x"}  # characters that Pillow's built-in font lacks
SHADES = 6  # shades between the color of a letter and its background
MAX_COLORS = 255  # colors of an animation, besides the transparent one
UNUSED_COLOR = (255, 0, 255)
MILLISECONDS_PER_SECOND, GIF_STEP = 1000, 10
BLEND_OVER = PngImagePlugin.Blend.OP_OVER

Point = tuple[float, float]
Draw = ImageDraw.ImageDraw


def paint_drawing(drawing: Drawing) -> Image.Image:
    """Paint a drawing.

    Returns
    -------
    Image
        RGB, one pixel per unit of length.

    Examples
    --------
    >>> box = Rectangle(x=0, y=0, width=4, height=4, fill=Ink.BLUE)
    >>> paint_drawing(Drawing(width=9, height=9, shapes=(box,), title="a box")).getpixel((2, 2))
    (211, 229, 248)
    """
    image = _blank_image(drawing, Ink.PAPER)
    _paint(image, drawing.shapes)
    return image


def paint_frames(animation: Animation) -> Iterator[Image.Image]:
    """Paint each frame of an animation, as `paint_drawing` does."""
    background = _blank_image(animation, Ink.PAPER)
    _paint(background, animation.background)
    # Shapes above all frames are painted once, on black and on white paper, which gives their coverage.
    on_black, on_white = _blank_image(animation, "#000000"), _blank_image(animation, "#ffffff")
    for image in (on_black, on_white):
        _paint(image, animation.overlay)
    uncovered = ImageChops.subtract(on_white, on_black)
    box = ImageChops.invert(uncovered).getbbox()
    for number, shapes in enumerate(animation.frames):
        _paint(background, animation.persistent[number] if number < len(animation.persistent) else ())
        frame = background.copy()
        _paint(frame, shapes)
        if box is not None:
            visible = ImageChops.multiply(frame.crop(box), uncovered.crop(box))
            frame.paste(ImageChops.add(visible, on_black.crop(box)), box)
        yield frame


def render_png(drawing: Drawing) -> bytes:
    """Return a drawing as a PNG file."""
    memory = BytesIO()
    paint_drawing(drawing).save(memory, "PNG")
    return memory.getvalue()


def render_gif(animation: Animation) -> bytes:
    """Return an animation as a looping GIF file; its times are in hundredths of a second."""
    frames = _palette_frames(animation)
    return _save_animation(next(frames), frames, animation, "GIF")


def render_apng(animation: Animation) -> bytes:
    """Return an animation as a looping PNG file (APNG)."""
    first, *rest = _changed_pixels(_palette_frames(animation))
    return _save_animation(first, rest, animation, "PNG", blend=BLEND_OVER)


def _palette_frames(animation: Animation) -> Iterator[Image.Image]:
    """Paint the frames with a palette."""
    palette = _palette(animation)
    for frame in paint_frames(animation):
        yield frame.quantize(palette=palette, dither=Image.Dither.NONE)


def _changed_pixels(frames: Iterator[Image.Image]) -> Iterator[Image.Image]:
    """Make pixels transparent that equal those of the frame before: files become a quarter as large."""
    first = next(frames)
    first.info["transparency"] = MAX_COLORS
    yield first
    for old, new in pairwise(chain([first], frames)):
        same = ImageChops.difference(_palette_indices(old), _palette_indices(new)).point(
            lambda value: 255 * (value == 0)
        )
        changed = new.copy()
        changed.paste(MAX_COLORS, mask=same)
        changed.info["transparency"] = MAX_COLORS
        yield changed


def _palette_indices(image: Image.Image) -> Image.Image:
    """Return the palette indices, as if they were gray levels."""
    return Image.frombytes("L", image.size, image.tobytes())


def _save_animation(
    first: Image.Image, rest: Iterable[Image.Image], animation: Animation, file_format: str, **options: int
) -> bytes:
    step = GIF_STEP if file_format == "GIF" else 1  # Pillow would crop the next frame
    durations = [round(animation.seconds * MILLISECONDS_PER_SECOND / step) * step] * len(animation.frames)
    durations[-1] += round(animation.pause * MILLISECONDS_PER_SECOND)
    memory = BytesIO()
    first.save(memory, file_format, save_all=True, append_images=rest, duration=durations, loop=0, **options)
    return memory.getvalue()


def _blank_image(drawing: Drawing | Animation, color: Color) -> Image.Image:
    return Image.new("RGB", (math.ceil(drawing.width), math.ceil(drawing.height)), _rgb(color))


def _rgb(color: Color) -> tuple[int, int, int]:
    """Return red, green and blue of a color on a light page."""
    text = PALETTE[color][0] if isinstance(color, Ink) else color
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def _palette(animation: Animation) -> Image.Image:
    """Return the palette of an animation: the colors of its shapes, and shades of its letters."""
    shapes = [*animation.background, *animation.overlay]
    shapes += [shape for group in (*animation.persistent, *animation.frames) for shape in group]
    backgrounds = {shape.fill for shape in shapes if isinstance(shape, Rectangle) and shape.fill is not None}
    backgrounds.add(Ink.PAPER)
    letters = {shape.fill for shape in shapes if isinstance(shape, Text)}
    lines = {shape.stroke for shape in shapes if not isinstance(shape, Text) and shape.stroke is not None}
    colors = dict.fromkeys(_rgb(color) for color in sorted(backgrounds | letters | lines))
    for part in range(1, SHADES):
        for background in sorted(backgrounds):
            for letter in sorted(letters):
                ends = zip(_rgb(background), _rgb(letter), strict=True)
                red, green, blue = (round(low + (high - low) * part / SHADES) for low, high in ends)
                colors[red, green, blue] = None
    # Every index has a color, so that files have room for the transparent one.
    listed = [*list(colors)[:MAX_COLORS], *[UNUSED_COLOR] * 256][:256]
    image = Image.new("P", (1, 1))
    image.putpalette([value for color in listed for value in color])
    return image


# Shapes ---------------------------------------------------------------------------------------------------


def _paint(image: Image.Image, shapes: Iterable[Shape]) -> None:
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        if isinstance(shape, Rectangle):
            _paint_rectangle(draw, shape)
        elif isinstance(shape, Line):
            _paint_line(draw, shape)
        else:
            _paint_text(draw, shape)


def _paint_rectangle(draw: Draw, shape: Rectangle) -> None:
    """Paint a box; its outline is centered on its edge."""
    fill, stroke = (None if color is None else _rgb(color) for color in (shape.fill, shape.stroke))
    width = 0 if stroke is None else max(1, round(shape.thickness))
    # Rounded the same way everywhere, so that neighbors share their outlines.
    left, top = (math.floor(position - width / 2 + 0.5) for position in (shape.x, shape.y))
    ends = shape.x + shape.width, shape.y + shape.height
    right, bottom = (math.floor(position - width / 2 + 0.5) + width - 1 for position in ends)
    box = (left, top, max(right, left), max(bottom, top))
    draw.rounded_rectangle(box, shape.radius, fill, None if shape.dashed else stroke, width)
    if shape.dashed and stroke is not None:
        corners = (left, top), (right, top), (right, bottom), (left, bottom), (left, top)
        _paint_dashes(draw, corners, stroke, width)


def _paint_line(draw: Draw, shape: Line) -> None:
    color, width = _rgb(shape.stroke), max(1, round(shape.thickness))
    if shape.dashed:
        _paint_dashes(draw, shape.points, color, width)
    else:
        draw.line(shape.points, color, width, "curve")
    if shape.arrow:
        draw.polygon(shape.arrowhead(), color)


def _paint_dashes(
    draw: Draw, points: tuple[Point, ...], color: tuple[int, int, int], thickness: float
) -> None:
    dash, space = DASHES
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0)
        for number in range(math.ceil(length / (dash + space))):
            start = number * (dash + space) / length
            end = min((number * (dash + space) + dash - 1) / length, 1)
            ends = [(x0 + (x1 - x0) * part, y0 + (y1 - y0) * part) for part in (start, end)]
            draw.line(ends, color, max(1, round(thickness)))


def _paint_text(draw: Draw, shape: Text) -> None:
    position = shape.x, round(shape.y + BASELINE * shape.size)
    draw.text(
        position,
        _spell_out(shape.text),
        _rgb(shape.fill),
        font(round(shape.size)),
        ANCHORS[shape.anchor],
        stroke_width=BOLD_STROKE if shape.bold else 0,
    )


def _spell_out(text: str) -> str:
    """Spell out characters that the font lacks; escapes would need more space than the drawing has."""
    return "".join(
        char
        if drawable_text(char) == char
        else REPLACEMENTS.get(char, "?" * round(text_width(char, 1 / LETTER_WIDTH)))
        for char in text
    )
