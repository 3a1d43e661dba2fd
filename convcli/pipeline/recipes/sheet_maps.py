"""What a sheet draws of each filter: the feature maps, their kinds, and the operation that gives them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.rendering import SignedMapping
from convcli.kernels.banks import Bank
from convcli.kernels.filter import Combination, Filter
from convcli.pictures.channels import Channels
from convcli.pictures.text_matrices import format_matrix
from convcli.pipeline.recipes.banks import convolution_recipe
from convcli.pipeline.recipes.recipe import Recipe
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow

__all__ = ["DrawnFilter", "FilterMap", "drawn_filter"]

Array = NDArray[Any]

MAX_TAPS = 49  # of a typed kernel whose coefficients are shown


@dataclass(frozen=True, eq=False)
class FilterMap:
    """A feature map of a filter: its title and how it is drawn.

    Attributes
    ----------
    title, about : str
    signed : bool
        Whether it can be negative.
    picture : bool
        Whether it is a picture like the input: a flat area keeps its brightness.
    weight : float
        Sum of the absolute coefficients times the scale: the largest result of inputs up to 1.
    whole : bool
        Whether the coefficients are integers.
    """

    title: str
    about: str
    signed: bool
    picture: bool
    weight: float
    whole: bool


@dataclass(frozen=True, eq=False)
class DrawnFilter:
    """A filter or a bank: its feature maps, and the operation that computes them."""

    name: str
    maps: tuple[FilterMap, ...]
    operation: Recipe
    rendering: Rendering


def drawn_filter(one: Filter | Bank, window: SlidingWindow, rendering: Rendering) -> DrawnFilter:
    """Return what is drawn of a filter: pixels as `apply` writes them, a picture, or values of a channel.

    Raises
    ------
    KernelError, UsageError
        Its result is not defined.
    """
    if isinstance(one, Filter):
        maps = [_map_of_filter(one, rendering)]
        takes_all_channels = maps[0].picture
    else:
        maps = _maps_of_bank(one, rendering)
        takes_all_channels = one.taps.shape[2] > 1
    if rendering.signed in (None, SignedMapping.RAW):
        rendering = rendering._replace(signed=SignedMapping.RAW)
        if rendering.channels == Channels.EACH and not takes_all_channels:
            rendering = rendering._replace(channels=Channels.GRAY)
    made = convolution_recipe(one, window, rendering, measured=False)
    return DrawnFilter(one.name, tuple(maps), made, rendering)


def _map_of_filter(one: Filter, rendering: Rendering) -> FilterMap:
    taps = one.kernels[0]
    about = f"gain {one.gain:.4g}"
    if one.source == "typed" and taps.size <= MAX_TAPS:
        about = f"{format_matrix(taps).strip().replace(chr(10), '; ')}, {about}"
    scale = 1 / one.gain if rendering.scale is None and one.gain else rendering.scale or 0
    single = one.combination == Combination.SINGLE  # combined responses are never negative
    return FilterMap(
        one.name,
        about,
        signed=single and _has_both_signs(taps),
        picture=single and _keeps_brightness(taps, scale),
        weight=_weight(taps, scale),
        whole=_is_whole(taps),
    )


def _maps_of_bank(bank: Bank, rendering: Rendering) -> list[FilterMap]:
    taps = bank.taps.reshape(*bank.taps.shape[:3], -1)
    maps = []
    for number, name in enumerate(bank.map_names):
        step = name if bank.angles else f"{name} of {bank.count}"
        title = f"{bank.name}, {step}" if bank.count > 1 or bank.angles else bank.name
        own = taps[..., number]
        scale = rendering.scale or 0
        maps.append(
            FilterMap(
                title,
                "",
                signed=_has_both_signs(own),
                picture=own.shape[2] == 1 and _keeps_brightness(own, scale),
                weight=_weight(own, scale),
                whole=_is_whole(own),
            )
        )
    return maps


def _weight(taps: Array, scale: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.abs(taps, dtype=np.float64).sum()) * abs(scale)


def _is_whole(taps: Array) -> bool:
    return not (taps % 1).any()


def _has_both_signs(taps: Array) -> bool:
    return bool((taps < 0).any()) and bool((taps > 0).any())


def _keeps_brightness(taps: Array, scale: float) -> bool:
    """Whether a flat area keeps its brightness, with or without the scale."""
    total = float(taps.sum())
    return any(abs(total * factor - 1) < 1e-6 for factor in (1, scale))
