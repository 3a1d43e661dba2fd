"""The parameters of a single layer given by options: the formula, and what a dense layer would cost."""

from math import prod
from typing import TYPE_CHECKING, Any

from convcli.cli.forms import Costs
from convcli.cli.layer_answers import dense_record, network_record, unsized_record
from convcli.cli.output import answer_is_shown, shown, wrapped, write, write_json
from convcli.errors import UsageError
from convcli.network.layers import Convolution, Dense, Size
from convcli.network.networks import Network, Stage, single_layer
from convcli.size_texts import format_size

if TYPE_CHECKING:
    from convcli.cli.diagram_files import DiagramFile

__all__ = ["answer_convolution", "answer_dense"]

Lines = list[tuple[str, str]]


def answer_dense(
    layer: Dense, size: Size, costs: Costs, file: "DiagramFile | None", *, json: bool
) -> Network:
    """Print the parameters of a dense layer over all values of its input; return its network."""
    network = single_layer(layer, (prod(size),))
    stage = network.layers[0]
    formula = f"{_sum_with_bias(_factors(size), bias=layer.bias)}·{layer.units} = {network.params:,}"
    lines = [
        *_shapes(stage),
        ("MACs", f"{network.macs:,} multiply-accumulates (bias and activation not counted)"),
        ("connections", f"{stage.connections:,} inputs to each output value: all of them"),
    ]
    if file is not None:
        file.draw(network, costs)
    _answer(network_record(network) | {"input": format_size(size)}, formula, lines, file, json=json)
    return network


def answer_convolution(
    layer: Convolution,
    channels: int,
    size: Size | None,
    costs: Costs,
    file: "DiagramFile | None",
    *,
    json: bool,
) -> Network:
    """Print the parameters of a convolution, with its costs where the input size is known.

    Returns
    -------
    Network
        Of that layer, on an input that just holds the filter where its size is not known.
    """
    extent = tuple(d * (f - 1) + 1 for f, d in zip(layer.window, layer.dilation, strict=True))
    network = single_layer(layer, size or (*extent, channels))
    stage = network.layers[0]
    terms = _factors((*layer.window, channels)) + (f"/{layer.groups}" if layer.groups > 1 else "")
    formula = f"{_sum_with_bias(terms, bias=layer.bias)}·{layer.filters} = {network.params:,}"
    record, lines = network_record(network) if size else unsized_record(network), _shapes(stage)
    if size is not None:
        record["layers"][0]["dense"] = dense_record(stage)
        lines += _against_dense(stage)
    if file is not None:
        if size is None:
            raise UsageError("-o", "a diagram needs the input's size: --n")
        file.draw(network, costs)
    _answer(record, formula, lines, file, json=json)
    return network


def _shapes(stage: Stage) -> Lines:
    return [
        ("weights", format_size(stage.weights or ())),
        ("bias", format_size(stage.biases) if stage.biases else "none"),
    ]


def _answer(
    record: dict[str, Any], formula: str, lines: Lines, file: "DiagramFile | None", *, json: bool
) -> None:
    """Print the parameters in the form that fits: JSON, explained, or the bare number; or what was drawn."""
    if json:
        write_json(record | ({} if file is None else file.facts()))
    elif answer_is_shown():
        write(f"{wrapped(formula)}\n{shown(lines + ([] if file is None else file.lines()))}")
    elif file is not None:
        file.tell()
    else:
        write(f"{record['params']}\n")


def _against_dense(stage: Stage) -> Lines:
    """Compare with the dense layer between the same sizes: sparse connections, shared parameters."""
    dense = stage.as_dense
    assert dense is not None, "a convolution on an image has a dense twin"
    params, of_dense = stage.params or 0, dense.params or 0
    macs, macs_of_dense = stage.macs or 0, dense.macs or 0
    sums = _sum_with_bias(_factors(stage.input), bias=stage.biases is not None)
    return [
        ("output", f"{format_size(stage.output)}: {stage.activations:,} activations"),
        ("MACs", f"{macs:,} multiply-accumulates (bias and activation not counted)"),
        ("connections", f"{stage.connections:,} inputs to each output value, of {dense.connections:,}"),
        ("sharing", f"each weight is used at {prod(stage.output[:2]):,} positions"),
        ("dense layer", f"{sums}·({_factors(stage.output)}) = {of_dense:,} parameters"),
        ("", f"{_times(of_dense, params)} the parameters, {_times(macs_of_dense, macs)} the MACs"),
    ]


def _factors(size: Size) -> str:
    return "·".join(map(str, size))


def _sum_with_bias(terms: str, *, bias: bool) -> str:
    return f"({terms} + 1)" if bias else terms


def _times(large: int, small: int) -> str:
    return f"{large // small:,} times" if large >= 10 * small else f"{large / small:.2f} times"
