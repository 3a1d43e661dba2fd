"""Rules of recurrent layers: LSTM, GRU and plain ones, as one operation each.

Every matrix of weights is multiplied once at every position: those of the input, of the state and of the
projections, in every layer and direction. So the multiply-accumulates are the positions times the values of
all matrices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.steps import Tensor, elements, shape_text

if TYPE_CHECKING:
    from convcli.networks.models.operations import Shape
    from convcli.networks.models.pytorch.steps import Step

__all__ = ["recurrent", "recurrent_cell", "recurrent_layer"]


def _emit(
    step: Step, tensor: Tensor, shape: Shape, params: list[Tensor], positions: int, axis: int = -1
) -> Tensor:
    """Add a recurrent operation along an axis."""
    products = sum(elements(each.shape) for each in params if each.shape is not None and len(each.shape) == 2)
    return step.emit(
        OperationKind.RECURRENT,
        [tensor],
        shape,
        weights=[weight for each in params for weight in each.weights],
        macs=positions * products,
        is_work=True,
        axis=axis,
        function=_word(step),
    )


def _with_states(step: Step, output: Tensor, states: list[Tensor]) -> tuple[Tensor, ...]:
    """Return an output and the last states, which are copies of a part of it."""
    word = f"{_word(step)} state"
    return output, *(step.emit(OperationKind.OTHER, [output], each.shape, source=word) for each in states)


def _word(step: Step) -> str:
    return step.function.removesuffix("_cell")


@rule("lstm", "gru", "rnn_tanh", "rnn_relu", "quantized_lstm", "quantized_gru")
def recurrent(step: Step) -> tuple[Tensor, ...]:
    """A recurrent layer, or several on top of each other, in one or both directions."""
    name = "input" if "input" in step.arguments else "data"
    tensor, shape = step.shaped(name, (2, 3))  # packed sequences are (positions, features)
    params = step.tensors("params")
    states = step.tensors("hx") if isinstance(step.arguments.get("hx"), list) else [step.tensor("hx")]
    inputs = params[0].shape or () if params else ()
    if len(inputs) != 2 or shape[-1] != inputs[1]:
        step.impossible(f"its input is {shape_text(shape)}, but its weights are {shape_text(inputs)}")
    hidden = (states[0].shape or (0,))[-1]  # of a projection, if there is one
    directions = 2 if step.flag("bidirectional") else 1
    output = (*shape[:-1], hidden * directions)
    is_packed = step.has("data")
    axis = -1 if is_packed else int(step.flag("batch_first") and len(shape) == 3)
    return _with_states(step, _emit(step, tensor, output, params, elements(shape[:-1]), axis), states)


@rule("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def recurrent_cell(step: Step) -> Tensor | tuple[Tensor, ...]:
    """One step of a recurrent layer."""
    tensor, shape = step.shaped("input", (1, 2))
    params = [step.tensor(name) for name in ("w_ih", "w_hh", "b_ih", "b_hh") if step.has(name)]
    states = step.tensors("hx") if isinstance(step.arguments.get("hx"), list) else [step.tensor("hx")]
    output = _emit(step, tensor, states[0].shape or (), params, elements(shape[:-1]))
    return _with_states(step, output, states[1:]) if len(states) > 1 else output


@rule("mkldnn_rnn_layer")
def recurrent_layer(step: Step) -> tuple[Tensor, ...]:
    """One layer and direction, as PyTorch runs it on processors."""
    tensor, shape = step.shaped("input", (3,))
    params = [step.tensor(f"weight{number}") for number in (1, 2, 3, 4)]
    states = [step.tensor("hx_"), step.tensor("cx_")]
    output = (*shape[:-1], step.integer("hidden_size"))
    result = _emit(step, tensor, output, params, elements(shape[:-1]), int(step.flag("batch_first")))
    return *_with_states(step, result, states), Tensor((0,))
