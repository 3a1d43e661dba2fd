"""Rules of resizing: interpolation, pixel and channel shuffles, sampling at given positions, unfolding."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.resizing import Upsample, UpsampleMode
from convcli.networks.layer_types.shuffling import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.rules.windows import emit_layer
from convcli.networks.models.pytorch.steps import Tensor, elements, shape_text
from convcli.sizes.axes import window_axes

if TYPE_CHECKING:
    from convcli.networks.models.pytorch.steps import Step

__all__ = [
    "affine_grid",
    "channel_shuffle",
    "complex_view",
    "fold",
    "fourier",
    "fourier_by_size",
    "pixel_shuffle",
    "pixel_unshuffle",
    "pool_fractions",
    "sample",
    "strided",
    "unfold",
    "unfold_axis",
    "unpool",
    "upsample",
]

MODES = {"nearest": UpsampleMode.NEAREST, "linear": UpsampleMode.BILINEAR, "bicubic": UpsampleMode.BICUBIC}


@rule("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "_upsample_nearest_exact1d",
      "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "upsample_linear1d", "upsample_bilinear2d",
      "upsample_trilinear3d", "upsample_bicubic2d", "_upsample_bilinear2d_aa",
      "_upsample_bicubic2d_aa")  # fmt: skip
def upsample(step: Step) -> Tensor:
    """Interpolation by factors, or to a size."""
    name = "input" if "input" in step.arguments else "self"
    tensor, shape = step.shaped(name, (3, 4, 5))
    rank = len(shape) - 2
    factors = _factors(step, rank)
    if step.arguments.get("output_size"):
        size = tuple(step.integers("output_size", count=rank))
    elif factors is not None:
        size = tuple(int(side * factor) for side, factor in zip(shape[2:], factors, strict=True))
    else:
        step.fail("needs a size or factors")
    if min(size) < 1 or min(shape) < 1:
        step.impossible(f"cannot resize {shape_text(shape)} to {shape_text(size)}")
    mode = next(mode for word, mode in MODES.items() if word in step.source)
    options: dict[str, Any] = {"mode": mode}
    if mode != UpsampleMode.NEAREST:
        options["align_corners"] = step.flag("align_corners")
    whole = tuple(int(factor) for factor in factors or ())
    if (
        factors
        and whole == tuple(factors)
        and size == tuple(side * factor for side, factor in zip(shape[2:], whole, strict=True))
    ):
        options["factor"] = whole
    else:
        options["size"] = size
    return emit_layer(step, Upsample(**options), tensor, 1)


def _factors(step: Step, rank: int) -> list[float] | None:
    """Return the factors: a list, or an argument for each axis."""
    values = step.arguments.get("scale_factors")
    if values is None:
        names = ("scales_d", "scales_h", "scales_w")[-rank:] if rank > 1 else ("scales",)
        values = [step.arguments.get(name) for name in names]
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        return None
    factors = [float(value) for value in values]
    if len(factors) != rank or not all(0 < factor < 1e6 for factor in factors):
        step.fail(f"has the factors {factors}")
    return factors


@rule("pixel_shuffle")
def pixel_shuffle(step: Step) -> Tensor:
    """Channels as pixels."""
    tensor, shape = step.shaped("self", (3, 4))
    return emit_layer(step, PixelShuffle(factor=step.integer("upscale_factor")), tensor, len(shape) - 3)


@rule("pixel_unshuffle")
def pixel_unshuffle(step: Step) -> Tensor:
    """Pixels as channels."""
    tensor, shape = step.shaped("self", (3, 4))
    return emit_layer(step, PixelUnshuffle(factor=step.integer("downscale_factor")), tensor, len(shape) - 3)


@rule("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(step: Step) -> Tensor:
    """Channels in another order."""
    tensor, _ = step.shaped("self", (3, 4, 5))
    return emit_layer(step, ChannelShuffle(groups=step.integer("groups")), tensor, 1)


# Positions ------------------------------------------------------------------------------------------------


@rule("grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "grid_sample")
def sample(step: Step) -> Tensor:
    """Values at given positions, interpolated."""
    (tensor, shape), (grid, positions) = (step.shaped(name, (4, 5)) for name in ("input", "grid"))
    return step.other([tensor, grid], (*shape[:2], *positions[1:-1]))


@rule("affine_grid_generator")
def affine_grid(step: Step) -> Tensor:
    """Positions for sampling, from a matrix."""
    matrix, _ = step.shaped("theta", (3,))
    size = step.integers("size")
    return step.other([matrix], (size[0], *size[2:], len(size) - 2))


@rule("torchvision.roi_align", "torchvision.roi_pool")
def pool_regions(step: Step) -> Tensor:
    """Each region of a picture at a given size."""
    (tensor, shape), (regions, rows) = step.shaped("input", (4,)), step.shaped("rois", (2,))
    size = step.integer("pooled_height"), step.integer("pooled_width")
    return step.other([tensor, regions], (rows[0], shape[1], *size))


# Windows as columns ---------------------------------------------------------------------------------------


def _positions(step: Step, sides: tuple[int, ...]) -> tuple[int, int]:
    """Return the values of a window and the number of its positions."""
    window, stride, padding, dilation = (
        tuple(step.integers(name, [default] * 2, 2))
        for name, default in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1))
    )
    layer = Convolution(
        window=window,
        filters=1,
        stride=stride,
        padding=tuple((amount, amount) for amount in padding),
        dilation=dilation,
    )
    return prod(window), prod(layer.output((*sides, 1))[:2])


@rule("im2col")
def unfold(step: Step) -> Tensor:
    """The values under each position of a window as a column."""
    tensor, shape = step.shaped("self", (3, 4))
    values, positions = _positions(step, shape[-2:])
    return step.other([tensor], (*shape[:-3], shape[-3] * values, positions))


@rule("col2im")
def fold(step: Step) -> Tensor:
    """Columns added up where their windows were."""
    tensor, shape = step.shaped("self", (2, 3))
    sides = tuple(step.integers("output_size", count=2))
    values, positions = _positions(step, sides)
    if shape[-1] != positions or shape[-2] % values:
        step.impossible(
            f"cannot fold {shape_text(shape)} to {shape_text(sides)}, which has {positions} positions "
            f"of {values} values"
        )
    return step.other([tensor], (*shape[:-2], shape[-2] // values, *sides))


@rule("unfold", "unfold_copy")
def unfold_axis(step: Step) -> Tensor:
    """Windows along one axis, as a new last axis."""
    tensor, shape = step.shaped("self")
    axis = step.axis("dimension", len(shape))
    size, by = step.integer("size"), step.integer("step")
    if not 0 < size <= shape[axis] or by < 1:
        step.impossible(f"cannot take windows of {size} every {by} of {shape[axis]}")
    (windows,) = window_axes((shape[axis],), size, stride=by)
    return step.other([tensor], (*shape[:axis], windows.output, *shape[axis + 1 :], size))


@rule("max_unpool2d", "max_unpool3d")
def unpool(step: Step) -> Tensor:
    """Values put back where the maxima were."""
    tensor, shape = step.shaped("self")
    sides = step.integers("output_size")
    return step.other([tensor], (*shape[: len(shape) - len(sides)], *sides))


@rule("fractional_max_pool2d", "fractional_max_pool3d")
def pool_fractions(step: Step) -> tuple[Tensor, Tensor]:
    """Maxima of windows of irregular sizes."""
    tensor, shape = step.shaped("self")
    sides = step.integers("output_size")
    output = step.other([tensor], (*shape[: len(shape) - len(sides)], *sides))
    return output, Tensor(output.shape, output.number, "int64")


# Frequencies ----------------------------------------------------------------------------------------------


@rule("_fft_r2c", "_fft_c2r", "_fft_c2c")
def fourier(step: Step) -> Tensor:
    """Fourier transforms, which are not counted as multiply-accumulates."""
    tensor, shape = step.shaped("self")
    sides = list(shape)
    axes = [step.checked_axis(axis, len(shape)) for axis in step.integers("dim")]
    if "r2c" in step.source and step.flag("onesided"):
        sides[axes[-1]] = sides[axes[-1]] // 2 + 1
    if "c2r" in step.source:
        sides[axes[-1]] = step.integer("last_dim_size")
    return step.other([tensor], tuple(sides))


@rule("fft_rfft2", "fft_rfftn", "fft_rfft", "fft_irfft2", "fft_irfftn", "fft_irfft", "fft_fft2", "fft_fft",
      "fft_fftn", "fft_ifft2", "fft_ifft", "fft_ifftn")  # fmt: skip
def fourier_by_size(step: Step) -> Tensor:
    """Fourier transforms along some axes, of given lengths."""
    tensor, shape = step.shaped("self")
    function, sides = step.function.removeprefix("fft_"), list(shape)
    default = [-2, -1] if function.endswith("2") else [-1]
    if function.endswith("n"):
        default = list(range(len(shape)))
    axes = [step.checked_axis(axis, len(shape)) for axis in step.integers("dim", default)]
    given = "s" if "s" in step.arguments else "n"
    lengths = step.integers(given, [], len(axes)) if step.has(given) else []
    for axis, length in zip(axes, lengths, strict=False):
        sides[axis] = length
    if function.startswith("rfft"):
        sides[axes[-1]] = sides[axes[-1]] // 2 + 1
    if function.startswith("irfft") and not lengths:
        sides[axes[-1]] = 2 * (sides[axes[-1]] - 1)
    return step.other([tensor], tuple(sides))


@rule("view_as_real", "view_as_complex", "view_as_real_copy")
def complex_view(step: Step) -> Tensor:
    """Complex numbers as pairs, or pairs as complex numbers."""
    tensor, shape = step.shaped("self")
    return step.other([tensor], (*shape, 2) if "real" in step.source else shape[:-1])


@rule("as_strided", "as_strided_copy", "resize", "set")
def strided(step: Step) -> Tensor:
    """A view of any shape."""
    tensor = step.tensor("self")
    shape = tuple(step.integers("size", list(tensor.shape or ())))
    kind = OperationKind.OTHER
    if tensor.shape is not None and elements(shape) == elements(tensor.shape):
        kind = OperationKind.RESHAPE
    return step.emit(kind, [tensor], shape)


@rule("stft")
def spectrogram(step: Step) -> Tensor:
    """Fourier transforms of the windows of a sound."""
    tensor, shape = step.shaped("self", (1, 2))
    length = step.integer("n_fft")
    hop = step.integer("hop_length", max(length // 4, 1))
    frames = Convolution(window=(length,), filters=1, stride=(hop,)).output((shape[-1], 1))[0]
    frequencies = length if step.arguments.get("onesided") is False else length // 2 + 1
    pair = () if step.flag("return_complex") else (2,)
    return step.other([tensor], (*shape[:-1], frequencies, frames, *pair))
