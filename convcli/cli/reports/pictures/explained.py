"""What ``explain`` prints about one value of a result: as JSON, bare, and for a terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.cli.reports.pictures.kernels import aligned_rows
from convcli.cli.terminal.output import escaped, labeled_text
from convcli.convolution.explaining import WeightedSum
from convcli.convolution.rendering import SignedMapping
from convcli.figures.window.captions import MAX_TERMS, factor_text, number_text
from convcli.files.streams import input_name
from convcli.kernels.filter import Filter

__all__ = ["ChannelValue", "ValueReport"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ChannelValue:
    """One value of the result of a channel, and what it comes from.

    Attributes
    ----------
    name : str
        Of the channel: gray, r, g, b, sum or its number from 1.
    weighted_sums : tuple of WeightedSum
        For each kernel.
    value, pixel : int or float
        The value, and what `apply` writes in its place.
    """

    name: str
    weighted_sums: tuple[WeightedSum, ...]
    value: int | float
    pixel: int | float

    def record(self) -> dict[str, object]:
        """Return the JSON keys of a channel."""
        return {
            "channel": self.name,
            "cells": [_weighted_sum_record(weighted_sum) for weighted_sum in self.weighted_sums],
            "value": self.value,
            "pixel": self.pixel,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueReport:
    """One value of a result, in each channel, and what it comes from.

    Attributes
    ----------
    image : str
        As it was typed.
    filter : Filter
    position : (row, column)
        Of the result.
    channels : tuple of ChannelValue
    signed : SignedMapping
        How `apply` makes pixels.
    depth : 8 or 16
        Bits of such a pixel.
    """

    image: str
    filter: Filter
    position: tuple[int, int]
    channels: tuple[ChannelValue, ...]
    signed: SignedMapping
    depth: int

    def record(self) -> dict[str, object]:
        """Return the JSON record: one channel's keys are at the top level, several are a list."""
        source: dict[str, object] = {"input": self.image, "filter": self.filter.name}
        position = {"row": self.position[0], "column": self.position[1]}
        rendering = {"signed": self.signed, "combination": str(self.filter.combination)}
        records = [channel.record() for channel in self.channels]
        if len(records) > 1:
            return {**source, **position, "channels": records, **rendering}
        (record,) = records
        return {**source, "channel": record.pop("channel"), **position, **record, **rendering}

    def values_text(self) -> str:
        """Return the values alone, tab-separated."""
        return "\t".join(f"{channel.value}" for channel in self.channels)

    def text(self, files: Sequence[tuple[str, str]], *, has_colors: bool, matrix: NDArray[Any] | None) -> str:
        """Return what a terminal shows.

        Parameters
        ----------
        files : sequence of (str, str)
            Labels and names of what was drawn.
        has_colors : bool
            Whether the picture has several channels.
        matrix : array (H, W), optional
            The whole result, to be shown below.
        """
        has_several = len(self.channels) > 1
        channel_name = f", {self.channels[0].name}" if has_colors and not has_several else ""
        location = f"column {self.position[1]}, row {self.position[0]} of the result"
        parts = [
            f"{escaped(input_name(self.image))}{channel_name}, {escaped(self.filter.name)}, {location}\n"
        ]
        for channel in self.channels:
            parts.append(f"\nchannel {channel.name}\n" if has_several else "\n")
            parts.append(self._channel_text(channel, files))
        return "".join([*parts, *(["\n", self._result_text(matrix)] if matrix is not None else [])])

    def _channel_text(self, channel: ChannelValue, files: Sequence[tuple[str, str]]) -> str:
        """Return the numbers of a channel, and how they become its pixel."""
        has_several = len(channel.weighted_sums) > 1
        labels = [f" {number}" * has_several for number in range(1, len(channel.weighted_sums) + 1)]
        labeled = list(zip(channel.weighted_sums, labels, strict=True))
        pixel = _pixel_text(channel.value, channel.pixel, self.signed, self.depth)
        lines = [
            *((f"sum{label}", _sum_text(weighted_sum)) for weighted_sum, label in labeled),
            *([(str(self.filter.combination), number_text(channel.value))] if has_several else []),
            ("pixel", pixel),
            *files,
        ]
        return "".join(
            [
                *(_weighted_sum_text(weighted_sum, label) for weighted_sum, label in labeled),
                labeled_text(lines),
            ]
        )

    def _result_text(self, result: NDArray[Any]) -> str:
        """Return the whole result, the value in brackets."""
        marked = np.zeros(result.shape, bool)
        marked[self.position] = True
        lines = _matrix_rows(result, marked, "apply -o result.csv writes them")
        title = f"result, [column {self.position[1]}, row {self.position[0]}]"
        return "".join(f"{line.rstrip()}\n" for line in (title, *lines))


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
    cells = [[number_text(value) for value in row] for row in matrix.tolist()]
    if marked is not None:
        cells = [
            [f"[{text}]" if is_marked else f" {text} " for text, is_marked in zip(*row, strict=True)]
            for row in zip(cells, marked.tolist(), strict=True)
        ]
    return aligned_rows(cells, advice)


def _sum_text(weighted_sum: WeightedSum) -> str:
    """Return the sum of the products that are not 0, as text."""
    numbers = [value for value in weighted_sum.products.ravel().tolist() if value]
    terms = " + ".join(map(factor_text, numbers)) or "0"
    if len(numbers) > MAX_TERMS:
        terms = f"the {len(numbers)} products that are not 0"
    return f"{terms} = {number_text(weighted_sum.total)}"
