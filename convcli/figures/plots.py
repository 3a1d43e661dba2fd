"""Plots of learning curves and of orientation tuning, drawn with Pillow."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from convcli.drawing.colors import BLACK, BLUE, RED, WHITE, diverging_colors
from convcli.drawing.fonts import font
from convcli.figures.filters.stimuli import preferred_angle, stimulus_pixels
from convcli.figures.filters.swatches import swatch
from convcli.kernels.filter import Filter
from convcli.kernels.orientation_tuning import TuningCurve
from convcli.learning.results import TrainingStep, filter_matrices
from convcli.pictures.formats.png.writer import encode_png

__all__ = ["learning_curve", "tuning_plot"]

Array = NDArray[Any]
Point = tuple[float, float]

WIDTH, HEIGHT = 720, 460
PLOT = (70, 40, 700, 280)  # left, top, right, bottom
MAX_TILES, TILE_SIZE = 6, 90  # number of filters shown, and their size in pixels
PNG_LEVEL = 9  # PNG compression level; the files are small anyway
FONT_SIZE = 13
GRID_COLOR = (210, 210, 210)
COLUMN_WIDTH = 180  # of the column beside a tuning curve: the filter and its stimuli
KERNEL_SIDE, STIMULUS_SIDE = 76, 110


def learning_curve(history: Sequence[TrainingStep]) -> bytes:
    """Plot the loss over the steps, and the filter at several steps: negative taps blue, positive ones red.

    Parameters
    ----------
    history : sequence of Step
        At least one; for volumes the taps of all channels are drawn side by side.

    Returns
    -------
    bytes
        A PNG file, 720x460.
    """
    image = Image.new("RGB", (WIDTH, HEIGHT), WHITE)
    draw = ImageDraw.Draw(image)
    text_font = font(FONT_SIZE)
    left, top, right, bottom = PLOT
    logs = [math.log10(max(step.loss, 1e-30)) for step in history]
    low, high = math.floor(min(logs)), max(math.ceil(max(logs)), math.floor(min(logs)) + 1)
    last = history[-1].number

    def to_pixels(number: float, log: float) -> Point:
        return (left + (right - left) * number / last, bottom - (bottom - top) * (log - low) / (high - low))

    draw.text((left, 12), "loss, as a fraction of the target's variance", BLACK, text_font)
    step_size = max(1, math.ceil((high - low) / 8))
    for power in range(low, high + 1, step_size):
        _, y = to_pixels(0, power)
        draw.line([(left, y), (right, y)], GRID_COLOR)
        draw.text((left - 8, y), f"1e{power}", BLACK, text_font, anchor="rm")
    for part in range(5):
        x, _ = to_pixels(last * part / 4, low)
        draw.text((x, bottom + 6), f"{round(last * part / 4)}", BLACK, text_font, anchor="mt")
    draw.text((right, bottom + 20), "step", BLACK, text_font, anchor="rt")
    points = [to_pixels(step.number, log) for step, log in zip(history, logs, strict=True)]
    draw.line(points if len(points) > 1 else [(left, points[0][1]), points[0]], BLUE, 2)
    # Early filters differ most, so the steps shown grow geometrically.
    wanted = np.geomspace(1, len(history), min(MAX_TILES, len(history)))
    shown_steps = sorted({round(number) - 1 for number in wanted})
    for column, number in enumerate(shown_steps):
        x, y = left + column * (TILE_SIZE + 16), bottom + 46
        image.paste(_draw_taps(history[number].taps), (x, y))
        draw.rectangle([x - 1, y - 1, x + TILE_SIZE, y + TILE_SIZE], outline=BLACK)
        below = x + TILE_SIZE / 2, y + TILE_SIZE + 6
        draw.text(below, f"step {history[number].number}", BLACK, text_font, anchor="mt")
    return _encode(image)


def tuning_plot(curves: Sequence[TuningCurve], tuned: Filter) -> bytes:
    """Plot responses over the angle, each curve relative to its strongest response, with its peak marked.

    Beside the curves stand the filter and each stimulus at the preferred angle.

    Parameters
    ----------
    curves : sequence of Curve
        At most two: the first blue, the second red.
    tuned : Filter
        Whose curves they are.

    Returns
    -------
    bytes
        A PNG file, 900x460.
    """
    image = Image.new("RGB", (WIDTH + COLUMN_WIDTH, HEIGHT), WHITE)
    draw = ImageDraw.Draw(image)
    text_font = font(FONT_SIZE)
    left, top, right, _ = PLOT
    bottom = HEIGHT - 60

    def to_pixels(angle: float, fraction: float) -> Point:
        return left + (right - left) * angle / 180, bottom - (bottom - top) * fraction

    for part in range(5):
        _, y = to_pixels(0, part / 4)
        draw.line([(left, y), (right, y)], GRID_COLOR)
        draw.text((left - 8, y), f"{25 * part} %", BLACK, text_font, anchor="rm")
    for angle in range(0, 181, 30):
        x, y = to_pixels(angle, 0)
        draw.line([(x, top), (x, y)], GRID_COLOR)
        draw.text((x, y + 6), f"{angle}", BLACK, text_font, anchor="mt")
    draw.text(
        (right, bottom + 22), "angle, degrees; 0: brightness changes along x", BLACK, text_font, anchor="rt"
    )
    for number, (curve, color) in enumerate(zip(curves, (BLUE, RED), strict=False)):
        strongest = float(curve.responses.max())
        fractions = np.append(curve.responses, curve.responses[0]) / (strongest or 1)
        angles = np.append(curve.angles, 180)
        draw.line([to_pixels(*point) for point in zip(angles, fractions, strict=True)], color, 2)
        for peak in curve.preferred:
            x, y = to_pixels(peak, 1)
            draw.line([(x, y - 6), (x, y + 6)], color, 2)
        label = f"{curve.name}, largest absolute response {strongest:.4g}"
        draw.text((left + 320 * number, 12), label, color, text_font)
    _draw_column(image, draw, curves, tuned)
    return _encode(image)


def _draw_column(
    image: Image.Image, draw: ImageDraw.ImageDraw, curves: Sequence[TuningCurve], tuned: Filter
) -> None:
    """Draw the filter, and below it each stimulus at the angle that the filter prefers."""
    text_font, top = font(FONT_SIZE), PLOT[1] - 26
    size = max(tuned.shape)
    pixels_per_tap = STIMULUS_SIDE / (size + 2)  # a stimulus is a bit larger than the filter
    kernel_side = round(size * pixels_per_tap) + 2  # at the scale of the stimuli, in a frame
    colors = swatch(tuned.kernels, kernel_side if len(tuned.kernels) == 1 else min(kernel_side, KERNEL_SIDE))
    items = [] if colors is None else [("filter" if len(tuned.kernels) == 1 else "kernels", BLACK, colors)]
    for curve, color in zip(curves, (BLUE, RED), strict=False):
        angle = preferred_angle(curve)
        brightness = stimulus_pixels(angle, STIMULUS_SIDE, curve.width * pixels_per_tap)
        pixels = (255 * brightness[..., np.newaxis]).round().astype(np.uint8)
        items.append((f"{curve.stimulus} at {angle:.4g}°", color, pixels.repeat(3, axis=2)))
    for name, color, picture in items:
        draw.text((WIDTH + 8, top), name, color, text_font)
        corner = WIDTH + 8, top + 20
        image.paste(Image.fromarray(picture), corner)
        height, width, _ = picture.shape
        draw.rectangle([corner[0] - 1, corner[1] - 1, corner[0] + width, corner[1] + height], outline=color)
        top += 20 + height + 14


def _encode(image: Image.Image) -> bytes:
    return b"".join(encode_png(np.asarray(image), level=PNG_LEVEL))


def _draw_taps(taps: Array) -> Image.Image:
    """Draw taps as squares; zero is white."""
    matrix = np.concatenate(filter_matrices(taps), axis=1)
    tile = Image.fromarray(diverging_colors(matrix, float(np.abs(matrix).max())), "RGB")
    return tile.resize((TILE_SIZE, TILE_SIZE), Image.Resampling.NEAREST)
