"""The feature maps that a sheet shows for each filter, and the recipe that computes them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.rendering import SignedMapping
from convcli.kernels.banks import Bank
from convcli.kernels.filter import Combination, Filter
from convcli.pictures.channels import Channels
from convcli.pictures.text_matrices import format_matrix
from convcli.pipeline.recipes.filtering import convolution_recipe
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow

__all__ = ["FeatureMap", "SheetFilter", "describe_filter"]

MAX_SHOWN_TAPS = 49  # of a typed kernel whose coefficients are shown


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """A feature map of a filter: its title, and what decides how it is drawn.

    Attributes
    ----------
    title, caption : str
    has_both_signs : bool
        Whether coefficients are positive and negative, so that values can be, too.
    keeps_brightness : bool
        Whether it is a picture like the input: a flat area keeps its brightness.
    max_gain : float
        Sum of the absolute coefficients times the scale: the largest result of inputs up to 1.
    is_integer : bool
        Whether the coefficients are integers.
    kernels : sequence of arrays (f_h, f_w)
        The coefficients: of each kernel whose responses are combined, or of each channel.
    """

    title: str
    caption: str
    has_both_signs: bool
    keeps_brightness: bool
    max_gain: float
    is_integer: bool
    kernels: Sequence[NDArray[Any]]


@dataclass(frozen=True, eq=False)
class SheetFilter:
    """A filter or a bank: its feature maps, and the recipe that computes them."""

    name: str
    maps: tuple[FeatureMap, ...]
    recipe: Recipe
    rendering: Rendering


def describe_filter(
    filter_or_bank: Filter | Bank, window: SlidingWindow, rendering: Rendering
) -> SheetFilter:
    """Return what is drawn of a filter: pixels as `apply` writes them, a picture, or values of a channel.

    Raises
    ------
    KernelError, UsageError
        Its result is not defined.
    """
    if isinstance(filter_or_bank, Filter):
        maps = [_map_of_filter(filter_or_bank, rendering)]
        takes_all_channels = maps[0].keeps_brightness
    else:
        maps = _maps_of_bank(filter_or_bank, rendering)
        takes_all_channels = filter_or_bank.depth > 1
    if rendering.signed in (None, SignedMapping.RAW):
        rendering = rendering._replace(signed=SignedMapping.RAW)
        if rendering.channels == Channels.EACH and not takes_all_channels:
            rendering = rendering._replace(channels=Channels.GRAY)
    recipe = convolution_recipe(filter_or_bank, window, rendering, measured=False)
    return SheetFilter(filter_or_bank.name, tuple(maps), recipe, rendering)


def _map_of_filter(filter_: Filter, rendering: Rendering) -> FeatureMap:
    taps = filter_.kernels[0]
    caption = f"gain {filter_.gain:.4g}"
    if filter_.source == "typed" and taps.size <= MAX_SHOWN_TAPS:
        caption = f"{format_matrix(taps).strip().replace(chr(10), '; ')}, {caption}"
    scale = 1 / filter_.gain if rendering.scale is None and filter_.gain else rendering.scale or 0
    feature_map = _describe_map(filter_.name, caption, taps[..., None], scale)
    if filter_.combination == Combination.SINGLE:
        return feature_map
    # Combined responses are drawn as strength.
    return replace(feature_map, has_both_signs=False, keeps_brightness=False, kernels=filter_.kernels)


def _maps_of_bank(bank: Bank, rendering: Rendering) -> list[FeatureMap]:
    taps = bank.taps.reshape(*bank.taps.shape[:3], -1)
    if bank.combination != Combination.SINGLE:
        combined = _describe_map(bank.name, "", taps.reshape(*taps.shape[:2], -1), rendering.scale or 0)
        return [replace(combined, has_both_signs=False, keeps_brightness=False)]
    maps = []
    for number, name in enumerate(bank.map_names):
        map_name = name if bank.angles else f"{name} of {bank.count}"
        title = f"{bank.name}, {map_name}" if bank.count > 1 or bank.angles else bank.name
        maps.append(_describe_map(title, "", taps[..., number], rendering.scale or 0))
    return maps


def _describe_map(title: str, caption: str, taps: NDArray[Any], scale: float) -> FeatureMap:
    """Describe the feature map that the coefficients (f_h, f_w, channels) give, times the scale."""
    with np.errstate(over="ignore", invalid="ignore"):
        total, magnitude = float(taps.sum()), float(np.abs(taps, dtype=np.float64).sum())
    return FeatureMap(
        title,
        caption,
        has_both_signs=bool((taps < 0).any()) and bool((taps > 0).any()),
        keeps_brightness=taps.shape[2] == 1 and any(abs(total * factor - 1) < 1e-6 for factor in (1, scale)),
        max_gain=magnitude * abs(scale),
        is_integer=not (taps % 1).any(),
        kernels=list(np.moveaxis(taps, 2, 0)),
    )
