"""Convolutions, transposed convolutions and dense layers of Keras."""

import re
from collections.abc import Callable
from math import prod
from typing import Any

from convcli.networks.layer_types.convolution import Convolution, TransposedConvolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.models.keras.layer_call import LayerCall
from convcli.networks.models.operations import Array, OperationKind, Weight
from convcli.sizes.text import NamedPadding

__all__ = ["CONVOLUTIONS", "channel_axis", "dense", "geometry", "has_bias", "named_padding", "rank_of_class"]


def rank_of_class(class_name: str) -> int:
    """Return the 2 of Conv2D.

    Examples
    --------
    >>> rank_of_class("Conv2DTranspose"), rank_of_class("SeparableConv1D")
    (2, 1)
    """
    found = re.search("([123])D", class_name)
    return int(found[1]) if found else 2


def channel_axis(call: LayerCall, rank: int) -> int:
    """Return the axis of the channels of an array with `rank` sides."""
    return 1 if call.config.channels_first else rank + 1


def named_padding(call: LayerCall) -> NamedPadding:
    """Return the padding of a layer that has ``same`` or ``valid``."""
    text = call.config.text("padding", "valid").lower()
    if text not in ("same", "valid"):
        call.config.fail("padding", "same or valid")
    return NamedPadding(text)


def geometry(call: LayerCall, rank: int) -> dict[str, Any]:
    """Return window, stride, padding and dilation."""
    config = call.config
    window = config.numbers("kernel_size", rank)
    dilation = config.numbers("dilation_rate", rank, 1)
    if rank == 1 and config.get("padding") == "causal":
        padding: Any = ((dilation[0] * (window[0] - 1), 0),)
    elif window == (1,) * rank:  # of which same adds nothing
        padding = NamedPadding.VALID
    else:
        padding = named_padding(call)
    return {
        "window": window,
        "stride": config.numbers("strides", rank, 1),
        "padding": padding,
        "dilation": dilation,
    }


def _convolution(call: LayerCall) -> Array:
    rank = rank_of_class(call.layer.class_name)
    filters, groups = call.config.number("filters"), call.config.number("groups", 1)
    channels = call.shape(call.input, rank + 2)[channel_axis(call, rank)]
    layer = Convolution(filters=filters, groups=groups, bias=has_bias(call), **geometry(call, rank))
    kernel = call.weight("kernel", (*layer.window, channels // groups, filters))
    return _activated(call, rank, _applied(call, layer, call.input, rank, kernel))


def has_bias(call: LayerCall) -> bool:
    """Whether a layer has a bias."""
    return call.config.flag("use_bias", default=True)


def _applied(
    call: LayerCall, layer: Convolution | TransposedConvolution, array: Array, rank: int, kernel: Weight
) -> Array:
    """Record a convolution of an array, with its kernel and bias."""
    weights = [kernel, *[call.weight("bias", (layer.filters or 0,))] * layer.bias]
    return call.apply(layer, array, weights, channel_axis=channel_axis(call, rank))


def _activated(call: LayerCall, rank: int, array: Array) -> Array:
    return call.activate(array, channel_axis=channel_axis(call, rank))


def _depthwise(call: LayerCall) -> Array:
    rank = rank_of_class(call.layer.class_name)
    return _activated(call, rank, _depthwise_step(call, rank, "kernel", bias=has_bias(call)))


def _depthwise_step(call: LayerCall, rank: int, name: str, *, bias: bool) -> Array:
    """Record the convolution of each channel by itself."""
    multiplier = call.config.number("depth_multiplier", 1)
    channels = call.shape(call.input, rank + 2)[channel_axis(call, rank)]
    layer = Convolution(filters=channels * multiplier, groups=channels, bias=bias, **geometry(call, rank))
    return _applied(call, layer, call.input, rank, call.weight(name, (*layer.window, channels, multiplier)))


def _separable(call: LayerCall) -> Array:
    rank = rank_of_class(call.layer.class_name)
    filters = call.config.number("filters")
    spatial = _depthwise_step(call, rank, "depthwise_kernel", bias=False)
    channels = call.shape(spatial)[channel_axis(call, rank)]
    ones: Any = (1,) * rank
    layer = Convolution(
        window=ones, filters=filters, bias=has_bias(call), stride=ones, dilation=ones,
        padding=NamedPadding.VALID,
    )  # fmt: skip
    kernel = call.weight("pointwise_kernel", (*ones, channels, filters))
    return _activated(call, rank, _applied(call, layer, spatial, rank, kernel))


def _transposed(call: LayerCall) -> Array:
    """Record a transposed convolution.

    Its output has n s pixels with padding ``same``, and (n - 1) s + max(f_eff, s) with ``valid``; a given
    output padding replaces what these add.
    """
    rank = rank_of_class(call.layer.class_name)
    config, options = call.config, geometry(call, rank)
    filters, groups = config.number("filters"), config.number("groups", 1)
    window, stride, dilation = (options[key] for key in ("window", "stride", "dilation"))
    extents = [d * (f - 1) + 1 for f, d in zip(window, dilation, strict=True)]
    if config.get("output_padding") is not None:
        added = config.numbers("output_padding", rank, minimum=0)
        if options["padding"] == NamedPadding.SAME:
            options["padding"] = tuple((extent // 2, extent // 2) for extent in extents)
        options["output_padding"] = added
    elif options["padding"] == NamedPadding.VALID:
        options["output_padding"] = tuple(
            max(s - extent, 0) for s, extent in zip(stride, extents, strict=True)
        )
    else:
        options["output_padding"] = (0,) * rank
    channels = call.shape(call.input, rank + 2)[channel_axis(call, rank)]
    layer = TransposedConvolution(filters=filters, groups=groups, bias=has_bias(call), **options)
    kernel = call.weight("kernel", (*window, filters // groups, channels))
    return _activated(call, rank, _applied(call, layer, call.input, rank, kernel))


def dense(
    call: LayerCall, array: Array, units: int, name: str = "", *, bias: bool, kernel: tuple[int, ...] = ()
) -> Array:
    """Record a dense layer over the last axis; the names of its weights begin with `name`.

    Parameters
    ----------
    kernel : tuple of int
        The shape of the kernel, where Keras stores it otherwise than as ``(inputs, units)``.
    """
    shape = call.shape(array)
    prefix = f"{name}." if name else ""
    weights = [call.weight(f"{prefix}kernel", kernel or (shape[-1], units))]
    weights += [call.weight(f"{prefix}bias", (units,))] * bias
    return call.emit(
        OperationKind.LAYER,
        [array],
        (*shape[:-1], units),
        weights,
        layer=Dense(units=units, bias=bias),
        channel_axis=len(shape) - 1,
    )


def _dense(call: LayerCall) -> Array:
    units, bias = call.config.number("units"), call.config.flag("use_bias", default=True)
    return call.activate(dense(call, call.input, units, bias=bias))


def _einsum_dense(call: LayerCall) -> Array:
    """Record a product with a kernel by an equation such as ``abc,cd->abd``.

    Its multiply-accumulates are the product of all axes of the equation.
    """
    config = call.config
    equation = config.text("equation").replace(" ", "")
    shape = call.shape(call.input)
    left, _, result = equation.partition("->")
    given, _, kernel = left.partition(",")
    given, result = (text.replace("...", "") for text in (given, result))
    if not (given and kernel and result) or len(given) > len(shape):
        config.fail("equation", "an equation such as abc,cd->abd that fits the input")
    lengths = dict(zip(given, shape[len(shape) - len(given) :], strict=True))
    stated = config.get("output_shape")
    made = stated if isinstance(stated, list) else [stated]
    for letter, length in zip(reversed(result), reversed(made), strict=False):
        if letter not in lengths and type(length) is int and length > 0:
            lengths[letter] = length
    if any(letter not in lengths for letter in kernel + result):
        config.fail("output_shape", f"the axes of {equation}")
    free = shape[: len(shape) - len(given)]
    weights = [call.weight("kernel", [lengths[letter] for letter in kernel])]
    bias_axes = config.get("bias_axes")
    if isinstance(bias_axes, str):
        weights.append(call.weight("bias", [lengths[letter] for letter in result if letter in bias_axes]))
    output = (*free, *(lengths[letter] for letter in result))
    summed = [letter for letter in given if letter not in result]
    if summed == [given[-1]] and result[:-1] == given[:-1] and kernel == given[-1] + result[-1]:
        bias = isinstance(bias_axes, str)
        layer = Dense(units=output[-1], bias=bias)
        array = call.emit(
            OperationKind.LAYER, [call.input], output, weights, layer=layer, channel_axis=len(shape) - 1
        )
    else:
        macs = prod(free) * prod(lengths.values())
        array = call.emit(OperationKind.MATMUL, [call.input], output, weights, macs=macs)
    return call.activate(array)


def _shared(kinds: str, function: Callable[[LayerCall], Array]) -> dict[str, Callable[[LayerCall], Array]]:
    return dict.fromkeys(kinds.split(), function)


CONVOLUTIONS: dict[str, Callable[[LayerCall], Array]] = {
    **_shared("Conv1D Conv2D Conv3D Convolution1D Convolution2D Convolution3D", _convolution),
    **_shared("DepthwiseConv1D DepthwiseConv2D", _depthwise),
    **_shared("SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D", _separable),
    **_shared("Conv1DTranspose Conv2DTranspose Conv3DTranspose", _transposed),
    **_shared("Convolution2DTranspose Convolution3DTranspose", _transposed),
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
}
