"""Previews: results beside their inputs in the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from convcli.cli.terminal.capabilities import Screen
from convcli.cli.terminal.tiles import Tile, appearance, layout, shown_tiles
from convcli.figures.thumbnails import boxes_at_one_scale, drawn, layers_of, thumbnails
from convcli.files.streams import input_name
from convcli.pictures.picture import Picture

if TYPE_CHECKING:
    from convcli.cli.commands.learn import Pair
    from convcli.learning.results import Learned


__all__ = ["Preview"]

Sides = tuple[int, int]


@dataclass(frozen=True)
class Preview:
    """Previews of pictures on a terminal."""

    screen: Screen

    def tile(self, source: str, picture: Picture, box: Sides | None = None) -> Tile:
        """Draw an input, or the first of several feature maps."""
        box = box or layout(self.screen, 2).box(self.screen)
        first = thumbnails(picture, appearance(self.screen, box), 1)[0]
        return Tile(_name(source, picture), _sides(picture.pixels), first, box)

    def beside(self, before: Tile, label: str, result: Picture, maps: Sequence[str], *, below: str) -> str:
        """Return what shows an input and its result, each map that there is room for, all at one scale.

        `maps` are their names, where they have any. In a window that is too narrow for both, the result
        stands alone. There is room for the text below.
        """
        count = len(layers_of(result))
        plan = layout(self.screen, 1 + count, below=self._lines(below))
        sides = _sides(result.pixels)
        around, box = boxes_at_one_scale([before.sides, sides], plan.box(self.screen))
        pictures = thumbnails(result, appearance(self.screen, box), max(1, plan.count - 1))
        names = maps or [f"map {number}" for number in range(1, count + 1)] if count > 1 else [label]
        tiles = [Tile(name, sides, one, box) for name, one in zip(names, pictures, strict=False)]
        text = shown_tiles([replace(before, box=around), *tiles][-plan.count :], plan, self.screen)
        if len(tiles) < count:
            text += f"{count - len(tiles)} of {count} maps are left out\n"
        return text

    def lesson(
        self, names: tuple[str, str], pair: "Pair", learned: "Learned", *, absolute: bool, below: str
    ) -> str:
        """Return what shows an input, its target, what the learned filter makes of it, and the filter.

        The filter is drawn as large as fits, the others at one scale.
        """
        from convcli.learning.results import filter_matrices  # late: only previews of learning need it

        plan = layout(self.screen, 4, below=self._lines(below))
        whole = plan.box(self.screen)
        made = _made(pair, learned, absolute=absolute)
        taps = np.concatenate(filter_matrices(learned.taps), axis=1)
        wanted = layers_of(pair.target)
        several = len(wanted) > 1
        around, box = boxes_at_one_scale([pair.source.pixels.shape, made.shape], whole)
        results = [wanted[0], made[..., 0] if several else made]
        target, result = drawn(results, appearance(self.screen, box))
        (kernel,) = drawn([taps], appearance(self.screen, whole))
        tiles = [
            self.tile(names[0], pair.source, around),
            Tile(_name(names[1], pair.target), _sides(pair.target.pixels), target, box),
            Tile("learned", _sides(made), result, box),
            Tile("filter", learned.taps.shape, kernel, whole),
        ]
        return shown_tiles(tiles[: plan.count], plan, self.screen)

    def _lines(self, text: str) -> int:
        """Return the number of lines that a text takes in the window."""
        return sum(max(1, -(-cell_len(line) // self.screen.columns)) for line in text.splitlines())


def _made(pair: "Pair", learned: "Learned", *, absolute: bool) -> NDArray[Any]:
    """Return the result of a learned filter for an input, in the dtype of the target."""
    from convcli.layers.convolution_layer import conv_forward

    taps = learned.taps if learned.taps.ndim == 3 else learned.taps[..., np.newaxis]
    maps = [
        conv_forward(one.pixels[np.newaxis], taps[..., np.newaxis], [learned.bias])[0, ..., 0]
        for one in pair.examples
    ]
    made = maps[0] if pair.target.pixels.ndim == 2 else np.stack(maps, axis=-1)
    made = np.abs(made) if absolute else made
    dtype = pair.target.pixels.dtype
    if dtype.kind != "u":
        return made
    return made.round().clip(0, np.iinfo(dtype).max).astype(dtype)


def _name(source: str, picture: Picture) -> str:
    name = Path(input_name(source)).name
    return name if len(layers_of(picture)) == 1 else f"{name}, map 1"


def _sides(pixels: NDArray[Any]) -> Sides:
    return pixels.shape[0], pixels.shape[1]
