"""Rules of normalization: over the batch, layers, groups, instances, and by the root of the mean square."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcli.networks.layer_types.elementwise import Normalization, NormalizationKind
from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.rules.windows import emit_layer
from convcli.networks.models.pytorch.steps import Tensor, shape_text

if TYPE_CHECKING:
    from convcli.networks.models.operations import Weight
    from convcli.networks.models.pytorch.steps import Step

__all__ = [
    "batch_norm",
    "group_norm",
    "group_norm_with_statistics",
    "instance_norm",
    "layer_norm",
    "layer_norm_with_statistics",
    "rms_norm",
    "rms_norm_with_statistics",
    "weight_norm",
]


def _weights(step: Step, *names: str) -> list[Weight]:
    """Return the weights among arguments, in this order."""
    return [weight for name in names if step.has(name) for weight in step.tensor(name).weights]


def _normalized(
    step: Step,
    kind: NormalizationKind,
    axis: int,
    *,
    groups: int = 1,
    statistics: tuple[str, ...] = (),
) -> Tensor:
    """Add a normalization, with its scale and shift from the arguments `weight` and `bias`."""
    tensor, shape = step.shaped("input")
    for name in ("weight", "bias"):
        learned = step.optional(name)
        if learned is not None and learned.shape is not None and learned.shape != shape[axis : axis + 1]:
            step.impossible(
                f"its input of {shape_text(shape)} has {shape[axis]} channels, "
                f"but its {name} is for {shape_text(learned.shape)}"
            )
    layer = Normalization(
        type=kind,
        groups=groups,
        affine=step.has("weight") or step.has("bias"),
        bias=step.has("bias"),
    )
    return emit_layer(step, layer, tensor, axis, weights=_weights(step, "weight", "bias", *statistics))


def _with_statistics(output: Tensor, count: int) -> tuple[Tensor, ...]:
    """Return a result and the statistics that come with it, which nothing reads at inference."""
    return output, *(Tensor((0,)) for _ in range(count))


@rule("batch_norm", "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
      "_native_batch_norm_legit_functional", "_batch_norm_with_update", "_batch_norm_no_update",
      "_batch_norm_with_update_functional", "cudnn_batch_norm", "miopen_batch_norm",
      "_batch_norm_impl_index")  # fmt: skip
def batch_norm(step: Step) -> Any:
    """Batch normalization. Without running statistics it normalizes by those of its input."""
    shape = step.shaped("input")[1]
    if len(shape) < 2:
        step.impossible(f"its input is {shape_text(shape)}, without channels")
    kind = NormalizationKind.INSTANCE if "no_stats" in step.call.target else NormalizationKind.BATCH
    output = _normalized(step, kind, 1, statistics=("running_mean", "running_var"))
    return output if step.output_count == 1 else _with_statistics(output, step.output_count - 1)


@rule("instance_norm")
def instance_norm(step: Step) -> Tensor:
    """Normalization of each channel of each picture."""
    return _normalized(step, NormalizationKind.INSTANCE, 1, statistics=("running_mean", "running_var"))


@rule("group_norm")
def group_norm(step: Step) -> Tensor:
    """Normalization of groups of channels."""
    return _normalized(step, NormalizationKind.GROUP, 1, groups=step.integer("num_groups"))


@rule("native_group_norm")
def group_norm_with_statistics(step: Step) -> tuple[Tensor, ...]:
    """Normalization of groups of channels, with its statistics."""
    return _with_statistics(_normalized(step, NormalizationKind.GROUP, 1, groups=step.integer("group")), 2)


@rule("layer_norm")
def layer_norm(step: Step) -> Tensor:
    """Normalization of the last axis, or of several."""
    return _over_last_axes(step, NormalizationKind.LAYER)


@rule("native_layer_norm")
def layer_norm_with_statistics(step: Step) -> tuple[Tensor, ...]:
    """Normalization of the last axis, or of several, with its statistics."""
    return _with_statistics(_over_last_axes(step, NormalizationKind.LAYER), 2)


@rule("rms_norm")
def rms_norm(step: Step) -> Tensor:
    """Division by the root of the mean square."""
    return _over_last_axes(step, NormalizationKind.RMS)


@rule("_fused_rms_norm")
def rms_norm_with_statistics(step: Step) -> tuple[Tensor, ...]:
    """Division by the root of the mean square, with its statistics."""
    return _with_statistics(_over_last_axes(step, NormalizationKind.RMS), 1)


def _over_last_axes(step: Step, kind: NormalizationKind) -> Tensor:
    tensor, shape = step.shaped("input")
    sides = step.integers("normalized_shape")
    if shape[len(shape) - len(sides) :] != tuple(sides):
        step.impossible(f"normalizes {shape_text(sides)}, but its input is {shape_text(shape)}")
    if len(sides) == 1:
        return _normalized(step, kind, len(shape) - 1)
    # Over several axes it learns a scale and a shift for each value, which no layer of convcli does.
    return step.emit(OperationKind.OTHER, [tensor], shape, weights=_weights(step, "weight", "bias"))


@rule("_weight_norm", "_weight_norm_interface")
def weight_norm(step: Step) -> Any:
    """A kernel from its directions and its lengths."""
    tensor, shape = step.shaped("v")
    output = step.other([tensor, step.tensor("g")], shape)
    return _with_statistics(output, 1) if "interface" in step.source else output
