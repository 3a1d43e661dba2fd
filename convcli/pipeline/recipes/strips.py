"""How recipes work on large pictures strip by strip, each a picture of the whole width."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convcli.convolution.borders import BorderKind
from convcli.convolution.pooling import PoolMode
from convcli.convolution.rendering import NEEDS_RANGE, SignedMapping
from convcli.convolution.statistics import Statistics
from convcli.convolution.weighted import AlphaMode, NanMode
from convcli.kernels.banks import Bank
from convcli.kernels.filter import Filter
from convcli.networks.layer_types.base import Sides
from convcli.networks.layer_types.pooling import Pooling
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow
from convcli.sizes.axes import window_axes
from convcli.sizes.text import format_padding
from convcli.sizes.windowed import Axis

__all__ = ["Strips", "filter_strips", "pool_strips"]


class Strips(ABC):
    """How a recipe works on a large picture strip by strip, each a picture of the whole width."""

    @property
    def wraps(self) -> bool:
        """Whether the rows above the first are the last ones; otherwise a strip says how it is padded."""
        return False

    @abstractmethod
    def record(self) -> dict[str, object]:
        """Return what the record of the whole has instead of that of a strip."""

    @abstractmethod
    def axes(self, size: tuple[int, int]) -> tuple[Axis, Axis]:
        """Return how the window slides down and across a picture of that height and width.

        Raises
        ------
        SizeError
            It does not fit.
        """

    @abstractmethod
    def recipe(self, size: tuple[int, int], padding: tuple[int, int], known: Statistics | None) -> Recipe:
        """Return the recipe of a strip of a picture of that size.

        Parameters
        ----------
        size : (height, width)
            Of the picture.
        padding : (above, below)
            Rows of padding of the strip.
        known : Statistics or None
            Of the values of the whole picture, if there is a recipe for `measuring` them.
        """

    def measuring(self, size: tuple[int, int], padding: tuple[int, int]) -> Recipe | None:  # noqa: ARG002
        """Return a recipe whose record has the range that `recipe` must know; None if it need not."""
        return None

    def number_type(self, dtype: np.dtype[Any], *, has_alpha: bool) -> str | None:  # noqa: ARG002
        """Return the dtype that holds the numbers of all strips; None if all have the same anyway."""
        return None


@dataclass(frozen=True)
class _FilterStrips(Strips):
    """Filters a picture strip by strip."""

    make: Callable[..., Recipe]
    filter_or_bank: Filter | Bank
    window: SlidingWindow
    rendering: Rendering
    measured: bool

    @property
    def wraps(self) -> bool:
        return self.window.border == BorderKind.WRAP

    def record(self) -> dict[str, object]:
        return {"padding": format_padding(self.window.padding)}

    def recipe(self, size: tuple[int, int], padding: tuple[int, int], known: Statistics | None) -> Recipe:
        columns = self.axes(size)[1]
        window = self.window._replace(padding=(padding, (columns.before, columns.after)))
        rendering = self.rendering._replace(known=known)
        return self.make(self.filter_or_bank, window, rendering, measured=self.measured)

    def measuring(self, size: tuple[int, int], padding: tuple[int, int]) -> Recipe | None:
        if self.rendering.signed not in NEEDS_RANGE:
            return None
        values = self.rendering._replace(signed=SignedMapping.RAW)
        return replace(self, rendering=values, measured=True).recipe(size, padding, None)

    def number_type(self, dtype: np.dtype[Any], *, has_alpha: bool) -> str | None:
        kernels = self._kernels()
        has_missing = dtype.kind == "f" and self.rendering.nan == NanMode.IGNORE
        is_weighed = has_alpha and self.rendering.alpha_mode(kernels) != AlphaMode.STRAIGHT
        if self.rendering.mapping(as_numbers=True) != SignedMapping.RAW or not (has_missing or is_weighed):
            return None
        # Windows that hold transparent pixels or NaN: banks compute in float64, whole numbers give fractions.
        is_bank = isinstance(self.filter_or_bank, Bank)
        is_whole = dtype.kind != "f" and all(np.equal(np.mod(taps, 1), 0).all() for taps in kernels)
        return "float64" if is_bank or is_whole else None

    def axes(self, size: tuple[int, int]) -> tuple[Axis, Axis]:
        window = self.window
        taps = self._kernels()[0]
        rows, columns = window_axes(
            size,
            (len(taps), len(taps[0])),
            padding=window.padding,
            stride=window.stride,
            dilation=window.dilation,
        )
        return rows, columns

    def _kernels(self) -> Sequence[Any]:
        if isinstance(self.filter_or_bank, Filter):
            return self.filter_or_bank.matrices
        taps = self.filter_or_bank.taps
        return list(np.moveaxis(taps.reshape(*taps.shape[:2], -1), 2, 0))


@dataclass(frozen=True)
class _PoolStrips(Strips):
    """Pools a picture strip by strip."""

    make: Callable[..., Recipe]
    layer: Pooling
    mode: PoolMode
    jobs: int | None
    alpha: AlphaMode
    nan: NanMode

    def record(self) -> dict[str, object]:
        return {"filter": self.layer.text, "padding": format_padding(self.layer.padding)}

    def axes(self, size: tuple[int, int]) -> tuple[Axis, Axis]:
        rows, columns = self.layer.axes(Sides(size))
        return rows, columns

    def recipe(self, size: tuple[int, int], padding: tuple[int, int], known: Statistics | None) -> Recipe:
        assert known is None
        _, columns = self.axes(size)
        layer = self.layer.changed(padding=(padding, (columns.before, columns.after)))
        return self.make(layer, self.mode, self.jobs, alpha=self.alpha, nan=self.nan)


def filter_strips(
    make: Callable[..., Recipe],
    filter_or_bank: Filter | Bank,
    window: SlidingWindow,
    rendering: Rendering,
    measured: bool,
) -> Strips:
    """Return how the recipe that `make` makes of the other arguments works strip by strip."""
    return _FilterStrips(make, filter_or_bank, window, rendering, measured)


def pool_strips(
    make: Callable[..., Recipe],
    layer: Pooling,
    mode: PoolMode,
    jobs: int | None,
    alpha: AlphaMode,
    nan: NanMode,
) -> Strips:
    """Return how the recipe that `make` makes of the other arguments works strip by strip."""
    return _PoolStrips(make, layer, mode, jobs, alpha, nan)
