"""Recipes that apply a bank of filters, which are as deep as the picture or give several maps."""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.convolution.borders import parse_border
from convcli.convolution.fused import filter_pixels
from convcli.convolution.planning import ImageKind, kernel_norm, largest_result, result_type
from convcli.convolution.rendering import SignedMapping, adjust
from convcli.convolution.weighted import AlphaMode, NanMode, sample_weights
from convcli.errors import KernelError, SizeError, UsageError
from convcli.kernels.banks import Bank
from convcli.kernels.filter import Combination, custom_filter
from convcli.layers.volumes import convolve_volume
from convcli.pictures.channels import Channels, channel_names, select_channels
from convcli.pictures.picture import Picture
from convcli.pipeline.recipes.notes import PixelNotes
from convcli.pipeline.recipes.recipe import InputKind, Recipe, Result, Work
from convcli.pipeline.recipes.rendering import Rendering
from convcli.pipeline.recipes.window import SlidingWindow, result_pixels
from convcli.sizes.text import format_size

__all__ = ["bank_recipe"]

Array = NDArray[Any]
PATCH_BYTES = 1 << 25  # what the patches of all threads take (measured)
SUM_BYTES = 4  # bytes per value of the sums, which become the maps
STATISTICS_BYTES = 4  # bytes per value while the maps are measured (measured)


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
    if bank.depth > 1 and rendering.channels == Channels.DEPTHWISE:
        raise UsageError(
            "--channels depthwise",
            f"is for filters of depth 1, but {bank.name} has a depth of {bank.depth}; use each or sum",
        )
    if bank.depth > 1 and rendering.channels not in (Channels.EACH, Channels.SUM):
        raise UsageError(
            f"--channels {rendering.channels}",
            f"selects one channel, but {bank.name} needs {bank.depth}; use each or sum",
        )
    if rendering.alpha == AlphaMode.FILTER:
        raise UsageError("--alpha filter", f"filters alpha by one matrix, but {bank.name} has several")
    as_numbers = bank.count > 1 if rendering.signed is None else rendering.signed == SignedMapping.RAW
    return Recipe(
        bank.name,
        partial(_filter_picture, bank, window, rendering),
        partial(_estimate, bank, window, rendering),
        as_numbers or None,
    )


def _estimate(
    bank: Bank, window: SlidingWindow, rendering: Rendering, picture: InputKind, as_numbers: bool
) -> Work:
    maps_per_filter = picture.size[2] if bank.depth == 1 and rendering.channels == Channels.EACH else 1
    taps = bank.taps.shape[0], bank.taps.shape[1]
    pixels, maps = result_pixels(taps, window, picture.size), bank.count * maps_per_filter
    is_weighed = any(rendering.may_weigh(picture, [matrix]) for matrix in _matrices(bank.taps))
    selected = rendering.selected(picture)
    filters = np.moveaxis(bank.taps.reshape(*taps, bank.depth, -1), 3, 0)
    empty = np.zeros((1, 1), selected.dtype)
    dtype = _result_dtype(empty, filters, window)
    itemsize = 8 if is_weighed else dtype.itemsize
    is_copied = is_weighed or maps_per_filter > 1 or rendering.scale != 1 or any(rendering.biases)
    value_bytes = STATISTICS_BYTES + (max(itemsize, SUM_BYTES) if is_copied else 0)
    return Work(
        pixels,
        maps,
        itemsize if as_numbers else min(picture.itemsize, 2),
        PATCH_BYTES + pixels * maps * value_bytes + rendering.selection_bytes(picture),
        is_maps=True,
    )


def _filter_picture(
    bank: Bank, window: SlidingWindow, rendering: Rendering, picture: Picture, as_numbers: bool
) -> Result:
    maps, notes = bank.map_names, tuple[str, ...]()
    biases = rendering.biases
    volumes = _Volumes(rendering, picture.alpha)
    if bank.depth == 1 and rendering.channels in (Channels.EACH, Channels.DEPTHWISE):
        is_depthwise = rendering.channels == Channels.DEPTHWISE
        values, maps = _filter_channels(bank, volumes, window, picture.pixels, depthwise=is_depthwise)
        if not is_depthwise:
            channels = len(maps) // bank.count
            biases = biases if len(biases) == 1 else biases * channels
            if bank.count % channels == 0 and channels > 1 and not bank.angles:
                notes = (
                    f"{bank.count} filters on {channels} channels give {len(maps)} maps; "
                    f"--channels depthwise gives each channel {bank.count // channels} of the filters",
                )
    else:
        values = _filter_volume(bank, volumes, window, rendering.channels, picture.pixels)
    scale = rendering.scale or 0
    if len(biases) > 1:
        adjusted = [adjust(values[..., k], scale=scale, bias=bias) for k, bias in enumerate(biases)]
        values = np.stack(adjusted, axis=-1)
    else:
        values = adjust(values, scale=scale, bias=biases[0])
    result_pixels, values_record, facts = rendering.render(values, picture, as_numbers)
    pixel_notes = PixelNotes.of(picture, result_pixels, facts)
    alpha = window.sample(picture.alpha, bank.taps.shape)
    result = picture.with_pixels(result_pixels, alpha, maps=bank.count > 1)
    result = replace(result, notes=(*notes, *result.notes, *pixel_notes.notes))
    record = {
        "filter": bank.name,
        "kernel": bank.taps.tolist(),
        "gain": None,
        "maps": list(maps),
        **window.record(),
        **values_record,
        "plan": None,
        **({} if picture.alpha is None else {"alpha": volumes.alpha_mode(bank.taps)}),
    }
    return Result(
        result, record, result.notes, map_names=maps,
        is_saturation_noted=pixel_notes.on_saturation, values=facts, pixel_notes=pixel_notes.notes,
    )  # fmt: skip


class _Volumes(NamedTuple):
    """Convolves with volumes, with pixels that count by their alpha and NaN that may be left out."""

    rendering: Rendering
    alpha: Array | None

    def convolve(self, pixels: Array, taps: Array, window: SlidingWindow) -> Array:
        """Return what `convolve_volume` returns; float64 where not all pixels count in full."""
        is_weighted = self.alpha is not None and self.alpha_mode(taps) == AlphaMode.WEIGHTED
        alpha = self.alpha if is_weighted else None
        planes = np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), 2, 0)
        weights = sample_weights(pixels, alpha, ignore_nan=self.rendering.nan == NanMode.IGNORE)
        if weights is None or len(planes) != taps.shape[2]:  # the latter is an error
            return convolve_volume(pixels, taps, **window._asdict())
        volumes = np.moveaxis(taps.reshape(*taps.shape[:3], -1), (3, 2), (0, 1))
        maps: Array | None = None
        for number, volume in enumerate(volumes):
            response = self._response(planes, volume, window)
            if maps is None:
                maps = np.empty((*response.shape, len(volumes)))
            maps[..., number] = response
        assert maps is not None
        return maps if taps.ndim == 4 else maps[..., 0]

    def _response(self, planes: Array, matrices: Array, window: SlidingWindow) -> Array:
        """Return the sum of the responses of all channels, each to its matrix."""
        total: Array | None = None
        for plane, matrix in zip(planes, matrices, strict=True):
            weights = self.rendering.weights(plane, self.alpha, [matrix])
            filter_ = custom_filter("channel", matrix)
            response = filter_pixels(plane, filter_, "raw", weights=weights, **window._asdict()).pixels
            total = response.astype(np.float64) if total is None else np.add(total, response, out=total)
        assert total is not None
        return total

    def alpha_mode(self, taps: Array) -> AlphaMode:
        """Return what alpha does: it weights a channel if one of the matrices for it averages."""
        modes = (self.rendering.alpha_mode([matrix]) for matrix in _matrices(taps))
        return next((mode for mode in modes if mode != AlphaMode.STRAIGHT), AlphaMode.STRAIGHT)


def _matrices(taps: Array) -> Array:
    """Return the matrices of all filters and channels, (n, f_h, f_w)."""
    matrices: Array = np.moveaxis(taps.reshape(*taps.shape[:2], -1), 2, 0)
    return matrices


def _filter_channels(
    bank: Bank, volumes: _Volumes, window: SlidingWindow, pixels: Array, *, depthwise: bool
) -> tuple[Array, tuple[str, ...]]:
    """Filter each channel on its own, by all filters or, if `depthwise`, by its share of them.

    Returns
    -------
    array (H', W', C * F), or (H', W', F) if `depthwise`; names of its maps
        The maps of the first channel, then those of the second, and so on.
    """
    height, width = bank.taps.shape[:2]
    taps = bank.taps.reshape(height, width, 1, -1)
    planes = pixels.reshape(*pixels.shape[:2], -1)
    channels, share = planes.shape[2], bank.count
    if depthwise:
        share = bank.count // channels
        if share * channels != bank.count:
            raise SizeError(
                bank.name,
                f"has {bank.count} filters, but the picture has {channels} channels, which must get "
                "equally many; use --channels each to apply all filters to every channel",
            )
    maps, names = [], []
    for number, channel in enumerate(channel_names(channels)):
        first = number * share if depthwise else 0
        maps.append(
            volumes.convolve(planes[..., number : number + 1], taps[..., first : first + share], window)
        )
        prefix = "" if channels == 1 else f"{channel}, " if channels == 3 else f"channel {channel}, "
        names += [f"{prefix}{name}" for name in bank.map_names[first : first + share]]
    values = maps[0] if len(maps) == 1 else np.concatenate(maps, axis=-1)
    return values[..., 0] if values.shape[2] == 1 and bank.taps.ndim == 3 else values, tuple(names)


def _filter_volume(
    bank: Bank, volumes: _Volumes, window: SlidingWindow, channels: Channels, pixels: Array
) -> Array:
    """Sum the products over all channels of the picture, or filter the selected one."""
    if bank.depth == 1:
        window = window.for_channels(channels, pixels.shape)
        pixels = select_channels(pixels, channels)
    depth = pixels.shape[2] if pixels.ndim == 3 else 1
    if bank.taps.ndim == 4 and bank.depth != depth == bank.taps.shape[1]:
        raise SizeError(
            bank.name,
            f"its filters have {bank.depth} channels ({format_size(bank.taps.shape)}), but the "
            f"picture has {depth}; if the axes are (F, C, f, f), add --order oihw",
        )
    if bank.combination == Combination.SINGLE:
        return volumes.convolve(pixels, bank.taps, window)
    return _combine_responses(bank, volumes, window, pixels)


def _result_dtype(
    pixels: Array, filters: Array, window: SlidingWindow, combination: Combination = Combination.SINGLE
) -> np.dtype[Any]:
    """Return the dtype of the results of filters, (F, f_h, f_w, depth)."""
    kind, norms = ImageKind.of(pixels), map(kernel_norm, filters)
    bound = largest_result(kind.largest, norms, parse_border(window.border), combination)
    return np.dtype(result_type(kind.dtype, bound))


def _combine_responses(bank: Bank, volumes: _Volumes, window: SlidingWindow, pixels: Array) -> Array:
    """Combine the responses of all filters into one map, (H', W'): one response at a time is held."""
    is_norm = bank.combination == Combination.MAGNITUDE
    join = np.maximum if bank.combination == Combination.ABSOLUTE_MAXIMUM else np.add
    filters = np.moveaxis(bank.taps.reshape(*bank.taps.shape[:3], -1), 3, 0)
    dtype = _result_dtype(pixels, filters, window, bank.combination)
    total: Array | None = None
    with np.errstate(over="ignore", invalid="ignore"):  # the image may hold infinity
        for taps in filters:
            response = np.abs(volumes.convolve(pixels, taps, window))
            dtype = np.promote_types(dtype, response.dtype)  # weighted responses are floats
            if is_norm:
                response = np.square(response, dtype=np.float64)
            if total is None:
                total = response if is_norm else response.astype(dtype, copy=False)
            else:
                join(total, response, out=total)
        assert total is not None
        return np.sqrt(total).astype(np.float64 if dtype == np.float64 else np.float32) if is_norm else total
