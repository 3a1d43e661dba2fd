"""Small matrices in a terminal, side by side: each number on the gray level of its cell."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.style import Style

from convcli.cli.terminal.capabilities import GraphicsProtocol, Screen
from convcli.cli.terminal.picture_grid import RESERVED_ROWS, Tile, tile_label
from convcli.figures.matrices import is_bright

__all__ = ["render_number_grid"]

GAP = 2  # columns between matrices
MIN_LABEL = 16  # columns that a label may take above a narrow matrix
CELLS = ((3, 2, 6), (1, 2, 0), (1, 1, 0))  # rows of a cell, columns around its number, columns at least
TEXT_PROTOCOLS = GraphicsProtocol.TRUECOLOR, GraphicsProtocol.COLORS_256, GraphicsProtocol.ASCII
BLACK, WHITE = Color.from_rgb(0, 0, 0), Color.from_rgb(255, 255, 255)


def render_number_grid(tiles: Sequence[Tile], screen: Screen, *, text_below: int = 1) -> str | None:
    """Return the text that shows tiles with their numbers; None if one has none, or there is no room.

    The cells are as large as fits: three rows and at least six columns, or one row. Where a terminal shows
    pictures, the numbers are drawn into them instead.
    """
    if screen.protocol not in TEXT_PROTOCOLS or not all(tile.has_number_cells for tile in tiles):
        return None
    rows = screen.rows - max(RESERVED_ROWS, min(text_below + 1, screen.rows // 2))
    for cell in CELLS:
        lines = _lines(tiles, screen, *cell)
        if lines is not None and len(lines) <= rows:
            return "".join(f"{line.rstrip()}\n" for line in lines)
    return None


def _lines(tiles: Sequence[Tile], screen: Screen, height: int, around: int, least: int) -> list[str] | None:
    """Return the lines of tiles in rows, as many in each as fit; None if one is too wide."""
    blocks: list[list[Block]] = [[]]
    left = 0
    for tile in tiles:
        block = _block(tile, screen, height, around, least)
        width = block[0][1]
        if width >= screen.columns:
            return None
        if left and left + width >= screen.columns:
            blocks.append([])
            left = 0
        blocks[-1].append(block)
        left += width + GAP
    return [line for row in blocks for line in _joined(row)]


Block = list[tuple[str, int]]  # lines, and how many columns each takes


def _block(tile: Tile, screen: Screen, height: int, around: int, least: int) -> Block:
    """Return the label and the cells of a tile, all of the same width."""
    assert tile.numbers is not None
    width = max(least, around + max(len(text) for row in tile.numbers for text in row))
    columns = width * len(tile.numbers[0])
    label = tile_label(tile, max(columns, MIN_LABEL))
    columns = max(columns, cell_len(label))
    block = [(label + " " * (columns - cell_len(label)), columns)]
    for texts, colors in zip(tile.numbers, tile.picture.tolist(), strict=True):
        for line in range(height):
            shown = texts if line == height // 2 else [""] * len(texts)
            cells = zip(shown, colors, strict=True)
            text = "".join(_cell(text, width, color, screen.protocol) for text, color in cells)
            block.append((text + " " * (columns - width * len(texts)), columns))
    return block


def _cell(text: str, width: int, color: list[int], protocol: GraphicsProtocol) -> str:
    padded = text.center(width)
    if protocol == GraphicsProtocol.ASCII:
        return padded
    style = Style(color=BLACK if is_bright(color) else WHITE, bgcolor=Color.from_rgb(*color))
    system = ColorSystem.EIGHT_BIT if protocol == GraphicsProtocol.COLORS_256 else ColorSystem.TRUECOLOR
    return style.render(padded, color_system=system)


def _joined(blocks: Sequence[Block]) -> list[str]:
    """Return the lines of blocks side by side."""
    lines = []
    for number in range(max(map(len, blocks))):
        parts = [block[number][0] if number < len(block) else " " * block[0][1] for block in blocks]
        lines.append((" " * GAP).join(parts))
    return lines
