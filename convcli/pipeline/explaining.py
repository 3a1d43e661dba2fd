"""Explaining what is done to a picture: the result of a filter or of pooling, value by value."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.explaining.pooled import ExplainedPooling, explain_pooling
from convcli.convolution.explaining.shifts import ShiftedResult, measure_shifts
from convcli.convolution.explaining.values import ExplainedResult
from convcli.convolution.planning import ConvolutionSettings
from convcli.convolution.pooling import PoolMode, pool
from convcli.convolution.rendering import SignedMapping, render
from convcli.convolution.weighted import AlphaMode
from convcli.kernels.banks import Bank
from convcli.kernels.filter import Combination, Filter
from convcli.networks.layer_types.pooling import Pooling
from convcli.pictures.channels import Channels, channel_names, select_channels
from convcli.pictures.picture import Picture, PictureKind
from convcli.pipeline.recipes.filtering import convolution_recipe
from convcli.pipeline.recipes.pooling import pool_recipe
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow

__all__ = ["ExplainedPicture", "FilterExplainer", "PoolingExplainer", "ShiftMeasure"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedPicture:
    """The result of a filter or of pooling, ready to be explained value by value.

    Attributes
    ----------
    channels : tuple of ExplainedResult or of ExplainedPooling
        One per channel of the result.
    names : tuple of str
        Of the channels.
    written : array (H', W') or (H', W', C)
        The values of a filter, or what `pool` writes.
    straight : array or None
        For a picture with alpha: what `written` is if every pixel counts in full.
    signed : SignedMapping or None
        How values become the pixels that `apply` writes; None for pooling.
    picture : Picture
    """

    channels: tuple[ExplainedResult, ...] | tuple[ExplainedPooling, ...]
    names: tuple[str, ...]
    written: Array
    straight: Array | None
    signed: SignedMapping | None
    picture: Picture

    def pixels(self, position: tuple[int, int]) -> list[int | float]:
        """Return what is written at a position, in each channel."""
        row, column = position
        values = self.written[row : row + 1, column : column + 1]
        if self.signed is not None:
            values = render(values, self.signed, depth=self.picture.depth)
        pixels: list[int | float] = values.ravel().tolist()
        return pixels

    def is_weighted(self, position: tuple[int, int]) -> bool:
        """Whether alpha weights the values at a position, so that they are not what the numbers give."""
        if self.straight is None:
            return False
        return not np.array_equal(self.straight[position], self.written[position], equal_nan=True)

    @property
    def matrix(self) -> Array | None:
        """The whole result of a text matrix."""
        return self.channels[0].result if self.picture.kind == PictureKind.TEXT else None


@dataclass(frozen=True, kw_only=True, eq=False)
class FilterExplainer:
    """Explains what `apply` makes of a picture; `rendering` has channels, bias, ReLU and signs."""

    filter: Filter | Bank
    window: SlidingWindow
    rendering: Rendering

    @property
    def recipe(self) -> Recipe:
        """The recipe that gives the values."""
        return self._recipe(self.rendering.alpha)

    def _recipe(self, alpha: AlphaMode) -> Recipe:
        rendering = self.rendering._replace(signed=SignedMapping.RAW, alpha=alpha)
        return convolution_recipe(self.filter, self.window, rendering, measured=False)

    def explain(self, picture: Picture) -> ExplainedPicture:
        """Filter a picture, and return the result with all that its values are computed from.

        Raises
        ------
        ConvcliError
            The filter cannot be applied to the picture.
        """
        values = self.recipe.run(picture, True).picture.pixels
        straight = None
        if picture.has_alpha:
            straight = self._recipe(AlphaMode.STRAIGHT).run(picture, True).picture.pixels
        is_pixels = picture.kind == PictureKind.PIXELS
        channels = self._channels(picture, values)
        selected = self.rendering.channels
        return ExplainedPicture(
            channels=channels,
            names=_names(selected, len(channels)),
            written=values,
            straight=straight,
            signed=self.rendering.signed or (SignedMapping.ABS if is_pixels else SignedMapping.RAW),
            picture=picture,
        )

    def _channels(self, picture: Picture, values: Array) -> tuple[ExplainedResult, ...]:
        common: dict[str, Any] = {
            "name": self.filter.name,
            "bias": self.rendering.biases[0],
            "relu": self.rendering.relu,
        }
        volume = self._volume(picture)
        if volume is not None:
            planes = _planes(picture.pixels)
            return (
                ExplainedResult(
                    planes=planes,
                    plane_names=channel_names(len(planes)),
                    kernels=tuple(np.moveaxis(volume, 2, 0)),
                    result=values,
                    settings=ConvolutionSettings(**self.window._asdict()),
                    **common,
                ),
            )
        assert isinstance(self.filter, Filter)
        selected = self.rendering.channels
        window = self.window.for_channels(selected, picture.shape)._asdict()
        planes = _planes(select_channels(picture.pixels, selected))
        return tuple(
            ExplainedResult(
                planes=(plane,),
                kernels=self.filter.kernels,
                combination=self.filter.combination,
                result=result,
                settings=ConvolutionSettings(**window),
                **common,
            )
            for plane, result in zip(planes, _planes(values), strict=True)
        )

    def _volume(self, picture: Picture) -> Array | None:
        """Return the coefficients (f_h, f_w, C) of a volume; None if each channel is filtered alone.

        A matrix whose responses to all channels are added up is one, too.
        """
        if isinstance(self.filter, Bank):
            return self.filter.taps
        is_sum = self.rendering.channels == Channels.SUM and picture.channels > 1
        if not is_sum or self.filter.combination != Combination.SINGLE:
            return None
        return np.repeat(self.filter.kernels[0][..., np.newaxis], picture.channels, axis=2)


@dataclass(frozen=True, kw_only=True, eq=False)
class PoolingExplainer:
    """Explains what `pool` makes of pictures, or of one of their channels."""

    layer: Pooling
    mode: PoolMode
    channels: Channels

    @property
    def recipe(self) -> Recipe:
        """The recipe that pools."""
        return pool_recipe(self.layer, self.mode)

    def explain(self, picture: Picture) -> ExplainedPicture:
        """Pool a picture, and return the result with all that its values are computed from.

        Raises
        ------
        ConvcliError
            The picture cannot be pooled.
        """
        selected = picture.changed(pixels=select_channels(picture.pixels, self.channels))
        as_numbers = picture.kind != PictureKind.PIXELS
        straight = None
        if picture.has_alpha:
            recipe = pool_recipe(self.layer, self.mode, alpha=AlphaMode.STRAIGHT)
            straight = recipe.run(selected, as_numbers).picture.pixels
        channels = tuple(
            explain_pooling(
                plane,
                mode=self.mode,
                size=_pair(self.layer.window),
                stride=None if self.layer.stride is None else _pair(self.layer.stride),
                padding=self.layer.padding,
            )
            for plane in _planes(selected.pixels)
        )
        return ExplainedPicture(
            channels=channels,
            names=_names(self.channels, len(channels)),
            written=self.recipe.run(selected, as_numbers).picture.pixels,
            straight=straight,
            signed=None,
            picture=picture,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ShiftMeasure:
    """Measures how the result of a filter, of pooling, or of both, follows shifts of the picture.

    Only windows without padding count. Values become pixels as `apply` makes them, but are neither rounded
    nor saturated.
    """

    explainer: FilterExplainer | None
    pooling: Pooling | None
    mode: PoolMode = PoolMode.MAX
    channels: Channels = Channels.EACH

    @property
    def stride(self) -> int:
        """How many columns of the picture neighboring values of the result are apart."""
        filter_stride = 1 if self.explainer is None else self.explainer.window.stride[1]
        if self.pooling is None:
            return filter_stride
        pool_stride = self.pooling.window if self.pooling.stride is None else self.pooling.stride
        return filter_stride * _pair(pool_stride)[1]

    @property
    def recipe(self) -> Recipe:
        """The recipe that takes the most memory."""
        if self.explainer is not None:
            return self.explainer.recipe
        assert self.pooling is not None
        return pool_recipe(self.pooling, self.mode)

    def signed(self, picture: Picture) -> SignedMapping | None:
        """Return how the values of the filter are compared; None without a filter."""
        if self.explainer is None:
            return None
        chosen = self.explainer.rendering.signed
        return chosen or (SignedMapping.ABS if picture.kind == PictureKind.PIXELS else SignedMapping.RAW)

    def measure(self, picture: Picture, shifts: list[int]) -> tuple[ShiftedResult, ...]:
        """Measure the shifts, in pixels to the right.

        Raises
        ------
        ConvcliError
            The picture is too small for the windows or the shifts.
        """
        pixels, signed = picture.pixels, self.signed(picture)

        def result(part: Array) -> Array:
            if self.explainer is None:
                values = select_channels(part, self.channels)
            else:
                values = self.explainer.recipe.run(Picture(part), True).picture.pixels
            if signed == SignedMapping.ABS:
                values = np.abs(values)
            elif signed == SignedMapping.CLIP:
                values = np.maximum(values, 0)
            if self.pooling is None:
                return values
            stride = None if self.pooling.stride is None else _pair(self.pooling.stride)
            pooled: Array = pool(values, mode=self.mode, size=_pair(self.pooling.window), stride=stride)
            return pooled

        return measure_shifts(pixels, shifts, result, stride=self.stride)


def _planes(pixels: Array) -> tuple[Array, ...]:
    """Return the channels of an array (H, W) or (H, W, C)."""
    return tuple(np.moveaxis(np.atleast_3d(pixels), 2, 0))


def _names(selected: Channels, count: int) -> tuple[str, ...]:
    if count > 1:
        return channel_names(count)
    return ("gray" if selected == Channels.EACH else str(selected),)


def _pair(sizes: tuple[int, ...]) -> tuple[int, int]:
    return (sizes[0], sizes[-1])
