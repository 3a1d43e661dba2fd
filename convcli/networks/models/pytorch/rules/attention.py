"""Rules of attention: softmax(Q K^T) V as one operation, with the multiply-accumulates of both products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.rules.elementwise import broadcast
from convcli.networks.models.pytorch.steps import Tensor, elements, shape_text

if TYPE_CHECKING:
    from convcli.networks.models.pytorch.steps import Step

__all__ = ["attend", "attend_with_projections", "attend_with_statistics", "encode"]


def _attention(step: Step) -> Tensor:
    """Add attention of queries on keys and values, which are (..., positions, features)."""
    (queries, q), (keys, k), (values, v) = (step.shaped(name) for name in ("query", "key", "value"))
    if min(len(q), len(k), len(v)) < 2:
        step.impossible("its queries, keys and values need positions and features")
    if q[-1] != k[-1] or k[-2] != v[-2]:
        step.impossible(
            f"its queries {shape_text(q)}, keys {shape_text(k)} and values {shape_text(v)} do not fit"
        )
    # With enable_gqa a head of keys and values serves several heads of queries.
    batch = q[:-2] if step.flag("enable_gqa") else broadcast(step, q[:-2], k[:-2], v[:-2])
    # Every pair of positions is counted, also those that a mask leaves out.
    macs = elements(batch) * q[-2] * k[-2] * (q[-1] + v[-1])
    mask = next((step.tensor(name) for name in ("attn_mask", "attn_bias") if step.has(name)), None)
    tensors = [queries, keys, values, *([] if mask is None else [mask])]  # a mask can be learned
    return step.emit(OperationKind.ATTENTION, tensors, (*batch, q[-2], v[-1]), macs=macs, is_work=True)


@rule("scaled_dot_product_attention")
def attend(step: Step) -> Tensor:
    """Attention."""
    return _attention(step)


@rule("_scaled_dot_product_attention", "_scaled_dot_product_attention_math",
      "_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_for_cpu",
      "_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention",
      "_scaled_dot_product_fused_attention_overrideable",
      "_scaled_dot_product_attention_math_for_mps")  # fmt: skip
def attend_with_statistics(step: Step) -> tuple[Tensor, ...]:
    """Attention, and what its gradient needs."""
    return _attention(step), *(Tensor((0,)) for _ in range(step.output_count - 1))


@rule("higher_order.flex_attention")
def attend_flexibly(step: Step) -> list[Tensor]:
    """Attention with a function of its scores; every pair of positions is counted."""
    for number, name in enumerate(("query", "key", "value")):
        step.arguments.setdefault(name, step.arguments.get(str(number)))
    return [_attention(step), *(Tensor((0,)) for _ in range(step.output_count - 1))]


@rule("_native_multi_head_attention")
def attend_with_projections(step: Step) -> tuple[Tensor, Tensor]:
    """Attention of several heads, between the projections of its inputs and of its output."""
    (queries, q), (keys, k), (values, v) = (step.shaped(name, (3,)) for name in ("query", "key", "value"))
    width = step.integer("embed_dim")
    names = ("qkv_weight", "qkv_bias", "proj_weight", "proj_bias")
    projected = (q[1] * q[2] + k[1] * k[2] + v[1] * v[2] + q[1] * width) * width
    output = step.emit(
        OperationKind.ATTENTION,
        [queries, keys, values],
        (q[0], q[1], width),
        weights=[weight for name in names if step.has(name) for weight in step.tensor(name).weights],
        macs=q[0] * (projected + 2 * q[1] * k[1] * width),
        is_work=True,
    )
    return output, Tensor((q[0], q[1], k[1]))


@rule("_transformer_encoder_layer_fwd")
def encode(step: Step) -> Tensor:
    """A layer of a transformer's encoder, which PyTorch runs as one."""
    tensor, shape = step.shaped("src", (3,))
    batch, positions, width = shape
    names = ("qkv_weight", "qkv_bias", "proj_weight", "proj_bias", "norm_weight_1", "norm_bias_1",
             "norm_weight_2", "norm_bias_2", "ffn_weight_1", "ffn_bias_1", "ffn_weight_2",
             "ffn_bias_2")  # fmt: skip
    weights = [weight for name in names if step.has(name) for weight in step.tensor(name).weights]
    products = sum(elements(weight.shape) for weight in weights if len(weight.shape) == 2)
    macs = batch * positions * (products + 2 * positions * width)
    return step.emit(OperationKind.ATTENTION, [tensor], shape, weights=weights, macs=macs, is_work=True)
