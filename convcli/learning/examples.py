"""Examples to learn from: pairs of input and target patches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from convcli.errors import SizeError
from convcli.learning.results import Array
from convcli.pictures.arrays import image_array
from convcli.pictures.channels import select_channels
from convcli.sizes.axes import window_axes
from convcli.sizes.per_axis import Pair
from convcli.sizes.text import counted, format_size

__all__ = ["Example", "make_examples"]

HELD_OUT = 5  # one row in five is held out


@dataclass(frozen=True, eq=False)
class Example:
    """An input and its filtered result, the target, cropped to pixels whose windows lie within the input.

    Attributes
    ----------
    pixels : array (h + f_h - 1, w + f_w - 1, C)
    target : array (h, w)
    usable : array (h, w)
        False for clipped pixels of the target, whose true value is unknown.
    holds_out : bool
        Whether the last rows are held out from learning.
    """

    pixels: Array
    target: Array
    usable: Array
    holds_out: bool = True

    @property
    def held_out(self) -> int:
        """The first held-out row."""
        return len(self.target) - self.holds_out * max(1, len(self.target) // HELD_OUT)


def make_examples(
    image: ArrayLike,
    target: ArrayLike,
    size: Pair = 3,
    *,
    channels: str | None = None,
    absolute: bool = False,
) -> list[Example]:
    """Align an input and its filtered result, the target, as training examples.

    Parameters
    ----------
    image : array (H, W) or (H, W, C)
    target : array (H, W), (H, W, C) or of the size without padding, (H - f_h + 1, W - f_w + 1)
        For unsigned integers, 0 and the largest value of the dtype count as clipped.
    size : int or (vertical, horizontal)
        Size of the filter.
    channels : str, optional
        ``each``: each channel of the target comes from the same channel of the input (default if both have
        equally many). ``sum``: the filter sums over all input channels (default if only the input has
        several). ``gray``, ``r``, ``g``, ``b``: the target comes from this channel of the input.
    absolute : bool
        The target holds absolute values, so 0 does not count as clipped.

    Returns
    -------
    list of Example
        One for each channel of the target.

    Raises
    ------
    ImageError
        The image or the target is invalid.
    SizeError
        The sizes or the channels do not match; the message says which padding would fit.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> [example.target.shape for example in convcli.make_examples(np.ones((9, 8)), np.ones((9, 8)))]
    [(7, 6)]
    """
    pixels, wanted = image_array(image), image_array(target)
    if channels not in (None, "each", "sum"):
        pixels = select_channels(pixels, channels or "")
    input_channels, target_channels = (array.shape[2] if array.ndim == 3 else 1 for array in (pixels, wanted))
    sums_channels = channels == "sum" or (channels is None and target_channels == 1 < input_channels)
    needed = 1 if sums_channels else input_channels
    if target_channels != needed:
        source = "the sum of the input's channels" if sums_channels else "the input"
        raise SizeError(
            f"target {format_size(wanted.shape)}",
            f"has {counted(target_channels, 'channel')}, but {source} has {needed}; "
            f"use a target with {counted(needed, 'channel')}",
        )
    inside = _valid_region(pixels.shape[:2], wanted.shape[:2], size)
    lowest, highest = -math.inf, math.inf
    if wanted.dtype.kind == "u":
        lowest, highest = -math.inf if absolute else 0, np.iinfo(wanted.dtype).max
    target_maps = wanted.reshape(*wanted.shape[:2], -1)[inside]
    volume = pixels.reshape(*pixels.shape[:2], -1).astype(np.float64)
    parts = [volume] if sums_channels else np.split(volume, input_channels, axis=2)
    return [
        Example(part, layer.astype(np.float64), (layer > lowest) & (layer < highest))
        for part, layer in zip(parts, np.moveaxis(target_maps, 2, 0), strict=True)
    ]


def _valid_region(input_size: tuple[int, ...], wanted: tuple[int, ...], size: Pair) -> tuple[slice, slice]:
    """Return the pixels of a target whose windows lie within the input."""
    try:
        same = window_axes((input_size[0], input_size[1]), size, padding="same")
        valid = window_axes((input_size[0], input_size[1]), size)
    except SizeError as error:
        raise SizeError(f"input {format_size(input_size)}", f"{error.what} {error.why}") from None
    if wanted == tuple(axis.output for axis in valid):
        return slice(None), slice(None)
    if wanted == tuple(input_size):
        rows, columns = (
            slice(axis.before, axis.before + inner.output) for axis, inner in zip(same, valid, strict=True)
        )
        return rows, columns
    fitting = format_size(axis.output for axis in valid)
    shortfalls = {want - inner.output for want, inner in zip(wanted, valid, strict=True)}
    amount = shortfalls.pop() if len(shortfalls) == 1 else -1
    hint = f"; padding {amount // 2} gives it" if amount >= 0 and amount % 2 == 0 else ""
    raise SizeError(
        f"target {format_size(wanted)}",
        f"does not fit the input {format_size(input_size)}: a filter of {valid[0].window}x{valid[1].window} "
        f"gives {format_size(input_size)} with padding same, {fitting} with padding valid{hint}",
    )
