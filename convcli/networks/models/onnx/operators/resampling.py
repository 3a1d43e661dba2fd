"""Operators that change an image's size: resize, upsample, pixel shuffles, sampling at computed places."""

from collections.abc import Sequence
from math import floor

from convcli.networks.layer_types.resizing import Upsample, UpsampleMode
from convcli.networks.layer_types.shuffling import PixelShuffle, PixelUnshuffle
from convcli.networks.models.onnx.call import Call, Results, Rule, UnknownNumbersError
from convcli.networks.models.onnx.tensors import Number
from convcli.networks.models.onnx.values import Value
from convcli.networks.models.operations import OperationKind, Shape

__all__ = ["RULES"]

MODES = {
    "nearest": UpsampleMode.NEAREST,
    "linear": UpsampleMode.BILINEAR,
    "bilinear": UpsampleMode.BILINEAR,
    "cubic": UpsampleMode.BICUBIC,
}


def resize(call: Call) -> Results:
    """Resize: by scales, or to sizes; of some axes from opset 18 on."""
    if call.opset < 11:
        return upsample(call)
    shape, sizes, scales = call.shape(), call.optional(3), call.optional(2)
    chosen = call.integers("axes")
    axes = range(len(shape)) if chosen is None else [call.axis(axis, len(shape)) for axis in chosen]
    result = list(shape)
    if sizes is not None and sizes.shape != (0,):
        asked: Sequence[int] = call.known_integers(3) or ()
        _check_count(call, asked, axes)
        asked = _kept_aspect(call, asked, [shape[axis] for axis in axes])
        for axis, side in zip(axes, asked, strict=True):
            result[axis] = side
        return _resized(call, tuple(result), None)
    factors = _known_scales(call, scales)
    _check_count(call, factors, axes)
    for axis, factor in zip(axes, factors, strict=True):
        result[axis] = floor(shape[axis] * factor)
    return _resized(call, tuple(result), factors)


def _check_count(call: Call, numbers: Sequence[Number], axes: Sequence[int]) -> None:
    if len(numbers) != len(axes):
        call.fail(f"has {len(numbers)} scales or sizes for {len(axes)} axes")


def _known_scales(call: Call, scales: Value | None) -> Sequence[Number]:
    if scales is None:
        call.fail("has neither scales nor sizes")
    if scales.numbers is None:
        raise UnknownNumbersError
    return scales.numbers


def _kept_aspect(call: Call, sizes: Sequence[int], sides: Sequence[int]) -> Sequence[int]:
    """Return sizes by one scale for all axes, where the policy asks for that.

    Source: https://onnx.ai/onnx/operators/onnx__Resize.html, keep_aspect_ratio_policy
    """
    policy = call.text("keep_aspect_ratio_policy", "stretch")
    if policy not in ("not_larger", "not_smaller"):
        return sizes
    ratios = [size / side for size, side in zip(sizes, sides, strict=True)]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return [floor(scale * side + 0.5) for side in sides]


def upsample(call: Call) -> Results:
    """Upsample and Resize up to opset 10: scales are an attribute or an input."""
    shape = call.shape()
    scales = call.optional(1)
    found = call.attributes.get("scales")
    factors = found.numbers if found is not None and scales is None else _known_scales(call, scales)
    _check_count(call, factors, range(len(shape)))
    return _resized(call, tuple(floor(side * by) for side, by in zip(shape, factors, strict=True)), factors)


def _resized(call: Call, result: Shape, factors: Sequence[Number] | None) -> Value:
    data, shape = call.input(), call.shape()
    rank = len(shape)
    inputs = [data]
    if result == shape:
        return call.view(OperationKind.IDENTITY, shape, data)
    channel_axis = 1 if rank > 1 and result[1] == shape[1] else rank - 1
    mode = MODES.get(call.text("mode", "nearest"))
    if rank < 3 or result[0] != shape[0] or result[channel_axis] != shape[channel_axis] or mode is None:
        return call.emit(OperationKind.OTHER, result, inputs=inputs, weights=(), function="resize")
    sides = [axis for axis in range(1, rank) if axis != channel_axis]
    by = tuple(result[axis] // max(shape[axis], 1) for axis in sides)
    is_whole = all(result[axis] == shape[axis] * times for axis, times in zip(sides, by, strict=True))
    if factors is not None and not all(float(factor).is_integer() for factor in factors):
        is_whole = False
    size = tuple(result[axis] for axis in sides)
    layer = Upsample(
        factor=by if is_whole else None,
        size=None if is_whole else size,
        mode=mode,
        align_corners=call.text("coordinate_transformation_mode") == "align_corners",
    )
    return call.layer(layer, data, channel_axis=channel_axis)


# Shuffles -------------------------------------------------------------------------------------------------


def depth_to_space(call: Call) -> Results:
    """DepthToSpace: blocks of channels become pixels, in either order."""
    return call.layer(PixelShuffle(factor=_block(call)), call.input())


def space_to_depth(call: Call) -> Results:
    """SpaceToDepth: the reverse."""
    return call.layer(PixelUnshuffle(factor=_block(call)), call.input())


def _block(call: Call) -> int:
    factor = call.integer("blocksize")
    if factor < 1 or len(call.shape()) != 4:
        call.fail_size(f"needs an image and a block of at least 1, not {factor}", call.shape())
    return factor


# Sampling -------------------------------------------------------------------------------------------------


def sample_grid(call: Call) -> Results:
    """GridSample: an image at the places of a grid."""
    shape, grid = call.shape(), call.shape(1)
    if len(shape) < 3 or len(grid) != len(shape):
        call.fail_size("needs an image and a grid", shape, grid)
    return call.emit(OperationKind.OTHER, (*shape[:2], *grid[1:-1]), function="gridsample")


def align_regions(call: Call) -> Results:
    """RoiAlign and MaxRoiPool: regions of an image, each resized."""
    shape, regions = call.shape(), call.shape(1)
    if call.node.operator == "MaxRoiPool":
        sides: Shape = call.integers("pooled_shape") or (1, 1)
    else:
        sides = call.integer("output_height", 1), call.integer("output_width", 1)
    return call.emit(OperationKind.OTHER, (regions[0], shape[1], *sides), function="roialign")


def make_grid(call: Call) -> Results:
    """AffineGrid: the places for GridSample."""
    size = call.known_integers(1) or ()
    return call.emit(OperationKind.OTHER, (size[0], *size[2:], len(size) - 2), function="affinegrid")


RULES: dict[str, Rule] = {
    "Resize": resize,
    "Upsample": upsample,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "GridSample": sample_grid,
    "RoiAlign": align_regions,
    "MaxRoiPool": align_regions,
    "AffineGrid": make_grid,
}
