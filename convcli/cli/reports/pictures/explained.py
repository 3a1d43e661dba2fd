"""What ``explain`` prints about one value of a result: as JSON, bare, and for a terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convcli.cli.reports.pictures.kernels import aligned_rows
from convcli.cli.terminal.output import escaped, labeled_text
from convcli.convolution.explaining.values import ExplainedResult, WeightedSum
from convcli.convolution.rendering import SignedMapping
from convcli.figures.window.captions import (
    MAX_TERMS,
    adjustment_steps,
    factor_text,
    number_text,
    sum_step,
)
from convcli.files.streams import input_name
from convcli.files.urls import redacted
from convcli.pipeline.explaining import ExplainedPicture

__all__ = ["ValueReport", "result_text"]

MAX_CHANNELS = 8  # of a volume whose numbers are shown in a terminal


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueReport:
    """One value of a result, in each channel, and what it comes from.

    Attributes
    ----------
    image, filter : str
        The image as it was typed, and the name of the filter.
    map : int or None
        Which filter of a bank it is, from 1.
    position : (row, column)
        Of the result.
    explained : ExplainedPicture
    """

    image: str
    filter: str
    map: int | None
    position: tuple[int, int]
    explained: ExplainedPicture

    @property
    def _channels(self) -> "list[tuple[str, ExplainedResult, int | float]]":
        """The name of each channel, its result, and what `apply` writes."""
        results = cast("tuple[ExplainedResult, ...]", self.explained.channels)
        pixels = self.explained.pixels(self.position)
        return list(zip(self.explained.names, results, pixels, strict=True))

    def record(self) -> dict[str, object]:
        """Return the JSON record: one channel's keys are at the top level, several are a list."""
        source: dict[str, object] = {"input": redacted(self.image), "filter": self.filter}
        if self.map is not None:
            source["map"] = self.map
        position = {"row": self.position[0], "column": self.position[1]}
        channels = self._channels
        _, first, pixel = channels[0]
        rendering: dict[str, object] = {
            "signed": self.explained.signed,
            "combination": str(first.combination),
        }
        if first.bias or first.relu or first.is_volume:
            rendering |= {"bias": first.bias, "relu": first.relu}
        if first.is_volume:
            sums = first.weighted_sums(*self.position)
            slices = [
                {"channel": plane, "cells": [_weighted_sum_record(weighted_sum)]}
                for plane, weighted_sum in zip(first.plane_names, sums, strict=True)
            ]
            total = {"sum": first.combined(*self.position), "value": first.result_at(*self.position)}
            return {**source, **position, "channels": slices, **total, "pixel": pixel, **rendering}
        if len(channels) > 1:
            records = [self._channel_record(*channel) for channel in channels]
            return {**source, **position, "channels": records, **rendering}
        record = self._channel_record(*channels[0])
        return {**source, "channel": record.pop("channel"), **position, **record, **rendering}

    def _channel_record(self, name: str, result: ExplainedResult, pixel: int | float) -> dict[str, object]:
        return {
            "channel": name,
            "cells": list(map(_weighted_sum_record, result.weighted_sums(*self.position))),
            "value": result.result_at(*self.position),
            "pixel": pixel,
        }

    def values_text(self) -> str:
        """Return the values alone, tab-separated."""
        return "\t".join(f"{result.result_at(*self.position)}" for _, result, _ in self._channels)

    def text(self, files: Sequence[tuple[str, str]]) -> str:
        """Return what a terminal shows; `files` are labels and names of what was drawn."""
        channels = self._channels
        has_several = len(channels) > 1
        name, first, _ = channels[0]
        has_colors = self.explained.picture.pixels.ndim == 3 and not first.is_volume
        channel_name = f", {name}" if has_colors and not has_several else ""
        map_name = "" if self.map is None else f" (map {self.map})"
        location = f"column {self.position[1]}, row {self.position[0]} of the result"
        image = escaped(input_name(self.image))
        parts = [f"{image}{channel_name}, {escaped(self.filter)}{map_name}, {location}\n"]
        for name, result, pixel in channels:
            parts.append(f"\nchannel {name}\n" if has_several else "\n")
            parts.append(self._channel_text(result, pixel, files))
        matrix = self.explained.matrix
        return "".join([*parts, *([] if matrix is None else ["\n", result_text(matrix, self.position)])])

    def _channel_text(
        self, result: ExplainedResult, pixel: int | float, files: Sequence[tuple[str, str]]
    ) -> str:
        """Return the numbers of a channel, or of a volume, and how they become its pixel."""
        signed = self.explained.signed or SignedMapping.RAW
        depth = self.explained.picture.depth
        end = [
            *adjustment_steps(result, self.position),
            ("pixel", _pixel_text(result.result_at(*self.position), pixel, signed, depth)),
            *files,
        ]
        sums = result.weighted_sums(*self.position)
        if result.is_volume:
            return _volume_text(sums, result.plane_names) + labeled_text(
                [sum_step(result, self.position), *end]
            )
        has_several = len(sums) > 1
        labels = [f" {number}" * has_several for number in range(1, len(sums) + 1)]
        labeled = list(zip(sums, labels, strict=True))
        combined = [(str(result.combination), number_text(result.combined(*self.position)))] * has_several
        lines = [
            *((f"sum{label}", _sum_text(weighted_sum)) for weighted_sum, label in labeled),
            *combined,
            *end,
        ]
        numbers = (_weighted_sum_text(weighted_sum, label) for weighted_sum, label in labeled)
        return "".join([*numbers, labeled_text(lines)])


def result_text(result: NDArray[Any], position: tuple[int, int], command: str = "apply") -> str:
    """Return a whole result, one value in brackets; `command` is the command that writes it."""
    marked = np.zeros(result.shape, bool)
    marked[position] = True
    lines = _matrix_rows(result, marked, f"{command} -o result.csv writes them")
    title = f"result, [column {position[1]}, row {position[0]}]"
    return "".join(f"{line.rstrip()}\n" for line in (title, *lines))


def _volume_text(sums: Sequence[WeightedSum], names: Sequence[str]) -> str:
    """Return patch, slice, products and sum of each channel of a volume: a block of rows per channel.

    On a narrow terminal, the products are left out; if patch and slice are still too wide, what belongs to a
    channel is one below the other.
    """
    shown = sums[:MAX_CHANNELS]
    more = f"... and {len(sums) - MAX_CHANNELS} more channels; --json has them\n\n"
    more = more if len(sums) > MAX_CHANNELS else ""
    title = "patch, [padding]" if any(weighted_sum.padded.any() for weighted_sum in shown) else "patch"
    columns = [
        _column(title, [_cells(weighted_sum.patch, weighted_sum.padded) for weighted_sum in shown]),
        _column("filter", [_cells(weighted_sum.taps) for weighted_sum in shown]),
        _column("products", [_cells(weighted_sum.products) for weighted_sum in shown]),
    ]
    for count in (3, 2):
        lines = _volume_lines(columns[:count], shown, names[: len(shown)])
        if max(map(len, lines)) <= get_terminal_size().columns:
            return "".join(f"{line}\n" for line in lines) + f"\n{more}"
    parts = (
        f"channel {name}\n{_weighted_sum_text(weighted_sum, '')}"
        f"{labeled_text([('sum', _sum_text(weighted_sum))])}\n"
        for name, weighted_sum in zip(names, shown, strict=False)
    )
    return "".join([*parts, more])


def _volume_lines(
    columns: Sequence[Sequence[str]], sums: Sequence[WeightedSum], names: Sequence[str]
) -> list[str]:
    """Return lines of columns side by side, with a name before each channel and its sum behind it."""
    height = len(sums[0].patch)
    width = max(map(len, names))
    heading, *rows = ["    ".join(row) for row in zip(*columns, strict=True)]
    lines = [f"{'':{width}}  {heading}    sum"]
    for number, weighted_sum in enumerate(sums):
        block = [f"{'':{width}}  {row}" for row in rows[number * height : (number + 1) * height]]
        block[0] = f"{names[number]:{width}}{block[0][width:]}"
        block[-1] = f"{block[-1]}    = {number_text(weighted_sum.total)}"
        lines += ["", *block] if number and height > 1 else block
    return [line.rstrip() for line in lines]


def _column(heading: str, matrices: list[list[list[str]]]) -> list[str]:
    """Return the rows of the matrices of all channels below a heading, aligned and of one width."""
    width = max(len(cell) for matrix in matrices for row in matrix for cell in row)
    rows = [" ".join(cell.rjust(width) for cell in row) for matrix in matrices for row in matrix]
    total_width = max(len(heading), len(rows[0]))
    return [text.ljust(total_width) for text in (heading, *rows)]


def _pixel_text(value: int | float, pixel: int | float, signed: SignedMapping, depth: int) -> str:
    """Return how a value becomes a pixel.

    Examples
    --------
    >>> _pixel_text(-30, 30, SignedMapping.ABS, 8), _pixel_text(-30, 0, SignedMapping.CLIP, 8)
    ('|-30| = 30 (--signed abs)', 'max(-30, 0) = 0 (--signed clip)')
    >>> _pixel_text(-129, 0, SignedMapping.CENTER, 8)
    '-129 + 128 = -1, saturated to 0 (--signed center)'
    """
    if signed == SignedMapping.RAW:
        return f"{pixel}"
    white = 2**depth - 1
    mapped, text = value, number_text(value)
    if signed == SignedMapping.CENTER:
        middle = (white + 1) // 2
        mapped, text = value + middle, f"{text} + {middle}"
    elif value < 0:
        mapped, text = (-value, f"|{text}|") if signed == SignedMapping.ABS else (0, f"max({text}, 0)")
    if mapped != value and not math.isnan(value):
        text += f" = {number_text(mapped)}"
    if math.isnan(mapped):
        text += f", set to {pixel}"
    elif mapped != pixel:
        fits = -0.5 <= mapped < white + 0.5
        text += f", {'rounded' if fits else 'saturated'} to {pixel}"
    return f"{text} (--signed {signed})"


def _weighted_sum_record(weighted_sum: WeightedSum) -> dict[str, object]:
    """Return the JSON record of the sum of one kernel."""
    names = "rows", "columns", "patch", "padded", "taps", "products"
    return {name: getattr(weighted_sum, name).tolist() for name in names} | {"sum": weighted_sum.total}


def _weighted_sum_text(weighted_sum: WeightedSum, number: str) -> str:
    """Return patch, filter and products, side by side if they fit, else one below the other."""
    blocks = [
        [
            "patch, [padding]" if weighted_sum.padded.any() else "patch",
            *_matrix_rows(weighted_sum.patch, weighted_sum.padded, "--json has them"),
        ],
        [f"filter{number}", *_matrix_rows(weighted_sum.taps, None, "--json has them")],
        ["products", *_matrix_rows(weighted_sum.products, None, "--json has them")],
    ]
    widths = [max(map(len, block)) for block in blocks]
    same_height = len(set(map(len, blocks))) == 1  # a note instead of rows is shorter
    if not same_height or sum(widths) + 8 > get_terminal_size().columns:
        return "".join("".join(f"{line.rstrip()}\n" for line in block) + "\n" for block in blocks)
    padded = ([line.ljust(width) for line in block] for block, width in zip(blocks, widths, strict=True))
    return "".join("    ".join(row).rstrip() + "\n" for row in zip(*padded, strict=True)) + "\n"


def _matrix_rows(matrix: NDArray[Any], marked: NDArray[Any] | None, advice: str) -> list[str]:
    """Return the rows of a matrix, marked values in brackets; or a note if the terminal is too narrow."""
    return aligned_rows(_cells(matrix, marked), advice)


def _cells(matrix: NDArray[Any], marked: NDArray[Any] | None = None) -> list[list[str]]:
    """Return the numbers of a matrix as text, marked ones in brackets."""
    cells = [[number_text(value) for value in row] for row in matrix.tolist()]
    if marked is None:
        return cells
    return [
        [f"[{text}]" if is_marked else f" {text} " for text, is_marked in zip(*row, strict=True)]
        for row in zip(cells, marked.tolist(), strict=True)
    ]


def _sum_text(weighted_sum: WeightedSum) -> str:
    """Return the sum of the products that are not 0, as text."""
    numbers = [value for value in weighted_sum.products.ravel().tolist() if value]
    terms = " + ".join(map(factor_text, numbers)) or "0"
    if len(numbers) > MAX_TERMS:
        terms = f"the {len(numbers)} products that are not 0"
    return f"{terms} = {number_text(weighted_sum.total)}"
