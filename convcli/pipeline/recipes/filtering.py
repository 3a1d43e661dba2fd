"""Recipes that apply a filter."""

import math
import os
from collections.abc import Sequence
from functools import partial

from convcli.cli.reports.results import result_facts
from convcli.convolution.engine import center_pixels
from convcli.convolution.fused import filter_pixels
from convcli.convolution.rendering import SignedMapping
from convcli.errors import KernelError, UsageError
from convcli.kernels.banks import Bank, orientation_bank
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Filter
from convcli.kernels.named import get_filter
from convcli.kernels.typed import is_kernel_file, typed_kernel
from convcli.pictures.channels import Channels, select_channels
from convcli.pictures.picture import Picture
from convcli.pipeline.recipes.recipe import Recipe, Result
from convcli.pipeline.recipes.rendering import WORKING_BYTES, Rendering, render_values, typed_number
from convcli.pipeline.recipes.window import SlidingWindow, result_size

__all__ = ["filter_recipe", "kernel_files", "read_filters"]


def read_filters(
    names: list[str],
    kernels: list[str],
    banks: list[str],
    *,
    angle: str | None,
    size: str | None,
    order: str | None = None,
    inputs: Sequence[str] = (),
) -> list[Filter | Bank]:
    """Build the filters of the options: the named ones, the kernels and the banks.

    Raises
    ------
    UsageError
        No filter was given, or one cannot be built.
    """
    for name in names:
        if name.startswith("@") or is_kernel_file(name):
            raise UsageError(name[:100], f"is a file, not a name: --kernel @{name.removeprefix('@')}")
    if not names and not kernels and not banks:
        for name in inputs:
            if name.partition(":")[0].lower() in CATALOG and not os.path.lexists(name):
                raise UsageError(name[:100], f"is a filter, not a picture: --filter {name}")
        raise UsageError("--filter", "missing; as in --filter sobel-x (convcli filters lists them)")
    if (kernels or banks) and not (angle is None and size is None):
        option = "--kernel" if kernels else "--bank"
        raise UsageError(option, "cannot be combined with --angle and --size, which are for named filters")
    parameters = {"angle": typed_number("--angle", angle), "size": typed_number("--size", size)}
    if order is not None and not any(text.startswith("@") for text in kernels):
        raise UsageError("--order", "is for weights from a file, as in --kernel @weights.npz:conv1.weight")
    named = [get_filter(name, **parameters) for name in names]
    return [*named, *(typed_kernel(text, order) for text in kernels), *map(orientation_bank, banks)]


def kernel_files(kernels: list[str]) -> list[str]:
    """Return the files that the kernels are read from."""
    named = [text[1:] for text in kernels if text.startswith("@")]
    if not named:
        return []
    from convcli.kernels.weights import split_weights  # late: most filters do not come from files

    return [split_weights(text)[0] for text in named]


def filter_recipe(one: Filter, window: SlidingWindow, rendering: Rendering, *, measured: bool) -> Recipe:
    """Make the operation that applies a filter; `measured` computes the statistics of its result.

    Raises
    ------
    KernelError
        The gain to divide by is zero.
    """
    scale = rendering.scale
    if scale is None:
        scale = 1 / one.gain if one.gain else math.inf
        if not math.isfinite(scale):
            raise KernelError(one.name, f"has a gain of {one.gain:g}, so --scale gain cannot divide by it")
    if len(rendering.biases) > 1:
        raise UsageError(
            "--bias", f"has {len(rendering.biases)} numbers, but there is one filter; give one number"
        )
    numbers = None if rendering.signed is None else rendering.signed == SignedMapping.RAW
    height, width = one.kernels[0].shape
    maps = None if rendering.channels == Channels.EACH else 1
    return Recipe(
        one.name,
        partial(_filter_picture, one, window, rendering, scale, measured),
        partial(result_size, (height, width), maps, window),
        numbers,
        between=WORKING_BYTES if rendering.relu else 0,
    )


def _filter_picture(
    one: Filter,
    window: SlidingWindow,
    rendering: Rendering,
    scale: float,
    measured: bool,
    picture: Picture,
    numbers: bool,
) -> Result:
    """Select the channels, convolve, scale, and turn the result into pixels unless `numbers` keeps values."""
    pixels = select_channels(picture.pixels, rendering.channels)
    how = rendering.signed or (SignedMapping.RAW if numbers else SignedMapping.ABS)
    filtered = filter_pixels(
        pixels,
        one,
        SignedMapping.RAW if rendering.relu else how,
        scale=scale,
        bias=rendering.biases[0],
        depth=picture.depth,
        measured=measured and not rendering.relu,
        stride=window.stride,
        padding=window.padding,
        border=window.border_for(rendering.channels, picture.pixels),
        dilation=window.dilation,
        flip=window.flip,
        jobs=window.jobs,
    )
    alpha = picture.alpha
    if alpha is not None:
        height, width = one.kernels[0].shape
        alpha = center_pixels(
            alpha, (height, width), stride=window.stride, padding=window.padding, dilation=window.dilation
        )
    made = filtered.pixels
    told: dict[str, object] = {"saturated": filtered.saturated}
    if rendering.relu:
        made, told = render_values(filtered.pixels, how, rendering, picture)
    elif filtered.numbers is not None:
        told = result_facts(picture.pixels.shape, made.shape, filtered.dtype, filtered.numbers) | told
    result = picture.with_pixels(made, alpha)
    matrices = [matrix.tolist() for matrix in one.kernels]
    facts = {
        "filter": one.name,
        "kernel": matrices[0] if len(matrices) == 1 else matrices,
        "gain": one.gain,
        **window.facts(),
    }
    return Result(result, facts | told | {"plan": str(filtered.plan)}, result.notes)
