"""Pooling, padding, cropping and resizing layers of Keras."""

from collections.abc import Callable
from typing import Any

from convcli.networks.layer_types.cropping import Crop
from convcli.networks.layer_types.elementwise import Pad
from convcli.networks.layer_types.pooling import AdaptiveKind, AdaptivePooling, Pooling, PoolingKind
from convcli.networks.layer_types.resizing import Upsample, UpsampleMode
from convcli.networks.models.keras.convolutions import channel_axis, named_padding, rank_of_class
from convcli.networks.models.keras.layer_call import LayerCall
from convcli.networks.models.operations import Array

__all__ = ["POOLING", "interpolation_mode"]


def _pooling(call: LayerCall) -> Array:
    rank = rank_of_class(call.layer.class_name)
    config, axis = call.config, channel_axis(call, rank)
    window: Any = config.numbers("pool_size", rank, 2)
    is_given = config.get("strides") is not None
    stride: Any = config.numbers("strides", rank) if is_given else window
    ones: Any = (1,) * rank
    kind = PoolingKind.MAX if "Max" in call.layer.class_name else PoolingKind.AVERAGE
    layer = Pooling(
        window=window,
        stride=stride,
        padding=named_padding(call),
        dilation=ones,
        type=kind,
    )
    call.shape(call.input, rank + 2)
    return call.apply(layer, call.input, channel_axis=axis)


def _kind(call: LayerCall) -> AdaptiveKind:
    return AdaptiveKind.MAX if "Max" in call.layer.class_name else AdaptiveKind.AVERAGE


def _global_pooling(call: LayerCall) -> Array:
    rank = rank_of_class(call.layer.class_name)
    axis = channel_axis(call, rank)
    shape = call.shape(call.input, rank + 2)
    ones: Any = (1,) * rank
    pooled = call.apply(
        AdaptivePooling(size=ones, type=_kind(call)),
        call.input,
        channel_axis=axis,
    )
    if call.config.flag("keepdims", default=False):
        return pooled
    return call.view(pooled, (shape[0], shape[axis]))


def _adaptive_pooling(call: LayerCall) -> Array:
    rank = rank_of_class(call.layer.class_name)
    call.shape(call.input, rank + 2)
    size: Any = call.config.numbers("output_size", rank)
    layer = AdaptivePooling(size=size, type=_kind(call))
    return call.apply(layer, call.input, channel_axis=channel_axis(call, rank))


def _amounts(call: LayerCall, key: str, rank: int) -> Any:
    """Return what is added or cut off: a number, one for each axis, or two for each axis."""
    value = call.config.get(key, 1)
    values = value if isinstance(value, list) else [value] * rank
    if rank == 1 and len(values) == 2 and all(type(each) is int for each in values):
        values = [values]
    pairs = []
    for each in values:
        pair = each if isinstance(each, list) else [each, each]
        if len(pair) != 2 or min(call.integers(pair, key)) < 0:
            call.config.fail(key, "whole numbers of at least 0")
        pairs.append((pair[0], pair[1]))
    if len(pairs) == 1:
        pairs *= rank
    if len(pairs) != rank:
        call.config.fail(key, f"{rank} whole numbers or pairs")
    return tuple(pairs)


def _zero_padding(call: LayerCall) -> Array:
    rank = rank_of_class(call.layer.class_name)
    call.shape(call.input, rank + 2)
    layer = Pad(padding=_amounts(call, "padding", rank))
    return call.apply(layer, call.input, channel_axis=channel_axis(call, rank))


def _cropping(call: LayerCall) -> Array:
    rank = rank_of_class(call.layer.class_name)
    call.shape(call.input, rank + 2)
    layer = Crop(amounts=_amounts(call, "cropping", rank))
    return call.apply(layer, call.input, channel_axis=channel_axis(call, rank))


def interpolation_mode(text: str) -> UpsampleMode:
    """Return the interpolation by Keras's name; the nearest kind for those that convcli lacks.

    Examples
    --------
    >>> str(interpolation_mode("bilinear")), str(interpolation_mode("nearest"))
    ('bilinear', 'nearest')
    """
    return UpsampleMode.NEAREST if text == "nearest" else UpsampleMode.BILINEAR


def _upsampling(call: LayerCall) -> Array:
    rank = rank_of_class(call.layer.class_name)
    call.shape(call.input, rank + 2)
    factor: Any = call.config.numbers("size", rank, 2)
    mode = interpolation_mode(call.config.text("interpolation", "nearest"))
    layer = Upsample(factor=factor, mode=mode)
    return call.apply(layer, call.input, channel_axis=channel_axis(call, rank))


def _image_axis(call: LayerCall) -> int:
    """Return the axis of the channels of an image, or of an image without the batch."""
    shape = call.shape(call.input, 4)
    return 1 if call.config.channels_first else len(shape) - 1


def _resizing(call: LayerCall) -> Array:
    axis = _image_axis(call)
    size = call.config.number("height"), call.config.number("width")
    mode = interpolation_mode(call.config.text("interpolation", "bilinear"))
    return call.apply(Upsample(size=size, mode=mode), call.input, channel_axis=axis)


def _center_crop(call: LayerCall) -> Array:
    """Record a crop; of an image that is too small, Keras resizes it."""
    axis = _image_axis(call)
    size = call.config.number("height"), call.config.number("width")
    shape = call.shape(call.input)
    sides = [side for index, side in enumerate(shape) if index not in (0, axis)]
    if any(kept > side for kept, side in zip(size, sides, strict=True)):
        return call.apply(Upsample(size=size, mode=UpsampleMode.BILINEAR), call.input, channel_axis=axis)
    return call.apply(Crop(size=size), call.input, channel_axis=axis)


def _shared(kinds: str, function: Callable[[LayerCall], Array]) -> dict[str, Callable[[LayerCall], Array]]:
    return dict.fromkeys(kinds.split(), function)


def _each(
    pattern: str, ranks: str, function: Callable[[LayerCall], Array]
) -> dict[str, Callable[[LayerCall], Array]]:
    return {pattern.replace("#", rank): function for rank in ranks}


POOLING: dict[str, Callable[[LayerCall], Array]] = {
    **_each("MaxPooling#D", "123", _pooling),
    **_each("MaxPool#D", "123", _pooling),
    **_each("AveragePooling#D", "123", _pooling),
    **_each("AvgPool#D", "123", _pooling),
    **_each("GlobalMaxPooling#D", "123", _global_pooling),
    **_each("GlobalMaxPool#D", "123", _global_pooling),
    **_each("GlobalAveragePooling#D", "123", _global_pooling),
    **_each("GlobalAvgPool#D", "123", _global_pooling),
    **_each("AdaptiveMaxPooling#D", "123", _adaptive_pooling),
    **_each("AdaptiveAveragePooling#D", "123", _adaptive_pooling),
    **_each("ZeroPadding#D", "123", _zero_padding),
    **_each("Cropping#D", "123", _cropping),
    **_each("UpSampling#D", "123", _upsampling),
    "Resizing": _resizing,
    "CenterCrop": _center_crop,
    "RandomCrop": _center_crop,
}
