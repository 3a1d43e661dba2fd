"""A grid of small pictures in a terminal, each below its label (a tile)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.color import Color, ColorSystem
from rich.style import Style

from convcli.cli.terminal.capabilities import HALF_BLOCK_CELL, GraphicsProtocol, Screen
from convcli.cli.terminal.output import escaped, left_to_right
from convcli.drawing.colors import nearest_colors
from convcli.figures.matrices import draw_numbers
from convcli.figures.terminal_graphics import iterm2_picture, kitty_picture, sixel_picture
from convcli.figures.thumbnails import ThumbnailStyle, fit_size, resize
from convcli.sizes.text import format_size

__all__ = [
    "RESERVED_ROWS",
    "GridLayout",
    "Tile",
    "grid_layout",
    "render_grid",
    "tile_appearance",
    "tile_label",
]

Canvas = NDArray[np.uint8]

GAP = 2  # columns between tiles
MIN_TILE = (3, 12)  # minimum rows and columns of a tile if there are more than two
MIN_PAIR_COLUMNS = 3  # minimum columns of each of two tiles
RESERVED_ROWS = 2  # rows kept free for the answer below and the prompt, unless the answer is longer
CUBE_LEVELS = [0, 95, 135, 175, 215, 255]  # of red, green and blue in colors 16 to 231, by xterm
GRAYS = [[8 + 10 * step] * 3 for step in range(24)]  # colors 232 to 255
PALETTE = np.array([*product(CUBE_LEVELS, repeat=3), *GRAYS], np.uint8)  # color 16 and those after it
SHADES = " .:-=+*#%@"  # from dark to bright


@dataclass(frozen=True, eq=False)
class Tile:
    """A small picture and its label.

    Attributes
    ----------
    name : str
    size : tuple of int
        Size of what is shown, as the label has it.
    picture : uint8 array (rows, columns, 3)
        No larger than that.
    box : (int, int)
        Rows and columns within which the picture is drawn, as large as fits.
    numbers : rows of str, optional
        The numbers of a small matrix, of which the picture has a pixel each.
    magnitude : float, optional
        The value that is white, if zero is mid-gray.
    """

    name: str
    size: tuple[int, ...]
    picture: NDArray[np.uint8]
    box: tuple[int, int]
    numbers: Sequence[Sequence[str]] | None = None
    magnitude: float | None = None

    @property
    def has_number_cells(self) -> bool:
        """Whether each of its numbers has a pixel of the picture."""
        return self.numbers is not None and self.picture.shape[:2] == (
            len(self.numbers),
            len(self.numbers[0]),
        )


@dataclass(frozen=True)
class GridLayout:
    """The layout of tiles.

    Attributes
    ----------
    count : int
        Tiles that are shown.
    across : int
        Tiles in a row.
    rows, columns : int
        Cells of a tile's picture, at most.
    """

    count: int
    across: int
    rows: int
    columns: int

    def box(self, screen: Screen) -> tuple[int, int]:
        """Return the rows and columns of pixels that a picture may take."""
        return self.rows * screen.cell[0], self.columns * screen.cell[1]


def tile_appearance(screen: Screen, box: tuple[int, int]) -> ThumbnailStyle:
    """Return how a picture is drawn for a tile, within a box."""
    return ThumbnailStyle(box, checker=2 * screen.cell[1])


def grid_layout(screen: Screen, count: int, *, text_below: int = 1) -> GridLayout:
    """Lay out `count` tiles, or as many as fit: two side by side, more so that they are as large as possible.

    Parameters
    ----------
    screen : Screen
    count : int
        Tiles.
    text_below : int
        Lines that will be written below; they get half of the window at most.
    """
    reserved = max(RESERVED_ROWS, min(text_below + 1, screen.rows // 2))
    rows, columns = max(2, screen.rows - reserved), max(1, screen.columns - 1)
    if count <= 2:
        across = count if (columns - GAP) // 2 >= MIN_PAIR_COLUMNS else 1
        return GridLayout(across, across, rows - 1, _tile_columns(columns, across))
    rows -= 1  # for the line that reports how many are left out
    max_across, max_down = max(1, (columns + GAP) // (MIN_TILE[1] + GAP)), max(1, rows // (MIN_TILE[0] + 1))
    fitting = min(count, max_across * max_down)
    layouts = []
    for across in range(min(fitting, max_across), 0, -1):
        down = -(-fitting // across)
        if down <= max_down:
            layouts.append(
                GridLayout(fitting, across, max(1, rows // down - 1), _tile_columns(columns, across))
            )
    # A cell is about twice as high as wide; this maximizes the side of a square picture.
    return max(layouts, key=lambda grid: min(2 * grid.rows, grid.columns))


def _tile_columns(columns: int, tiles: int) -> int:
    return max(1, (columns - GAP * (tiles - 1)) // tiles)


def render_grid(tiles: Sequence[Tile], grid: GridLayout, screen: Screen) -> str:
    """Return the text that shows tiles in a terminal: rows of labels and pictures."""
    return "".join(
        _row(tiles[start : start + grid.across], grid, screen) for start in range(0, len(tiles), grid.across)
    )


def _row(tiles: Sequence[Tile], grid: GridLayout, screen: Screen) -> str:
    height, width = screen.cell
    pictures = []
    for tile in tiles:
        size = fit_size(tile.picture.shape[:2], tile.box)
        picture = resize(tile.picture, size).round().astype(np.uint8)
        if tile.has_number_cells and screen.cell != HALF_BLOCK_CELL:
            picture = draw_numbers(picture, tile.numbers or ())
        pictures.append(picture)
    widths = [
        min(grid.columns, max(-(-picture.shape[1] // width), cell_len(tile_label(tile, grid.columns))))
        for tile, picture in zip(tiles, pictures, strict=True)
    ]
    labels = [
        left_to_right(set_cell_size(tile_label(tile, columns), columns))
        for tile, columns in zip(tiles, widths, strict=True)
    ]
    rows = max(-(-len(picture) // height) for picture in pictures)
    canvas = np.zeros((rows * height, (sum(widths) + GAP * (len(tiles) - 1)) * width, 4), np.uint8)
    left = 0
    for picture, columns in zip(pictures, widths, strict=True):
        area = canvas[: len(picture), left * width : left * width + picture.shape[1]]
        area[..., :3], area[..., 3] = picture, 255
        left += columns + GAP
    return f"{(' ' * GAP).join(labels).rstrip()}\n{_render_canvas(canvas, screen)}"


def tile_label(tile: Tile, columns: int) -> str:
    """Return name and size of a tile if they fit in so many columns, else the name, else its beginning."""
    name = escaped(tile.name)
    label = f"{name} {format_size(tile.size)}"
    if cell_len(label) <= columns:
        return label
    return name if cell_len(name) <= columns else set_cell_size(name, columns - 1) + "…"


def _render_canvas(canvas: Canvas, screen: Screen) -> str:
    cells = canvas.shape[0] // screen.cell[0], canvas.shape[1] // screen.cell[1]
    draw: dict[GraphicsProtocol, Callable[[], str]] = {
        GraphicsProtocol.KITTY: lambda: _place_picture(kitty_picture(canvas, cells), cells[0]),
        GraphicsProtocol.ITERM2: lambda: _place_picture(iterm2_picture(canvas, cells), cells[0]),
        GraphicsProtocol.SIXEL: lambda: sixel_picture(canvas) + "\n",
        GraphicsProtocol.TRUECOLOR: lambda: _half_blocks(canvas, ColorSystem.TRUECOLOR),
        GraphicsProtocol.COLORS_256: lambda: _half_blocks(_to_256_colors(canvas), ColorSystem.EIGHT_BIT),
        GraphicsProtocol.ASCII: lambda: _ascii_art(canvas),
    }
    return draw[screen.protocol]()


def _place_picture(picture: str, rows: int) -> str:
    """Return the text that makes space for a picture, shows it, and moves the cursor below it."""
    return "\n" * rows + f"\x1b[{rows}A\x1b7{picture}\x1b8\x1b[{rows}B"


def _to_256_colors(canvas: Canvas) -> Canvas:
    """Replace colors by the nearest of the 240 that are the same in all terminals."""
    return np.dstack([nearest_colors(canvas[..., :3], PALETTE), canvas[..., 3]])


def _half_blocks(canvas: Canvas, colors: ColorSystem) -> str:
    """Return one line for two rows of pixels: the upper row as half blocks on the color of the lower row."""
    lines = []
    for upper, lower in zip(canvas[::2].tolist(), canvas[1::2].tolist(), strict=True):
        runs = groupby(zip(upper, lower, strict=True))
        lines.append("".join(_half_block_run(*halves, len(list(run)), colors) for halves, run in runs))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _half_block_run(upper: list[int], lower: list[int], count: int, colors: ColorSystem) -> str:
    upper_color, lower_color = (_half_color(half, colors) for half in (upper, lower))
    if upper_color is None and lower_color is None:
        return " " * count
    if upper_color is None:
        return Style(color=lower_color).render("▄" * count, color_system=colors)
    return Style(color=upper_color, bgcolor=lower_color).render("▀" * count, color_system=colors)


def _half_color(half: list[int], colors: ColorSystem) -> Color | None:
    """Return the color of one half of a character cell; None if it is transparent."""
    red, green, blue, alpha = half
    if not alpha:
        return None
    if colors == ColorSystem.TRUECOLOR:
        return Color.from_rgb(red, green, blue)
    if red == green == blue and (red - 8) % 10 == 0:
        return Color.from_ansi(232 + (red - 8) // 10)
    steps = [CUBE_LEVELS.index(level) for level in (red, green, blue)]
    return Color.from_ansi(16 + 36 * steps[0] + 6 * steps[1] + steps[2])


def _ascii_art(canvas: Canvas) -> str:
    """Return one line for two rows of pixels: a character for the mean of two, ignoring transparent ones."""
    gray: NDArray[Any] = canvas[..., :3] @ np.array([0.299, 0.587, 0.114])
    is_opaque = canvas[..., 3] > 0
    counts = np.maximum(is_opaque[::2].astype(int) + is_opaque[1::2], 1)
    steps = ((gray * is_opaque)[::2] + (gray * is_opaque)[1::2]) / counts * len(SHADES) / 256
    return "".join(
        "".join(SHADES[step] for step in line).rstrip() + "\n" for line in steps.astype(int).tolist()
    )
