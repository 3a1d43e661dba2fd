"""Rules of convolutions, pooling and padding, whose sizes are those of convcli's own layers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from convcli.errors import SizeError
from convcli.networks.layer_types.convolution import Convolution, TransposedConvolution
from convcli.networks.layer_types.cropping import Crop
from convcli.networks.layer_types.elementwise import Pad, PadMode
from convcli.networks.layer_types.pooling import AdaptiveKind, AdaptivePooling, Pooling, PoolingKind
from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.steps import Tensor, shape_text
from convcli.networks.models.shapes import layer_shape, size_without_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.networks.layer_types.base import Layer
    from convcli.networks.models.operations import Shape
    from convcli.networks.models.pytorch.steps import Step

__all__ = ["emit_layer"]

PAD_MODES = {"constant": PadMode.ZERO, "reflect": PadMode.MIRROR, "replicate": PadMode.EDGE}


def emit_layer(
    step: Step,
    layer: Layer,
    tensor: Tensor,
    axis: int,
    others: Sequence[Tensor] = (),
    **fields: Any,
) -> Tensor:
    """Add a layer that acts on the sides and channels of a tensor; `axis` is that of the channels.

    `others` are tensors that it reads, too.
    """
    shape = tensor.shape or ()
    return step.emit(
        OperationKind.LAYER,
        [tensor, *others],
        _output_shape(step, layer, shape, axis),
        layer=layer,
        channel_axis=axis,
        **fields,
    )


def _output_shape(step: Step, layer: Layer, shape: Shape, axis: int) -> Shape:
    """Return the shape of a layer's output, or refuse it with the name of the operation."""
    try:
        return layer_shape(layer, shape, axis)
    except SizeError as error:
        raise SizeError(f"{step.where}, {error.what}", error.why) from None


def _image(step: Step, name: str, rank: int) -> tuple[Tensor, int]:
    """Return an image with `rank` sides, and the axis of its channels: 0 if it has no batch."""
    tensor, shape = step.shaped(name, (rank + 1, rank + 2))
    if 0 in shape:
        step.impossible(f"its input is {shape_text(shape)}, which has no values")
    return tensor, len(shape) - rank - 1


# Convolutions ---------------------------------------------------------------------------------------------


@rule("conv1d", "conv2d", "conv3d", "convolution", "_convolution", "mkldnn_convolution", "thnn_conv2d",
      "_conv_depthwise2d", "conv_depthwise3d", "slow_conv3d", "slow_conv_dilated2d",
      "slow_conv_dilated3d")  # fmt: skip
def convolve(step: Step) -> Tensor:
    """A convolution, or a transposed one (``convolution`` has an argument for that)."""
    name = "input" if "input" in step.arguments else "self"
    kernel, kernel_shape = step.shaped("weight")
    rank = len(kernel_shape) - 2
    if rank not in (1, 2, 3):
        step.impossible(f"a kernel of {shape_text(kernel_shape)} has no sides; convolutions have 1 to 3")
    return _convolution(step, name, kernel, rank, is_transposed=step.flag("transposed"))


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def convolve_transposed(step: Step) -> Tensor:
    """A transposed convolution."""
    kernel, kernel_shape = step.shaped("weight")
    return _convolution(step, "input", kernel, len(kernel_shape) - 2, is_transposed=True)


def _convolution(step: Step, name: str, kernel: Tensor, rank: int, *, is_transposed: bool) -> Tensor:
    image, axis = _image(step, name, rank)
    shape, window = kernel.shape or (), tuple((kernel.shape or ())[2:])
    groups = step.integer("groups", 1)
    if groups < 1 or min(shape) < 1:
        step.impossible(f"a kernel of {shape_text(shape)} in {groups} groups is impossible")
    channels = (image.shape or ())[axis]
    expected = shape[0] if is_transposed else shape[1] * groups
    if channels != expected:
        step.impossible(
            f"its input has {channels} channels, but its kernel of {shape_text(shape)} is for {expected}"
        )
    stride = tuple(step.integers("stride", [1] * rank, rank))
    dilation = tuple(step.integers("dilation", [1] * rank, rank))
    bias = step.optional("bias")
    options: dict[str, Any] = {
        "window": window, "stride": stride, "dilation": dilation, "groups": groups, "bias": bias is not None,
    }  # fmt: skip
    padding = _padding(step, rank, window, dilation)
    layer: Layer
    if is_transposed:
        options["output_padding"] = tuple(step.integers("output_padding", [0] * rank, rank))
        layer = TransposedConvolution(filters=shape[1] * groups, padding=padding, **options)
    else:
        layer = Convolution(filters=shape[0], padding=padding, **options)
    if kernel.number is not None or (bias and bias.number is not None):  # computed from the input
        return _computed_convolution(step, layer, image, axis, [kernel, *([bias] if bias else [])])
    read, weights = step.weights_of(kernel, bias)
    return emit_layer(step, layer, step.computed(image), axis, read, weights=weights)


def _computed_convolution(step: Step, layer: Layer, image: Tensor, axis: int, others: list[Tensor]) -> Tensor:
    """Add a convolution whose kernel is computed from the input: a product of two arrays."""
    given = image.shape or ()
    size = size_without_batch(given, axis)
    shape = _output_shape(step, layer, given, axis)
    macs = (layer.macs(size) or 0) * prod(given[:axis])
    return step.emit(OperationKind.MATMUL, [image, *others], shape, macs=macs, is_work=True)


def _padding(step: Step, rank: int, window: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    named = step.arguments.get("padding")
    if named == "same":
        totals = [d * (f - 1) for f, d in zip(window, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if named == "valid":
        return ((0, 0),) * rank
    return tuple((amount, amount) for amount in step.integers("padding", [0] * rank, rank))


@rule("torchvision.deform_conv2d")
def convolve_deformed(step: Step) -> Tensor:
    """A convolution whose taps are moved by offsets; the interpolation between pixels is not counted."""
    image, axis = _image(step, "input", 2)
    kernel, shape = step.shaped("weight", (4,))
    stride, padding, dilation = (
        tuple(step.integer(f"{name}_{way}", default) for way in ("h", "w"))
        for name, default in (("stride", 1), ("pad", 0), ("dilation", 1))
    )
    layer = Convolution(
        window=shape[2:],
        filters=shape[0],
        stride=stride,
        padding=tuple((amount, amount) for amount in padding),
        dilation=dilation,
        groups=step.integer("groups", step.integer("weight_groups", 1)),
    )
    given = image.shape or ()
    size = size_without_batch(given, axis)
    output = _output_shape(step, layer, given, axis)
    others = [step.tensor(name) for name in ("offset", "mask", "bias") if step.has(name)]
    macs = (layer.macs(size) or 0) * prod(given[:axis])
    return step.emit(
        OperationKind.OTHER,
        [image, kernel, *others],
        output,
        macs=macs,
        is_work=True,
    )


# Pooling --------------------------------------------------------------------------------------------------


@rule("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d")
def pool(step: Step) -> Tensor:
    """Pooling with a window."""
    rank = int(step.source[-2])
    return _pooling(step, rank, PoolingKind.MAX if "max" in step.source else PoolingKind.AVERAGE)


def _pooling(step: Step, rank: int, kind: PoolingKind) -> Tensor:
    image, axis = _image(step, "self", rank)
    window = tuple(step.integers("kernel_size", count=rank))
    layer = Pooling(
        window=window,
        stride=tuple(step.integers("stride", window, rank)),
        padding=_padding(step, rank, window, window),
        dilation=tuple(step.integers("dilation", [1] * rank, rank)),
        ceil=step.flag("ceil_mode"),
        type=kind,
    )
    return emit_layer(step, layer, image, axis)


@rule("max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices")
def pool_with_indices(step: Step) -> tuple[Tensor, Tensor]:
    """Maximum pooling that also returns the positions of the maxima."""
    output = _pooling(step, int(step.source[len("aten.max_pool")]), PoolingKind.MAX)
    return output, Tensor(output.shape, output.number, "int64")


@rule("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
      "_adaptive_avg_pool2d", "_adaptive_avg_pool3d")  # fmt: skip
def pool_to_size(step: Step) -> Tensor:
    """Average pooling to a given size."""
    return _adaptive(step, AdaptiveKind.AVERAGE)


@rule("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def pool_maxima_to_size(step: Step) -> tuple[Tensor, Tensor]:
    """Maximum pooling to a given size, with the positions of the maxima."""
    output = _adaptive(step, AdaptiveKind.MAX)
    return output, Tensor(output.shape, output.number, "int64")


def _adaptive(step: Step, kind: AdaptiveKind) -> Tensor:
    rank = int(step.source[-2])
    image, axis = _image(step, "self", rank)
    size = tuple(step.integers("output_size", count=rank))
    return emit_layer(step, AdaptivePooling(size=size, type=kind), image, axis)


# Padding --------------------------------------------------------------------------------------------------


@rule("pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d",
      "replication_pad1d", "replication_pad2d", "replication_pad3d", "_pad_circular")  # fmt: skip
def pad(step: Step) -> Tensor:
    """Padding, from the last axis backwards; negative amounts cut off."""
    tensor, shape = step.shaped("self")
    amounts = step.integers("padding" if "padding" in step.arguments else "pad")
    if len(amounts) % 2 or len(amounts) > 2 * len(shape):
        step.fail(f"has {len(amounts)} amounts of padding for {len(shape)} axes")
    by_axis = [(0, 0)] * (len(shape) - len(amounts) // 2)
    by_axis += [(amounts[at], amounts[at + 1]) for at in range(len(amounts) - 2, -1, -2)]
    output = tuple(side + sum(pair) for side, pair in zip(shape, by_axis, strict=True))
    if min(output, default=0) < 0:
        step.impossible(f"padding {amounts} leaves nothing of {shape_text(shape)}")
    padded = [axis for axis, pair in enumerate(by_axis) if any(pair)]
    if not padded:
        return step.emit(OperationKind.IDENTITY, [tensor], shape)
    mode = next((word for word in ("reflect", "replicat", "circular") if word in step.source), "")
    mode = {"replicat": "replicate"}.get(mode, mode) or str(step.arguments.get("mode") or "constant")
    # The channels are the axis after the batch, or the last one if it is not padded and that one is.
    axis = 1 if 1 not in padded else len(shape) - 1
    if len(shape) < 3 or len(shape) > 5 or 0 in padded or axis in padded or mode not in PAD_MODES:
        return step.other([tensor], output)
    if step.number("value", 0) and mode == "constant":
        return step.other([tensor], output)
    pairs: Any = tuple(pair for at, pair in enumerate(by_axis) if at not in (0, axis))
    amounts_of_pairs = [amount for pair in pairs for amount in pair]
    layer: Layer
    if min(amounts_of_pairs) >= 0:
        layer = Pad(padding=pairs, mode=PAD_MODES[mode])
    elif max(amounts_of_pairs) <= 0:
        layer = Crop(amounts=tuple((-before, -after) for before, after in pairs))
    else:
        return step.other([tensor], output)
    return emit_layer(step, layer, tensor, axis)
