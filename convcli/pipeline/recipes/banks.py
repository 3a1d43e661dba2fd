"""Recipes that apply a bank of filters, which are as deep as the picture or give several maps."""

from functools import partial

import numpy as np

from convcli.convolution.rendering import SignedMapping, adjust
from convcli.errors import KernelError, SizeError, UsageError
from convcli.kernels.banks import Bank
from convcli.layers.volumes import convolve_volume
from convcli.pictures.channels import Channels, select_channels
from convcli.pictures.picture import Picture
from convcli.pipeline.recipes.recipe import Recipe, Result
from convcli.pipeline.recipes.rendering import EXTRA_BYTES, Rendering
from convcli.pipeline.recipes.window import SlidingWindow, result_size
from convcli.sizes.text import format_size

__all__ = ["bank_recipe"]


def bank_recipe(bank: Bank, window: SlidingWindow, rendering: Rendering) -> Recipe:
    """Make the recipe that applies a bank; several feature maps stay values unless pixels are requested.

    Raises
    ------
    KernelError, UsageError
        An option is not defined for a bank.
    """
    if rendering.scale is None:
        raise KernelError(bank.name, "is a volume and has no gain for --scale gain; give --scale a number")
    if len(rendering.biases) not in (1, bank.count):
        raise UsageError(
            "--bias",
            f"has {len(rendering.biases)} numbers, but there are {bank.count} filters; "
            f"give one number or {bank.count}",
        )
    if bank.taps.shape[2] > 1 and rendering.channels not in (Channels.EACH, Channels.SUM):
        raise UsageError(
            f"--channels {rendering.channels}",
            f"selects one channel, but {bank.name} needs {bank.taps.shape[2]}; use each or sum",
        )
    as_numbers = bank.count > 1 if rendering.signed is None else rendering.signed == SignedMapping.RAW
    return Recipe(
        bank.name,
        partial(_filter_picture, bank, window, rendering),
        partial(result_size, bank.taps.shape[:2], bank.count, window),
        as_numbers or None,
        extra_bytes=EXTRA_BYTES,
        maps=bank.map_names,
    )


def _filter_picture(
    bank: Bank, window: SlidingWindow, rendering: Rendering, picture: Picture, as_numbers: bool
) -> Result:
    pixels, channel_window = picture.pixels, window
    if bank.taps.shape[2] == 1:
        channels = Channels.SUM if rendering.channels == Channels.EACH else rendering.channels
        channel_window = window.for_channels(channels, pixels)
        pixels = select_channels(pixels, channels)
    depth = pixels.shape[2] if pixels.ndim == 3 else 1
    if bank.taps.ndim == 4 and bank.taps.shape[2] != depth == bank.taps.shape[1]:
        raise SizeError(
            bank.name,
            f"its filters have {bank.taps.shape[2]} channels ({format_size(bank.taps.shape)}), but the "
            f"picture has {depth}; if the axes are (F, C, f, f), add --order oihw",
        )
    values = convolve_volume(pixels, bank.taps, **channel_window._asdict())
    scale = rendering.scale or 0
    if len(rendering.biases) > 1:
        maps = [adjust(values[..., k], scale=scale, bias=bias) for k, bias in enumerate(rendering.biases)]
        values = np.stack(maps, axis=-1)
    else:
        values = adjust(values, scale=scale, bias=rendering.biases[0])
    result_pixels, values_record = rendering.render(values, picture, as_numbers)
    alpha = window.sample(picture.alpha, bank.taps.shape)
    result = picture.with_pixels(result_pixels, alpha, maps=bank.count > 1)
    record = {
        "filter": bank.name,
        "kernel": bank.taps.tolist(),
        "gain": None,
        **window.record(),
        **values_record,
        "plan": None,
    }
    return Result(result, record, result.notes)
