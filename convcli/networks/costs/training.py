"""The memory of training: parameters, gradients, optimizer states, and what the backward pass needs.

Each layer keeps some arrays of the forward pass until the backward pass has used them:

- convolutions and dense layers keep their input; normalization keeps its input and the numbers that it was
  normalized with (mean and variance of each channel for ``bn``, of each position for ``ln``, ...);
- relu, relu6, leakyrelu, sigmoid, tanh, elu, selu and softmax keep their output (so they may work in place),
  other activations their input, and so does padding that repeats pixels;
- max pooling keeps its input and the position of each maximum (8 bytes), average pooling its input; global
  average pooling is a mean and keeps nothing;
- attention in one call (``scaled_dot_product_attention``) keeps its queries, keys and values, its output, and
  one number per query and head; an embedding keeps the numbers of its tokens (8 bytes);
- a product keeps its factors, and one of more than two also the products of the first of them; dropout keeps
  a mask of the size of its output, which in training is an array of its own that the next layer may keep.

An array that several layers keep is counted once, for the first of them. What a step needs in passing (the
gradients on their way back, workspaces of convolutions) is not counted, so the sum is a lower bound.

Source: the formulas in PyTorch's ``derivatives.yaml``, which say what autograd saves; the sums agree with the
storages that ``torch.autograd.graph.saved_tensors_hooks`` reports to within 0.1 % on eight networks.
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from math import prod
from typing import NamedTuple

from convcli.networks.costs.units import Dtype
from convcli.networks.layer_types.base import channels_of, value_count
from convcli.networks.layer_types.elementwise import NormalizationKind, Pad, PadMode
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.layer_types.pooling import AdaptivePooling, PoolingKind
from convcli.networks.network import Network
from convcli.networks.stages import Stage

__all__ = ["Optimizer", "TrainingMemory", "training_memory"]

INDEX_BYTES = 8  # of the position of a maximum, and of a token
KEEPS_INPUT = frozenset(
    [
        *("conv", "dw", "tconv", "fc", "scale", "blurpool", "maxpool", "avgpool", "gmp"),
        *("bn", "ln", "gn", "instancenorm", "rms", "lrn"),
        *("silu", "gelu", "hardswish", "prelu", "mish", "hardsigmoid", "softplus"),
    ]
)
# Of operations without a word:
KEEPS_NOTHING = frozenset(["add", "bias", "concatenate", "mean", "slice", "sub", "gru state", "lstm state"])
KEEPS_OUTPUT = frozenset(
    ["relu", "relu6", "leakyrelu", "sigmoid", "tanh", "elu", "selu", "softmax", "logsoftmax"]
)
ATTENTION = "attention"


class Optimizer(StrEnum):
    """Optimizers, which differ in what they remember of each parameter."""

    SGD = "sgd"
    MOMENTUM = "momentum"
    ADAM = "adam"

    @property
    def states(self) -> int:
        """Numbers kept per parameter: none, the velocity, or the means of the gradient and its square."""
        return {Optimizer.SGD: 0, Optimizer.MOMENTUM: 1, Optimizer.ADAM: 2}[self]


class TrainingMemory(NamedTuple):
    """Bytes that training needs for a layer or a network.

    Attributes
    ----------
    parameters, gradients, optimizer : int
    kept : int or None
        Kept from the forward to the backward pass; None if the layer's rule is not known.
    """

    parameters: int
    gradients: int
    optimizer: int
    kept: int | None

    @property
    def total(self) -> int | None:
        """Sum of all; None if what is kept is unknown."""
        return None if self.kept is None else self.known_total

    @property
    def known_total(self) -> int:
        """Sum of what is known."""
        return self.parameters + self.gradients + self.optimizer + (self.kept or 0)

    @classmethod
    def sum(cls, parts: "list[TrainingMemory]") -> "TrainingMemory":
        """Return the memory of several layers together, without what is unknown.

        Examples
        --------
        >>> TrainingMemory.sum([TrainingMemory(4, 4, 0, 9), TrainingMemory(8, 8, 0, None)])
        TrainingMemory(parameters=12, gradients=12, optimizer=0, kept=9)
        """
        return cls(*(sum(getattr(part, name) or 0 for part in parts) for name in cls._fields))


def training_memory(
    network: Network,
    *,
    batch: int = 1,
    optimizer: Optimizer = Optimizer.SGD,
    dtype: Dtype = Dtype.FP32,
) -> list[TrainingMemory]:
    """Return the bytes that training needs, for each layer of a network.

    Parameters
    ----------
    network : Network
    batch : int
        Size of the mini-batch.
    optimizer : Optimizer
    dtype : Dtype
        Of parameters, gradients, optimizer states and activations alike.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("conv 6 f5, relu, maxpool f2", (32, 32, 3))
    >>> memory = training_memory(net, optimizer=Optimizer.ADAM)
    >>> [layer.kept for layer in memory]  # 32·32·3·4; 28·28·6·4; 14·14·6·8 (its input is kept already)
    [12288, 18816, 9408]
    >>> memory[0].parameters, memory[0].optimizer
    (1824, 3648)
    """
    sizes = network.array_sizes
    kept_already: set[tuple[int, int]] = set()
    dropouts = Counter[int]()  # by the array, of which each makes another one in training
    found = []
    for stage in network.layers:
        params = (stage.params or 0) * dtype.size
        kept = _own_bytes(stage, batch, dtype)
        for number in _kept_arrays(stage):
            size, array = sizes.get(number), (number, dropouts[number])
            if size is None:
                kept = None
            if array in kept_already or kept is None:
                continue
            kept_already.add(array)
            kept += (size or 0) * batch * dtype.size
        if stage.layer.type == "dropout":
            dropouts[stage.output_tensor] += 1
        found.append(TrainingMemory(params, params, params * optimizer.states, kept))
    return found


def _kept_arrays(stage: Stage) -> Sequence[int]:
    """Return the numbers of the arrays that a layer keeps."""
    layer, kind = stage.layer, str(stage.layer.type)
    is_windowed = isinstance(layer, AdaptivePooling) and prod(stage.output[:-1]) > 1
    repeats_pixels = isinstance(layer, Pad) and layer.mode != PadMode.ZERO
    if kind in KEEPS_INPUT or is_windowed or repeats_pixels:
        return stage.input_tensors[:1]
    if kind in KEEPS_OUTPUT:
        return (stage.output_tensor,)
    if kind == ATTENTION:
        return *stage.input_tensors, stage.output_tensor
    return stage.input_tensors if kind == "mul" else ()


def _own_bytes(stage: Stage, batch: int, dtype: Dtype) -> int | None:
    """Return the bytes that only this layer keeps: statistics, positions, masks; None if unknown."""
    layer, kind = stage.layer, str(stage.layer.type)
    if isinstance(layer, FileOperation):
        if layer.is_known and kind == ATTENTION:  # the logarithm of each softmax's sum
            return prod(stage.output[:-1]) * batch * dtype.size if stage.output else None
        if layer.is_known and kind == "embedding" and stage.output:
            return prod(stage.output[:-1]) * batch * INDEX_BYTES
        return 0 if layer.is_known and kind in KEEPS_NOTHING else None
    values, channels = value_count(stage.output), channels_of(stage.input)
    if values is None or channels is None:
        return None
    if kind in (PoolingKind.MAX, "gmp"):
        return values * batch * INDEX_BYTES
    if kind == NormalizationKind.BATCH:
        return 2 * channels * dtype.size
    if kind == NormalizationKind.LAYER:
        return 2 * prod(stage.input[:-1]) * batch * dtype.size
    if kind == "rms":
        return prod(stage.input[:-1]) * batch * dtype.size
    if kind == "instancenorm":
        return 2 * channels * batch * dtype.size
    if kind == "gn":
        return 2 * getattr(layer, "groups", 1) * batch * dtype.size
    if kind == "mul":
        return max(len(stage.input_tensors) - 2, 0) * values * batch * dtype.size
    return values * batch * dtype.size if kind == "dropout" else 0
