"""Previews: results beside their inputs in the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from convcli.cli.terminal.capabilities import Screen
from convcli.cli.terminal.number_grid import render_number_grid
from convcli.cli.terminal.output import escaped, wrapped
from convcli.cli.terminal.picture_grid import GridLayout, Tile, grid_layout, render_grid, tile_appearance
from convcli.figures.matrices import gray_scale, is_matrix, number_texts
from convcli.figures.thumbnails import (
    array_thumbnails,
    boxes_at_one_scale,
    picture_layers,
    picture_thumbnails,
)
from convcli.files.streams import input_name
from convcli.files.urls import file_name
from convcli.pictures.picture import Picture

if TYPE_CHECKING:
    from convcli.cli.commands.learn import Pair
    from convcli.learning.results import LearnedFilter


__all__ = ["Preview"]

Size = tuple[int, int]

MIN_COLUMNS = 20  # of a window in which a line says what the gray levels are


@dataclass(frozen=True)
class Preview:
    """Previews of pictures on a terminal."""

    screen: Screen

    def tile(self, source: str, picture: Picture, box: Size | None = None) -> Tile:
        """Draw an input, or the first of several feature maps."""
        box = box or grid_layout(self.screen, 2).box(self.screen)
        thumbnail = picture_thumbnails(picture, tile_appearance(self.screen, box), 1)[0]
        name, size = _name(source, picture), _size(picture.pixels)
        return Tile(name, size, thumbnail, box, *_numbers(picture, picture_layers(picture)[0]))

    def side_by_side(
        self, before: Tile, label: str, result: Picture, map_names: Sequence[str], *, text_below: str
    ) -> str:
        """Return the text that shows an input and the maps of its result, as many as fit, at one scale.

        `map_names` are the names of the maps, if they have any. A window too narrow for both shows the
        result alone. `text_below` is what will be printed below.
        """
        count = len(picture_layers(result))
        grid = grid_layout(self.screen, 1 + count, text_below=self._lines(text_below))
        size = _size(result.pixels)
        input_box, box = boxes_at_one_scale([before.size, size], grid.box(self.screen))
        pictures = picture_thumbnails(result, tile_appearance(self.screen, box), max(1, grid.count - 1))
        names = map_names or [f"map {number}" for number in range(1, count + 1)] if count > 1 else [label]
        tiles = [
            Tile(name, size, drawn, box, *_numbers(result, layer))
            for name, drawn, layer in zip(names, pictures, picture_layers(result), strict=False)
        ]
        text = self._grid([replace(before, box=input_box), *tiles][-grid.count :], grid, text_below)
        if len(tiles) < count:
            text += f"{count - len(tiles)} of {count} maps are left out\n"
        return text

    def learning_result(
        self,
        names: tuple[str, str],
        pair: "Pair",
        learned: "LearnedFilter",
        *,
        absolute: bool,
        text_below: str,
    ) -> str:
        """Return the text that shows an input, its target, the result of the learned filter, and the filter.

        The filter is drawn as large as fits, the others at one scale.
        """
        from convcli.learning.results import filter_matrices  # late: only previews of learning need it

        grid = grid_layout(self.screen, 4, text_below=self._lines(text_below))
        grid_box = grid.box(self.screen)
        predicted = _predicted(pair, learned, absolute=absolute)
        taps = np.concatenate(filter_matrices(learned.taps), axis=1)
        target_maps = picture_layers(pair.target)
        has_several = len(target_maps) > 1
        input_box, box = boxes_at_one_scale([pair.source.pixels.shape, predicted.shape], grid_box)
        results = [target_maps[0], predicted[..., 0] if has_several else predicted]
        target, result = array_thumbnails(results, tile_appearance(self.screen, box))
        as_matrix = replace(tile_appearance(self.screen, grid_box), is_matrix=True)
        (kernel,) = array_thumbnails([taps], as_matrix)
        made = replace(pair.target, pixels=predicted)
        end = float(gray_scale(taps).magnitude)
        tiles = [
            self.tile(names[0], pair.source, input_box),
            Tile(
                _name(names[1], pair.target), _size(pair.target.pixels), target, box,
                *_numbers(pair.target, results[0]),
            ),
            Tile("learned", _size(predicted), result, box, *_numbers(made, results[1])),
            Tile("filter", learned.taps.shape, kernel, grid_box, number_texts(taps), end),
        ]  # fmt: skip
        return self._grid(tiles[: grid.count], grid, text_below)

    def kernels(self, label: str, kernels: Sequence[NDArray[Any]], *, text_below: str) -> str:
        """Return the text that shows the kernel of a filter, its derivatives x and y, or more kernels."""
        grid = grid_layout(self.screen, len(kernels), text_below=self._lines(text_below))
        box = grid.box(self.screen)
        pictures = array_thumbnails(kernels, replace(tile_appearance(self.screen, box), is_matrix=True))
        end = float(gray_scale(*kernels).magnitude)
        names = [f"kernel {number}" for number in range(1, len(kernels) + 1)]
        names = {1: [label], 2: ["x", "y"]}.get(len(kernels), names)
        tiles = [
            Tile(name, kernel.shape, picture, box, number_texts(kernel), end)
            for name, kernel, picture in zip(names, kernels, pictures, strict=True)
        ]
        return self._grid(tiles[: grid.count], grid, text_below)

    def _grid(self, tiles: Sequence[Tile], grid: GridLayout, text_below: str) -> str:
        """Return the text that shows tiles, with numbers if there is room; and what their gray levels are."""
        below = self._lines(text_below) + 1
        text = render_number_grid(tiles, self.screen, text_below=below)
        if text is None:
            text = render_grid(tiles, grid, self.screen)
        ends = [
            (escaped(tile.name), f"±{tile.magnitude:.6g}") for tile in tiles if tile.magnitude is not None
        ]
        if not ends or self.screen.columns < MIN_COLUMNS:
            return text
        is_common = len({end for _, end in ends}) == 1
        parts = dict.fromkeys(end if is_common else f"{end} ({name})" for name, end in ends)
        return text + wrapped(f"mid-gray is 0, white and black are {', '.join(parts)}")

    def _lines(self, text: str) -> int:
        """Return the number of lines that a text takes in the window."""
        return sum(max(1, -(-cell_len(line) // self.screen.columns)) for line in text.splitlines())


def _predicted(pair: "Pair", learned: "LearnedFilter", *, absolute: bool) -> NDArray[Any]:
    """Return the result of a learned filter for an input, in the dtype of the target."""
    from convcli.layers.convolution_layer import conv_forward

    taps = learned.taps if learned.taps.ndim == 3 else learned.taps[..., np.newaxis]
    maps = [
        conv_forward(example.pixels[np.newaxis], taps[..., np.newaxis], [learned.bias])[0, ..., 0]
        for example in pair.examples
    ]
    predicted = maps[0] if pair.target.pixels.ndim == 2 else np.stack(maps, axis=-1)
    predicted = np.abs(predicted) if absolute else predicted
    dtype = pair.target.pixels.dtype
    if dtype.kind != "u":
        return predicted
    return predicted.round().clip(0, np.iinfo(dtype).max).astype(dtype)


def _numbers(picture: Picture, layer: NDArray[Any]) -> tuple[list[list[str]] | None, float | None]:
    """Return the numbers of a small matrix, and the value that is white if zero is mid-gray."""
    has_numbers = is_matrix(picture)
    if layer.ndim == 3 or not (has_numbers or (layer.dtype.kind in "if" and bool((layer < 0).any()))):
        return None, None
    end = float(gray_scale(*picture_layers(picture)).magnitude)
    return number_texts(layer) if has_numbers else None, end


def _name(source: str, picture: Picture) -> str:
    name = file_name(input_name(source))
    return name if len(picture_layers(picture)) == 1 else f"{name}, map 1"


def _size(pixels: NDArray[Any]) -> Size:
    return pixels.shape[0], pixels.shape[1]
